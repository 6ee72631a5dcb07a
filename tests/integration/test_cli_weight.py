"""What is typed many times a day is quick: no heavy package comes along.

Time is that of the processor, not of the wall: what the command takes on an idle machine, however busy this
one is.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.played_campaign import played

HEAVY = {
    "ray",
    "torch",
    "litellm",
    "optuna",
    "libcst",
    "git",
    "numpy",
    "pydantic",
    "yaml",
    "prometheus_client",
}
SECONDS = 0.4
PROBE = """
import atexit, sys
atexit.register(lambda: print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr))
from deploy.cli.main import main
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    folder: Path = tmp_path_factory.mktemp("campaigns")
    played(folder).service.close()
    return {
        "help": ["--help"],
        "help of a command": ["run", "--help"],
        "status": ["status", "--json", "--campaigns", str(folder)],
    }


@pytest.mark.parametrize("name", ["help", "help of a command", "status"])
def test_no_heavy_package_comes_along(commands: dict[str, list[str]], name: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROBE, *commands[name]], capture_output=True, text=True, check=True
    )
    loaded = set(ran.stderr.split())
    assert "click" in loaded
    assert not loaded & HEAVY
    assert name != "status" or "rich" not in loaded


@pytest.mark.parametrize("name", ["help", "status"])
def test_the_answer_takes_less_than_four_tenths_of_a_second(
    commands: dict[str, list[str]], name: str
) -> None:
    assert min(processor_seconds(commands[name]) for _ in range(5)) < SECONDS


def processor_seconds(arguments: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", *arguments],
        stdout=subprocess.DEVNULL,
        check=True,
        env=os.environ,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
