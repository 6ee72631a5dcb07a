"""The state of a campaign and its only mutator, ``CampaignState.apply``.

- State is a pure function of the events applied, in order; replaying the journal gives the live state.
- Every step of an experiment is checked against the successor table; one that does not fit raises
  ``InvalidTransition`` with its story.
- Queries here are constant-time or proportional to what they return, never to the number of experiments.
"""

from collections import Counter
from statistics import fmean
from typing import assert_never

from configs.reserved import PERSON
from coordinator.domain import PRIORITY, SUCCESSORS, Metric, Phase, Purpose, State, Verdict
from coordinator.protocol import Token
from coordinator.state.arm_tally import ArmTally
from coordinator.state.events import (
    AgentJoined,
    AgentLeft,
    AnyEvent,
    CallSettled,
    CampaignDraining,
    CampaignFinished,
    CampaignResumed,
    CampaignStarted,
    DivisionOpened,
    EpochBegan,
    ExperimentProposed,
    HintGiven,
    HintsWithdrawn,
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
    subject,
)
from coordinator.state.hints import Hints
from coordinator.state.lessons import Lessons
from coordinator.state.near_misses import decided, repairable
from coordinator.state.occupancy import Occupancy
from coordinator.state.records import Agent, Best, Division, Experiment, Run
from coordinator.state.spend import Spend
from evaluator.acceptance import sigma
from evaluator.result import Cheated, Crashed, Lost, Measured, RunResult, TimedOut, outcome_name

MOST_TURNED_AWAY = 50
"""Refusals told to a proposer."""


class InvalidTransition(Exception):  # noqa: N818 - the field's name for it
    """An event does not fit its experiment's state: the journal is damaged or a rule is wrong. ``story``:
    that experiment's events so far.
    """

    def __init__(self, experiment: str, why: str, story: list[str]) -> None:
        lines = "".join(f"\n  {line}" for line in story)
        super().__init__(f"experiment {experiment}: {why}; its story:{lines or ' (none)'}")
        self.story = story


