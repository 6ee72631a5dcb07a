#!/usr/bin/env bash
# Each actor sees its GPUs in an order drawn at random, if CUDA_VISIBLE_DEVICES was set before Ray started.
#
# Guess:  an actor with num_gpus=4 gets CUDA_VISIBLE_DEVICES in the order of the variable Ray was started
#         with, or ascending, and the same for every actor; an actor without GPUs sees none.
# Is:     Ray keeps the ids as a set of strings, whose order depends on the process's hash seed: cuda:0 is
#         another card in each actor and after each restart of one. Without the variable they are ints, in
#         ascending order. An actor without GPUs sees them all.
# Seen:   ray 2.60.0. No GPU is needed: num_gpus=4 only makes Ray believe in them.
# Costs:  schedulers such as Slurm set the variable: tensor-parallel neighbours land on cards without a link
#         between them, and a timing or a fault of "cuda:0" cannot be traced to a card. A helper without GPUs
#         that touches CUDA takes memory on a card somebody else is measured on.
# Do:     sort the variable at the start of the actor, before CUDA is touched; set it to "" in actors without
#         GPUs.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" &&
  "$dir/bin/pip" install -q --no-compile --disable-pip-version-check ray==2.60.0; } || exit 2
cd "$dir"
export HOME=$dir RAY_USAGE_STATS_ENABLED=0
unset RAY_ADDRESS PYTHONHASHSEED CUDA_VISIBLE_DEVICES

cat >driver.py <<'PY'
import os
import sys

import ray


@ray.remote
class Agent:
    def gpus(self):
        return os.environ.get("CUDA_VISIBLE_DEVICES"), ray.get_gpu_ids()


def ask(**options):
    agent = Agent.options(**options).remote()
    answer = ray.get(agent.gpus.remote())
    ray.kill(agent)
    return answer


try:
    ray.init(
        address="local",
        num_cpus=1,
        num_gpus=4,
        include_dashboard=False,
        object_store_memory=80_000_000,
        _temp_dir=sys.argv[1],
        logging_level="ERROR",
        log_to_driver=False,
    )
except Exception as error:  # a machine so busy that Ray does not come up says nothing about the finding
    print("Ray did not start:", error)
    sys.exit(2)
before = os.environ.get("CUDA_VISIBLE_DEVICES")
orders = [ask(num_gpus=4) for _ in range(6)]
print(f"variable before Ray: {before}")
print(
    "  actors with 4 GPUs:",
    *(variable for variable, _ in orders),
    "| ray.get_gpu_ids() of one:",
    orders[0][1],
)
none = ask(num_gpus=0)[0]
print("  actor with num_gpus=0:", none)
assert none == before, "changed: an actor without GPUs is kept from them"
if before is None:
    assert {variable for variable, _ in orders} == {"0,1,2,3"}, "changed: not ascending"
else:
    assert len({variable for variable, _ in orders}) > 1, "changed: one order (by chance: once in 8 million)"
PY
bin/python -c 'import ray; print("ray", ray.__version__)'
bin/python -W ignore driver.py "$dir/ray"
CUDA_VISIBLE_DEVICES=0,1,2,3 bin/python -W ignore driver.py "$dir/ray"
