"""The agents of a campaign on Ray: one on each slot, found again by name whoever made them.

Every step may be repeated, by several at a time.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from agents.loop import AgentLoop
from configs.schema import Config
from coordinator.agent_calls import Coordinator
from deploy.checks.exposure import require_hidden
from deploy.checks.proposers_here import unknown_divisions
from deploy.swarm.cluster import NAMESPACE, Place, actors, places  # first: it sets Ray's environment
from deploy.wiring import SlotOrder, build_agent

import agents.actor  # isort: skip
import ray  # isort: skip
from ray.exceptions import RayError, RayTaskError  # isort: skip

PROPOSE_IN = "nobody proposes there"
"""Of the problem that a division is named and has no slot."""
ANSWER_SECONDS = 0.5
"""How long a look for problems waits for the agents' answers."""


def _build(
    config: Config, order: SlotOrder, coordinator: Coordinator, *, secret_files: Sequence[str] = ()
) -> AgentLoop:
    """An agent on its node, which must hide from variants what they may not read. secret_files: see
    ``build_agent``. Raises ConfigError.
    """
    require_hidden(config, seconds=0.0)
    return build_agent(config, order, coordinator, secret_files=secret_files)


class Fleet:
    """The agents of one campaign."""

    def __init__(
        self, config: Config, coordinator: str, secret_files: Sequence[str], parent: int | None = None
    ) -> None:
        """coordinator: name of its actor. secret_files: see ``build_agent``. parent: pid of the process on
        this machine to end with; None where agents outlive whoever started them.
        """
        self._config = config
        self._coordinator = coordinator
        self._secret_files = [*secret_files]
        self._parent = parent
        self._agents: dict[str, Any] = {}
        self._places: dict[str, Place] = {}
        self._asked: dict[str, Any] = {}
        self.problems: dict[str, str] = {}
        """What a person has to fix, by what it is about: agents that could not be made, divisions without a
        slot.
        """

    def start_missing(self) -> list[str]:
        """Start an agent on every slot that has none. Agents whose slot has gone since the last time are
        ended; returns their names, without those that have another slot now.
        """
        now = {place.actor: place for place in places(self._config)}
        gone = [place for name, place in self._places.items() if name not in now]
        for place in gone:
            self._asked.pop(place.actor, None)
            kill(self._agents.pop(place.actor, None))
        for name, place in now.items():
            if name not in self._agents:
                self._agents[name] = self._agent(place)
        self._places = now
        self._look_for_divisions()
        there = {place.order.agent for place in now.values()}
        return [place.order.agent for place in gone if place.order.agent not in there]

    def _look_for_divisions(self) -> None:
        """Machines come and go on a cluster, so that a division without a slot is a problem for now."""
        there = {place.order.division for place in self._places.values()}
        self.problems.pop(PROPOSE_IN, None)
        if there and (problem := unknown_divisions(self._config, there)):
            self.problems[PROPOSE_IN] = f"{problem}. {problem.remedy}"

    def _agent(self, place: Place) -> Any:
        builder = partial(_build, self._config, place.order, secret_files=self._secret_files)
        lifetime = {"lifetime": "detached"} if self._parent is None else {}
        kind = agents.actor.remote_class(
            name=place.actor, namespace=NAMESPACE, get_if_exists=True, **lifetime, **place.options
        )
        return kind.remote(builder, self._coordinator, NAMESPACE, self._parent)

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

    def end(self, seconds: float) -> None:
        """Let every agent of the campaign leave, whoever started it, its run ended; in so many seconds."""
        everybody = self._agents | actors("agent", self._config)
        leaving = [agent.end.remote(True, seconds) for agent in everybody.values()]
        if leaving:
            ray.wait(leaving, num_returns=len(leaving), timeout=seconds)
        for agent in everybody.values():
            kill(agent)
        self._agents, self._places, self._asked = {}, {}, {}


def kill(actor: Any, again: bool = False) -> None:
    """End an actor at once, if it is there. again: Ray may start it anew."""
    with suppress(RayError, ValueError):
        if actor is not None:
            ray.kill(actor, no_restart=not again)
