"""A campaign's figures for Prometheus. The only module that imports prometheus_client.

- Two sources. What the status page already counts is read from it at every scrape; the rest is counted event
  by event, as the ledger tells of it.
- Counters survive a restart: ``rebuild`` replays the journal through the same counting. Counting therefore
  asks the state only for what no later event can change (an experiment's division, a best's predecessor),
  because a live listener sees the state as the whole transaction left it.
- Labels are the campaign, its divisions, agents, arms and models as configured, and closed enums, all of
  those there from the start at 0. Commits stand on one info series only; experiments, titles and messages on
  none.
- Names end in their base unit. Nothing here knows which metric a campaign improves: its name is a label.
"""

import errno
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self, get_args
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from configs.load import ConfigError
from coordinator.domain import Refusal, Verdict
from coordinator.model_calls import UNKNOWN
from coordinator.rules import trust
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import (
    AnyEvent,
    CallSettled,
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
from coordinator.views.gauges import MetricFamily, present
from coordinator.views.status import Json
from evaluator.result import Cheated, Crashed, CrashKind, Limit, Measured, RunResult, TimedOut

PREFIX = "autoswarm_"
PHASES = ("startup", "train", "evaluate")
EVENTS = tuple(kind.__struct_config__.tag for kind in get_args(AnyEvent))
PROPOSAL_RESULTS = ("accepted", *(refusal.value for refusal in Refusal))
FAILURES = (*(kind.value for kind in CrashKind), *(f"timed_out_{limit.value}" for limit in Limit), "cheated")

AUDIT_RESULTS = ("agreed", "probed", "disagreed", "none")
"""Of runs that gave a value or were caught: a twin agreed; probes of the live variant found nothing; the
audit found a cheat; nobody looked.
"""
CHEATS = ("leak", "below_floor", "other")
"""What variants are caught at; a word of the judge's that is not among these counts as ``other``."""

PHASE_BUCKETS = (
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    120.0,
    240.0,
    290.0,
    300.0,
    330.0,
    360.0,
    600.0,
    1200.0,
)
"""Seconds. From a demo's training to twenty minutes, close together around the five minutes of the usual
budget.
"""
IMPROVEMENT_BUCKETS = (
    1e-5,
    2e-5,
    5e-5,
    1e-4,
    2e-4,
    5e-4,
    1e-3,
    2e-3,
    5e-3,
    1e-2,
    2e-2,
    5e-2,
    0.1,
    0.2,
    0.5,
    1.0,
)
"""In the metric's unit. From the last steps of a long search in bits per byte to the first ones of a demo."""
GAP_BUCKETS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
)
"""Seconds. A slot should wait for milliseconds; minutes mean that nothing was proposed."""
DELAY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds. An fsync takes a millisecond on a good disk and a second on a network's."""

CALL_BUCKETS = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0)
"""Seconds. From a small model at home to one that thinks for longer than a training takes."""

disable_created_metrics()  # type: ignore[no-untyped-call] # a second series per counter that no query here asks for


