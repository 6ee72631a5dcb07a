#!/usr/bin/env bash
# submitit's local executor gives every job the same GPU.
#
# Guess:  AutoExecutor with gpus_per_node=1 on a machine without Slurm hands the jobs different GPUs, or lets
#         them wait for one; it is the same code that runs on a cluster, where Slurm does so.
#         slurm_partition=… asks for Slurm.
# Is:     without `srun` it silently becomes the local executor; every job starts at once and gets the first
#         GPU of the machine, also when CUDA_VISIBLE_DEVICES names others: each job's variable is set to 0
#         whatever it was.
# Seen:   submitit 1.5.4.
# Costs:  a sweep on an 8-GPU node runs on one GPU: out of memory, or with a budget in seconds every run
#         measured at an eighth of its speed, and whoever was kept off GPU 0 is now on it.
# Do:     refuse when executor.cluster is "local", or choose the GPU in the job, under a lock.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" &&
  "$dir/bin/pip" install -q --no-compile --disable-pip-version-check submitit==1.5.4; } || exit 2
cd "$dir"

cat >sweep.py <<'PY'
import os
import time

import submitit


def train():
    started = time.time()
    time.sleep(8)
    return os.environ["CUDA_VISIBLE_DEVICES"], started, time.time()


for visible in (None, "2,3"):
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    if visible:
        os.environ["CUDA_VISIBLE_DEVICES"] = visible
    executor = submitit.AutoExecutor("logs")
    executor.update_parameters(gpus_per_node=1, timeout_min=2, slurm_partition="gpu")
    runs = [job.result() for job in [executor.submit(train) for _ in range(3)]]
    gpus, side_by_side = [gpu for gpu, *_ in runs], max(run[1] for run in runs) < min(run[2] for run in runs)
    print(
        f"CUDA_VISIBLE_DEVICES={visible}: executor {executor.cluster}, GPUs of 3 jobs {gpus},",
        f"side by side: {side_by_side}",
    )
    assert executor.cluster == "local", "changed: not the local executor (or there is a Slurm here)"
    assert gpus == ["0", "0", "0"] and side_by_side, "changed: the jobs do not share GPU 0"
PY
bin/python -c 'import submitit; print("submitit", submitit.__version__)'
bin/python sweep.py
