"""Rules of combining: which two parked experiments are put together on the head where a slot would wait, and
what comes of that. Pure.

- Parked is what may be worth something that one run could not show: a near miss, and a step whose stack was
  rolled back. Two small gains together are twice as many standard errors as either.
- It costs a run that nobody else wanted: a pair is made where an agent asks for a run and none is queued.
- A pair is made once, and so is one whose edits do not apply together. What comes of it is an experiment like
  any other, with an ordinal, screened, and in a certificate, like any other.
- Not in order: whether a slot waits depends on how fast slots are.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations, islice

from msgspec import Struct
from msgspec.structs import replace

from configs.reserved import COMBINED
from coordinator.domain import Phase, Purpose, State
from coordinator.rules import trust
from coordinator.rules.budget_cap import fits, run_usd
from coordinator.rules.heads.believed import overworked
from coordinator.rules.lookups import division_of, enough_is_proposed, proposes_in
from coordinator.rules.proposing.proposals import next_experiment
from coordinator.rules.seeds import queued
from coordinator.rules.wall_caps import division_cap
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Division
from coordinator.state.events import AnyEvent, ExperimentProposed, PairRefused
from coordinator.state.records import Experiment

LATEST = 40
"""Parked experiments that are looked at, the last of them: what is older was made for another program."""
TIMES = 2
"""Pairs that a parked experiment is put into at most. In simulations what was in two already is worth little
in the next, and that keeps a proposal waiting as long (docs/decide.md).
"""
LEAST = -2.0
"""σ that the gains of the two in their runs come to at least, together: below that hardly any is better."""
CONFLICT = "their edits do not apply to the head together"
TITLE_CHARS = 50
"""Of either title, in the title of both."""


class ParkedEdit(Struct, frozen=True, kw_only=True):
    """What a parked experiment did."""

    experiment: str
    ordinal: int
    base: str
    """Commit it was made from."""
    commit: str
    """Its own."""


class Combine(Struct, frozen=True, kw_only=True):
    """Two parked experiments have to be put on the head together: ``combined`` takes what comes of it,
    ``pair_refused`` that their edits do not apply.
    """

    division: str
    head: str
    """Commit they have to be put on."""
    edits: tuple[ParkedEdit, ParkedEdit]
    """By ordinal."""

    @property
    def pair(self) -> list[str]:
        """Their names."""
        return [edit.experiment for edit in self.edits]


def combine(state: CampaignState, agent: str, calls_usd: float = 0.0) -> Combine | None:
    """What is put together for an agent that asked for a run and would wait; None where nothing is.
    calls_usd: set aside for open calls. Raises UnknownAgentError.
    """
    division = division_of(state, agent)
    if not state.rules.combine or state.rules.lookahead or state.phase is not Phase.RUNNING:
        return None
    if not proposes_in(state, division) or division.queued or division.head is None:
        return None
    if state.agents[agent].run is not None:
        return None
    if not _has_room(state) or not fits(
        state, run_usd(state.rules, division_cap(state, division.name)), calls_usd
    ):
        return None
    pair = _best_pair(state, division)
    if pair is None:
        return None
    return Combine(division=division.name, head=division.head.commit, edits=(_edit(pair[0]), _edit(pair[1])))


def _edit(experiment: Experiment) -> ParkedEdit:
    return ParkedEdit(
        experiment=experiment.experiment,
        ordinal=experiment.ordinal,
        base=experiment.parent,
        commit=experiment.commit,
    )


def _has_room(state: CampaignState) -> bool:
    """Whether every agent may still answer a brief that it has in hand."""
    return not enough_is_proposed(state.rules, state.proposed + state.present.total())


def _best_pair(state: CampaignState, division: Division) -> tuple[Experiment, Experiment] | None:
    """The two that promise most together, of those that were not tried together."""
    used = Counter(name for pair in division.combined for name in pair)
    parked = [one for one in _parked(state, division) if used[one.experiment] < TIMES]
    pairs = (
        (one, other) if one.ordinal < other.ordinal else (other, one)
        for one, other in combinations(parked, 2)
    )
    untried = [pair for pair in pairs if (pair[0].experiment, pair[1].experiment) not in division.combined]
    pair = max(untried, key=_promise, default=None)
    least = LEAST * (division.sigma or 0.0)
    return pair if pair is not None and _promise(pair) >= least else None


def _promise(pair: tuple[Experiment, Experiment]) -> float:
    """Gains over the heads they were compared with, by single runs, in the metric's unit."""
    return _gain(pair[0]) + _gain(pair[1])


def _parked(state: CampaignState, division: Division) -> Iterator[Experiment]:
    """What may be put together: nothing whose value was not believed."""
    for name in islice(reversed(division.parked), LATEST):
        experiment = state.experiments[name]
        if not trust.refusal(experiment.measured, state.rules.trust) and not overworked(state, experiment):
            yield experiment


def _gain(experiment: Experiment) -> float:
    return experiment.delta or 0.0


def combined(
    state: CampaignState, step: Combine, digest: str, constant_changes: dict[str, str]
) -> ExperimentProposed | PairRefused:
    """Both edits are on the head: an experiment that wants its commit, or nothing new. digest: of the
    program. constant_changes: from the head.
    """
    earlier = state.by_digest.get((step.division, digest))
    if digest == state.digests[step.head] or earlier is not None:
        return pair_refused(step, f"together they are the same program as {earlier or 'the head'}")
    name, parts = next_experiment(state), [*map(state.experiments.__getitem__, step.pair)]
    return ExperimentProposed(
        experiment=name,
        ordinal=len(state.by_ordinal) + 1,
        division=step.division,
        arm=COMBINED,
        agent="",
        proposal=f"combined:{'+'.join(step.pair)}",
        parent=step.head,
        commit="",
        digest=digest,
        title=_title(parts),
        hypothesis=f"More than either alone: {_found(state, parts[0])}; {_found(state, parts[1])}.",
        settings=parts[0].settings | parts[1].settings,
        constant_changes=constant_changes,
        combines=step.pair,
    )


def taken_up(state: CampaignState, made: ExperimentProposed, commit: str) -> list[AnyEvent]:
    """What was made of two is an experiment, and its run waits for the slot. commit: of its text."""
    experiment = made.experiment
    return [replace(made, commit=commit), queued(state, experiment, 1, Purpose.COMBINE, made.division)]


def _title(parts: list[Experiment]) -> str:
    names, titles = zip(*((one.experiment, one.title[:TITLE_CHARS]) for one in parts), strict=True)
    return f"{' + '.join(names)}: {'; '.join(titles)}"


def _found(state: CampaignState, part: Experiment) -> str:
    """What a parked experiment came to, in words."""
    word = "better" if _gain(part) > 0 else "worse"
    end = "and was rolled back" if part.state is State.ROLLED_BACK else "and was a near miss"
    return f"{part.experiment} was {word} by {abs(_gain(part)):.2g} {state.metric.name} in its run {end}"


def pair_refused(step: Combine, reason: str) -> PairRefused:
    """The two cannot be put together on the head."""
    return PairRefused(division=step.division, pair=step.pair, reason=reason)
