"""Rules of who may run what: leases, their loss, reports, and how closely the judge is to look. Pure."""

from math import sqrt

from coordinator.domain import Origin, Phase, Purpose, State
from coordinator.protocol import Token
from coordinator.rules import trust
from coordinator.rules.base import Rulebook, seed_of
from coordinator.rules.budget_cap import fits, run_usd
from coordinator.state.events import (
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


class Leasing(Rulebook):
    """From a queued run to its result."""

    def lease(self, agent: str, calls_usd: float = 0.0) -> list[AnyEvent]:
        """Give the agent its next run: [RunLeased], possibly after [RunLost] of an earlier life; [WentStale]
        to rebase first; [] to wait.

        An agent that already holds a lease keeps it: []. calls_usd: set aside for open calls; a run waits
        while it finds no room beside them.
        """
        division = self.division_of(agent)
        known = self.state.agents[agent]
        if known.run is not None:
            run = self.state.runs[known.run]
            return (
                []
                if run.incarnation == known.card.incarnation
                else self._lost(run, "the agent was started anew", charged=True)
            )
        if (
            self.state.phase is not Phase.RUNNING
            or not division.queued
            or not fits(self.state, run_usd(self.rules), calls_usd)
        ):
            return []
        run = self.state.runs[min(division.queued, key=division.queued.__getitem__)]
        experiment = self.state.experiments[run.experiment]
        if self._outdated(experiment, division):
            return [WentStale(experiment=experiment.experiment)]
        token = Token(self.state.epoch, self.state.tokens + 1)
        incarnation = known.card.incarnation
        return [
            RunLeased(
                run=run.run, experiment=run.experiment, agent=agent, incarnation=incarnation, token=token
            )
        ]

    def _outdated(self, experiment: Experiment, division: Division) -> bool:
        if (
            self.rules.lookahead
            or experiment.baseline
            or experiment.state is not State.QUEUED
            or experiment.origin is Origin.BASELINE
        ):
            return False
        return division.best is not None and experiment.parent != division.best.commit

    def audit_plan(self, run: Run) -> AuditPlan:
        """How much of the run's claims the judge is to check.

        In step it depends on what the run's own proposal could see, not on which verdicts came in meanwhile:
        whether a cheat is caught must not hang on how fast other slots are. What is better than the best at
        the verdict is better than any best before it, so none slips through.
        """
        experiment = self.state.experiments[run.experiment]
        division = self.state.divisions[experiment.division]
        lot = seed_of(self.rules.seed, f"audit:{run.run}") / 2**31
        if experiment.baseline:
            return trust.plan(self.rules.trust, None, forced=run is experiment.runs[0], lot=lot)
        seen = max(0, experiment.ordinal - self.rules.lookahead)
        best = division.best_as_of(seen) if self.rules.lookahead else division.best
        forced = best is None or run.purpose in FORCED
        return trust.plan(self.rules.trust, self._screen_bar(division, best) if best else None, forced, lot)

    def of_baseline(self, run: Run, figure: str) -> float | None:
        """The most that a figure of the judge came to in the baseline of the run's division; None while that
        is being measured, or unknown.

        In step it is never told: what the judge does with it depends on how busy a machine is, and the same
        seed must give the same verdicts.
        """
        division = self.state.divisions[self.state.experiments[run.experiment].division]
        if division.best is None or self.rules.lookahead:
            return None
        found = (result.details.get(figure) for result in self.state.experiments[division.baseline].measured)
        return max((value for value in found if isinstance(value, float | int)), default=None)

    def _screen_bar(self, division: Division, best: Best) -> float:
        """A screen run no better than this is rejected, in the metric's unit."""
        slack = max(0.0, -self.rules.policy.screen_z) * (division.sigma or 0.0) * sqrt(1 + 1 / best.runs)
        return best.value + self.rules.metric.gain(slack, 0.0)

    def holds(self, agent: str, token: Token) -> Run | None:
        """The run the agent holds under that token, if any."""
        known = self.state.agents.get(agent)
        run = self.state.runs[known.run] if known and known.run else None
        return run if run is not None and run.token == token else None

    def release(self, agent: str, token: Token, reason: str, charged: bool = False) -> list[AnyEvent]:
        """A lease ends without a result."""
        run = self.holds(agent, token)
        return self._lost(run, reason, charged) if run else []

    def _lost(self, run: Run, reason: str, charged: bool) -> list[AnyEvent]:
        assert run.token is not None  # noqa: S101 - a lease has one
        if charged and run.attempts + 1 >= self.rules.max_attempts:
            crash = Crashed(
                CrashKind.NO_RESULT,
                f"its lease was lost {run.attempts + 1} times, the last time because {reason}",
            )
            result = RunResult(run=run.run, outcome=crash, seed=run.seed)
            return [RunReported(run=run.run, experiment=run.experiment, token=run.token, result=result)]
        return [
            RunLost(run=run.run, experiment=run.experiment, token=run.token, reason=reason, charged=charged)
        ]

    def in_time(self, agent: str, token: Token, result: RunResult) -> bool:
        """Whether the result answers the lease the agent holds."""
        run = self.holds(agent, token)
        return run is not None and run.run == result.run

    def report(self, agent: str, token: Token, result: RunResult, gap: float | None) -> list[AnyEvent]:
        """Take in a result. A repeated report returns []; one whose lease was lost is kept as a
        LateReport.
        """
        run = self.state.runs.get(result.run)
        if run is None:
            return []
        if not self.in_time(agent, token, result):
            repeated = run.token == token and run.result is not None
            return (
                []
                if repeated
                else [LateReport(run=run.run, experiment=run.experiment, token=token, result=result)]
            )
        if isinstance(result.outcome, Lost):
            return self._lost(run, result.outcome.reason, charged=result.outcome.reason != "cancelled")
        return [RunReported(run=run.run, experiment=run.experiment, token=token, result=result, gap=gap)]
