"""What people brought in: hints, and what became of variants they proposed. Part of the state, changed by
``CampaignState.apply`` only.
"""

from msgspec import Struct, field

from coordinator.state.arm_events import HintGiven
from coordinator.state.events import ProposalRefused

MAX_HINTS = 10
"""Hints that a brief tells, the newest."""
HINT_CHARS = 2_000
MAX_ANSWERS = 100
"""Refusals of people's variants that are remembered."""


class Hints(Struct):
    """Hints and answers to people."""

    hints: dict[str, str] = field(default_factory=dict)
    """Those in force by id, the oldest first."""
    taken: dict[str, None] = field(default_factory=dict)
    """Ids of all there ever were."""
    answers: dict[str, ProposalRefused] = field(default_factory=dict)
    """People's refused variants by the id of the proposal, the last ones."""

    @property
    def newest(self) -> list[str]:
        """The hints that a brief tells, the newest last."""
        return list(self.hints.values())[-MAX_HINTS:]

    def give(self, event: HintGiven) -> None:
        """A hint is in force."""
        self.hints[event.hint] = event.text
        self.taken[event.hint] = None

    def withdraw(self) -> None:
        """No hint is in force."""
        self.hints = {}

    def answer(self, event: ProposalRefused) -> None:
        """A person's variant was refused."""
        self.answers[event.proposal] = event
        while len(self.answers) > MAX_ANSWERS:
            del self.answers[next(iter(self.answers))]
