"""What people brought in: hints, and what became of variants they proposed. Part of the state, changed by
``CampaignState.apply`` only.
"""

from msgspec import Struct, field

from coordinator.state.events import HintGiven, ProposalRefused

MOST_HINTS = 10
"""Hints told to a proposer, the newest."""
HINT_CHARS = 2_000
MOST_ANSWERS = 100
"""Refusals of people's variants that are remembered."""


class Hints(Struct):
    """hints: those in force by id, oldest first. taken: ids of all there ever were. answers: people's refused
    variants by the id of the proposal.
    """

    hints: dict[str, str] = field(default_factory=dict)
    taken: dict[str, None] = field(default_factory=dict)
    answers: dict[str, ProposalRefused] = field(default_factory=dict)

    @property
    def newest(self) -> list[str]:
        """The hints that a brief tells, the newest last."""
        return list(self.hints.values())[-MOST_HINTS:]

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
        while len(self.answers) > MOST_ANSWERS:
            del self.answers[next(iter(self.answers))]
