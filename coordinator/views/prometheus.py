"""The door to prometheus_client: the instruments that events move, the collector that reads a status page,
and the server that Prometheus scrapes. Every series carries the campaign.
"""

import errno
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self
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

from configs.errors import ConfigError
from coordinator.views.gauges import MetricFamily, present
from coordinator.views.metric_labels import (
    AUDIT_RESULTS,
    CALL_BUCKETS,
    CHEATS,
    DELAY_BUCKETS,
    EVENTS,
    FAILURES,
    GAP_BUCKETS,
    IMPROVEMENT_BUCKETS,
    PHASE_BUCKETS,
    PHASES,
    PROPOSAL_RESULTS,
)
from coordinator.views.status_page import StatusPage

PREFIX = "autoswarm_"
SENT_SECONDS = 0.2
"""For the answer to a scrape to leave this process."""
PORTS = 100
"""How many are tried: one a campaign on a machine."""
HIGHEST_PORT = 65535

disable_created_metrics()  # type: ignore[no-untyped-call] # a second series per counter that no query here asks for


class Instruments:
    """What events are counted with. Words of closed lists are there from the start, at 0."""

    def __init__(self, campaign: str) -> None:
        self.registry = CollectorRegistry()
        self._campaign = campaign
        ProcessCollector(registry=self.registry)
        self._make_counters()
        self._make_histograms()
        self._make_gauges()

    def _make_counters(self) -> None:
        self.events = self._counter("journal_events", "Events in the journal.", "event", EVENTS)
        self.proposals = self._counter(
            "proposals", "Proposals: accepted, or why they were refused.", "result", PROPOSAL_RESULTS
        )
        self.failures = self._counter(
            "failures",
            "Runs that gave no value through their own fault, by what went wrong.",
            "reason",
            FAILURES,
        )
        self.audits = self._counter(
            "audits", "Audits of runs that claimed a value, by what came of them.", "result", AUDIT_RESULTS
        )
        self.cheats = self._counter(
            "cheats", "Runs in which the judge caught a cheat, by its kind.", "kind", CHEATS
        )
        self.busy = self._counter(
            "slot_busy_seconds",
            "Seconds in which a training ran on a slot, over finished leases.",
            "division",
        )
        self.held = self._counter(
            "slot_held_seconds",
            "Seconds for which a slot's lease was held, over finished leases.",
            "division",
        )

    def _make_histograms(self) -> None:
        self.phases = self._histogram(
            "phase_duration_seconds",
            "Seconds of a run by phase, as its trainer saw it.",
            PHASE_BUCKETS,
            "phase",
        )
        for phase in PHASES:
            self.phases.labels(self._campaign, phase)
        self.improvements = self._histogram(
            "improvement_value",
            "How much better each merge made the best, in the metric's unit.",
            IMPROVEMENT_BUCKETS,
            "division",
            "metric",
        )
        self.gaps = self._histogram(
            "slot_gap_seconds", "Seconds a slot stood idle before a run.", GAP_BUCKETS
        ).labels(self._campaign)
        self.calls = self._histogram(
            "llm_call_duration_seconds",
            "Seconds until a call of a language model came to its end.",
            CALL_BUCKETS,
            "model",
        )
        help_text = "Seconds from a decision to its being on the disk, since the coordinator started."
        self.delay = self._histogram("journal_delay_seconds", help_text, DELAY_BUCKETS).labels(self._campaign)

    def _make_gauges(self) -> None:
        self.best_at = self._gauge(
            "best_timestamp_seconds", "When the best became the best, in seconds since the epoch.", "division"
        )
        self.started_at = self._gauge(
            "campaign_started_timestamp_seconds", "When the campaign started, in seconds since the epoch."
        )
        self.budget = self._gauge("run_budget", "What a run may spend on training, in the unit.", "unit")
        self.wall_cap = self._gauge(
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


class Looks:
    """When somebody looked, so that a last look can be waited for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at: deque[float] = deque(maxlen=2)
        self._changed = threading.Condition()

    def note(self) -> None:
        """Somebody has looked just now."""
        with self._changed:
            self._at.append(self._clock())
            self._changed.notify_all()

    def await_next(self, longest: float) -> None:
        """Wait for the next look, ``longest`` seconds at most; not where none is to be expected by then."""
        with self._changed:
            if len(self._at) < 2:
                return
            last, interval = self._at[1], self._at[1] - self._at[0]
            if interval > longest or self._clock() - last > 2 * interval + 1.0:
                return
            self._changed.wait_for(lambda: self._at[1] != last, min(longest, 2 * interval + 1.0))
        time.sleep(SENT_SECONDS)


class Present(Collector):
    """What holds at the moment of the scrape, read from a status page."""

    def __init__(self, campaign: str, snapshot: Callable[[], StatusPage]) -> None:
        self._campaign = campaign
        self._snapshot = snapshot
        self._looks = Looks()

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
        for gauge in present(page):
            yield self._family(gauge)
        self._looks.note()

    def await_look(self, longest: float) -> None:
        """Wait until whoever scrapes has seen what is so now, ``longest`` seconds at most; not at all where
        nobody scrapes.
        """
        self._looks.await_next(longest)

    def _family(self, gauge: MetricFamily) -> Family:
        kind = CounterMetricFamily if gauge.total else GaugeMetricFamily
        family = kind(PREFIX + gauge.name, gauge.text, labels=("campaign", *gauge.labels))
        for values, number in gauge.samples:
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


def serve(registry: CollectorRegistry, host: str, port: int) -> Server:
    """Serve a registry at ``http://host:port/metrics``, or where that port is taken at the next free one;
    port 0 takes any. Raises ConfigError when that is not possible.
    """
    last = min(port + PORTS - 1, HIGHEST_PORT) if port else 0
    for candidate in range(port, last + 1):
        try:
            return Server(*start_http_server(candidate, host, registry))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                remedy = (
                    "Choose an address of this machine: coordinator.metrics_host=ADDRESS, or"
                    " coordinator.metrics_port=0 for none."
                )
                what = f"cannot serve metrics on {host}:{candidate}: {error.strerror}"
                raise ConfigError(what, remedy) from error
    raise ConfigError(
        f"ports {port} to {last} on {host} are in use",
        "Choose another: coordinator.metrics_port=PORT, or 0 for none.",
    )
