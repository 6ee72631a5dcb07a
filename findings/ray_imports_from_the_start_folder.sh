#!/usr/bin/env bash
# Ray's workers import from the folder a driver was started in, before anything that is installed.
#
# Guess:  a worker's import path is the driver's: the script's folder, then the standard library and packages.
# Is:     the folder the command was typed in comes first on every worker's path, where the driver itself does not
#         have it. A task imports other modules than the driver that sent it.
# Seen:   Ray 2.60.0, started by ray.init(address="local").
# Costs:  a program that works everywhere fails in a project that has a folder `configs`, `trainer` or `datasets` of
#         its own, on the workers alone, and says ActorDiedError; or it runs somebody else's code and says nothing.
# Do:     put your own folders in front of sys.path first thing in tasks and actors, or start Ray from an empty
#         folder.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" &&
  "$dir/bin/pip" install -q --no-compile --disable-pip-version-check ray==2.60.0; } || exit 2

mkdir "$dir/program" "$dir/project"
printf 'origin = "the project"\n' >"$dir/project/wave.py" # a name of the standard library that nothing here imports
cat >"$dir/program/driver.py" <<'PY'
import wave
from importlib.metadata import version

import ray


@ray.remote
def task():
    import wave

    return getattr(wave, "origin", "the standard library")


ray.init(address="local", include_dashboard=False, log_to_driver=False, num_cpus=1)
print("ray", version("ray"))
print("the driver imports wave from", getattr(wave, "origin", "the standard library"))
print("its task imports wave from  ", there := ray.get(task.remote()))
assert not hasattr(wave, "origin") and there == "the project", "changed: driver and task import the same"
PY
cd "$dir/project"
RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0 ../bin/python ../program/driver.py 2>&1 | grep -v "INFO worker.py"
