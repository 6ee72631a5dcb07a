"""How many of a division's merges are expected to be false: no better in truth than the best before. Pure.

- It rests on every run of every variant, those that failed too, see ``evaluator.false_merges``. What is open
  about a value besides noise, such as a missing audit, is marked where the value is shown, and not in this.
- What cannot be said is said as that, and is never 0.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

from msgspec import Struct

from configs.reserved import SIMPLER
from coordinator.domain import Metric
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Division
from coordinator.state.noise import known_noise
from coordinator.state.records import Experiment
from coordinator.views.described import says
from evaluator.false_merges.doubts import LEAST, doubts
from evaluator.false_merges.lineage import Program

AGAIN = 25
"""Of so many measured runs and more, one in so many must be new for the estimate to be made again: it moves
little, and is asked for every second.
"""


class FalseMerges(Struct, frozen=True):
    """Of one division. Merges are those of its best: of certificates, where a policy gives such."""

    merges: int
    expected: float | None
    """How many of them are no better in truth; None where it cannot be said."""
    unknown: str
    """Why it cannot; empty where it can."""
    by_experiment: dict[str, float]
    """The probability of each, by what became the best."""


class FalseMergesView(Struct, frozen=True, kw_only=True):
    """How many merges are expected to be no better in truth than the best before them."""

    merges: Annotated[
        int,
        says(
            "How many merges it is said of: all between the baseline and the best but those that were to be"
            " simpler, and no better."
        ),
    ]
    expected: Annotated[
        float | None,
        says(
            "How many of these merges are expected to be false, by noise alone; null where that is not known."
        ),
    ]
    unknown: Annotated[str, says("Why it is not known; empty where it is.")]
    marked: Annotated[
        int,
        says("How many of these merges rest on values of which something is open besides noise."),
    ]


class FalseMergesMemory:
    """The estimate of a state that goes on, made again when that would change it."""

    def __init__(self) -> None:
        self._at = (0, 0)
        self._latest: dict[str, FalseMerges] = {}

    def of(self, state: CampaignState) -> dict[str, FalseMerges]:
        """By division."""
        measured, verdicts = state.outcomes["measured"], state.verdicts["merge"] + state.verdicts["roll_back"]
        runs, moves = self._at
        if not self._latest or moves != verdicts or measured - runs > measured // AGAIN:
            self._at, self._latest = (measured, verdicts), all_false_merges(state)
        elif len(self._latest) < len(state.divisions):
            self._latest = all_false_merges(state)
        return self._latest


def all_false_merges(state: CampaignState) -> dict[str, FalseMerges]:
    """By division."""
    return {name: false_merges(state, division) for name, division in state.divisions.items()}


def false_merges(state: CampaignState, division: Division) -> FalseMerges:
    """Of a division."""
    moved = [
        (before, after)
        for before, after in pairwise(division.history)
        if not _merges_as_simpler(state.experiments[after.experiment])
    ]
    merges = len(moved)
    if not merges:
        return FalseMerges(0, None, "nothing has merged", {})
    if not division.sigma:
        return FalseMerges(merges, None, "the noise of a run, σ, is not known", {})
    numbers, programs = _lineage(state, division, division.sigma)
    moves = [(numbers[old.experiment], numbers[new.experiment]) for old, new in moved]
    noise = known_noise(division)
    probabilities = doubts(programs, moves, noise.freedom if noise else 0)
    by_experiment = {
        best.experiment: probability
        for (_, best), probability in zip(moved, probabilities, strict=True)
        if probability is not None
    }
    if len(by_experiment) < merges:
        why = (
            "what some were made from is not clear"
            if by_experiment
            else f"it takes {LEAST} measured variants"
        )
        return FalseMerges(merges, None, why, by_experiment)
    return FalseMerges(merges, sum(by_experiment.values()), "", by_experiment)


def _merges_as_simpler(experiment: Experiment) -> bool:
    """Whether it became the best without being better. As a step of a trunk it is one of a stack that is."""
    return experiment.arm == SIMPLER and not experiment.stepped


def _lineage(state: CampaignState, division: Division, sigma: float) -> tuple[dict[str, int], list[Program]]:
    """Numbers of the experiments that others were made from, and these as programs. sigma: in the metric's
    unit.
    """
    by_commit = {head.commit: head.experiment for head in division.heads}
    numbers = {name: number for number, name in enumerate(dict.fromkeys(by_commit.values()))}
    made_from = {commit: numbers[name] for commit, name in by_commit.items()}
    scale = _Scale(state.metric, division.history[0].value, sigma, frozenset(division.disbelieved))
    variants: list[list[float]] = [[] for _ in numbers]
    for experiment in state.experiments.values():
        if experiment.division == division.name and experiment.experiment not in numbers:
            first = next(scale.rounds(experiment), None)
            if first is not None and first[0] in made_from:
                variants[made_from[first[0]]].append(first[1][0])
    programs = [
        _program(state.experiments[name], scale, made_from, variants[number])
        for name, number in numbers.items()
    ]
    return numbers, programs


def _program(
    experiment: Experiment, scale: "_Scale", made_from: dict[str, int], variants: list[float]
) -> Program:
    earlier: list[tuple[int, float]] = []
    runs: list[float] = []
    for parent, values in scale.rounds(experiment):
        if parent == experiment.parent:
            runs += values
        elif parent in made_from:
            earlier += [(made_from[parent], value) for value in values]
    fresh = [] if experiment.baseline else scale.on_fresh_rows(experiment)
    return Program(
        parent=None if experiment.baseline else made_from.get(experiment.parent, 0),
        runs=tuple(fresh or runs),
        earlier=tuple(earlier),
        chosen=bool(fresh) and len(fresh) < len(runs),
        variants=tuple(variants),
    )


class _Scale(Struct, frozen=True):
    """Values as gains over the baseline, in σ."""

    metric: Metric
    baseline: float
    sigma: float
    disbelieved: frozenset[str]
    """Slots whose runs do not count."""

    def gain(self, value: float) -> float:
        return self.metric.gain(self.baseline, value) / self.sigma

    def rounds(self, experiment: Experiment) -> Iterator[tuple[str, list[float]]]:
        """What it was made from, and its runs there, for each round with any."""
        for number, parent in enumerate((*experiment.earlier_parents, experiment.parent), 1):
            if gains := [self.gain(value) for value in self._believed(experiment, number)]:
                yield parent, gains

    def on_fresh_rows(self, experiment: Experiment) -> list[float]:
        """Its runs of the present round on rows that no screen saw."""
        return [self.gain(value) for value in self._believed(experiment, experiment.round, fresh=True)]

    def _believed(self, experiment: Experiment, number: int, *, fresh: bool = False) -> Iterator[float]:
        for run in experiment.runs:
            counts = run.round == number and not run.void and run.slot not in self.disbelieved
            if counts and (run.block or not fresh) and run.value is not None:
                yield run.value
