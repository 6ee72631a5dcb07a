"""Rules of trunks and certificates: when a trunk gets one, and what comes of it. Pure.

- A certificate is more runs of the trunk's head, on rows that no screen saw, against the best. While they are
  made the trunk goes on.
- It passes: the best moves to that head, and the steps below merge with it. It fails: the trunk is back at
  the best with whatever stands on it, and what is in flight is rebased as after any move of the head.
- In order a certificate is given before the verdict of a certain ordinal, and that one waits for it: whether
  it passes must not change by how fast slots are.
"""

from math import ceil
from statistics import fmean

from msgspec.structs import replace

from coordinator.domain import Origin, Purpose, State, Verdict
from coordinator.rule_values.trust_rules import Grounds
from coordinator.rules import trust
from coordinator.rules.heads.believed import AUDIT_TRIES, believed_runs, confirmed_by, given, overworked
from coordinator.rules.last_runs import are_kept, runs_left, screens_are_out
from coordinator.rules.lookups import enough_is_proposed, proposes_in
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Division
from coordinator.state.events import AnyEvent, Settled, VerdictGiven
from coordinator.state.lifecycle import next_to_settle
from coordinator.state.noise import noise_of
from coordinator.state.records import Experiment
from evaluator.policies.contract import Choice, Decision
from evaluator.policies.trunk import Trunk
from evaluator.result import Cheated, Crashed, RunResult, outcome_name

LAST_RUNS = 1.3
"""Times the length of a certificate that has to be left where a campaign ends by the clock."""
ON_TRUNK = (State.STEPPED, State.CONFIRMING, State.MEASURED)
"""States of a step that no certificate has decided."""
PER_RUN = 2
"""Agents of a division for each run that a certificate begins with: where there are many, the wait costs more
than a run.
"""


def policy_of_trunks(state: CampaignState) -> Trunk | None:
    """The policy, where it certifies trunks."""
    policy = state.rules.policy
    return policy if isinstance(policy, Trunk) else None


def open_certificate(state: CampaignState, division: Division) -> Experiment | None:
    """The step whose certificate is open, if any."""
    steps = (state.experiments[one.experiment] for one in division.trunk)
    return next((one for one in steps if one.state in (State.CONFIRMING, State.MEASURED)), None)


def begin(state: CampaignState, now: float) -> list[AnyEvent]:
    """A certificate of the first division whose trunk is due; [] where none is. now: seconds since the
    epoch.
    """
    policy = policy_of_trunks(state)
    for division in state.divisions.values():
        if not division.trunk or open_certificate(state, division):
            continue
        if policy is None:
            head = state.experiments[division.trunk[-1].experiment]
            return _fails(head, "the policy has no trunks any more", division.trunk[-1].value)
        steps = len(division.trunk)
        head = state.experiments[division.trunk[-1].experiment]
        fresh = len(_fresh(head))
        ends = _ends(state, division, policy, now)
        if ends or policy.is_due(division.quiet, steps, fresh):
            left = policy.most_runs(len(division.history) - 1) - fresh
            at_once = _at_once(state, division, policy) if ends or policy.is_urgent(steps) else 1
            if ends and state.rules.max_runs:  # there will be none for a second instalment
                at_once = int(min(left, runs_left(state)))
            what = f"a certificate of {steps} step{'s' if steps > 1 else ''}"
            reason = f"{what} {'goes on' if fresh else 'begins'}"
            later = 0 if ends else state.rules.lookahead
            return _more_runs(state, head, reason, max(1, min(at_once, left)), later)
    return []


def _ends(state: CampaignState, division: Division, policy: Trunk, now: float) -> bool:
    """Whether the campaign comes to its end, so that what gets no certificate soon never does."""
    rules = state.rules
    if are_kept(state, division) and not screens_are_out(state, division):
        return True
    if all_is_settled(state) or not proposes_in(state, division):  # nothing more will come on top of it
        return True
    if not rules.max_hours:
        return False
    left = rules.max_hours * 3600 - state.worked(now)
    baseline = [run.seconds for run in state.experiments[division.baseline].counted if run.seconds]
    rounds = ceil(policy.runs / _at_once(state, division, policy))
    return left < LAST_RUNS * rounds * (fmean(baseline) if baseline else 0.0)


