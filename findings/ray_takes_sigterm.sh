#!/usr/bin/env bash
# ray.init() replaces the program's SIGTERM handler, and ray.shutdown() leaves none at all.
#
# Guess:  a handler the driver set before ray.init() is kept or called by Ray's, and is back after
#         ray.shutdown().
# Is:     it is replaced without a word: SIGTERM raises SystemExit(15), the program's handler is never called.
#         After ray.shutdown() the signal has its default action: the process dies on the spot, no `finally`,
#         no atexit. A handler set after ray.init() is called, and kept.
# Seen:   ray 2.60.0, in the driver, Linux.
# Costs:  Slurm, Kubernetes and spot machines announce the end with SIGTERM: the checkpoint that the handler
#         would have written is missing; what runs after ray.shutdown() (uploading results) is cut off
#         anywhere.
# Do:     set handlers after ray.init(), and once more after ray.shutdown().
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" &&
  "$dir/bin/pip" install -q --no-compile --disable-pip-version-check ray==2.60.0; } || exit 2
cd "$dir"
export HOME=$dir RAY_USAGE_STATS_ENABLED=0
unset RAY_ADDRESS

cat >driver.py <<'PY'
import os
import signal
import sys
import time

import ray


def listen():
    signal.signal(signal.SIGTERM, lambda *_: print("handler called", flush=True))


if sys.argv[1] != "set after init":
    listen()
try:
    ray.init(
        address="local",
        num_cpus=1,
        include_dashboard=False,
        object_store_memory=80_000_000,
        _temp_dir=sys.argv[2],
        logging_level="ERROR",
        log_to_driver=False,
    )
except Exception as error:  # a machine so busy that Ray does not come up says nothing about the finding
    print("Ray did not start:", error)
    sys.exit(2)
if sys.argv[1] == "set after init":
    listen()
if sys.argv[1] == "shut down":
    ray.shutdown()
try:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(1)
    print("goes on")
except SystemExit as end:
    print(f"SystemExit({end.code})")
    raise
finally:
    print("finally", flush=True)
PY
bin/python - "$dir/ray" <<'PY'
import subprocess
import sys
from importlib.metadata import version

print("ray", version("ray"))
expected = {
    "set before init": (15, "SystemExit(15) finally"),
    "set after init": (0, "handler called goes on finally"),
    "shut down": (-15, ""),
}
for mode, result in expected.items():
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "driver.py", mode, sys.argv[1]], capture_output=True, text=True
    )
    if run.returncode == 2:
        print(run.stdout)
        sys.exit(2)
    said = " ".join(run.stdout.split())
    print(f"{mode:16} exit status {run.returncode:3}, printed: {said or 'nothing'}")
    assert (run.returncode, said) == result, f"changed: expected {result}\n{run.stderr[-2000:]}"
PY
