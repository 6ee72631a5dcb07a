"""Which experiment of a campaign a person means."""

from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Division
from coordinator.state.records import Experiment
from deploy.exit_codes import NothingFoundError

DIVISION_WORDS = ("best", "baseline")
"""What every division has one of."""


def find_experiment(state: CampaignState, name: str) -> Experiment:
    """The experiment of an id, the beginning of a commit, ``best`` or ``baseline``; the last two also with
    ``/division``, else of the first. Raises NothingFoundError.
    """
    word, _, wanted = name.partition("/")
    if word in DIVISION_WORDS:
        division = find_division(state, wanted)
        if word == "best" and division.best is None:
            raise NothingFoundError(
                f"division {division.name} has no best yet",
                "Wait until its baseline is measured: `autoswarm status --watch`.",
            )
        return state.experiments[
            division.best.experiment if word == "best" and division.best else division.baseline
        ]
    experiment = _by_id_or_commit(state, name)
    if experiment is None:
        raise NothingFoundError(
            f"there is no experiment {name!r} in {state.start.campaign}",
            "`autoswarm leaderboard` lists them.",
        )
    return experiment


def find_division(state: CampaignState, name: str) -> Division:
    """The division of that name, the first one for an empty name. Raises NothingFoundError."""
    division = state.divisions.get(name) if name else next(iter(state.divisions.values()), None)
    if division is None:
        names = ", ".join(state.divisions)
        raise NothingFoundError(
            f"there is no division {name!r}" if name else "no agent has joined yet",
            f"There are: {names}." if names else "Wait.",
        )
    return division


def _by_id_or_commit(state: CampaignState, name: str) -> Experiment | None:
    """The experiment of an id, a short id (``12`` for ``e00012``), or the beginning of a commit."""
    for candidate in _ids(name):
        if candidate in state.experiments:
            return state.experiments[candidate]
    if len(name) < 6:
        return None
    return next(
        (
            experiment
            for experiment in state.experiments.values()
            if experiment.commit.startswith(name) or experiment.merge_commit.startswith(name)
        ),
        None,
    )


def _ids(name: str) -> tuple[str, str]:
    """Ids that a person may mean by it."""
    padded = f"e{int(name):05d}" if name.isdecimal() and len(name) <= 5 else name
    return padded, f"e{int(name[1:]):05d}" if name[:1] == "e" and name[1:].isdecimal() else name
