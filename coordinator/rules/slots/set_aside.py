"""Rules of slots that are off: such a slot gets no more runs, and what it measured is not believed. Pure.

- Its open run goes to others. Runs of it that a verdict to come would rest on are made again elsewhere. Its
  values leave σ and the mean of the best; where nothing is left of that, the best is run again.
- Verdicts that were given stay. So does what they rest on: a best that rests on such a slot alone is marked,
  until it was run elsewhere.
- Less than half of a division's slots are ever set aside, so never one of two: among two nobody can say which
  is off. In order none is: which slot is off is no part of what a seed gives. There, and where a person wants
  it so, it is only said.
- A slot comes back when its agent is started anew: it is compared again before it is given anything else.
"""

from statistics import fmean

from msgspec import Struct

from coordinator.domain import Metric, Phase, Purpose, State, Verdict
from coordinator.rules import trust
from coordinator.rules.seeds import queued
from coordinator.rules.slots.slot_runs import LEAST_SLOTS, believed_slots
from coordinator.rules.trust import Standing
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Agent, Division
from coordinator.state.events import AnyEvent, RunLost, VerdictGiven
from coordinator.state.records import Experiment, Run
from coordinator.state.slot_events import SlotSetAside
from coordinator.state.slots.slot_checks import open_runs_of
from evaluator.slot_evidence import SlotEvidence, SlotTest

MOST_AGAIN = 4
"""Runs of a best, at most, that are made again where it rests on such a slot alone."""


class BestWithout(Struct, frozen=True):
    """The best of a division without the runs of a slot."""

    value: float | None
    """In the metric's unit; None where the slot made none of its runs, or all."""
    runs: int
    doubtful: bool
    """Whether the slot made all."""


def set_aside(state: CampaignState) -> list[AnyEvent]:
    """The slot that is off most, with what follows from it; [] where none is, or where none may be."""
    if not state.off_slots or state.phase is Phase.FINISHED:
        return []
    agents = [state.agents[name] for name in state.off_slots]
    free = [agent for agent in agents if not why_not(state, state.divisions[agent.card.division])]
    if not free:
        return []
    agent = max(free, key=lambda one: (one.evidence.e_value if one.evidence else 0.0, one.card.agent))
    division = state.divisions[agent.card.division]
    without = _best_without(state, division, agent.slot)
    assert agent.evidence is not None  # noqa: S101 - it is off by that
    test = agent.evidence.off or agent.evidence.strongest
    event = SlotSetAside(
        agent=agent.card.agent,
        test=test,
        reason=in_words(state.metric, agent.evidence),
        best_value=without.value,
        best_runs=without.runs,
        doubtful=without.doubtful,
    )
    return [event, *_lost(state, agent), *_again(state, agent), *_best_again(state, division, without)]


def why_not(state: CampaignState, division: Division) -> str:
    """Why no slot of the division is set aside now, in words; empty where one may be."""
    present, believed = state.present[division.name], believed_slots(state, division)
    if not state.rules.set_aside:
        return "slots.set_aside is false"
    if present < LEAST_SLOTS:
        return "among fewer than three slots nobody can say which one it is"
    if state.rules.lookahead:
        return "in order (campaign.lookahead) none is set aside"
    if division.best is None:
        return "the baseline is not measured yet"
    return "" if 2 * (present - believed + 1) < present else "that would leave no majority of the slots"


def in_words(metric: Metric, evidence: SlotEvidence) -> str:
    """How a slot is off: ``values worse by 3.1 σ of one run than other slots', by 5 runs of what they ran,
    too``.
    """
    match evidence.off or evidence.strongest:
        case SlotTest.VALUE:
            offset = evidence.offset or 0.0
            word = "better" if metric.gain(0.0, offset) > 0 else "worse"
            what = f"values {word} by {abs(offset):.1f} σ of one run than other slots'"
        case SlotTest.SPREAD:
            what = f"values that spread {evidence.spread or 0.0:.1f} times as much as other slots'"
        case SlotTest.RATE:
            what = f"{-100 * (evidence.rate or 0.0):.1f} % slower than other slots"
    return f"{what}, by {evidence.runs} runs of programs that they ran, too"


def _best_without(state: CampaignState, division: Division, slot: str) -> BestWithout:
    best = division.best
    if best is None or division.doubtful:
        return BestWithout(None, 0, doubtful=False)
    experiment = state.experiments[best.experiment]
    runs = [run for run in experiment.runs if _counts(state, experiment, run)]
    runs = [run for run in runs if run.slot not in division.disbelieved]
    left = [run.value for run in runs if run.slot != slot and run.value is not None]
    if len(left) == len(runs):
        return BestWithout(None, 0, doubtful=False)
    return (
        BestWithout(fmean(left), len(left), doubtful=False) if left else BestWithout(None, 0, doubtful=True)
    )


def _counts(state: CampaignState, experiment: Experiment, run: Run) -> bool:
    """Whether the value of a best rests on the run."""
    if run.value is None or run.result is None or run.round != experiment.round:
        return False
    if run.purpose is Purpose.REFRESH or experiment.baseline:
        return True
    return run in experiment.resting and trust.standing(run.result, state.rules.trust) is Standing.BELIEVED


def _lost(state: CampaignState, agent: Agent) -> list[AnyEvent]:
    """Its open run, which others make."""
    run = state.runs[agent.run] if agent.run else None
    if run is None or run.token is None:
        return []
    why = "its slot was set aside"
    return [RunLost(run=run.run, experiment=run.experiment, token=run.token, reason=why, charged=False)]


def _again(state: CampaignState, agent: Agent) -> list[AnyEvent]:
    """Another run for each that a verdict to come would have rested on."""
    runs: dict[str, int] = {}
    for run in open_runs_of(state, agent.slot):
        runs[run.experiment] = runs.get(run.experiment, 0) + 1
    events: list[AnyEvent] = []
    for name, count in runs.items():
        experiment = state.experiments[name]
        if experiment.state not in (State.CONFIRMING, State.MEASURED):
            continue  # a step: its certificate makes fresh runs
        if experiment.state is State.MEASURED:
            events.append(_measured_again(experiment, agent))
        numbers = range(len(experiment.runs) + 1, len(experiment.runs) + 1 + count)
        events += [queued(state, name, number, Purpose.CONFIRM) for number in numbers]
    return events


def _measured_again(experiment: Experiment, agent: Agent) -> VerdictGiven:
    return VerdictGiven(
        experiment=experiment.experiment,
        verdict=Verdict.CONFIRM,
        reason=f"made again: {agent.card.agent} is set aside",
        value=experiment.value,
    )


def _best_again(state: CampaignState, division: Division, without: BestWithout) -> list[AnyEvent]:
    best = division.best
    if best is None or not without.doubtful:
        return []
    first = len(state.experiments[best.experiment].runs) + 1
    numbers = range(first, first + min(MOST_AGAIN, best.runs))
    return [queued(state, best.experiment, number, Purpose.REFRESH) for number in numbers]
