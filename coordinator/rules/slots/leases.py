"""Rules of who may run what: leases, their loss, and reports. Pure."""

from msgspec.structs import replace

from coordinator.domain import Origin, Phase, Purpose, State
from coordinator.protocol import Token
from coordinator.rules.budget_cap import fits, run_usd
from coordinator.rules.last_runs import are_kept, runs_left
from coordinator.rules.lookups import division_of
from coordinator.rules.slots.repeats import repeat
from coordinator.rules.slots.slot_runs import check_run
from coordinator.rules.wall_caps import wall_cap
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Agent, Division
from coordinator.state.events import (
    AgentLeft,
    AnyEvent,
    LateReport,
    RunLeased,
    RunLost,
    RunReported,
    WentStale,
)
from coordinator.state.records import Experiment, Run
from evaluator.result import Crashed, CrashKind, Lost, RunResult

KILLED_AGAIN = "its process was killed from outside for the second time"


def lease(state: CampaignState, agent: str, calls_usd: float = 0.0) -> list[AnyEvent]:
    """Give the agent its next run: [RunLeased], possibly after [RunLost] of an earlier life; [WentStale] to
    rebase first; [] to wait. A run that compares its slot with others is queued with it: [RunQueued,
    RunLeased].

    The last runs of a campaign are a certificate's. An agent that already holds a lease keeps it: [].
    calls_usd: set aside for open calls; a run waits while it finds no room beside them.
    """
    division, holder = division_of(state, agent), state.agents[agent]
    if holder.run is not None:
        run = state.runs[holder.run]
        same_life = run.incarnation == holder.card.incarnation
        return [] if same_life else _lost(state, run, "the agent was started anew", charged=True)
    if state.phase is not Phase.RUNNING or holder.set_aside or not runs_left(state):
        return []
    kept = are_kept(state, division)
    if not kept and (check := check_run(state, agent, calls_usd)) is not None:
        return [check, _leased(state, holder, check.run, check.experiment)]
    if not division.queued:
        return []
    run = state.runs[division.next_run]
    if kept and run.purpose is not Purpose.CONFIRM:
        return []
    if not fits(state, run_usd(state.rules, wall_cap(state, run)), calls_usd):
        return []
    if _outdated(state, state.experiments[run.experiment], division):
        return [WentStale(experiment=run.experiment)]
    return [_leased(state, holder, run.run, run.experiment)]


def _leased(state: CampaignState, holder: Agent, run: str, experiment: str) -> RunLeased:
    return RunLeased(
        run=run,
        experiment=experiment,
        agent=holder.card.agent,
        incarnation=holder.card.incarnation,
        token=Token(state.epoch, state.tokens + 1),
    )


def _outdated(state: CampaignState, experiment: Experiment, division: Division) -> bool:
    if (
        state.rules.lookahead
        or experiment.baseline
        or experiment.state is not State.QUEUED
        or experiment.origin is Origin.BASELINE
    ):
        return False
    return division.head is not None and experiment.parent != division.head.commit


def holds(state: CampaignState, agent: str, token: Token) -> Run | None:
    """The run the agent holds under that token, if any."""
    holder = state.agents.get(agent)
    run = state.runs[holder.run] if holder and holder.run else None
    return run if run is not None and run.token == token else None


def release(
    state: CampaignState, agent: str, token: Token, reason: str, charged: bool = False
) -> list[AnyEvent]:
    """A lease ends without a result."""
    run = holds(state, agent, token)
    return _lost(state, run, reason, charged) if run else []


def leave(
    state: CampaignState, agent: str, reason: str, charged: bool = False, lost: bool = False
) -> list[AnyEvent]:
    """An agent goes; a lease it holds is lost. lost: it said no goodbye."""
    holder = state.agents.get(agent)
    if holder is None:
        return []
    events = _lost(state, state.runs[holder.run], reason, charged) if holder.run else []
    return [*events, AgentLeft(agent=agent, reason=reason, lost=lost)] if holder.present else events


def _lost(state: CampaignState, run: Run, reason: str, charged: bool, killed: bool = False) -> list[AnyEvent]:
    assert run.token is not None  # noqa: S101 - a lease has one
    if charged and run.attempts + 1 >= state.rules.max_attempts:
        crash = Crashed(
            CrashKind.NO_RESULT,
            f"its lease was lost {run.attempts + 1} times, the last time because {reason}",
        )
        result = RunResult(run=run.run, outcome=crash, seed=run.seed)
        return [RunReported(run=run.run, experiment=run.experiment, token=run.token, result=result)]
    return [
        RunLost(
            run=run.run,
            experiment=run.experiment,
            token=run.token,
            reason=reason,
            charged=charged,
            killed=killed,
        )
    ]


def in_time(state: CampaignState, agent: str, token: Token, result: RunResult) -> bool:
    """Whether the result answers the lease the agent holds."""
    run = holds(state, agent, token)
    return run is not None and run.run == result.run


def report(
    state: CampaignState, agent: str, token: Token, result: RunResult, gap: float | None
) -> list[AnyEvent]:
    """Take in a result. A repeated report returns []; one whose lease was lost is kept as a LateReport.

    The first kill of an experiment is the machine's fault, the second its own: a program that does not like
    its value could have itself run again otherwise. So is what ``rules.slots.repeats`` says.
    """
    run = state.runs.get(result.run)
    if run is None:
        return []
    if not in_time(state, agent, token, result):
        repeated = run.token == token and run.result is not None
        late = LateReport(run=run.run, experiment=run.experiment, token=token, result=result)
        return [] if repeated else [late]
    if isinstance(result.outcome, Lost):
        lost = result.outcome
        experiment = state.experiments[run.experiment]
        ended_before = (experiment.killed or experiment.needs > 0) and not experiment.baseline
        if not (lost.killed and ended_before):
            return _lost(state, run, lost.reason, charged=lost.reason != "cancelled", killed=lost.killed)
        result = replace(result, outcome=Crashed(CrashKind.NO_RESULT, KILLED_AGAIN))
    if again := repeat(state, run, result):
        return [*again]
    return [RunReported(run=run.run, experiment=run.experiment, token=token, result=result, gap=gap)]
