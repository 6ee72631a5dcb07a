"""Every implementation of ``coordinator.agent_calls.Coordinator``, each at the same point of a campaign:
agent ``a0`` has joined, the baseline is measured where there is one, and ideas are welcome.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path

from agents.testing.memory_coordinator import MemoryCoordinator
from coordinator.agent_calls import Coordinator
from coordinator.model_calls import CallRecord
from coordinator.protocol import Lease, Wait
from coordinator.rule_values.prices import MoneyRules
from coordinator.service.service import Service
from coordinator.state.arm_events import CallSettled
from coordinator.store.journal import Journal
from coordinator.store.transcripts import Transcript, packed
from evaluator.result import Measured
from tests.integration.campaign_folder import Clock, card, open_service, result, rules

ROOT = Path(__file__).resolve().parents[2]
CAP = 1.0
READY_SECONDS = 60.0
LONG_POLL_SECONDS = 0.1
TRANSCRIPT = packed(Transcript(messages=[], answer="said"))


class Stage:
    """A coordinator, and what a test looks at behind its back."""

    def __init__(
        self,
        coordinator: Coordinator,
        settled: Callable[[], list[str]],
        transcripts: Callable[[], int],
        spend_everything: Callable[[], None],
    ) -> None:
        self.coordinator = coordinator
        self.settled = settled
        """Ids of the calls that were counted, each as often as it was."""
        self.transcripts = transcripts
        """How many are kept."""
        self.spend_everything = spend_everything
        """From now on there is no money for another call."""


class WallClock(Clock):
    """Seconds since the epoch, for a coordinator that ticks by itself."""

    def __call__(self) -> float:
        return time.time()


@contextmanager
def in_memory(folder: Path) -> Iterator[Stage]:
    """folder: not needed."""
    del folder
    coordinator = MemoryCoordinator(experiments=50, source="DEPTH = 4\n", ahead=2)

    def spend_everything() -> None:
        coordinator.allow = lambda _: Wait("the money is spent", stop=True)

    _begin(coordinator)
    yield Stage(
        coordinator,
        lambda: list(coordinator.settled),
        lambda: len(coordinator.transcripts),
        spend_everything,
    )


@contextmanager
def in_process(folder: Path) -> Iterator[Stage]:
    """The service itself."""
    with _open(folder, Clock()) as service:
        yield _on_disk(service, folder)


@contextmanager
def behind_ray(folder: Path) -> Iterator[Stage]:
    """The handle that agents have of the service's actor. Ray runs already."""
    import ray

    import coordinator.actor
    from agents.actor import RemoteCoordinator

    name = f"coordinator-{uuid.uuid4().hex}"
    opener = partial(_open, folder, WallClock())
    actor = coordinator.actor.remote_class(name=name).remote(opener, os.getpid())
    assert ray.get(actor.ready.remote(), timeout=READY_SECONDS) is None
    try:
        yield _on_disk(RemoteCoordinator(name, "", LONG_POLL_SECONDS), folder)
    finally:
        ray.kill(actor)


@contextmanager
def local_ray() -> Iterator[None]:
    """A Ray of our own whose processes find the tests' modules."""
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        num_gpus=0,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=100_000_000,
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
    )
    try:
        yield
    finally:
        ray.shutdown()


def _open(folder: Path, clock: Clock) -> Service:
    wanted = rules(baseline_runs=2, ahead=2, money=MoneyRules(cap_usd=CAP))
    return open_service(folder, wanted, clock)


def _on_disk(coordinator: Coordinator, folder: Path) -> Stage:
    def settled() -> list[str]:
        journal = Journal.read(folder / "journal.db")
        calls = [entry.event.call for entry in journal.entries() if isinstance(entry.event, CallSettled)]
        journal.close()
        return calls

    def spend_everything() -> None:
        record = CallRecord(call="dear", arm="search", model="m", ordinal=1, prompt_tokens=1, cost_usd=CAP)
        coordinator.settle("a0", record, None)

    _begin(coordinator)
    return Stage(
        coordinator, settled, lambda: len(list((folder / "calls").glob("*.json.gz"))), spend_everything
    )


def _begin(coordinator: Coordinator) -> None:
    coordinator.join(card("a0"))
    values = cycle((0.99, 1.01))
    while isinstance(lease := coordinator.lease("a0"), Lease):
        coordinator.report("a0", lease.token, result(lease, Measured(next(values))))
