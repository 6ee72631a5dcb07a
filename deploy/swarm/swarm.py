"""A campaign on Ray: one coordinator, one agent per slot, and a driver that watches.

- On a Ray of its own (``cluster.address: local``) the swarm ends with its driver. On a cluster actors are
  detached and the driver may leave.
- ``reconcile`` compares the cluster's slots with the agents there are and starts those that are missing; it
  can be repeated by anybody.
"""

import os
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from agents.loop import Snapshot
from configs.load import ConfigError, Loaded, resolved_yaml
from configs.schema import Config
from coordinator.views.status import Json
from deploy.absolute_paths import rooted
from deploy.exit_codes import FAILURE, LIMIT
from deploy.swarm.cluster import NAMESPACE, Place, connected, places  # first: it sets Ray's environment
from deploy.views.live import View
from deploy.wiring import build_agent, layout_of, open_service
from trainer.task import load_task

import agents.actor  # isort: skip
import coordinator.actor  # isort: skip
import ray  # isort: skip
from ray.exceptions import RayError, RayTaskError  # isort: skip

LOOK_SECONDS = 0.5
RECONCILE_SECONDS = 5.0
READY_SECONDS = 90.0
GOODBYE_SECONDS = 20.0


class Signals:
    """First Ctrl-C drains, the second ends the runs, the third leaves at once. SIGTERM ends the runs."""

    def __init__(self) -> None:
        self.count = 0
        self.code = 0

    def __enter__(self) -> "Signals":
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        self.listen()
        return self

    def listen(self) -> None:
        """Take them; once more where somebody else has taken one meanwhile."""
        for number in self._before:
            signal.signal(number, self._take)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        self.count += 2 if number == signal.SIGTERM else 1
        self.code = 128 + number
        if self.count >= 3:
            raise KeyboardInterrupt


class Swarm:
    """A campaign's actors. Open with ``connect`` first."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._local = config.cluster.address == "local"
        self._owner = os.getpid() if self._local else None
        self._agents: dict[str, Any] = {}
        self._asked: dict[str, Any] = {}
        self._coordinator: Any = None
        self.problems: dict[str, str] = {}
        """What a person has to fix, by what it is about: agents that could not be made, arms that are
        stopped.
        """

    # ------------------------------------------------------------------ start

    def start(self) -> None:
        """Start or find the coordinator, then the agents. Raises ConfigError when the campaign cannot be
        opened.
        """
        cluster = ray.cluster_resources()  # type: ignore[no-untyped-call]
        options: dict[str, Any] = {
            "name": self.coordinator_name,
            "namespace": NAMESPACE,
            "get_if_exists": True,
        }
        if not self._local:
            options["lifetime"] = "detached"
        if "head" in cluster:
            options["resources"] = {"head": 0.001}
        self._coordinator = coordinator.actor.remote_class(**options).remote(
            partial(open_service, self._config), self._owner
        )
        problem = ray.get(self._coordinator.ready.remote(), timeout=READY_SECONDS)
        if problem is not None:
            ray.kill(self._coordinator)
            raise ConfigError(problem[0], problem[1])
        self.reconcile()

    def reconcile(self) -> None:
        """Start an agent on every slot that has none."""
        for place in places(self._config):
            if place.actor not in self._agents:
                self._agents[place.actor] = self._agent(place)
        self.look_for_problems()

    def _agent(self, place: Place) -> Any:
        builder = partial(build_agent, self._config, place.order)
        lifetime = {} if self._local else {"lifetime": "detached"}
        kind = agents.actor.remote_class(
            name=place.actor, namespace=NAMESPACE, get_if_exists=True, **lifetime, **place.options
        )
        return kind.remote(builder, self.coordinator_name, NAMESPACE, self._owner)

    @property
    def coordinator_name(self) -> str:
        """Name of the coordinator's actor."""
        return f"coordinator-{self._config.campaign.name}"

    def look_for_problems(self) -> None:
        """Ask every agent; who does not answer at once is heard at the next look."""
        for name, handle in self._agents.items():
            if name not in self.problems and name not in self._asked:
                self._asked[name] = handle.snapshot.remote()
        asked = list(self._asked.values())
        ready = ray.wait(asked, num_returns=len(asked), timeout=LOOK_SECONDS)[0] if asked else []
        for name, answer in list(self._asked.items()):
            if answer not in ready:
                continue
            del self._asked[name]
            try:
                snapshot: Snapshot = ray.get(answer)
                for arm, why in snapshot.stopped.items():
                    self.problems.setdefault(f"arm {arm} is stopped", why)
            except RayTaskError as error:
                self.problems[name] = str(error.cause)
            except RayError as error:
                if "ConfigError" in str(error):
                    self.problems[name] = str(error).strip().splitlines()[-1]

    # ------------------------------------------------------------------ while it runs

    def look(self, seen: int) -> tuple[Json, list[Json]] | None:
        """The status page and rows after the first ``seen``; None while the coordinator is away."""
        try:
            page: tuple[Json, list[Json]] = ray.get(self._coordinator.status.remote(seen), timeout=10)
        except (RayError, ConnectionError):
            return None
        return page

    def drain(self, reason: str, now: bool = False) -> None:
        """Take no new work; ``now`` ends the open runs too."""
        self._coordinator.drain.remote(reason, now)

    def end(self) -> None:
        """Let every agent leave, close the campaign."""
        leaving = [agent.end.remote(True, GOODBYE_SECONDS) for agent in self._agents.values()]
        ray.wait(leaving, num_returns=len(leaving), timeout=GOODBYE_SECONDS)
        for agent in self._agents.values():
            ray.kill(agent)
        with suppress(RayError, ConnectionError):  # its files are whole at every instant
            ray.get(self._coordinator.close.remote(), timeout=GOODBYE_SECONDS)
        ray.kill(self._coordinator)


