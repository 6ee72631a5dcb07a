"""Overwriting a GPU's memory, with a driver made for the test: no GPU is needed, and none was there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.process.environment import ROOT

COMPILER = shutil.which("cc")
SOURCE = Path(__file__).with_name("libcuda.c")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler to make a driver with")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("driver")
    assert COMPILER is not None
    subprocess.run(
        [COMPILER, "-shared", "-fPIC", "-o", str(folder / "libcuda.so.1"), str(SOURCE)], check=True
    )
    return folder


def cleared(driver: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "LD_LIBRARY_PATH": str(driver),
        **more,
    }
    command = [sys.executable, "-P", "-m", "trainer.sandbox.device_memory"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_all_that_is_free_is_overwritten(driver: Path, tmp_path: Path) -> None:
    ended = cleared(driver, CUDA_LEFT=str(tmp_path / "left"))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{40 << 20}\n", "")
    assert (tmp_path / "left").read_text() == "0"


def test_a_driver_that_refuses_is_said_in_a_line(driver: Path) -> None:
    ended = cleared(driver, CUDA_REFUSES="1")
    assert (ended.returncode, ended.stderr) == (1, "cuInit failed with 100\n")


def test_a_machine_without_a_driver_is_said_in_a_line(tmp_path: Path) -> None:
    ended = cleared(tmp_path)
    assert ended.returncode == 1
    assert "libcuda.so.1" in ended.stderr
