"""What the coordinator knows for the moment only: who was heard of when, who is thinking, how far runs are.
Never journaled.
"""

from collections.abc import Callable, Iterable

from msgspec import Struct

from evaluator.result import Progress

THINKING_SECONDS = 900.0
"""A brief nobody answered for this long is free again: longer than any model thinks, short against a
night.
"""


class LeaseTimes(Struct, frozen=True):
    """How long a lease lives."""

    heartbeat: float = 5.0
    """Seconds between an agent's heartbeats."""
    ttl: float = 60.0
    """Seconds a lease lives without one."""


DEFAULT_LEASE_TIMES = LeaseTimes()


class Presence:
    """Facts of the moment, by agent. Times are seconds since the epoch."""

    def __init__(self, clock: Callable[[], float], ttl: float) -> None:
        self.ttl = ttl
        """Seconds without a word after which an agent counts as gone."""
        self._clock = clock
        self._heard: dict[str, float] = {}
        """When the agent last said something."""
        self._briefed: dict[str, float] = {}
        """When it was given the brief it holds."""
        self._offer_of: dict[str, str] = {}
        """The crashed experiment it was asked to repair."""
        self.offered: set[str] = set()
        """Crashed experiments that somebody was asked to repair."""
        self.progress: dict[str, Progress] = {}
        """How far its run is."""
        self.stopping = False
        """Whether open runs have to end now."""

    def heard(self, agent: str) -> None:
        """The agent said something."""
        self._heard[agent] = self._clock()

    def expect(self, agents: Iterable[str]) -> None:
        """Give each of these a full life from now, as after a restart."""
        for agent in agents:
            self.heard(agent)

    def forget(self, agent: str) -> None:
        """The agent is gone."""
        self._heard.pop(agent, None)
        self.progress.pop(agent, None)
        self.forget_thought(agent)

    def silent(self) -> list[str]:
        """Agents that said nothing for the ttl."""
        limit = self._clock() - self.ttl
        return [agent for agent, at in self._heard.items() if at < limit]

    def thinks(self, agent: str) -> None:
        """The agent holds a brief."""
        self._briefed[agent] = self._clock()

    def forget_brief(self, agent: str) -> None:
        """The agent holds no brief any more."""
        self._briefed.pop(agent, None)

    def forget_thought(self, agent: str) -> None:
        """Nobody thinks about the agent's brief any more: what it was to repair may be offered to another."""
        self.forget_brief(agent)
        self.offered.discard(self._offer_of.pop(agent, ""))

    def offers(self, experiment: str, agent: str) -> None:
        """The agent was asked to repair the experiment. What it was asked before is behind it: nobody is
        asked that again.
        """
        self._offer_of[agent] = experiment
        self.offered.add(experiment)

    def thinking(self, agent: str, among: set[str]) -> int:
        """How many others among these agents hold a brief."""
        limit = self._clock() - THINKING_SECONDS
        return sum(other != agent and other in among and at >= limit for other, at in self._briefed.items())
