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
LONGEST_LINE = 10_000
"""Characters of a line that is shown before it ends."""


def find_log(layout: Layout, state: CampaignState, what: str) -> tuple[str, Path]:
    """A run's id and its log file. what: a run, an agent at work, or an experiment for its newest run that
    began. Raises NothingFoundError.
    """
    run = _find_run(layout, state, what)
    path = layout.runs / run / LOG
    if not path.is_file():
        raise _no_log(layout, state, run)
    return run, path


def _no_log(layout: Layout, state: CampaignState, name: str) -> NothingFoundError:
    """Why a run of the campaign has no log here."""
    run = state.runs[name]
    experiment = state.experiments[run.experiment]
    if run.token is None and experiment.state.final:
        why = " ".join(experiment.reason.split())
        return NothingFoundError(
            f"run {name} never began: {run.experiment} was {experiment.state} without it",
            f"There is nothing to read. The reason was: {why or 'none was given'}.",
        )
    if run.token is None:
        return NothingFoundError(
            f"run {name} has not begun: it waits for a slot",
            "Wait until `autoswarm status` shows an agent that trains it.",
        )
    if run.result is not None and run.result.sandbox == "simulated":
        return NothingFoundError(
            f"run {name} was simulated: no program ran that could write anything",
            "Train for real with trainer.kind=subprocess.",
        )
    node = state.agents[run.agent].card.node if run.agent else ""
    return NothingFoundError(
        f"there is no log of run {name} in {layout.runs}",
        f"It is made {f'on {node}' if node else 'by an agent'} now: look in the same folder there."
        if run.open
        else "It ran on another machine, in the same folder there, or its folder was removed.",
    )


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
    """The text as it grows, until the run has a result: whole lines, so that who hides something in
    them sees all of it.
    """
    begun = ""
    with path.open(encoding="utf-8", errors="replace") as file:
        while True:
            ended = (path.parent / RESULT).is_file()
            text = begun + file.read()
            cut = len(text) if ended or len(text) - text.rfind("\n") > LONGEST_LINE else text.rfind("\n") + 1
            if cut:
                yield text[:cut]
            begun = text[cut:]
            if ended:
                return
            sleep(PAUSE)
