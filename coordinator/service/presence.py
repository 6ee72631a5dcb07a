"""What the coordinator keeps in memory only: when each agent last called, which agents hold a brief, how far
runs are. Never journaled.
"""

from collections.abc import Callable, Iterable

from msgspec import Struct

from evaluator.result import Progress

THINKING_SECONDS = 900.0
"""Seconds after which a brief without an answer no longer counts: more than any model takes, and little
beside the hours of a campaign.
"""


class LeaseTimes(Struct, frozen=True):
    """How long a lease lives."""

    heartbeat: float = 5.0
    """Seconds between an agent's heartbeats."""
    ttl: float = 60.0
    """Seconds a lease lives without one."""


DEFAULT_LEASE_TIMES = LeaseTimes()


class Presence:
    """What is so now, by agent. Times are seconds since the epoch."""

    def __init__(self, clock: Callable[[], float], ttl: float) -> None:
        self.ttl = ttl
        """Seconds without a call after which an agent counts as gone."""
        self._clock = clock
        self._heard: dict[str, float] = {}
        """When the agent last called."""
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
        """The agent called."""
        self._heard[agent] = self._clock()

    def expect(self, agents: Iterable[str]) -> None:
        """Take these agents as heard now, so that each has the whole ttl to call, as after a restart."""
        for agent in agents:
            self.heard(agent)

    def forget(self, agent: str) -> None:
        """The agent is gone."""
        self._heard.pop(agent, None)
        self.progress.pop(agent, None)
        self.drop_brief(agent)

    def silent(self) -> list[str]:
        """Agents that did not call for the ttl."""
        limit = self._clock() - self.ttl
        return [agent for agent, at in self._heard.items() if at < limit]

    def missing(self) -> frozenset[str]:
        """Agents that did not call for half the ttl: far longer than between two of their calls."""
        limit = self._clock() - self.ttl / 2
        return frozenset(agent for agent, at in self._heard.items() if at < limit)

    def brief_given(self, agent: str) -> None:
        """The agent holds a brief from now on."""
        self._briefed[agent] = self._clock()

    def brief_done(self, agent: str) -> None:
        """The agent holds no brief any more."""
        self._briefed.pop(agent, None)

    def drop_brief(self, agent: str) -> None:
        """The agent will not answer its brief: the experiment it was to repair may be offered to another."""
        self.brief_done(agent)
        self.offered.discard(self._offer_of.pop(agent, ""))

    def repair_offered(self, experiment: str, agent: str) -> None:
        """The agent was asked to repair the experiment. The one it was asked to repair before stays offered:
        nobody is asked to repair that again.
        """
        self._offer_of[agent] = experiment
        self.offered.add(experiment)

    def thinking(self, agent: str, among: set[str]) -> int:
        """How many others among these agents hold a brief."""
        limit = self._clock() - THINKING_SECONDS
        return sum(other != agent and other in among and at >= limit for other, at in self._briefed.items())
