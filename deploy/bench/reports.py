"""Part ``reports``: results made durable per second, each through the full rules to its verdict, with many
callers at once.
"""

import sqlite3
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import fmean

import msgspec
from msgspec import Struct

from configs.schema import Config
from coordinator.agent_calls import Coordinator
from coordinator.domain import Purpose
from coordinator.protocol import Token
from coordinator.service.service import Service
from deploy.bench.intervals import quantile
from deploy.bench.model_calls import (
    BEST,
    WORSE,
    join,
    measure_baseline,
    opened,
    propose,
    result_of,
    small,
    take,
    together,
)
from deploy.bench.readings import Goal, Part, Reading
from deploy.bench.scenario import Scenario, config_of
from deploy.bench.stage import CoordinatorUnderTest
from deploy.swarm.cluster import NAMESPACE
from evaluator.result import RunResult

from agents.actor import RemoteCoordinator  # isort: skip - after deploy.swarm.cluster, which sets Ray's environment

CALLERS = 32
EACH = 25
"""Reports of one caller."""
LEAST = 500.0
RAW_COMMITS = 300
RAW = "raw SQLite"


class Due(Struct, frozen=True):
    """A report an agent has to make."""

    agent: str
    token: Token
    result: RunResult


class Made(Struct, frozen=True):
    """Reports made."""

    seconds: float
    """Of all of them together."""

    latencies: list[float]
    """Seconds of each, shortest first."""

    @property
    def rate(self) -> float:
        """Reports a second."""
        return len(self.latencies) / self.seconds


def prepared(config: Config, count: int) -> list[Due]:
    """A campaign in which ``count`` agents each hold a lease on an experiment of their own, closed again; and
    what they have to report.
    """
    with opened(config) as service:
        measure_baseline(service, "slot0")
        best = next(iter(service.state.divisions.values())).best
        if best is None:
            raise AssertionError("the baseline gave no best")
        return together(
            service,
            [
                partial(_hold, agent=f"slot{number}", number=number, parent=best.commit)
                for number in range(count)
            ],
        )


def _hold(service: Service, agent: str, number: int, parent: str) -> Due:
    join(service, agent)
    propose(service, agent, number, small(number), parent)
    lease = take(service, agent)
    while lease.purpose is not Purpose.SCREEN:  # a slot shows first that it is like the others
        service.report(agent, lease.token, result_of(lease, BEST))
        lease = take(service, agent)
    return Due(agent, lease.token, result_of(lease, WORSE))


def make(dues: Sequence[Due], callers: Sequence[Coordinator]) -> Made:
    """Let every caller make its share of the reports, one after the other, all callers at once."""
    ready = threading.Barrier(len(callers) + 1)

    def work(number: int) -> list[float]:
        ready.wait()
        return [_report(callers[number], due) for due in dues[number :: len(callers)]]

    with ThreadPoolExecutor(len(callers)) as pool:
        shares = [pool.submit(work, number) for number in range(len(callers))]
        ready.wait()
        start = time.perf_counter()
        latencies = sorted(latency for share in shares for latency in share.result())
        return Made(time.perf_counter() - start, latencies)


def _report(caller: Coordinator, due: Due) -> float:
    start = time.perf_counter()
    if not caller.report(due.agent, due.token, due.result, 0.01).counted:
        raise AssertionError(f"the report of {due.result.run} did not count")
    return time.perf_counter() - start


def raw_rate(path: Path, body: str, commits: int = RAW_COMMITS) -> float:
    """Commits of one row a second that SQLite makes durable on this disk, one after the other, as the journal
    is set up.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE events (body TEXT NOT NULL)")
        start = time.perf_counter()
        for _ in range(commits):
            connection.execute("INSERT INTO events VALUES (?)", (body,))
        return commits / (time.perf_counter() - start)


def in_process(config: Config, callers: int, reports: int) -> Made:
    """The service itself, called by threads: every report is a write of its own."""
    dues = prepared(config, callers * reports)
    with opened(config) as service:
        return make(dues, [service] * callers)


def over_ray(config: Config, callers: int, reports: int) -> Made:
    """The actor, called through Ray; reports that come in while it writes share the next write."""
    dues = prepared(config, callers * (reports + 1))
    with CoordinatorUnderTest(config) as actor:
        lines = [RemoteCoordinator(actor.name, NAMESPACE) for _ in range(callers)]
        make(dues[:callers], lines)  # finds the actor and warms it up
        return make(dues[callers:], lines)


def part(folder: Path, callers: int = CALLERS, reports: int = EACH) -> Part:
    """Measure the actor, the service in this process and the disk. Needs a connection to Ray."""
    config = {
        name: config_of(Scenario(name=f"reports-{name}", slots=1, thinking=0.0, training=0.0), folder)
        for name in ("row", "here", "actor")
    }
    row = msgspec.json.encode(prepared(config["row"], 1)[0].result).decode()
    before = raw_rate(folder / "before.db", row)
    here, actor = in_process(config["here"], callers, reports), over_ray(config["actor"], callers, reports)
    beside = {RAW: fmean((before, raw_rate(folder / "after.db", row)))}
    readings = [
        Reading(
            what=f"over Ray, {callers} callers",
            value=actor.rate,
            unit="/s",
            goal=Goal(LEAST),
            references=beside,
        ),
        Reading(what="  a report's time, median", value=quantile(actor.latencies, 0.5) * 1e3, unit="ms"),
        Reading(what="  a report's time, 95 of 100", value=quantile(actor.latencies, 0.95) * 1e3, unit="ms"),
        Reading(
            what=f"in one process, {callers} threads, a write each",
            value=here.rate,
            unit="/s",
            references=beside,
        ),
    ]
    note = (
        f"Each with its verdict and on the disk before it is acknowledged; {callers * reports} of them.\n"
        f"{RAW}: commits of one row, one after the other, on the same disk, before and after."
    )
    return Part(name="reports", title="Durable reports a second", readings=readings, note=note)