def _at_once(state: CampaignState, division: Division, policy: Trunk) -> int:
    """Runs that a certificate is made with at once. In order it must not depend on who is there: there are
    about half as many slots as proposals may be open.
    """
    slots = state.rules.lookahead // 2 or state.present[division.name]
    return max(1, min(policy.runs, slots // PER_RUN))


def stacked_gain(state: CampaignState, experiment: Experiment) -> float | None:
    """How much better a measured variant was than the earlier head it was made from, in the metric's unit,
    where that is enough to put it on the trunk unrun; else None.
    """
    policy, division = policy_of_trunks(state), state.divisions[experiment.division]
    if policy is None or experiment.origin is Origin.BASELINE or not experiment.values:
        return None
    parent = next((head for head in reversed(division.heads) if head.commit == experiment.parent), None)
    if parent is None or state.experiments[parent.experiment].state not in (State.MERGED, *ON_TRUNK):
        return None
    gain = state.rules.metric.gain(parent.value, fmean(experiment.values))
    return gain if policy.stacks(gain, parent.runs, division.sigma or 0.0) else None


def all_is_settled(state: CampaignState) -> bool:
    """Whether every proposal that is ever taken is settled."""
    enough = enough_is_proposed(state.rules, state.proposed)
    return enough and state.settled == len(state.by_ordinal)


def is_awaited(state: CampaignState, division: Division) -> bool:
    """In order: whether the next verdict of the division waits for a certificate or for a refresh run."""
    step = open_certificate(state, division)
    if step is not None and step.due <= state.settled:
        return True
    best = division.best
    runs = state.experiments[best.experiment].runs if best else []
    return any(run.purpose is Purpose.REFRESH and run.result is None for run in runs)


def settle(state: CampaignState) -> list[AnyEvent]:
    """In order: the next ordinal is settled, unless something is awaited before."""
    experiment = next_to_settle(state) if state.rules.settles_one_by_one else None
    if experiment is None or is_awaited(state, state.divisions[experiment.division]):
        return []
    return [Settled(experiment=experiment.experiment)]


def is_given_now(state: CampaignState, experiment: Experiment) -> bool:
    """Whether a certificate whose runs are in is given now, rather than before a later ordinal."""
    at_once = not state.rules.lookahead or policy_of_trunks(state) is None
    return at_once or experiment.due <= state.settled or all_is_settled(state)


def certificate(state: CampaignState, experiment: Experiment) -> list[AnyEvent]:
    """What a certificate comes to whose runs are in: it passes, asks for more, or fails."""
    division, policy = state.divisions[experiment.division], policy_of_trunks(state)
    best = division.best
    if policy is None or best is None:
        value = fmean(experiment.values) if experiment.values else experiment.value or 0.0
        return _fails(experiment, "the policy has no trunks any more", value)
    if experiment.failures:
        return _fails(experiment, _failure(experiment.failures[0]), experiment.value or best.value)
    if refusal := trust.refusal(experiment.measured, state.rules.trust) or overworked(state, experiment):
        return _fails(experiment, refusal, fmean(experiment.values))
    values, results = believed_runs(state, experiment)
    most = policy.longest(len(division.history) - 1)
    if not values:
        if len(experiment.resting) >= most + AUDIT_TRIES:
            return _fails(experiment, "none of its runs could be audited", fmean(experiment.values))
        return _more_runs(state, experiment, "its run could not be audited", 1, state.rules.lookahead)
    grounds = trust.grounds(results)
    decision = _decision(state, experiment, policy, values, 0.0)
    doubt = trust.unproven(grounds.audit, state.rules.trust)
    if decision.choice is Choice.MERGE and doubt:
        proven = _decision(state, experiment, policy, values, doubt)
        why = f"{decision.reason}, but the audit leaves {doubt:.2g} of that unproven"
        decision = decision if proven.choice is Choice.MERGE else replace(proven, reason=why)
    match decision.choice:
        case Choice.CONFIRM if len(experiment.resting) >= most + AUDIT_TRIES:
            why = f"only {len(values)} of its {len(experiment.resting)} runs could be audited"
            return _fails(experiment, why, fmean(values))
        case Choice.CONFIRM:
            return _goes_on(experiment, decision.reason, fmean(values))
        case Choice.MERGE:
            reason, commit = _marked(decision.reason, grounds), experiment.merge_commit
            return [given(experiment, Verdict.MERGE, reason, fmean(values), grounds, commit)]
        case _:
            return _fails(experiment, decision.reason, fmean(values))


def _failure(result: RunResult) -> str:
    """Why a certificate's run has no value, in words."""
    match result.outcome:
        case Cheated(kind=kind, evidence=evidence):
            return f"{kind}: {evidence}"
        case Crashed(kind=kind, message=message):
            return f"its run crashed: {kind.value.replace('_', ' ')}{f', {message}' if message else ''}"
        case _:
            return f"its run came to no value: {outcome_name(result.outcome).replace('_', ' ')}"


def _marked(reason: str, grounds: Grounds) -> str:
    words = f"its certificate passed: {reason}"
    return f"{words} ({grounds.marks})" if grounds.marks else words


def _fails(experiment: Experiment, why: str, value: float) -> list[AnyEvent]:
    return [given(experiment, Verdict.ROLL_BACK, f"its certificate failed: {why}", value)]


def _goes_on(experiment: Experiment, reason: str, value: float) -> list[AnyEvent]:
    """It is not clear yet: the trunk is taken to be worth what its fresh runs say until the next one."""
    return [
        VerdictGiven(
            experiment=experiment.experiment,
            verdict=Verdict.STEP,
            reason=f"its certificate goes on: {reason}",
            value=value,
            estimate=value,
        )
    ]


def _fresh(experiment: Experiment) -> list[float]:
    """Values of its runs on fresh rows."""
    confirmed = [run.value for run in experiment.counted if run.purpose is Purpose.CONFIRM]
    return [value for value in confirmed if value is not None]


def _more_runs(
    state: CampaignState, experiment: Experiment, reason: str, runs: int, later: int
) -> list[AnyEvent]:
    """later: ordinals before the verdict, in order: as many as may be open, so that it holds nobody up, but
    where the campaign ends.
    """
    return confirmed_by(state, experiment, reason, runs, state.settled + later)


def _decision(
    state: CampaignState, experiment: Experiment, policy: Trunk, values: list[float], doubt: float
) -> Decision:
    """doubt: taken off every gain, in the metric's unit."""
    division = state.divisions[experiment.division]
    best = division.best
    assert best is not None  # noqa: S101 - a trunk stands on one
    gains = [state.rules.metric.gain(best.value, value) - doubt for value in values]
    return policy.certify(gains, best.runs, noise_of(division, experiment), len(division.history) - 1)