def run_campaign(loaded: Loaded, view: View) -> int:
    """Start or resume the campaign and watch it until it ends; the exit code. Raises ConfigError."""
    config = rooted(loaded.config)
    layout = layout_of(config)
    with Signals() as signals, connected(config):
        signals.listen()  # Ray took SIGTERM for itself
        if config.cluster.address == "local":
            require_slots(config)
            prepare_data(config)
        swarm = Swarm(config)
        swarm.start()
        layout.config.write_text(resolved_yaml(loaded), encoding="utf-8")
        try:
            return watch(swarm, config, view, signals)
        finally:
            view.close()
            if config.cluster.address == "local":
                swarm.end()


def require_slots(config: Config) -> None:
    """Raises ConfigError where no agent could ever live."""
    if not any(True for _ in places(config)):
        raise ConfigError(
            "this machine has no GPU that Ray can see",
            "Check `nvidia-smi`, or run on CPU slots: slots.per_gpu=false task.name=demo.",
        )


def prepare_data(config: Config) -> None:
    """Make the task's data where trainings need it. Raises ConfigError."""
    if config.trainer.kind == "subprocess":
        task = load_task(config.task.name)
        print(f"preparing the data of task {task.name} …", file=sys.stderr)  # noqa: T201
        task.prepare(Path(config.data_dir))


def watch(swarm: Swarm, config: Config, view: View, signals: Signals) -> int:
    """Show what happens until the campaign is finished, or until Ctrl-C on a cluster; the exit code."""
    limit = (
        time.monotonic() + config.campaign.session_minutes * 60
        if config.campaign.session_minutes
        else float("inf")
    )
    seen, taken, reconciled = 0, 0, time.monotonic()
    told: set[str] = set()
    while True:
        page = swarm.look(seen)
        if page is not None:
            status, rows = page
            seen += len(rows)
            view.update(status, rows)
            if status["trouble"] not in ("", *told):
                told.add(status["trouble"])
                view.warn(status["trouble"])
            if status["state"] == "finished":
                swarm.look_for_problems()
                tell_problems(swarm, view, told)
                return FAILURE if status["failed"] else LIMIT if status["spend"]["capped"] else signals.code
        if signals.count > taken:
            taken = signals.count
            if config.cluster.address != "local":
                words = (
                    "detached; the campaign goes on. `autoswarm status` shows it, `autoswarm stop` ends it."
                )
                print(words, file=sys.stderr)  # noqa: T201
                return 0
            swarm.drain("stopped by Ctrl-C", now=taken > 1)
        if time.monotonic() > limit:
            limit = float("inf")
            swarm.drain(
                f"campaign.session_minutes reached: {config.campaign.session_minutes:g} min; run it again to"
                " go on"
            )
        if time.monotonic() - reconciled > RECONCILE_SECONDS:
            reconciled = time.monotonic()
            swarm.reconcile()
            tell_problems(swarm, view, told)
        time.sleep(LOOK_SECONDS)


def tell_problems(swarm: Swarm, view: View, told: set[str]) -> None:
    """Show what a person has to fix and was not told yet."""
    for name, problem in swarm.problems.items():
        if name not in told:
            told.add(name)
            view.warn(f"{name}: {problem}")
