#!/usr/bin/env bash
# A training started from a Ray actor runs at nice 15, first in line for the OOM killer, and with one thread.
#
# Guess:  an actor's subprocess is an ordinary process: the driver's priority, the machine's threads.
# Is:     Ray's workers are niced by 15, set their oom_score_adj to 1000 and OMP_NUM_THREADS to the actor's
#         num_cpus (1 where none is asked for); every process below an actor inherits all three.
# Seen:   ray 2.60.0, Linux.
# Costs:  a training with a budget in seconds is measured at a priority where anything else on the machine
#         goes first: another result than the same command from a shell. And when memory ends, the kernel sees
#         no difference between the training that ate it and the actors that supervise it.
# Do:     RAY_worker_niceness=0 and RAY_worker_oom_score_adjustment=0 wherever Ray is started (shown below),
#         and an OMP_NUM_THREADS of your own in the training's environment.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" &&
  "$dir/bin/pip" install -q --no-compile --disable-pip-version-check ray==2.60.0; } || exit 2
cd "$dir"
export HOME=$dir RAY_USAGE_STATS_ENABLED=0
unset RAY_ADDRESS OMP_NUM_THREADS RAY_worker_niceness RAY_worker_oom_score_adjustment

cat >child.py <<'PY'
import os

print(os.nice(0), int(open("/proc/self/oom_score_adj").read()), os.environ.get("OMP_NUM_THREADS"))
PY
cat >driver.py <<'PY'
import os
import subprocess
import sys

import ray


def child():
    """What a process sees that is started here: nice, oom_score_adj, OMP_NUM_THREADS."""
    return subprocess.run(
        [sys.executable, os.path.abspath("child.py")], capture_output=True, text=True
    ).stdout.strip()


@ray.remote
class Agent:
    def child(self):
        return child()


try:
    ray.init(
        address="local",
        num_cpus=1,
        include_dashboard=False,
        object_store_memory=80_000_000,
        _temp_dir=sys.argv[1],
        logging_level="ERROR",
        log_to_driver=False,
    )
except Exception as error:  # a machine so busy that Ray does not come up says nothing about the finding
    print("Ray did not start:", error)
    sys.exit(2)
print("child of the driver:", child(), "| child of an actor:", ray.get(Agent.remote().child.remote()))
PY
bin/python -c 'import ray; print("ray", ray.__version__); print("nice, oom_score_adj, OMP_NUM_THREADS")'
bin/python -W ignore driver.py "$dir/ray" | tee plain
RAY_worker_niceness=0 RAY_worker_oom_score_adjustment=0 bin/python -W ignore driver.py "$dir/ray" | tee undone
own=$(bin/python child.py)
grep -qx "child of the driver: $own | child of an actor: 15 1000 1" plain || { echo "changed"; exit 1; }
undone="child of the driver: $own | child of an actor: ${own% *} 1"
grep -qx "$undone" undone || { echo "changed: the variables do not undo it"; exit 1; }
