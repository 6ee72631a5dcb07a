"""What steps, certificates and refresh runs change. Called by ``CampaignState.apply`` only."""

from msgspec.structs import replace

from coordinator.domain import State
from coordinator.state import queues
from coordinator.state.divisions import Best, Division
from coordinator.state.events import VerdictGiven
from coordinator.state.facts import Facts
from coordinator.state.lifecycle import InvalidTransition, finish, settle, step
from coordinator.state.noise import pool
from coordinator.state.records import Experiment, Run
from evaluator.result import Cheated


def advance(facts: Facts, experiment: Experiment, event: VerdictGiven, at: float) -> None:
    """The trunk goes on from a variant. Raises InvalidTransition where that is not made from its head."""
    division = facts.divisions[experiment.division]
    head = division.head
    if head is None or experiment.parent != head.commit or event.estimate is None:
        raise InvalidTransition(experiment.experiment, "a step beside the trunk", experiment.story)
    step(facts, experiment, State.STEPPED)
    experiment.stepped, experiment.step_value = True, event.value
    experiment.merge_commit, experiment.reason = event.commit, event.reason
    facts.digests[event.commit] = experiment.digest
    division.trunk.append(
        Best(
            experiment=experiment.experiment,
            ordinal=experiment.ordinal,
            commit=event.commit,
            value=event.estimate,
            runs=1,
            at=at,
            since=experiment.ordinal,
            sigma=division.sigma,
        )
    )
    moved(division)
    settle(facts)


def hold(facts: Facts, experiment: Experiment, event: VerdictGiven) -> None:
    """A step was run on fresh rows and it is not clear yet: it is taken to be worth what these say, and what
    stands on it goes by that. Raises InvalidTransition where it is no step of the trunk.
    """
    division = facts.divisions[experiment.division]
    names = [one.experiment for one in division.trunk]
    if event.estimate is None or experiment.experiment not in names:
        raise InvalidTransition(experiment.experiment, "held beside the trunk", experiment.story)
    step(facts, experiment, State.STEPPED)
    experiment.reason = event.reason
    pool(division, experiment, facts.settled + 1)
    at = names.index(experiment.experiment)
    luck = facts.metric.gain(event.estimate, division.trunk[at].value)
    later = [
        replace(
            one,
            value=facts.metric.improved(one.value, -luck),
            runs=len(experiment.values) if one is division.trunk[at] else one.runs,
            since=facts.settled + 1,
            sigma=division.sigma,
        )
        for one in division.trunk[at:]
    ]
    division.trunk[at:] = later
    division.heads.extend(later)


def certify(facts: Facts, experiment: Experiment, event: VerdictGiven, at: float) -> None:
    """The best moves to a step; those below it merge with it. Raises InvalidTransition where it is none."""
    division = facts.divisions[experiment.division]
    names = [one.experiment for one in division.trunk]
    best = division.best
    if best is None or event.value is None or experiment.experiment not in names:
        raise InvalidTransition(experiment.experiment, "a certificate beside the trunk", experiment.story)
    stack = division.trunk[: names.index(experiment.experiment) + 1]
    luck = facts.metric.gain(event.value, stack[-1].value)
    division.trunk = [
        replace(one, value=facts.metric.improved(one.value, -luck)) for one in division.trunk[len(stack) :]
    ]
    whole = facts.metric.gain(best.value, event.value)
    claimed = [
        facts.metric.gain(before.value, one.value)
        for before, one in zip([best, *stack[:-1]], stack, strict=True)
    ]
    shares = claimed if min(claimed) > 0 else [1.0] * len(stack)
    pool(division, experiment, facts.settled + 1)
    passed = Best(
        experiment=experiment.experiment,
        ordinal=experiment.ordinal,
        commit=stack[-1].commit,
        value=event.value,
        runs=event.grounds.runs if event.grounds else len(experiment.values),
        at=at,
        since=facts.settled + 1,
        sigma=division.sigma,
        brought=all(facts.experiments[one.experiment].transfers for one in stack),
    )
    for one, share in zip(stack, shares, strict=True):
        member = facts.experiments[one.experiment]
        member.gain = whole * share / sum(shares)
        member.resolved = facts.settled + 1
        facts.resolutions.append(one.experiment)
        below = f"merged below {experiment.experiment}, whose certificate passed"
        reason = event.reason if member is experiment else below
        finish(facts, member, State.MERGED, reason, at)
    experiment.grounds = event.grounds
    division.history.append(passed)
    division.doubtful = ""
    division.heads.append(passed)
    division.heads.extend(replace(one, since=passed.since) for one in division.trunk)
    if not division.trunk:
        moved(division, keep_head=True)


def roll_back(facts: Facts, division: Division, cause: Experiment, at: float) -> None:
    """The trunk is back at the best. cause: whose certificate failed. Raises InvalidTransition for one beside
    it.
    """
    steps, division.trunk = division.trunk, []
    if cause.experiment not in [one.experiment for one in steps]:
        raise InvalidTransition(cause.experiment, "rolled back beside the trunk", cause.story)
    pool(division, cause, facts.settled + 1)
    for one in steps:
        member = facts.experiments[one.experiment]
        member.resolved, member.merge_commit = facts.settled + 1, ""
        facts.resolutions.append(one.experiment)
        if not member.state.final:
            queues.take_all(facts, member)
            reason = member.reason if member is cause else f"the certificate of {cause.experiment} failed"
            finish(facts, member, _end_of(member), reason, at)
    if division.best is not None:
        division.heads.append(replace(division.best, since=facts.settled + 1, sigma=division.sigma))
    moved(division)


def _end_of(member: Experiment) -> State:
    """Of a step that is rolled back: what its own certificate found, else that."""
    outcomes = [result.outcome for result in member.failures]
    if any(isinstance(outcome, Cheated) for outcome in outcomes):
        member.failure = "cheated"
        return State.CHEATED
    return State.ROLLED_BACK


def refreshed(facts: Facts, run: Run) -> None:
    """The best was run once more; where another is the best by now, nothing follows."""
    division = facts.divisions[facts.experiments[run.experiment].division]
    best = division.best
    if best is None or run.value is None or best.experiment != run.experiment:
        return
    if run.slot in division.disbelieved:
        return
    pool(division, facts.experiments[run.experiment], facts.settled + 1)
    runs = 0 if division.doubtful else best.runs
    division.doubtful = ""
    value = (best.value * runs + run.value) / (runs + 1)
    again = replace(best, value=value, runs=runs + 1, since=facts.settled + 1, sigma=division.sigma)
    division.history[-1] = replace(again, since=best.since)
    if facts.experiments[run.experiment].baseline and not facts.rules.lookahead:  # in order briefs tell it
        facts.experiments[run.experiment].value = value
    if not division.trunk:
        division.heads.append(again)


def moved(division: Division, *, keep_head: bool = False) -> None:
    """The head is another, or is worth something else, and what was counted since begins anew."""
    if not keep_head and division.trunk:
        division.heads.append(division.trunk[-1])
    division.quiet, division.refreshed = 0, 0
