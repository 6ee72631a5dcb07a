"""``results.tsv``: upstream's five columns and words, one row per finished experiment in the order of their
verdicts.

A row never changes once written, so a verdict appends one row; the whole file is made anew at every start and
when it does not end where it should.
"""

from pathlib import Path

from coordinator.domain import State
from coordinator.state.campaign_state import CampaignState

STATUS = {
    State.MERGED: "keep",
    State.REJECTED: "discard",
    State.CRASHED: "crash",
    State.CHEATED: "discard",
    State.ROLLED_BACK: "discard",
}
"""Upstream's words for our states."""


class ResultsFile:
    """The file of one campaign."""

    def __init__(self, path: Path, state: CampaignState) -> None:
        self._path = path
        self._state = state
        self._rows = 0

    def rewrite(self) -> None:
        """Make the file anew, beside and then in place."""
        beside = self._path.with_suffix(".tmp")
        header = f"commit\t{self._state.metric.name}\tmemory_gb\tstatus\tdescription\n"
        beside.write_text(header + "".join(map(self._row, self._state.finished)), encoding="utf-8")
        beside.replace(self._path)
        self._rows = len(self._state.finished)

    def follow(self) -> None:
        """Add rows of verdicts since the last call."""
        if not self._path.exists():
            self.rewrite()
        new = self._state.finished[self._rows :]
        if new:
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(map(self._row, new))
            self._rows += len(new)

    def _row(self, name: str) -> str:
        experiment = self._state.experiments[name]
        value = (
            experiment.value
            if experiment.value is not None and experiment.state is not State.CRASHED
            else 0.0
        )
        memory = max((run.result.peak_memory for run in experiment.runs if run.result), default=0) / 1e9
        commit = (experiment.merge_commit or experiment.commit)[:7]
        title = " ".join(experiment.title.split())
        return f"{commit}\t{value:.6f}\t{memory:.1f}\t{STATUS[experiment.state]}\t{title}\n"