class Metrics:
    """The figures of one campaign. ``observe`` is a ``coordinator.store.unit_of_work.Listener``; scrapes may
    come at any time from any thread.
    """

    def __init__(self, campaign: str, metric: str, clock: Callable[[], float] = time.time) -> None:
        """campaign, metric: names. clock: the coordinator's, in seconds since the epoch."""
        self.registry = CollectorRegistry()
        self._campaign = campaign
        self._metric = metric
        self._clock = clock
        self._leases: dict[str, tuple[str, float]] = {}
        ProcessCollector(registry=self.registry)
        self._make_counters()
        self._make_histograms()
        self._make_gauges()

    def show(self, snapshot: Callable[[], Json]) -> None:
        """Export the present too. snapshot: makes a ``leaderboard.status`` page; called at every scrape, on
        the scraping thread.
        """
        self.registry.register(_Present(self._campaign, snapshot))

    def observe(self, event: AnyEvent, at: float, state: CampaignState) -> None:
        """Count an event that was journaled just now."""
        self._delay.observe(max(0.0, self._clock() - at))
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

    # ------------------------------------------------------------------ what there is

    def _make_counters(self) -> None:
        self._events = self._counter("journal_events", "Events in the journal.", "event", EVENTS)
        self._proposals = self._counter(
            "proposals", "Proposals: accepted, or why they were refused.", "result", PROPOSAL_RESULTS
        )
        self._failures = self._counter(
            "failures",
            "Runs that gave no value through their own fault, by what went wrong.",
            "reason",
            FAILURES,
        )
        self._audits = self._counter(
            "audits", "Audits of runs that claimed a value, by what came of them.", "result", AUDIT_RESULTS
        )
        self._cheats = self._counter(
            "cheats", "Runs in which the judge caught a cheat, by its kind.", "kind", CHEATS
        )
        self._busy = self._counter(
            "slot_busy_seconds",
            "Seconds in which a training ran on a slot, over finished leases.",
            "division",
        )
        self._held = self._counter(
            "slot_held_seconds",
            "Seconds for which a slot's lease was held, over finished leases.",
            "division",
        )

    def _make_histograms(self) -> None:
        self._phases = self._histogram(
            "phase_duration_seconds",
            "Seconds of a run by phase, as its trainer saw it.",
            PHASE_BUCKETS,
            "phase",
        )
        for phase in PHASES:
            self._phases.labels(self._campaign, phase)
        self._improvements = self._histogram(
            "improvement_value",
            "How much better each merge made the best, in the metric's unit.",
            IMPROVEMENT_BUCKETS,
            "division",
            "metric",
        )
        self._gaps = self._histogram(
            "slot_gap_seconds", "Seconds a slot stood idle before a run.", GAP_BUCKETS
        ).labels(self._campaign)
        self._calls = self._histogram(
            "llm_call_duration_seconds",
            "Seconds until a call of a language model came to its end.",
            CALL_BUCKETS,
            "model",
        )
        help_text = "Seconds from a decision to its being on the disk, since the coordinator started."
        self._delay = self._histogram("journal_delay_seconds", help_text, DELAY_BUCKETS).labels(
            self._campaign
        )

    def _make_gauges(self) -> None:
        self._best_at = self._gauge(
            "best_timestamp_seconds", "When the best became the best, in seconds since the epoch.", "division"
        )
        self._started_at = self._gauge(
            "campaign_started_timestamp_seconds", "When the campaign started, in seconds since the epoch."
        )
        self._budget = self._gauge("run_budget", "What a run may spend on training, in the unit.", "unit")
        self._wall_cap = self._gauge(
            "run_wall_cap_seconds", "Seconds of real time after which a run is ended."
        )

    def _counter(self, name: str, text: str, label: str, values: Iterable[str] = ()) -> Counter:
        counter = Counter(PREFIX + name, text, ["campaign", label], registry=self.registry)
        for value in values:
            counter.labels(self._campaign, value)
        return counter

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(PREFIX + name, text, ["campaign", *labels], registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(PREFIX + name, text, ["campaign", *labels], buckets=buckets, registry=self.registry)

    # ------------------------------------------------------------------ counting

    def _count(self, event: AnyEvent, at: float, state: CampaignState) -> None:
        self._events.labels(self._campaign, event.__struct_config__.tag).inc()
        match event:
            case CampaignStarted(rules=rules):
                self._started_at.labels(self._campaign).set(at)
                self._budget.labels(self._campaign, rules.budget.unit.value).set(rules.budget.amount)
                self._wall_cap.labels(self._campaign).set(rules.budget.wall_cap)
            case DivisionOpened(division=division):
                self._open_division(division)
            case ExperimentProposed():
                self._proposals.labels(self._campaign, "accepted").inc()
            case ProposalRefused(refusal=refusal):
                self._proposals.labels(self._campaign, refusal.value).inc()
            case RunLeased(run=run, experiment=experiment):
                self._leases[run] = (state.experiments[experiment].division, at)
            case RunLost(run=run):
                self._free(run, at, busy=None)
            case RunReported():
                self._report(event, at)
            case CallSettled(model=model, seconds=seconds, result=result) if result != UNKNOWN:
                self._calls.labels(self._campaign, model).observe(seconds)
            case VerdictGiven(verdict=Verdict.MERGE, experiment=experiment):
                self._merge(experiment, at, state)
            case _:
                pass  # counted by name alone

    def _open_division(self, division: str) -> None:
        self._busy.labels(self._campaign, division)
        self._held.labels(self._campaign, division)
        self._improvements.labels(self._campaign, division, self._metric)

    def _free(self, run: str, at: float, busy: float | None) -> None:
        """A lease ends. busy: seconds of it a training ran; None counts all of it, as the occupancy does for
        a lost run.
        """
        lease = self._leases.pop(run, None)
        if lease is None:  # it began before anybody counted
            return
        division, since = lease
        held = max(0.0, at - since)
        self._held.labels(self._campaign, division).inc(held)
        self._busy.labels(self._campaign, division).inc(held if busy is None else min(busy, held))

    def _report(self, event: RunReported, at: float) -> None:
        result = event.result
        self._free(event.run, at, busy=max(0.0, result.finished_at - result.started_at))
        if event.gap is not None:
            self._gaps.observe(event.gap)
        for phase in PHASES:
            seconds: float = getattr(result.seconds, phase)
            if seconds > 0:  # a run that failed early never came to its later phases
                self._phases.labels(self._campaign, phase).observe(seconds)
        reason = _failure(result)
        if reason:
            self._failures.labels(self._campaign, reason).inc()
        self._trust(result)

    def _trust(self, result: RunResult) -> None:
        kind = trust.kind_of(result)
        match result.outcome:
            case Cheated(kind=cheat):
                self._cheats.labels(self._campaign, cheat if cheat in CHEATS else "other").inc()
                self._audits.labels(self._campaign, "none" if kind == "none" else "disagreed").inc()
            case Measured():
                self._audits.labels(
                    self._campaign, {trust.TWIN: "agreed", trust.LIVE: "probed"}.get(kind, "none")
                ).inc()
            case _:
                pass  # it claimed nothing

    def _merge(self, experiment: str, at: float, state: CampaignState) -> None:
        division = state.divisions[state.experiments[experiment].division]
        self._best_at.labels(self._campaign, division.name).set(at)
        number = next(number for number, best in enumerate(division.history) if best.experiment == experiment)
        if number:
            gain = state.metric.gain(division.history[number - 1].value, division.history[number].value)
            self._improvements.labels(self._campaign, division.name, self._metric).observe(gain)


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


class _Present(Collector):
    """What holds at the moment of the scrape, read from a status page."""

    def __init__(self, campaign: str, snapshot: Callable[[], Json]) -> None:
        self._campaign = campaign
        self._snapshot = snapshot

    def describe(self) -> list[Family]:
        """Nothing: registering must not ask the coordinator anything yet."""
        return []

    def collect(self) -> Iterator[Family]:
        """The families of one scrape."""
        began = time.perf_counter()
        page = self._snapshot()
        took = time.perf_counter() - began
        yield self._family(
            MetricFamily(
                "snapshot_duration_seconds",
                "Seconds the last scrape waited for the coordinator's status page.",
                (),
                [((), took)],
            )
        )
        for figure in present(page):
            yield self._family(figure)

    def _family(self, figure: MetricFamily) -> Family:
        kind = CounterMetricFamily if figure.total else GaugeMetricFamily
        family = kind(PREFIX + figure.name, figure.text, labels=("campaign", *figure.labels))
        for values, number in figure.samples:
            family.add_metric((self._campaign, *values), number)
        return family


class Server:
    """Metrics being served over HTTP. port: the one in use."""

    def __init__(self, server: WSGIServer, thread: threading.Thread) -> None:
        self._server = server
        self._thread = thread
        self.port: int = server.server_port

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Serve no more and let go of the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve(metrics: Metrics, host: str, port: int) -> Server:
    """Serve the metrics at ``http://host:port/metrics``; port 0 takes a free one. Raises ConfigError where
    that cannot be.
    """
    try:
        return Server(*start_http_server(port, host, metrics.registry))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            remedy = "Choose another: coordinator.metrics_port=PORT, or 0 for none."
            raise ConfigError(f"port {port} on {host} is in use", remedy) from error
        remedy = (
            "Choose an address of this machine: coordinator.metrics_host=ADDRESS, or"
            " coordinator.metrics_port=0 for none."
        )
        raise ConfigError(f"cannot serve metrics on {host}:{port}: {error.strerror}", remedy) from error