class CampaignState:
    """Everything known about a campaign. Read freely; change only through ``apply``."""

    def __init__(self) -> None:
        self.started: CampaignStarted | None = None
        self.started_at = 0.0
        self.phase = Phase.RUNNING
        self.phase_reason = ""
        self.failed = False
        self.capped = False
        self.epoch = 0
        self.tokens = 0
        self.events = 0
        self.last_at = 0.0
        self.epoch_at = 0.0
        self.worked_before = 0.0
        self.experiments: dict[str, Experiment] = {}
        self.by_ordinal: list[str] = []
        self.runs: dict[str, Run] = {}
        self.divisions: dict[str, Division] = {}
        self.agents: dict[str, Agent] = {}
        self.by_digest: dict[tuple[str, str], str] = {}
        self.digests: dict[str, str] = {}
        self.proposals: dict[str, str] = {}
        self.undecided: dict[str, None] = {}
        self.stale: dict[str, None] = {}
        self.live: dict[str, None] = {}
        self.finished: list[str] = []
        self.settled = 0
        self.refused = 0
        self.turned_away: list[ProposalRefused] = []
        self.states: Counter[State] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.verdicts: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.arms: dict[str, Counter[str]] = {}
        self.tallies: dict[str, ArmTally] = {}
        self.occupancy = Occupancy()
        self.spend = Spend()
        self.lessons = Lessons()
        self.hints = Hints()
        self.to_repair: dict[str, None] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CampaignState) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment] # mutable

    @property
    def start(self) -> CampaignStarted:
        """The first event. Raises LookupError before it."""
        if self.started is None:
            raise LookupError("the campaign has not started")
        return self.started

    @property
    def metric(self) -> Metric:
        """The campaign's metric."""
        return self.start.rules.metric

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self.start.rules

    def worked(self, now: float) -> float:
        """Seconds the campaign has been running, over all epochs."""
        return self.worked_before + max(0.0, now - self.epoch_at) if self.epoch else 0.0

    def apply(self, event: AnyEvent, at: float) -> None:
        """Take in one event that happened ``at`` (seconds since the epoch). Raises InvalidTransition."""
        self._dispatch(event, at)
        name = subject(event)
        if name in self.experiments:
            self.experiments[name].story.append(f"{at:.3f} {event.__struct_config__.tag}")
        self.events += 1
        self.last_at = at

    def _dispatch(self, event: AnyEvent, at: float) -> None:
        match event:
            case CampaignStarted():
                self.started, self.started_at = event, at
                self.digests[event.commit] = event.digest
            case RulesChanged():
                self.started = _with_rules(self.start, event)
            case EpochBegan():
                self._begin_epoch(event, at)
            case AgentJoined():
                self._join(event, at)
            case AgentLeft():
                self._leave(event, at)
            case DivisionOpened():
                self._open_division(event, at)
            case ExperimentProposed():
                self._propose(event, at)
            case ProposalRefused():
                self._refuse(event)
            case RunQueued():
                self._queue(event)
            case RunLeased():
                self._lease(event, at)
            case RunLost():
                self._lose(event, at)
            case RunReported():
                self._report(event, at)
            case LateReport(
                token=token, experiment=name, result=result
            ):  # decides nothing, but its slot was paid for
                self._bill(self._of(name), self.spend.unbilled(token, busy_seconds(result)))
            case WentStale():
                self._step(self._of(event.experiment), State.STALE)
            case Rebased():
                self._rebase(event)
            case VerdictGiven():
                self._decide(event, at)
            case CallSettled():
                self.spend.settle(event)
            case HintGiven():
                self.hints.give(event)
            case HintsWithdrawn():
                self.hints.withdraw()
            case CampaignDraining() | CampaignFinished() | CampaignResumed():
                self._turn(event)
            case _:
                assert_never(event)

    # ------------------------------------------------------------------ campaign and agents

    def _begin_epoch(self, event: EpochBegan, at: float) -> None:
        if self.epoch:
            self.worked_before += max(0.0, self.last_at - self.epoch_at)
        self.epoch, self.tokens, self.epoch_at = event.epoch, 0, at
        for agent in self.agents.values():
            agent.present = False
        self.occupancy.interrupted(self.last_at)

    def _join(self, event: AgentJoined, at: float) -> None:
        known = self.agents.get(event.card.agent)
        self.agents[event.card.agent] = Agent(card=event.card, run=known.run if known else None)
        self.occupancy.joined(event.card.agent, at)

    def _leave(self, event: AgentLeft, at: float) -> None:
        self.agents[event.agent].present = False
        self.occupancy.left(event.agent, at)

    def _turn(self, event: CampaignDraining | CampaignFinished | CampaignResumed) -> None:
        match event:
            case CampaignDraining(reason=reason, capped=capped):
                self.phase, self.phase_reason, self.capped = Phase.DRAINING, reason, capped
            case CampaignFinished(reason=reason, failed=failed):
                self.phase, self.phase_reason, self.failed = Phase.FINISHED, reason, failed
            case CampaignResumed():
                self.phase, self.phase_reason, self.failed, self.capped = Phase.RUNNING, "", False, False
            case _:
                assert_never(event)

    # ------------------------------------------------------------------ experiments

    def _open_division(self, event: DivisionOpened, at: float) -> None:
        start = self.start
        self.divisions[event.division] = Division(name=event.division, baseline=event.experiment)
        self._add(
            Experiment(
                experiment=event.experiment,
                ordinal=0,
                division=event.division,
                arm="",
                agent="",
                parent="",
                commit=start.commit,
                digest=start.digest,
                title="baseline",
                proposed_at=at,
            )
        )

    def _propose(self, event: ExperimentProposed, at: float) -> None:
        if event.ordinal != len(self.by_ordinal) + 1:
            raise InvalidTransition(
                event.experiment, f"ordinal {event.ordinal} after {len(self.by_ordinal)}", []
            )
        self._add(
            Experiment(
                experiment=event.experiment,
                ordinal=event.ordinal,
                division=event.division,
                arm=event.arm,
                agent=event.agent,
                parent=event.parent,
                commit=event.commit,
                digest=event.digest,
                title=event.title,
                hypothesis=event.hypothesis,
                settings=event.settings,
                calls=event.calls,
                origin=event.origin,
                constant_changes=event.constant_changes,
                repairs=event.repairs,
                proposed_at=at,
            )
        )
        if event.repairs:
            self.experiments[event.repairs].repaired = event.experiment
            self.to_repair.pop(event.repairs, None)
        self.by_ordinal.append(event.experiment)
        self.divisions[event.division].ordinals.append(event.ordinal)
        self._tally(event.arm, "proposals")
        self.turned_away = []
        self.proposals[event.proposal] = event.experiment

    def _refuse(self, event: ProposalRefused) -> None:
        """Remember what was refused since the last acceptance: the next brief tells it, so that no proposer
        repeats itself for ever.
        """
        self.refusals[event.refusal.value] += 1
        if event.arm == PERSON:
            self.hints.answer(event)
        elif event.refusal.reaskable:
            self.refused += 1
            self._tally(event.arm, "refused")
            self.to_repair.pop(event.repairs, None)
            self.turned_away = [*self.turned_away[-MOST_TURNED_AWAY:], event]

    def _add(self, experiment: Experiment) -> None:
        if experiment.experiment in self.experiments:
            raise InvalidTransition(
                experiment.experiment, "proposed twice", self.experiments[experiment.experiment].story
            )
        self.experiments[experiment.experiment] = experiment
        self.live[experiment.experiment] = None
        self.by_digest[experiment.division, experiment.digest] = experiment.experiment
        self.digests[experiment.commit] = experiment.digest
        self.states[experiment.state] += 1

    def _of(self, name: str) -> Experiment:
        if name not in self.experiments:
            raise InvalidTransition(name, "was never proposed", [])
        return self.experiments[name]

    def _step(self, experiment: Experiment, state: State) -> None:
        if state not in SUCCESSORS[experiment.state]:
            raise InvalidTransition(
                experiment.experiment, f"{experiment.state} → {state} is no step", experiment.story
            )
        self.states[experiment.state] -= 1
        self.states[state] += 1
        experiment.state = state
        _keep(self.undecided, experiment.experiment, state is State.MEASURED)
        _keep(self.stale, experiment.experiment, state is State.STALE)
        if state is State.STALE:
            self._unqueue(experiment)

    def _finish(self, experiment: Experiment, state: State, reason: str, at: float) -> None:
        self._step(experiment, state)
        experiment.reason, experiment.finished_at = reason, at
        self._tally(experiment.arm, state.value)
        self.finished.append(experiment.experiment)
        self._account(experiment, state)
        self.live.pop(experiment.experiment, None)
        self.lessons.learn(experiment)
        while (
            self.settled < len(self.by_ordinal)
            and self.experiments[self.by_ordinal[self.settled]].state.final
        ):
            self.settled += 1

    def _tally(self, arm: str, what: str) -> None:
        """Count for an arm: proposals, those refused, runs, and experiments by their last state. A baseline
        has none.
        """
        if arm:
            self.arms.setdefault(arm, Counter())[what] += 1

    def _account(self, experiment: Experiment, state: State) -> None:
        division = self.divisions[experiment.division]
        division.dry = 0 if state is State.MERGED else division.dry + 1
        if experiment.arm:
            self.tallies.setdefault(experiment.arm, ArmTally()).finish(
                experiment.gain, experiment.hours, len(self.finished)
            )

    def _rebase(self, event: Rebased) -> None:
        experiment = self._of(event.experiment)
        self._step(experiment, State.QUEUED)
        experiment.parent, experiment.commit, experiment.digest = event.parent, event.commit, event.digest
        experiment.round += 1
        self.by_digest[experiment.division, event.digest] = experiment.experiment
        self.digests[event.commit] = event.digest

    def _decide(self, event: VerdictGiven, at: float) -> None:
        experiment = self._of(event.experiment)
        decided(experiment, event, self.divisions[experiment.division], self.metric)
        experiment.verdict, experiment.value = event.verdict, event.value
        self.verdicts[event.verdict.value] += 1
        match event.verdict:
            case Verdict.MERGE:
                self._merge(experiment, event, at)
            case Verdict.REJECT:
                self._finish(experiment, State.REJECTED, event.reason, at)
            case Verdict.CONFIRM:
                self._step(experiment, State.CONFIRMING)
            case Verdict.RETEST:
                self._step(experiment, State.STALE)
            case _:
                assert_never(event.verdict)
        experiment.reason = event.reason

    def _merge(self, experiment: Experiment, event: VerdictGiven, at: float) -> None:
        division = self.divisions[experiment.division]
        best = division.best
        if event.value is None or (best is not None and experiment.parent != best.commit):
            raise InvalidTransition(
                experiment.experiment,
                "merged without a value or on a parent that is not the best",
                experiment.story,
            )
        experiment.merge_commit, experiment.grounds = event.commit, event.grounds
        runs = event.grounds.runs if event.grounds else len(experiment.values)
        self.digests[event.commit] = experiment.digest
        if experiment.baseline:
            division.sigma = sigma(experiment.values)
        elif best is not None:
            experiment.gain = self.metric.gain(best.value, event.value)
        division.history.append(
            Best(experiment.experiment, experiment.ordinal, event.commit, event.value, runs, at)
        )
        self._finish(experiment, State.MERGED, event.reason, at)

    # ------------------------------------------------------------------ runs

    def _queue(self, event: RunQueued) -> None:
        experiment = self._of(event.experiment)
        run = Run(
            run=event.run,
            experiment=event.experiment,
            purpose=event.purpose,
            seed=event.seed,
            round=experiment.round,
        )
        if event.run in self.runs or experiment.state not in (State.QUEUED, State.CONFIRMING):
            raise InvalidTransition(
                event.experiment,
                f"run {event.run} queued twice or while {experiment.state}",
                experiment.story,
            )
        self.runs[event.run] = run
        experiment.runs.append(run)
        self._enqueue(experiment, run)

    def _enqueue(self, experiment: Experiment, run: Run) -> None:
        division = self.divisions[experiment.division]
        division.queued[run.run] = (PRIORITY[run.purpose], experiment.ordinal, experiment.runs.index(run))
        division.screens += run.purpose is Purpose.SCREEN

    def _dequeue(self, experiment: Experiment, run: Run) -> None:
        division = self.divisions[experiment.division]
        if division.queued.pop(run.run, None) is not None:
            division.screens -= run.purpose is Purpose.SCREEN

    def _unqueue(self, experiment: Experiment) -> None:
        for run in experiment.counted:
            if run.result is None:
                self._dequeue(experiment, run)

    def _run(self, name: str, experiment: str) -> tuple[Run, Experiment]:
        if name not in self.runs:
            raise InvalidTransition(experiment, f"run {name} was never queued", self._of(experiment).story)
        return self.runs[name], self._of(experiment)

    def _lease(self, event: RunLeased, at: float) -> None:
        run, experiment = self._run(event.run, event.experiment)
        agent = self.agents[event.agent]
        if run.open or run.result is not None or agent.run is not None:
            raise InvalidTransition(
                event.experiment,
                f"run {event.run} leased to {event.agent} while one of them is taken",
                experiment.story,
            )
        if experiment.state is State.QUEUED:
            self._step(experiment, State.RUNNING)
        self._dequeue(experiment, run)
        run.token, run.agent, run.incarnation, run.leased_at = event.token, event.agent, event.incarnation, at
        self.tokens = event.token.counter
        agent.run = event.run
        if experiment.started_at is None:
            experiment.started_at = at

    def _bill(self, experiment: Experiment, seconds: float) -> None:
        self.spend.trained(experiment.arm, seconds, self.start.rules.money.slot_usd(seconds))

    def _free(self, run: Run, token: Token, at: float, busy: float) -> float:
        """The lease ends. busy: seconds a training says it lasted; returns those that count."""
        if not run.open or run.token != token:
            raise InvalidTransition(
                run.experiment, f"run {run.run} is not leased under {token}", self._of(run.experiment).story
            )
        assert run.agent is not None  # noqa: S101 - told to the type checker by `open`
        self.agents[run.agent].run = None
        seconds = min(busy, at - run.leased_at)
        self.occupancy.worked(run.agent, at - seconds, at)
        run.agent = None
        return seconds

    def _lose(self, event: RunLost, at: float) -> None:
        run, experiment = self._run(event.run, event.experiment)
        held = at - run.leased_at
        self._free(run, event.token, at, busy=held)
        self._bill(experiment, held)
        self.spend.lost(event.token, held)
        run.attempts += event.charged
        self.outcomes["lost"] += 1
        if experiment.state.final:
            return
        if experiment.state is State.RUNNING and not any(
            other.open or other.result for other in experiment.counted
        ):
            self._step(experiment, State.QUEUED)
        self._enqueue(experiment, run)

    def _report(self, event: RunReported, at: float) -> None:
        run, experiment = self._run(event.run, event.experiment)
        spent, held, busy = experiment.hours, at - run.leased_at, busy_seconds(event.result)
        run.seconds = self._free(run, event.token, at, busy=busy)
        self._bill(experiment, run.seconds if event.result.finished_at else held)
        run.result = event.result
        self._tally(experiment.arm, "runs")
        self.outcomes[outcome_name(event.result.outcome)] += 1
        self.occupancy.gap(event.gap)
        if experiment.state.final:
            if experiment.arm:
                self.tallies[experiment.arm].amend(experiment.gain, spent, experiment.hours)
            return
        match event.result.outcome:
            case Measured():
                if experiment.complete:
                    self._step(experiment, State.MEASURED)
            case Crashed(kind=kind, message=message):
                reason = f"{kind.value.replace('_', ' ')}: {message}" if message else kind.value
                self._fail(experiment, State.CRASHED, kind.value, reason, at)
            case TimedOut(limit=limit, seconds=seconds):
                reason = f"timed out at its {limit.value.replace('_', ' ')} after {seconds:.1f} s"
                self._fail(experiment, State.CRASHED, "timed_out", reason, at)
            case Cheated(kind=kind, evidence=evidence):
                self._fail(experiment, State.CHEATED, "cheated", f"{kind}: {evidence}", at)
            case Lost(reason=reason):
                raise InvalidTransition(
                    event.experiment, f"a lost run cannot be reported ({reason})", experiment.story
                )
            case _:
                assert_never(event.result.outcome)

    def _fail(self, experiment: Experiment, state: State, failure: str, reason: str, at: float) -> None:
        self._unqueue(experiment)
        experiment.failure = failure
        if repairable(experiment, self.start.rules.arms):
            self.to_repair[experiment.experiment] = None
        experiment.value = fmean(experiment.values) if experiment.values else None
        self._finish(experiment, state, reason, at)


def busy_seconds(result: RunResult) -> float:
    """Seconds a training held its slot, as its trainer says."""
    return max(0.0, result.finished_at - result.started_at)


def _keep(index: dict[str, None], name: str, wanted: bool) -> None:
    if wanted:
        index[name] = None
    else:
        index.pop(name, None)


def _with_rules(start: CampaignStarted, event: RulesChanged) -> CampaignStarted:
    return CampaignStarted(
        campaign=start.campaign,
        task=start.task,
        surface=start.surface,
        commit=start.commit,
        digest=start.digest,
        rules=event.rules,
    )
