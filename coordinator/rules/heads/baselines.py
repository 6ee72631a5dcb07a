"""Rules of baselines: how one begins, what its verdict is, what ends a campaign whose baseline failed, and
what is to be done then. Pure.

- A baseline rests on the runs that were measured, at least two of them: σ needs two.
- Where it could not be had, the campaign ends. Resumed, it measures another one: whoever starts it again has
  seen to the machine.
"""

from statistics import fmean

from msgspec.structs import replace

from coordinator.domain import Phase, Purpose, State, Verdict
from coordinator.rules import trust
from coordinator.rules.seeds import drawn, queued
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Division
from coordinator.state.events import AnyEvent, CampaignFinished, DivisionOpened, VerdictGiven
from coordinator.state.records import Experiment
from evaluator.result import CrashKind, Limit, TimedOut
from evaluator.wall_caps import MARGIN, needed


def begun(state: CampaignState, division: str, runs: int) -> list[AnyEvent]:
    """The baseline of a division, as so many queued runs. One that begins anew is another experiment, and its
    runs have the seeds of the first.
    """
    plain = f"baseline-{division}"
    names = (plain, *(f"{plain}-{number}" for number in range(2, len(state.experiments) + 3)))
    name = next(name for name in names if name not in state.experiments)
    numbers = range(1, runs + 1)
    return [
        DivisionOpened(division=division, experiment=name),
        *(
            replace(
                queued(state, name, number, Purpose.BASELINE, division),
                seed=drawn(state, f"{plain}.{number}"),
            )
            for number in numbers
        ),
    ]


def begun_anew(state: CampaignState) -> list[AnyEvent]:
    """Another baseline in the first division whose own failed with runs from before the coordinator's last
    start; none where something was merged on it.
    """
    for division in state.divisions.values():
        fresh = len(division.history) <= 1 and state.phase is Phase.RUNNING
        if fresh and _of_before(state, division) and _failed(state, division):
            if division.trunk:
                return _rolled_back(division)
            return begun(state, division.name, state.rules.baseline_runs)
    return []


def _rolled_back(division: Division) -> list[AnyEvent]:
    """What stands on a baseline that is measured anew does not count."""
    head = division.trunk[-1]
    why = "its certificate failed: the baseline is measured anew"
    return [VerdictGiven(experiment=head.experiment, verdict=Verdict.ROLL_BACK, reason=why, value=head.value)]


def _of_before(state: CampaignState, division: Division) -> bool:
    """Whether no run of its baseline was leased since the coordinator's last start."""
    runs = state.experiments[division.baseline].counted
    return all(run.token is None or run.token.epoch < state.epoch for run in runs)


def baseline_verdict(state: CampaignState, experiment: Experiment) -> list[AnyEvent]:
    """The baseline is the user's own program: nobody cheats with it, and it has its commit. Where it could
    not be believed, ``abandon`` ends the campaign.
    """
    failed = len(experiment.counted) - len(experiment.measured)
    reason = f"the unmodified surface over {len(experiment.values)} runs"
    return [
        VerdictGiven(
            experiment=experiment.experiment,
            verdict=Verdict.MERGE,
            reason=f"{reason}; {failed} more failed" if failed else reason,
            value=fmean(experiment.values),
            commit=state.start.commit,
            grounds=trust.baseline_grounds(experiment.measured),
        )
    ]


def abandon(state: CampaignState) -> list[AnyEvent]:
    """End a campaign whose baseline failed, or was measured where nothing can merge: nothing can be compared,
    or nothing can come of it.
    """
    if state.phase is Phase.FINISHED:
        return []
    for division in state.divisions.values():
        if why := _failed(state, division):
            return [CampaignFinished(reason=f"the baseline of {division.name} {why}", failed=True)]
    return []


def remedy(state: CampaignState) -> str:
    """What to do about a campaign that ended for want of a baseline; empty where it did not."""
    if not state.failed:
        return ""
    for division in state.divisions.values():
        if _failed(state, division):
            return f"{_advice(state, division)}. The same command then measures the baseline anew."
    return ""


def _failed(state: CampaignState, division: Division) -> str:
    baseline = state.experiments[division.baseline]
    if baseline.state in (State.CRASHED, State.CHEATED):
        return f"gave no value: {baseline.reason}"
    why = trust.unmergeable(baseline.measured, state.rules.trust) if baseline.state.final else ""
    return f"was {why}" if why else ""


def _advice(state: CampaignState, division: Division) -> str:
    """By what failed it."""
    baseline = state.experiments[division.baseline]
    slow = [
        max(needed(state.rules.budget, result), result.outcome.seconds)
        for result in baseline.failures
        if isinstance(result.outcome, TimedOut) and result.outcome.limit is Limit.WALL_CAP
    ]
    if baseline.state is State.MERGED:
        return "Do what it says, or use a machine with a better sandbox (`autoswarm doctor`)"
    if slow:
        return (
            f"Give a run more time (task.wall_cap={MARGIN * max(slow):.0f}), or the machine less other work"
        )
    log = f"`autoswarm logs {baseline.experiment} -c {state.start.campaign}`"
    if baseline.failure == CrashKind.OUT_OF_MEMORY.value:
        return f"Free memory, or use fewer slots (slots.count); {log} shows what it said"
    return f"See why with {log}; a train.py that is at fault is corrected and searched with --new"
