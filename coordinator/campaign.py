"""The rules of a campaign: what may happen next. Commands read the state and return events; nothing here changes anything.

- Pure: no clock, no randomness, no disk, no network. ``now`` is seconds since the epoch and an argument.
- Every command may be repeated: what is already so returns no events.
- With ``lookahead`` N > 0 verdicts fall in the order of proposal and proposal n is made from exactly the verdicts up to n - N, so the same seed
  gives the same verdicts however fast each slot is, and through any number of restarts.
"""

import hashlib
from math import sqrt
from statistics import fmean
from typing import assert_never

from msgspec.structs import replace

from coordinator import trust
from coordinator.domain import Phase, Purpose, Refusal, State, Verdict
from coordinator.events import (
    AgentJoined,
    AgentLeft,
    AnyEvent,
    CampaignDraining,
    CampaignFinished,
    CampaignResumed,
    DivisionOpened,
    EpochBegan,
    ExperimentProposed,
    LateReport,
    ProposalRefused,
    Rebased,
    Rules,
    RulesChanged,
    RunLeased,
    RunLost,
    RunQueued,
    RunReported,
    VerdictGiven,
    WentStale,
)
from coordinator.protocol import AgentCard, Brief, Proposal, Token, Tried, Wait
from coordinator.records import Best, Division, Experiment, Run, value_of
from coordinator.state import CampaignState
from coordinator.trust import Standing
from evaluator.acceptance import Choice, Decision, decide
from evaluator.audit_plan import AuditPlan
from evaluator.result import Crashed, CrashKind, Lost, RunResult

GOLDEN = 0.6180339887498949
"""Fractional part of the golden ratio: its multiples fill the unit interval evenly, so arms get their shares without drawing lots."""


AUDIT_TRIES = 2
"""Runs asked for beyond the usual ones where a better variant has too few that could be audited: a twin that fails twice more will go on failing."""
FORCED = (Purpose.CONFIRM, Purpose.RETEST, Purpose.COMBINE)
"""A merge may rest on any of these runs, so all of them are audited in full."""


class UnknownAgentError(ConnectionError):
    """The agent must join (again) first."""


class RulesMismatchError(ValueError):
    """The campaign was started with another metric or budget; its values would not compare."""


