"""What a run leaves in its folder, read again."""

from pathlib import Path

import msgspec

from evaluator.result import RunResult
from trainer.run.result_file import RESULT


def read_result(directory: Path) -> RunResult | None:
    """The result kept there, or None."""
    path = directory / RESULT
    return msgspec.json.decode(path.read_bytes(), type=RunResult) if path.is_file() else None
