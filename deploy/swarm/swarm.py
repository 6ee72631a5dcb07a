"""The actors of a campaign on Ray: one coordinator, one agent for each slot.

- On a Ray of its own (``cluster.address: local``) the actors end with the process that started them. On a
  cluster they are detached, and that process may leave.
- ``reconcile`` compares the cluster's slots with the agents there are and starts those that are missing; it
  can be repeated by anybody.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from agents.loop import AgentLoop
from configs.errors import ConfigError
from configs.schema import Config
from coordinator.agent_calls import Coordinator
from coordinator.views.overview import Overview
from deploy.checks.exposure import require_hidden
from deploy.checks.keys import ENV_FILE
from deploy.swarm.cluster import NAMESPACE, Place, places  # first: it sets Ray's environment
from deploy.wiring import SlotOrder, build_agent, open_service

import agents.actor  # isort: skip
import coordinator.actor  # isort: skip
import ray  # isort: skip
from ray.exceptions import RayError, RayTaskError  # isort: skip

ANSWER_SECONDS = 0.5
"""How long a look for problems waits for the agents' answers."""
READY_SECONDS = 90.0
GOODBYE_SECONDS = 20.0


def _build(
    config: Config, order: SlotOrder, coordinator: Coordinator, *, secret_files: Sequence[str] = ()
) -> AgentLoop:
    """An agent on its node, which must hide from variants what they may not read. secret_files: see
    ``build_agent``. Raises ConfigError.
    """
    require_hidden(config, seconds=0.0)
    return build_agent(config, order, coordinator, secret_files=secret_files)


class Swarm:
    """A campaign's actors. Connect with ``connected`` first."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._local = config.cluster.address == "local"
        self._parent = os.getpid() if self._local else None
        self._agents: dict[str, Any] = {}
        self._asked: dict[str, Any] = {}
        self._coordinator: Any = None
        self.problems: dict[str, str] = {}
        """What a person has to fix, by what it is about: agents that could not be made."""

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
            partial(open_service, self._config), self._parent
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
        env_file = str(ENV_FILE.absolute())
        builder = partial(_build, self._config, place.order, secret_files=[env_file])
        lifetime = {} if self._local else {"lifetime": "detached"}
        kind = agents.actor.remote_class(
            name=place.actor, namespace=NAMESPACE, get_if_exists=True, **lifetime, **place.options
        )
        return kind.remote(builder, self.coordinator_name, NAMESPACE, self._parent)

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
        ready = ray.wait(asked, num_returns=len(asked), timeout=ANSWER_SECONDS)[0] if asked else []
        for name, answer in list(self._asked.items()):
            if answer in ready:
                del self._asked[name]
                self._note_problems(name, answer)

    def _note_problems(self, name: str, answer: Any) -> None:
        try:
            ray.get(answer)
        except RayTaskError as error:
            self.problems[name] = str(error.cause)
        except RayError as error:
            if "ConfigError" in str(error):
                self.problems[name] = str(error).strip().splitlines()[-1]

    # ------------------------------------------------------------------ while it runs

    def look(self, shown: int) -> Overview | None:
        """The status page and rows after the first ``shown``; None while the coordinator is away."""
        try:
            overview: Overview = ray.get(self._coordinator.status.remote(shown), timeout=10)
        except (RayError, ConnectionError):
            return None
        return overview

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