class Campaign:
    """Commands over a state."""

    def __init__(self, state: CampaignState) -> None:
        self.state = state

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self.state.start.rules

    # ------------------------------------------------------------------ campaign

    def begin(self, rules: Rules, now: float) -> list[AnyEvent]:
        """A new epoch of the coordinator. Raises RulesMismatchError."""
        if (rules.metric, rules.budget) != (self.rules.metric, self.rules.budget):
            raise RulesMismatchError("the campaign was started with another metric or budget")
        events: list[AnyEvent] = [EpochBegan(epoch=self.state.epoch + 1)]
        if rules != self.rules:
            events.append(RulesChanged(rules=rules))
        if self.state.phase is not Phase.RUNNING and not self._limit(rules, now):
            events.append(CampaignResumed())
        return events

    def limits(self, now: float) -> list[AnyEvent]:
        """End the campaign where a limit says so, or where draining has come to its end."""
        match self.state.phase:
            case Phase.FINISHED:
                return []
            case Phase.DRAINING:
                idle = not any(agent.run for agent in self.state.agents.values())
                return [CampaignFinished(reason=self.state.phase_reason)] if idle else []
            case Phase.RUNNING:
                reason = self._limit(self.rules, now)
                return [CampaignDraining(reason=reason)] if reason else []
            case _:
                assert_never(self.state.phase)

    def _limit(self, rules: Rules, now: float) -> str:
        tried = len(self.state.by_ordinal)
        if 0 < rules.max_experiments <= tried and not self.state.live:
            return f"campaign.max_experiments reached: {tried} experiments"
        if 0 < rules.max_hours * 3600 <= self.state.worked(now):
            return f"campaign.max_hours reached: {rules.max_hours:g} h"
        return ""

    def drain(self, reason: str) -> list[AnyEvent]:
        """Take no new work."""
        return [CampaignDraining(reason=reason)] if self.state.phase is Phase.RUNNING else []

    # ------------------------------------------------------------------ agents

    def join(self, card: AgentCard) -> list[AnyEvent]:
        """An agent is there; the first of a division opens it with a baseline."""
        known = self.state.agents.get(card.agent)
        events: list[AnyEvent] = []
        if known is None or not known.present or known.card != card:
            events.append(AgentJoined(card=card))
        if card.division not in self.state.divisions:
            baseline = f"baseline-{card.division}"
            events.append(DivisionOpened(division=card.division, experiment=baseline))
            events += [self._queued(baseline, number, Purpose.BASELINE) for number in range(1, self.rules.baseline_runs + 1)]
        return events

    def leave(self, agent: str, reason: str, charged: bool = False) -> list[AnyEvent]:
        """An agent goes; a lease it holds is lost."""
        known = self.state.agents.get(agent)
        if known is None:
            return []
        events = self._lost(self.state.runs[known.run], reason, charged) if known.run else []
        return [*events, AgentLeft(agent=agent, reason=reason)] if known.present else events

    # ------------------------------------------------------------------ proposals

    def brief(self, agent: str, thinking: int) -> Brief | Wait:
        """What to think about next, without the parent's source. thinking: other agents of the division that hold a brief now."""
        division = self._division(agent)
        if self.state.phase is not Phase.RUNNING:
            return Wait(self.state.phase_reason, stop=self.state.phase is Phase.FINISHED)
        if 0 < self.rules.max_experiments <= len(self.state.by_ordinal) + thinking:
            return Wait("enough is proposed")
        if self.rules.lookahead:
            return self._brief_in_step(division, thinking)
        present = sum(other.present and other.card.division == division.name for other in self.state.agents.values())
        if division.screens + thinking >= present * self.rules.ahead:
            return Wait("enough proposals are ready")
        tried, running = self.state.finished[-self.rules.history :], list(self.state.live)
        return self._brief(division, f"{agent}:{thinking}", thinking, division.best, tried, running)

    def _brief_in_step(self, division: Division, thinking: int) -> Brief | Wait:
        seen = max(0, len(self.state.by_ordinal) + 1 - self.rules.lookahead)
        if thinking or self.state.settled < seen or division.best is None:
            return Wait("earlier experiments have no verdict yet")
        tried, running = self.state.by_ordinal[max(0, seen - self.rules.history) : seen], self.state.by_ordinal[seen:]
        return self._brief(division, "", 0, division.best_as_of(seen), tried, running)

    def _brief(self, division: Division, salt: str, turn: int, best: Best | None, tried: list[str], running: list[str]) -> Brief:
        ordinal = len(self.state.by_ordinal) + 1
        start = self.state.experiments[division.baseline]
        return Brief(
            ordinal=ordinal,
            seed=_seed(self.rules.seed, f"brief:{ordinal}:{self.state.refused}:{salt}"),
            arm=self._arm(ordinal + turn),
            division=division.name,
            metric=self.rules.metric,
            parent=best.commit if best else self.state.start.commit,
            source="",
            baseline=start.value,
            best=best.value if best else None,
            sigma=division.sigma,
            tried=[
                *(_tried(self.state.experiments[name], told=True) for name in tried if self._tells(name, division)),
                *(_turned_away(event) for event in self.state.turned_away if event.division == division.name),
            ],
            running=[_tried(self.state.experiments[name], told=False) for name in running if self._tells(name, division)],
        )

    def _tells(self, name: str, division: Division) -> bool:
        experiment = self.state.experiments[name]
        return experiment.division == division.name and not experiment.baseline

    def _arm(self, turn: int) -> str:
        arms = self.rules.arms
        point = turn * GOLDEN % 1 * sum(arm.weight for arm in arms)
        for arm in arms:
            point -= arm.weight
            if point < 0:
                return arm.name
        return arms[-1].name

    def refuse(self, agent: str, proposal: Proposal, digest: str) -> ProposalRefused | None:
        """Why the proposal costs no training, or None when it is welcome."""
        division = self._division(agent)
        if self.state.phase is not Phase.RUNNING:
            return self._refused(agent, proposal, Refusal.CLOSED, self.state.phase_reason)
        if self.rules.lookahead and proposal.ordinal != len(self.state.by_ordinal) + 1:
            return self._refused(agent, proposal, Refusal.STALE_BRIEF, f"experiment {proposal.ordinal} was proposed already")
        if digest == self.state.digests.get(proposal.parent):
            return self._refused(agent, proposal, Refusal.NO_OP, "the program is the same as its parent")
        known = self.state.known.get((division.name, digest))
        if known is not None:
            return self._refused(agent, proposal, Refusal.DUPLICATE, f"the same program as {known}", known)
        return None

    def refused(self, agent: str, proposal: Proposal, refusal: Refusal, reason: str) -> ProposalRefused:
        """A refusal that was found by looking at the text."""
        return self._refused(agent, proposal, refusal, reason)

    def _refused(self, agent: str, proposal: Proposal, refusal: Refusal, reason: str, known: str = "") -> ProposalRefused:
        return ProposalRefused(
            agent=agent,
            arm=proposal.arm,
            proposal=proposal.proposal,
            division=self.state.agents[agent].card.division,
            refusal=refusal,
            reason=reason,
            known=known,
            title=proposal.title,
            settings=proposal.settings,
        )

    def propose(self, agent: str, proposal: Proposal, digest: str) -> tuple[ExperimentProposed, RunQueued]:
        """Accept a proposal that ``refuse`` had nothing against. The commit is filled in by the shell."""
        ordinal = len(self.state.by_ordinal) + 1
        experiment = f"e{ordinal:05d}"
        accepted = ExperimentProposed(
            experiment=experiment,
            ordinal=ordinal,
            division=self._division(agent).name,
            arm=proposal.arm,
            agent=agent,
            proposal=proposal.proposal,
            parent=proposal.parent,
            commit="",
            digest=digest,
            title=proposal.title,
            hypothesis=proposal.hypothesis,
            settings=proposal.settings,
        )
        return accepted, self._queued(experiment, 1, Purpose.SCREEN)

    # ------------------------------------------------------------------ leases

    def lease(self, agent: str) -> list[AnyEvent]:
        """Give the agent its next run: [RunLeased], possibly after [RunLost] of an earlier life; [WentStale] to rebase first; [] to wait.

        An agent that already holds a lease keeps it: [].
        """
        division = self._division(agent)
        known = self.state.agents[agent]
        if known.run is not None:
            run = self.state.runs[known.run]
            return [] if run.incarnation == known.card.incarnation else self._lost(run, "the agent was started anew", charged=True)
        if self.state.phase is not Phase.RUNNING or not division.queued:
            return []
        run = self.state.runs[min(division.queued, key=division.queued.__getitem__)]
        experiment = self.state.experiments[run.experiment]
        if self._outdated(experiment, division):
            return [WentStale(experiment=experiment.experiment)]
        token = Token(self.state.epoch, self.state.tokens + 1)
        incarnation = known.card.incarnation
        return [RunLeased(run=run.run, experiment=run.experiment, agent=agent, incarnation=incarnation, token=token)]

    def _outdated(self, experiment: Experiment, division: Division) -> bool:
        if self.rules.lookahead or experiment.baseline or experiment.state is not State.QUEUED:
            return False
        return division.best is not None and experiment.parent != division.best.commit

    def audit_plan(self, run: Run) -> AuditPlan:
        """How much of the run's claims the judge is to check.

        In step it depends on what the run's own proposal could see, not on which verdicts came in meanwhile: whether a cheat is caught must not hang
        on how fast other slots are. What is better than the best at the verdict is better than any best before it, so none slips through.
        """
        experiment = self.state.experiments[run.experiment]
        division = self.state.divisions[experiment.division]
        lot = _seed(self.rules.seed, f"audit:{run.run}") / 2**31
        if experiment.baseline:
            return trust.plan(self.rules.trust, None, forced=run is experiment.runs[0], lot=lot)
        seen = max(0, experiment.ordinal - self.rules.lookahead)
        best = division.best_as_of(seen) if self.rules.lookahead else division.best
        forced = best is None or run.purpose in FORCED
        return trust.plan(self.rules.trust, self._screen_bar(division, best) if best else None, forced, lot)

    def of_baseline(self, run: Run, figure: str) -> float | None:
        """The most that a figure of the judge came to in the baseline of the run's division; None while that is being measured, or unknown.

        In step it is never told: what the judge does with it depends on how busy a machine is, and the same seed must give the same verdicts.
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
            crash = Crashed(CrashKind.NO_RESULT, f"its lease was lost {run.attempts + 1} times, the last time because {reason}")
            result = RunResult(run=run.run, outcome=crash, seed=run.seed)
            return [RunReported(run=run.run, experiment=run.experiment, token=run.token, result=result)]
        return [RunLost(run=run.run, experiment=run.experiment, token=run.token, reason=reason, charged=charged)]

    def in_time(self, agent: str, token: Token, result: RunResult) -> bool:
        """Whether the result answers the lease the agent holds."""
        run = self.holds(agent, token)
        return run is not None and run.run == result.run

    def report(self, agent: str, token: Token, result: RunResult, gap: float | None) -> list[AnyEvent]:
        """Take in a result. A repeated report returns []; one whose lease was lost is kept as a LateReport."""
        run = self.state.runs.get(result.run)
        if run is None:
            return []
        if not self.in_time(agent, token, result):
            repeated = run.token == token and run.result is not None
            return [] if repeated else [LateReport(run=run.run, experiment=run.experiment, token=token, result=result)]
        if isinstance(result.outcome, Lost):
            return self._lost(run, result.outcome.reason, charged=result.outcome.reason != "cancelled")
        return [RunReported(run=run.run, experiment=run.experiment, token=token, result=result, gap=gap)]

    # ------------------------------------------------------------------ verdicts

    def decide(self) -> list[AnyEvent]:
        """The next verdict that is due, with the runs it asks for; [] when none is. A merge's commit is filled in by the shell."""
        experiment = self._due()
        return self._verdict(experiment) if experiment else []

    def _due(self) -> Experiment | None:
        for name in self.state.undecided:
            experiment = self.state.experiments[name]
            if experiment.baseline:
                return experiment
            in_turn = not self.rules.lookahead or experiment.ordinal == self.state.settled + 1
            if in_turn and self.state.divisions[experiment.division].best is not None:
                return experiment
        return None

    def _verdict(self, experiment: Experiment) -> list[AnyEvent]:
        best = self.state.divisions[experiment.division].best
        if best is None:
            return self._baseline_verdict(experiment)
        decision = self._decision(experiment, best, experiment.values)
        refusal = trust.refusal(experiment.measured, self.rules.trust)
        if decision.choice is Choice.REJECT:
            return [self._given(experiment, Verdict.REJECT, decision.reason)]
        if refusal:
            return [self._given(experiment, Verdict.REJECT, f"{decision.reason}, but {refusal}")]
        if experiment.parent != best.commit:
            return [self._given(experiment, Verdict.RETEST, f"{decision.reason}; its parent is stale")]
        if decision.choice is Choice.CONFIRM:
            return self._confirm(experiment, decision.reason, self.rules.policy.confirm_runs)
        return self._merge_verdict(experiment, best)

    def _baseline_verdict(self, experiment: Experiment) -> list[AnyEvent]:
        """The baseline is the user's own program: nobody cheats with it. Where it could not be believed, ``surrender`` ends the campaign."""
        reason = f"the unmodified surface over {len(experiment.values)} runs"
        given = self._given(experiment, Verdict.MERGE, reason)
        return [replace(given, commit=self.state.start.commit, grounds=trust.baseline_grounds(experiment.measured))]

    def _merge_verdict(self, experiment: Experiment, best: Best) -> list[AnyEvent]:
        """What becomes of a variant that is better: a merge by its believed runs alone, more runs where those are too few, or a rejection."""
        believed = [each for each in experiment.measured if trust.standing(each, self.rules.trust) is Standing.BELIEVED]
        missing = self.rules.policy.confirm_runs + 1 - len(believed)
        if missing > 0:
            return self._ask_for_audits(experiment, best, len(believed), missing)
        values = [value_of(each) for each in believed]
        decision = self._decision(experiment, best, values)
        grounds = trust.grounds(believed)
        reason = f"{decision.reason} ({grounds.marks})" if grounds.marks else decision.reason
        given = self._given(experiment, Verdict(decision.choice.value), reason)
        return [replace(given, value=fmean(values), grounds=grounds)]

    def _ask_for_audits(self, experiment: Experiment, best: Best, believed: int, missing: int) -> list[AnyEvent]:
        """More runs, audited in full, for a better variant of which too few were; a rejection where that was tried."""
        reason = self._decision(experiment, best, experiment.values).reason
        share = f"{believed} of its {len(experiment.values)} runs"
        if len(experiment.counted) > self.rules.policy.confirm_runs + AUDIT_TRIES:
            return [self._given(experiment, Verdict.REJECT, f"{reason}, but only {share} could be audited: trust.mode=off would believe it")]
        return self._confirm(experiment, f"{reason}, but only {share} were audited", missing)

    def _decision(self, experiment: Experiment, best: Best, values: list[float]) -> Decision:
        noise = self.state.divisions[experiment.division].sigma or 0.0
        return decide([self.rules.metric.gain(best.value, each) for each in values], best.runs, noise, self.rules.policy)

    def _given(self, experiment: Experiment, verdict: Verdict, reason: str) -> VerdictGiven:
        return VerdictGiven(experiment=experiment.experiment, verdict=verdict, reason=reason, value=fmean(experiment.values))

    def _confirm(self, experiment: Experiment, reason: str, runs: int) -> list[AnyEvent]:
        first = len(experiment.runs) + 1
        queued = [self._queued(experiment.experiment, first + more, Purpose.CONFIRM) for more in range(runs)]
        return [self._given(experiment, Verdict.CONFIRM, reason), *queued]

    def best_for(self, experiment: Experiment) -> Best:
        """The best of the experiment's division. Raises LookupError before its baseline is measured."""
        best = self.state.divisions[experiment.division].best
        if best is None:
            raise LookupError(f"division {experiment.division} has no best yet")
        return best

    def rebased(self, experiment: str, commit: str, digest: str) -> list[AnyEvent]:
        """A stale experiment's edit applies to the best; it is run again there, or rejected when nothing new is left of it."""
        stale = self.state.experiments[experiment]
        best = self.best_for(stale)
        known = self.state.known.get((stale.division, digest))
        if digest == self.state.digests[best.commit] or known not in (None, experiment):
            return self.conflict(experiment, f"on the best it is the same program as {known or best.experiment}")
        purpose = Purpose.RETEST if stale.verdict is Verdict.RETEST else Purpose.SCREEN
        moved = Rebased(experiment=experiment, parent=best.commit, commit=commit, digest=digest)
        return [moved, self._queued(experiment, len(stale.runs) + 1, purpose)]

    def conflict(self, experiment: str, reason: str) -> list[AnyEvent]:
        """A stale experiment's edit does not apply to the best."""
        value = self.state.experiments[experiment].value
        return [VerdictGiven(experiment=experiment, verdict=Verdict.REJECT, reason=reason, value=value)]

    def surrender(self) -> list[AnyEvent]:
        """End a campaign whose baseline failed, or was measured where nothing can merge: nothing can be compared, or nothing can come of it."""
        if self.state.phase is Phase.FINISHED:
            return []
        for division in self.state.divisions.values():
            why = self._hopeless(self.state.experiments[division.baseline])
            if why:
                return [CampaignFinished(reason=f"the baseline of {division.name} {why}", failed=True)]
        return []

    def _hopeless(self, baseline: Experiment) -> str:
        if baseline.state in (State.CRASHED, State.CHEATED):
            return f"gave no value: {baseline.reason}"
        why = trust.hopeless(baseline.measured, self.rules.trust) if baseline.state.final else ""
        return f"was {why}" if why else ""

    # ------------------------------------------------------------------ parts

    def _division(self, agent: str) -> Division:
        known = self.state.agents.get(agent)
        if known is None or not known.present:
            raise UnknownAgentError(agent)
        return self.state.divisions[known.card.division]

    def _queued(self, experiment: str, number: int, purpose: Purpose) -> RunQueued:
        run = f"{experiment}.{number}"
        return RunQueued(run=run, experiment=experiment, purpose=purpose, seed=_seed(self.rules.seed, run))


def _seed(campaign_seed: int, what: str) -> int:
    """31 bits drawn from the campaign's seed and a name: the same on every machine and after every restart."""
    return int.from_bytes(hashlib.sha256(f"{campaign_seed}:{what}".encode()).digest()[:4], "big") >> 1


def _tried(experiment: Experiment, told: bool) -> Tried:
    return Tried(
        experiment=experiment.experiment,
        title=experiment.title,
        state=experiment.state if told else State.RUNNING,
        arm=experiment.arm,
        settings=experiment.settings,
        value=experiment.value if told else None,
        reason=experiment.reason if told else "",
    )


def _turned_away(event: ProposalRefused) -> Tried:
    return Tried(
        experiment=event.known or event.proposal,
        title=event.title,
        state=State.REJECTED,
        arm=event.arm,
        settings=event.settings,
        reason=f"refused: {event.reason}",
    )
