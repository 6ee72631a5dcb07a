"""Arms that give nothing, as their agents last said. Changed by ``CampaignState.apply`` only.

- A note stands for one arm on one agent, until that agent's next life or until the arm gives something: on
  the same agent where it was stopped there, on any where it only gave nothing for a while.
"""

from msgspec import Struct, field

from coordinator.arm_notes import ArmReason
from coordinator.state.arm_events import ArmNoted


class NotedArm(Struct, frozen=True, kw_only=True):
    """What is so of an arm on one agent."""

    agent: str
    reason: ArmReason
    words: str
    remedy: str
    stopped: bool
    """It gives nothing more until a person acts."""
    briefs: int
    """In a row, over all agents, for which the arm gave nothing when this was said."""
    since: float
    """When it was first said, in seconds since the epoch."""


class Troubles(Struct):
    """The notes that stand."""

    noted: dict[tuple[str, str], NotedArm] = field(default_factory=dict)
    """By arm and agent, in the order of their first word."""

    def note(self, event: ArmNoted, at: float) -> None:
        """An agent said something of an arm, ``at`` seconds since the epoch."""
        before = self.noted.get((event.arm, event.agent))
        self.noted[event.arm, event.agent] = NotedArm(
            agent=event.agent,
            reason=event.reason,
            words=event.words,
            remedy=event.remedy,
            stopped=event.stopped,
            briefs=event.briefs,
            since=before.since if before else at,
        )

    def gave(self, arm: str, agent: str) -> None:
        """The arm gave a proposal on that agent, and it was accepted."""
        if self.noted:
            self.noted = {
                (of, on): note
                for (of, on), note in self.noted.items()
                if of != arm or (note.stopped and on != agent)
            }

    def begins(self, agent: str) -> None:
        """The agent begins another life: what it said of arms was of the life before."""
        if self.noted:
            self.noted = {(arm, on): note for (arm, on), note in self.noted.items() if on != agent}

    def of(self, arm: str) -> list[NotedArm]:
        """What stands of an arm, those that stopped it first."""
        notes = [note for (of, _), note in self.noted.items() if of == arm]
        return sorted(notes, key=lambda note: not note.stopped)
