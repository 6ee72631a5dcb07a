"""Data of the tiny task: a Markov chain over 22 tokens."""

from pathlib import Path

from evaluator.judging.data import read_manifest
from tests.integration.judged import tiny_data


def prepare(folder: Path) -> Path:
    """Make it if it is not there."""
    if not (folder / "manifest.json").is_file():
        tiny_data(folder)
    read_manifest(folder)
    return folder
