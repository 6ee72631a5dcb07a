"""Briefs in a row for which each arm gave nothing, over all agents. Of this process only: a restart counts
anew.
"""

from collections import Counter


class IdleBriefs:
    """Counts them by arm."""

    def __init__(self) -> None:
        self._briefs: Counter[str] = Counter()
        self._last: dict[str, int] = {}
        """Number of the last word of each agent, so that a repeated one counts once."""

    def is_new(self, agent: str, number: int) -> bool:
        """Whether the agent has not said this before. number: of its word, in its present life."""
        before, self._last[agent] = self._last.get(agent), number
        return before != number

    def gave_nothing(self, arm: str) -> int:
        """One brief more; how many there are now."""
        self._briefs[arm] += 1
        return self._briefs[arm]

    def gave(self, arm: str) -> None:
        """A proposal of the arm was accepted."""
        self._briefs.pop(arm, None)
