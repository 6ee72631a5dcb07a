"""Experiments as tables for other programs."""

import csv
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from coordinator.state.campaign_state import CampaignState
from coordinator.store.results_tsv import ResultsFile
from coordinator.views.leaderboard import LeaderboardRow, rows
from deploy.views.sanitize import cell


def table(state: CampaignState, form: str) -> Iterator[str]:
    """Lines. form: ``tsv`` as results.tsv, ``csv`` or ``jsonl`` with the leaderboard's keys and order."""
    if form == "tsv":
        return _results(state)
    return _csv(state) if form == "csv" else (msgspec.json.encode(row).decode() for row in rows(state))


def _results(state: CampaignState) -> Iterator[str]:
    """As the coordinator writes them, but from the journal: a killed one may not have written its last."""
    with tempfile.TemporaryDirectory(prefix="autoswarm-export-") as folder:
        path = Path(folder) / "results.tsv"
        ResultsFile(path, state).rewrite()
        yield from path.read_text(encoding="utf-8").splitlines()


def _csv(state: CampaignState) -> Iterator[str]:
    text = io.StringIO()
    lines = [msgspec.to_builtins(row) for row in rows(state)]
    names = LeaderboardRow.__struct_fields__ if lines else ()
    writer = csv.DictWriter(text, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: cell(value) for key, value in line.items()} for line in lines)
    yield text.getvalue().removesuffix("\n")
