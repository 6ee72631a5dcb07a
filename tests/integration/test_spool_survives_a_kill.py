"""A process that spools results is killed while it does."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents.spool import Spool

PUT_FOR_EVER = """
import itertools, sys
from pathlib import Path
from agents.spool import Spool
from coordinator.protocol import Token
from evaluator.result import Measured, RunResult
spool = Spool(Path(sys.argv[1]))
for counter in itertools.count(1):
    spool.put(Token(1, counter), RunResult(run=f"run{counter}", outcome=Measured(1.0), seed=1))
    print(counter, flush=True)
"""


@pytest.mark.parametrize("seconds", [0.001, 0.003, 0.01, 0.03, 0.1])
def test_a_kill_at_any_instant_leaves_whole_results_or_none(tmp_path: Path, seconds: float) -> None:
    """1. A process puts result after result and says so after each. 2. It is killed. 3. All it spoke of are
    there and whole; at most one more is.
    """
    with subprocess.Popen(
        [sys.executable, "-c", PUT_FOR_EVER, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        time.sleep(seconds)
        process.kill()
        spoken = [1, *(int(line) for line in process.stdout if line.endswith(b"\n"))]
    kept = [spooled.token.counter for spooled in Spool(tmp_path)]
    assert kept[: len(spoken)] == spoken
    assert len(kept) - len(spoken) in (0, 1)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json"}
