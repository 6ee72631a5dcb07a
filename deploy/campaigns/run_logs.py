"""Logs of runs: finding, reading and following them."""

from collections.abc import Callable, Iterator
from pathlib import Path

from coordinator.state.campaign_state import CampaignState
from coordinator.store.paths import Layout
from deploy.campaigns.find import find_experiment
from deploy.exit_codes import NothingFoundError
from trainer.run.result_file import LOG, RESULT

PAUSE = 0.2
"""Seconds between two looks at a log that grows."""


def find_log(layout: Layout, state: CampaignState, what: str) -> tuple[str, Path]:
    """A run's id and its log file. what: a run, an agent at work, or an experiment for its newest run that
    began. Raises NothingFoundError.
    """
    run = _find_run(layout, state, what)
    path = layout.runs / run / LOG
    if not path.is_file():
        raise NothingFoundError(
            f"there is no log of run {run} in {layout.runs}",
            "It has not begun, was simulated, or ran on another machine.",
        )
    return run, path


def _find_run(layout: Layout, state: CampaignState, what: str) -> str:
    if what in state.runs:
        return what
    if what in state.agents:
        run = state.agents[what].run
        if run is None:
            raise NothingFoundError(
                f"agent {what} trains nothing now",
                "Name a run or an experiment: `autoswarm leaderboard` lists them.",
            )
        return run
    runs = find_experiment(state, what).runs
    return next((run.run for run in reversed(runs) if (layout.runs / run.run / LOG).is_file()), runs[-1].run)


def read_log(path: Path) -> str:
    """The whole text; bytes that are no text are replaced."""
    return path.read_bytes().decode(errors="replace")


def follow_log(path: Path, sleep: Callable[[float], None]) -> Iterator[str]:
    """The text as it grows, until the run's result lies beside it."""
    with path.open(encoding="utf-8", errors="replace") as file:
        while True:
            ended = (path.parent / RESULT).is_file()
            if piece := file.read():
                yield piece
            if ended:
                return
            sleep(PAUSE)
