"""Rules of what people bring in while a campaign runs: hints, and variants of their own. Pure."""

from configs.reserved import PERSON
from coordinator.domain import Phase
from coordinator.protocol import Proposal
from coordinator.rules.base import Rulebook
from coordinator.state.events import AnyEvent, HintGiven, HintsWithdrawn
from coordinator.state.hints import HINT_CHARS
from coordinator.state.records import Division


class Guiding(Rulebook):
    """From a person's deed to events. In step it is one of the things the verdicts follow from, as the seed
    is.
    """

    def hint(self, name: str, text: str) -> list[AnyEvent]:
        """Tell all proposers something, from the next brief on; [] for a name that was taken before."""
        words = text.strip()[:HINT_CHARS]
        return [HintGiven(hint=name, text=words)] if words and name not in self.state.hints.taken else []

    def withdraw_hints(self) -> list[AnyEvent]:
        """Tell no hint any more."""
        return [HintsWithdrawn()] if self.state.hints.hints else []

    def place_for(self, wanted: str) -> Division | None:
        """The division a person's variant is tried in, None while there is none. wanted: its name, or nothing
        for the first.
        """
        if wanted:
            return self.state.divisions.get(wanted)
        return next(iter(self.state.divisions.values()), None)

    def takes_ideas(self) -> bool:
        """Whether a person's variant can become an experiment now. Else it waits."""
        tried, most = len(self.state.by_ordinal), self.rules.max_experiments
        return self.state.phase is Phase.RUNNING and not 0 < most <= tried

    def answered(self, name: str) -> bool:
        """Whether a person's variant was accepted or refused before."""
        return name in self.state.proposals or name in self.state.hints.answers

    def idea(self, name: str, title: str, source: str, division: Division) -> Proposal:
        """A person's variant as a proposal on the present best."""
        best = division.best
        return Proposal(
            proposal=name,
            ordinal=len(self.state.by_ordinal) + 1,
            arm=PERSON,
            parent=best.commit if best else self.state.start.commit,
            source=source,
            title=title,
        )
