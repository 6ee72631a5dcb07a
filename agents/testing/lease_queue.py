"""Runs that wait and the leases on them, as a coordinator in memory keeps them."""

from collections import deque

from msgspec import Struct

from coordinator.protocol import Token


class Grant(Struct, frozen=True):
    """A run in an agent's hands."""

    run: str
    token: Token


class LeaseQueue:
    """One lease per agent. Tokens only grow, over restarts too."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._grants: dict[str, Grant] = {}
        self._counter = 0

    def __len__(self) -> int:
        """Runs that wait."""
        return len(self._waiting)

    @property
    def leased(self) -> bool:
        """Whether any run is in an agent's hands."""
        return bool(self._grants)

    def add(self, run: str) -> None:
        """A new run waits, behind the others."""
        self._waiting.append(run)

    def grant(self, agent: str, epoch: int) -> Grant | None:
        """The lease the agent holds, else one on the run that has waited longest; None where none waits."""
        if agent not in self._grants and self._waiting:
            self._counter += 1
            self._grants[agent] = Grant(self._waiting.popleft(), Token(epoch, self._counter))
        return self._grants.get(agent)

    def holds(self, agent: str, token: Token) -> bool:
        """Whether the agent's lease is the one with this token."""
        return agent in self._grants and self._grants[agent].token == token

    def finish(self, agent: str) -> None:
        """The agent's run is done."""
        del self._grants[agent]

    def lose(self, agent: str) -> None:
        """The agent's run waits again, before all others. Nothing happens where it holds none."""
        grant = self._grants.pop(agent, None)
        if grant is not None:
            self._waiting.appendleft(grant.run)
