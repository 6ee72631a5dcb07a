"""The Ray side of the benchmarks: a campaign's real actors, and plain ones that only sleep."""

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from configs.errors import ConfigError
from configs.schema import Config
from coordinator.views.overview import Overview
from coordinator.views.status_page import PageState
from deploy.bench.intervals import Busy
from deploy.bench.scenario import Scenario, agent_builder
from deploy.swarm.cluster import NAMESPACE  # first: it sets Ray's environment
from deploy.wiring import open_service

os.environ.setdefault(
    "RAY_worker_maximum_startup_concurrency", "8"
)  # actors that sleep need no core each; else Ray warns of them

import agents.actor  # isort: skip
import coordinator.actor  # isort: skip
import ray  # isort: skip

READY_SECONDS = 120.0
GOODBYE_SECONDS = 20.0
LOOK_SECONDS = 0.1


class CoordinatorUnderTest:
    """A campaign's coordinator as an actor, from ``with`` to its end."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.name = f"coordinator-{config.campaign.name}"

    def __enter__(self) -> Self:
        options = {"name": self.name, "namespace": NAMESPACE}
        self.actor: Any = coordinator.actor.remote_class(**options).remote(
            partial(open_service, self._config)
        )
        problem = ray.get(self.actor.ready.remote(), timeout=READY_SECONDS)
        if problem is not None:
            raise ConfigError(problem[0], problem[1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            ray.get(self.actor.close.remote(), timeout=GOODBYE_SECONDS)
        ray.kill(self.actor)

    def finish(self) -> None:
        """Take no new work and wait until the open runs are reported."""
        ray.get(self.actor.drain.remote("the rehearsal is over", False), timeout=GOODBYE_SECONDS)
        while not self._finished():
            time.sleep(LOOK_SECONDS)

    def _finished(self) -> bool:
        overview: Overview = ray.get(self.actor.status.remote(0), timeout=GOODBYE_SECONDS)
        return overview.page.state is PageState.FINISHED

    def cpu_seconds(self) -> float:
        """CPU time of the actor's process so far, all its threads; nan where the system does not tell."""
        return cpu_seconds(ray.get(self.actor.pid.remote(), timeout=GOODBYE_SECONDS))


class AgentsUnderTest:
    """A scenario's agents as actors, from ``with`` to its end. They look for their coordinator from the
    start.
    """

    def __init__(self, scenario: Scenario, config: Config, coordinator_name: str) -> None:
        self._scenario = scenario
        self._config = config
        self._coordinator_name = coordinator_name

    def __enter__(self) -> Self:
        kind = agents.actor.remote_class(num_cpus=1)
        names = [f"slot{number}" for number in range(self._scenario.slots)]
        builders = [agent_builder(self._config, name, self._scenario.thinking) for name in names]
        self._actors: list[Any] = [
            kind.remote(builder, self._coordinator_name, NAMESPACE) for builder in builders
        ]
        ray.get([actor.pid.remote() for actor in self._actors], timeout=READY_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Let every agent say goodbye while there is somebody to say it to. May be repeated."""
        actors, self._actors = self._actors, []
        leaving = [actor.end.remote(True, GOODBYE_SECONDS) for actor in actors]
        if leaving:
            ray.wait(leaving, num_returns=len(leaving), timeout=GOODBYE_SECONDS)
        for actor in actors:
            ray.kill(actor)


class Sleeper:
    """A plain actor that does nothing for a while, twice."""

    def work(self, thinking: float, training: float) -> tuple[float, float]:
        """Start and end of the training, seconds since the epoch."""
        time.sleep(thinking)
        start = time.time()
        time.sleep(training)
        return start, time.time()


class Sleepers:
    """Plain actors, used for what Ray does without us."""

    def __init__(self, count: int) -> None:
        kind: Any = ray.remote(Sleeper).options(num_cpus=0)
        self._actors: list[Any] = [kind.remote() for _ in range(count)]
        ray.get([actor.work.remote(0.0, 0.0) for actor in self._actors], timeout=READY_SECONDS)

    def loop(self, slots: int, thinking: float, durations: Iterator[float], seconds: float) -> list[Busy]:
        """The shortest loop there is: whoever is done gets the next one, until ``seconds`` are over."""
        deadline = time.monotonic() + seconds
        done: list[Busy] = []
        waiting = {actor.work.remote(thinking, next(durations)): actor for actor in self._actors[:slots]}
        while waiting:
            ready, _ = ray.wait(list(waiting))
            for reference in ready:
                actor = waiting.pop(reference)
                if time.monotonic() < deadline:
                    waiting[actor.work.remote(thinking, next(durations))] = actor
                done.append(Busy(str(actor), *ray.get(reference)))
        return done

    def end(self) -> None:
        """Let the actors go."""
        for actor in self._actors:
            ray.kill(actor)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all its threads, from /proc; nan where there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
