"""Frozen modules of a task folder reach the run, in every sandbox, for the variant as for its twin."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from evaluator.result import Measured
from tests.integration.standin import HERE, HONEST, LOG_BYTES, TASK, an_order, train
from trainer.contract import Slot
from trainer.sandbox.probe import probe
from trainer.subprocess_trainer import SubprocessTrainer

USING = f"""
import backends
from kernels.fast import TILE
assert (backends.WIDTH, TILE) == (4, 8)
{HONEST}
"""


@pytest.mark.parametrize("sandbox", ["A", "B", "C", "D", "F"])
def test_a_module_and_a_package_of_the_folder_are_there_to_import(tmp_path: Path, sandbox: str) -> None:
    if not any(finding.works for finding in probe() if finding.tier == sandbox):
        pytest.skip(f"sandbox {sandbox} is not to be had here")
    folder, before = tmp_path / "task", os.umask(0o077)
    try:
        (folder / "kernels" / "__pycache__").mkdir(parents=True)
        (folder / "backends.py").write_text("WIDTH = 4\n")
        (folder / "kernels" / "__init__.py").touch()
        (folder / "kernels" / "fast.py").write_text("TILE = 8\n")
    finally:
        os.umask(before)
    task = replace(TASK, frozen=["prepare", "backends", "kernels"], folder=folder)
    (tmp_path / "scratch").mkdir()
    trainer = SubprocessTrainer(
        task,
        tmp_path,
        Slot("test"),
        LOG_BYTES,
        scratch=tmp_path / "scratch",
        judge_module="tests.integration.standin_judge",
        shim=HERE / "standin_prepare.py",
        sandbox=sandbox,
    )
    result = train(trainer, an_order(tmp_path, USING))
    assert isinstance(result.outcome, Measured), result.tail
    assert list((tmp_path / "scratch").iterdir()) == []
