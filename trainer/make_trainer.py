"""The trainer that a task's judge wants."""

from pathlib import Path

from trainer.boxes.command_trainer import CommandTrainer
from trainer.contract import Slot
from trainer.sandbox.probe import AUTO
from trainer.subprocess_trainer import SubprocessTrainer
from trainer.task import Task


def make_trainer(
    task: Task,
    data: Path,
    slot: Slot,
    log_bytes: int,
    *,
    scratch: Path | None = None,
    sandbox: str = AUTO,
) -> SubprocessTrainer | CommandTrainer:
    """Of variants of a task in one slot; arguments as of ``SubprocessTrainer``. data: prepared, for training
    scripts. Raises SandboxError, ConfigError.
    """
    if task.trains:
        return SubprocessTrainer(task, data, slot, log_bytes, scratch=scratch, sandbox=sandbox)
    return CommandTrainer(task, slot, log_bytes, scratch=scratch, sandbox=sandbox)
