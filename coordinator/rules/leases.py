"""Rules of who may run what: leases, their loss, reports, and how closely the judge is to look. Pure."""

from coordinator.domain import Origin, Phase, Purpose, State
from coordinator.protocol import Token
from coordinator.rules import trust
from coordinator.rules.base import division_of, horizon_of, seed_of
from coordinator.rules.budget_cap import fits, run_usd
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import (
    AgentLeft,
    AnyEvent,
    LateReport,
    RunLeased,
    RunLost,
    RunReported,
    WentStale,
)
from coordinator.state.records import Best, Division, Experiment, Run
from evaluator.audit_plan import AuditPlan
from evaluator.result import Crashed, CrashKind, Lost, RunResult

FORCED = (Purpose.CONFIRM, Purpose.RETEST, Purpose.COMBINE)
"""A merge may rest on any of these runs, so all of them are audited in full."""


def lease(state: CampaignState, agent: str, calls_usd: float = 0.0) -> list[AnyEvent]:
    """Give the agent its next run: [RunLeased], possibly after [RunLost] of an earlier life; [WentStale] to
    rebase first; [] to wait.

    An agent that already holds a lease keeps it: []. calls_usd: set aside for open calls; a run waits while
    it finds no room beside them.
    """
    division, holder = division_of(state, agent), state.agents[agent]
    if holder.run is not None:
        run = state.runs[holder.run]
        same_life = run.incarnation == holder.card.incarnation
        return [] if same_life else _lost(state, run, "the agent was started anew", charged=True)
    if (
        state.phase is not Phase.RUNNING
        or not division.queued
        or not fits(state, run_usd(state.rules), calls_usd)
    ):
        return []
    run = state.runs[min(division.queued, key=division.queued.__getitem__)]
    if _outdated(state, state.experiments[run.experiment], division):
        return [WentStale(experiment=run.experiment)]
    return [
        RunLeased(
            run=run.run,
            experiment=run.experiment,
            agent=agent,
            incarnation=holder.card.incarnation,
            token=Token(state.epoch, state.tokens + 1),
        )
    ]


def _outdated(state: CampaignState, experiment: Experiment, division: Division) -> bool:
    if (
        state.rules.lookahead
        or experiment.baseline
        or experiment.state is not State.QUEUED
        or experiment.origin is Origin.BASELINE
    ):
        return False
    return division.best is not None and experiment.parent != division.best.commit


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


def leave(state: CampaignState, agent: str, reason: str, charged: bool = False) -> list[AnyEvent]:
    """An agent goes; a lease it holds is lost."""
    holder = state.agents.get(agent)
    if holder is None:
        return []
    events = _lost(state, state.runs[holder.run], reason, charged) if holder.run else []
    return [*events, AgentLeft(agent=agent, reason=reason)] if holder.present else events


def _lost(state: CampaignState, run: Run, reason: str, charged: bool) -> list[AnyEvent]:
    assert run.token is not None  # noqa: S101 - a lease has one
    if charged and run.attempts + 1 >= state.rules.max_attempts:
        crash = Crashed(
            CrashKind.NO_RESULT,
            f"its lease was lost {run.attempts + 1} times, the last time because {reason}",
        )
        result = RunResult(run=run.run, outcome=crash, seed=run.seed)
        return [RunReported(run=run.run, experiment=run.experiment, token=run.token, result=result)]
    return [RunLost(run=run.run, experiment=run.experiment, token=run.token, reason=reason, charged=charged)]


def in_time(state: CampaignState, agent: str, token: Token, result: RunResult) -> bool:
    """Whether the result answers the lease the agent holds."""
    run = holds(state, agent, token)
    return run is not None and run.run == result.run


def report(
    state: CampaignState, agent: str, token: Token, result: RunResult, gap: float | None
) -> list[AnyEvent]:
    """Take in a result. A repeated report returns []; one whose lease was lost is kept as a LateReport."""
    run = state.runs.get(result.run)
    if run is None:
        return []
    if not in_time(state, agent, token, result):
        repeated = run.token == token and run.result is not None
        late = LateReport(run=run.run, experiment=run.experiment, token=token, result=result)
        return [] if repeated else [late]
    if isinstance(result.outcome, Lost):
        return _lost(state, run, result.outcome.reason, charged=result.outcome.reason != "cancelled")
    return [RunReported(run=run.run, experiment=run.experiment, token=token, result=result, gap=gap)]


# ---------------------------------------------------------------------- what goes with a lease


def audit_plan(state: CampaignState, run: Run) -> AuditPlan:
    """How much of the run's claims the judge is to check.

    In order it depends on what the run's own proposal could see, not on which verdicts came in meanwhile:
    whether a cheat is caught must not depend on how fast other slots are. What is better than the best at the
    verdict is better than any best before it, so none slips through.
    """
    experiment = state.experiments[run.experiment]
    division, rules = state.divisions[experiment.division], state.rules
    draw = seed_of(rules.seed, f"audit:{run.run}") / 2**31
    if experiment.baseline:
        return trust.plan(rules.trust, None, forced=run is experiment.runs[0], draw=draw)
    best = division.best_as_of(horizon_of(state, experiment.ordinal)) if rules.lookahead else division.best
    forced = best is None or run.purpose in FORCED
    return trust.plan(rules.trust, _screen_bar(state, division, best) if best else None, forced, draw)


def _screen_bar(state: CampaignState, division: Division, best: Best) -> float:
    """A screen run no better than this is rejected, in the metric's unit."""
    bar = state.rules.policy.screen_bar(best.runs, division.sigma or 0.0)
    return state.rules.metric.improved(best.value, bar)


def baseline_detail(state: CampaignState, run: Run, detail: str) -> float | None:
    """The most that a number the judge noted came to in the baseline of the run's division; None while that
    is being measured, or unknown.

    In order it is never given: what the judge does with it depends on how busy a machine is, and the same
    seed must give the same verdicts.
    """
    division = state.divisions[state.experiments[run.experiment].division]
    if division.best is None or state.rules.lookahead:
        return None
    values = (result.details.get(detail) for result in state.experiments[division.baseline].measured)
    return max((value for value in values if isinstance(value, float | int)), default=None)
