"""A campaign's metrics for Prometheus. How it is exported: ``coordinator.views.prometheus``.

- Two sources. What the status page already counts is read from it at every scrape; the rest is counted event
  by event, as the unit of work tells of it.
- Counters survive a restart: ``rebuild`` replays the journal through the same counting. Counting therefore
  asks the state only for what no later event can change (an experiment's division, a best's predecessor),
  because a live listener sees the state as the whole transaction left it.
- Labels are the campaign, its divisions, agents, arms and models as configured, and closed enums, all of
  those there from the start at 0. Commits stand on one info series only; experiments, titles and messages on
  none.
- Names end in their base unit. Nothing here knows which metric a campaign improves: its name is a label.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from coordinator.domain import Verdict
from coordinator.model_calls import UNKNOWN
from coordinator.rules import trust
from coordinator.state.arm_events import CallSettled
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import (
    AnyEvent,
    CampaignStarted,
    DivisionOpened,
    ExperimentProposed,
    ProposalRefused,
    RunLeased,
    RunLost,
    RunReported,
    VerdictGiven,
)
from coordinator.store.journal import Entry, Journal
from coordinator.views.metric_labels import CHEATS, PHASES
from coordinator.views.prometheus import Instruments, Present
from coordinator.views.status_page import StatusPage
from evaluator.result import Cheated, Crashed, Measured, RunResult, TimedOut

LAST_LOOK_SECONDS = 17.0
"""Somewhat more than the interval of the shipped Prometheus configuration."""


class Metrics:
    """The metrics of one campaign. ``observe`` is a ``coordinator.store.unit_of_work.Listener``; scrapes may
    come at any time from any thread.
    """

    def __init__(self, campaign: str, metric: str, clock: Callable[[], float] = time.time) -> None:
        """campaign, metric: names. clock: the coordinator's, in seconds since the epoch."""
        self._meters = Instruments(campaign)
        self.registry = self._meters.registry
        self._campaign = campaign
        self._metric = metric
        self._clock = clock
        self._leases: dict[str, tuple[str, float]] = {}
        self._present: Present | None = None

    def show(self, snapshot: Callable[[], StatusPage]) -> None:
        """Export the present too. snapshot: makes a status page; called at every scrape, on the
        scraping thread.
        """
        self._present = Present(self._campaign, snapshot)
        self.registry.register(self._present)

    def await_look(self, longest: float = LAST_LOOK_SECONDS) -> None:
        """Wait until whoever scrapes has seen what is so now, ``longest`` seconds at most; not at all where
        nobody scrapes.
        """
        if self._present is not None:
            self._present.await_look(longest)

    def observe(self, event: AnyEvent, at: float, state: CampaignState) -> None:
        """Count an event that was journaled just now."""
        self._meters.delay.observe(max(0.0, self._clock() - at))
        self._count(event, at, state)

    def rebuild(self, entries: Iterable[Entry]) -> None:
        """Count a journal's events, once, before the first ``observe``. Raises InvalidTransition."""
        state = CampaignState()
        for entry in entries:
            state.apply(entry.event, entry.at)
            self._count(entry.event, entry.at, state)

    def resume(self, path: Path) -> None:
        """``rebuild`` from the journal at ``path``, if the campaign has one yet. Raises ConfigError,
        InvalidTransition.
        """
        if path.is_file():
            with closing(Journal.read(path)) as journal:
                self.rebuild(journal.entries())

    # ------------------------------------------------------------------ counting

    def _count(self, event: AnyEvent, at: float, state: CampaignState) -> None:
        self._meters.events.labels(self._campaign, event.__struct_config__.tag).inc()
        match event:
            case CampaignStarted(rules=rules):
                self._meters.started_at.labels(self._campaign).set(at)
                self._meters.budget.labels(self._campaign, rules.budget.unit.value).set(rules.budget.amount)
                self._meters.wall_cap.labels(self._campaign).set(rules.budget.wall_cap)
            case DivisionOpened(division=division):
                self._open_division(division)
            case ExperimentProposed():
                self._meters.proposals.labels(self._campaign, "accepted").inc()
            case ProposalRefused(refusal=refusal):
                self._meters.proposals.labels(self._campaign, refusal.value).inc()
            case RunLeased(run=run, experiment=experiment):
                self._leases[run] = (state.experiments[experiment].division, at)
            case RunLost(run=run):
                self._free(run, at, busy=None)
            case RunReported():
                self._report(event, at)
            case CallSettled(model=model, seconds=seconds, result=result) if result != UNKNOWN:
                self._meters.calls.labels(self._campaign, model).observe(seconds)
            case VerdictGiven(verdict=Verdict.MERGE, experiment=experiment):
                self._merge(experiment, at, state)
            case _:
                pass  # counted by name alone

    def _open_division(self, division: str) -> None:
        self._meters.busy.labels(self._campaign, division)
        self._meters.held.labels(self._campaign, division)
        self._meters.improvements.labels(self._campaign, division, self._metric)

    def _free(self, run: str, at: float, busy: float | None) -> None:
        """A lease ends. busy: seconds of it a training ran; None counts all of it, as the occupancy does for
        a lost run.
        """
        lease = self._leases.pop(run, None)
        if lease is None:  # it began before anybody counted
            return
        division, since = lease
        held = max(0.0, at - since)
        self._meters.held.labels(self._campaign, division).inc(held)
        self._meters.busy.labels(self._campaign, division).inc(held if busy is None else min(busy, held))

    def _report(self, event: RunReported, at: float) -> None:
        result = event.result
        self._free(event.run, at, busy=max(0.0, result.finished_at - result.started_at))
        if event.gap is not None:
            self._meters.gaps.observe(event.gap)
        for phase in PHASES:
            seconds: float = getattr(result.seconds, phase)
            if seconds > 0:  # a run that failed early never came to its later phases
                self._meters.phases.labels(self._campaign, phase).observe(seconds)
        reason = _failure(result)
        if reason:
            self._meters.failures.labels(self._campaign, reason).inc()
        self._trust(result)

    def _trust(self, result: RunResult) -> None:
        kind = trust.kind_of(result)
        match result.outcome:
            case Cheated(kind=cheat):
                self._meters.cheats.labels(self._campaign, cheat if cheat in CHEATS else "other").inc()
                self._meters.audits.labels(self._campaign, "none" if kind == "none" else "disagreed").inc()
            case Measured():
                self._meters.audits.labels(
                    self._campaign, {trust.TWIN: "agreed", trust.LIVE: "probed"}.get(kind, "none")
                ).inc()
            case _:
                pass  # it claimed nothing

    def _merge(self, experiment: str, at: float, state: CampaignState) -> None:
        division = state.divisions[state.experiments[experiment].division]
        self._meters.best_at.labels(self._campaign, division.name).set(at)
        number = next(number for number, best in enumerate(division.history) if best.experiment == experiment)
        if number:
            gain = state.metric.gain(division.history[number - 1].value, division.history[number].value)
            self._meters.improvements.labels(self._campaign, division.name, self._metric).observe(gain)


def _failure(result: RunResult) -> str:
    match result.outcome:
        case Crashed(kind=kind):
            return kind.value
        case TimedOut(limit=limit):
            return f"timed_out_{limit.value}"
        case Cheated():
            return "cheated"
        case _:
            return ""
