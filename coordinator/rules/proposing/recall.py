"""Rules of the swarm's memory: what a brief tells of experiments, what is offered to be repaired, what may be
tried again. Pure.

In order all of it is a function of what the ordinal may see.
"""

from collections.abc import Container, Iterable
from itertools import takewhile

from msgspec.structs import replace

from coordinator.domain import Origin, State
from coordinator.protocol import Accepted, Refused, Repair, Tried
from coordinator.rule_values.rule_set import ArmShare
from coordinator.rules.lookups import horizon_of
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Division
from coordinator.state.events import ProposalRefused
from coordinator.state.records import Experiment, evaluation_began
from evaluator.classify import WHILE_EVALUATED
from evaluator.result import Crashed

NOT_DECIDED = "a step of the trunk, without a certificate yet"
TAIL_LINES = 20
TAIL_CHARS = 1_500
"""Of a crashed run's log that is shown to whoever repairs it; the end says what was wrong."""


# ---------------------------------------------------------------------- who may know what


def visible(state: CampaignState, ordinal: int, horizon: int) -> bool:
    """Whether the verdict on that ordinal may be known where those up to the horizon may be."""
    return not state.rules.lookahead or ordinal <= horizon


def learns_from(arm: ArmShare, other: str) -> bool:
    """Whether the arm may know another's experiments: one that draws from the baseline learns from nobody
    else.
    """
    return arm.parent is Origin.BEST or arm.name == other


def may_know(arm: ArmShare, experiment: Experiment, division: Division) -> bool:
    """Whether a brief of the arm may tell of an experiment at all."""
    return (
        experiment.division == division.name and not experiment.baseline and learns_from(arm, experiment.arm)
    )


# ---------------------------------------------------------------------- what a brief tells


def tried(
    state: CampaignState,
    experiments: Iterable[Experiment],
    arm: ArmShare,
    division: Division,
    horizon: int,
) -> list[Tried]:
    """Experiments that have their verdict, then what was refused since the last acceptance."""
    refused = (
        event
        for event in state.turned_away
        if event.division == division.name and learns_from(arm, event.arm)
    )
    ended = (_as_of(state, horizon, with_verdict(one), one) for one in experiments)
    return [*ended, *map(_turned_away, refused)]


def _as_of(state: CampaignState, horizon: int, tried: Tried, experiment: Experiment) -> Tried:
    """A step as it looks before it may be known what its certificate came to."""
    resolved = experiment.resolved and visible(state, experiment.resolved, horizon)
    if not experiment.stepped or resolved:
        return tried
    return replace(tried, state=State.STEPPED, value=experiment.step_value, reason=NOT_DECIDED, failure="")


def running(
    state: CampaignState, names: Iterable[str], arm: ArmShare, division: Division, now: float | None
) -> list[Tried]:
    """Experiments without a verdict. now: seconds since the epoch, None where ages are not to be known."""
    experiments = (state.experiments[name] for name in names)
    return [_without_verdict(one, now) for one in experiments if may_know(arm, one, division)]


def lessons(state: CampaignState, horizon: int) -> list[str]:
    """Of all experiments that ended, in order of those up to the horizon."""
    if not state.rules.lookahead:
        return state.lessons.lines()
    later = [state.experiments[name] for name in state.by_ordinal[horizon:]]
    resolved = (state.experiments[name] for name in reversed(state.resolutions))
    later += [one for one in takewhile(lambda one: one.resolved > horizon, resolved) if one not in later]
    return state.lessons.lines(without=[experiment for experiment in later if experiment.state.final])


def with_verdict(experiment: Experiment) -> Tried:
    """An experiment with its last verdict."""
    return Tried(
        experiment=experiment.experiment,
        title=experiment.title,
        state=experiment.state,
        arm=experiment.arm,
        settings=experiment.settings,
        value=experiment.value,
        reason=experiment.public_reason,
        delta=experiment.delta,
        near=experiment.near,
        failure=experiment.failure,
        estimate=experiment.estimate,
    )


def _without_verdict(experiment: Experiment, now: float | None) -> Tried:
    return Tried(
        experiment=experiment.experiment,
        title=experiment.title,
        state=State.RUNNING,
        arm=experiment.arm,
        settings=experiment.settings,
        age=None if now is None else max(0.0, now - experiment.proposed_at),
    )


def _turned_away(event: ProposalRefused) -> Tried:
    return Tried(
        experiment=event.repeats or event.proposal,
        title=event.title,
        state=State.REJECTED,
        arm=event.arm,
        settings=event.settings,
        reason=f"refused: {event.reason}",
    )


# ---------------------------------------------------------------------- what may be tried again


def may_repeat(state: CampaignState, experiment: Experiment, division: Division, ordinal: int) -> bool:
    """Whether the very program of an experiment may be tried once more: a near miss, after the best has moved
    often enough since.

    Anything else that was measured would only come to the same value. The same idea on a newer best is
    another program, and always welcome.
    """
    moves, horizon = state.rules.retry_after_moves, horizon_of(state, ordinal)
    if not (moves and experiment.near and visible(state, experiment.ordinal, horizon)):
        return False
    since = division.history[experiment.bests :]
    return sum(visible(state, best.ordinal, horizon) for best in since) >= moves


def earlier(state: CampaignState, name: str, reader: str) -> Tried | None:
    """What came of the experiment a duplicate repeats, as the next proposal of the arm ``reader`` may know
    it.
    """
    experiment = state.experiments.get(name)
    arm = next((arm for arm in state.rules.arms if arm.name == reader), None)
    if experiment is None or (arm is not None and not learns_from(arm, experiment.arm)):
        return None
    horizon = horizon_of(state, len(state.by_ordinal) + 1)
    public = experiment.settled and visible(state, experiment.ordinal, horizon)
    if not public:
        return _without_verdict(experiment, None)
    return _as_of(state, horizon, with_verdict(experiment), experiment)


def still_thinks(state: CampaignState, arm: str, answer: Accepted | Refused) -> bool:
    """Whether the agent goes on with its brief after that answer, so that in order nobody else is asked
    meanwhile.
    """
    able = any(share.repairs and share.name == arm for share in state.rules.arms)
    return state.rules.lookahead > 0 and able and isinstance(answer, Refused) and answer.refusal.reaskable


# ---------------------------------------------------------------------- what may be repaired


def repair(
    state: CampaignState, arm: ArmShare, division: Division, horizon: int, offered: Container[str]
) -> Repair | None:
    """The oldest crashed experiment of the arm that nobody has repaired, without its source. offered: those
    that were offered already.

    In order nobody is asked who was offered what: only one brief is out at a time, and its answer is
    journaled.
    """
    if not state.to_repair:
        return None
    open_to_all = [
        state.experiments[name] for name in state.to_repair if state.rules.lookahead or name not in offered
    ]
    of_arm = [
        experiment
        for experiment in open_to_all
        if experiment.arm == arm.name
        and experiment.division == division.name
        and visible(state, experiment.ordinal, horizon)
    ]
    return _repair_of(min(of_arm, key=lambda experiment: experiment.ordinal)) if of_arm else None


def repair_target(state: CampaignState, arm: str, wanted: str) -> str:
    """The experiment a proposal may say it repairs: a crashed one of its own arm that nobody has repaired;
    else nothing.
    """
    experiment = state.experiments.get(wanted)
    fits = experiment is not None and experiment.state is State.CRASHED and experiment.arm == arm
    return wanted if fits and experiment is not None and not experiment.repaired else ""


def _repair_of(experiment: Experiment) -> Repair:
    """The experiment as it is offered. Where validation rows may have been shown, neither its log nor its own
    words go with it.
    """
    result = next(
        run.result
        for run in reversed(experiment.runs)
        if run.result and isinstance(run.result.outcome, Crashed)
    )
    assert isinstance(result.outcome, Crashed)  # noqa: S101 - as just chosen
    message, tail = result.outcome.message[-TAIL_CHARS:], result.tail[-TAIL_CHARS:].splitlines()
    return Repair(
        experiment=experiment.experiment,
        title=experiment.title,
        parent=experiment.parent,
        source="",
        failure=experiment.failure,
        message="" if experiment.withheld or message == WHILE_EVALUATED else message,
        tail="" if evaluation_began(result) else "\n".join(tail[-TAIL_LINES:]),
    )
