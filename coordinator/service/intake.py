"""A proposal's way in, an agent's or a person's: made fit to be written down, looked at, then refused or accepted.

Called inside a transaction of the service; what is decided reaches the disk with it.
"""

import msgspec

from coordinator.domain import Refusal
from coordinator.protocol import Accepted, Proposal, Refused
from coordinator.state.events import ProposalRefused
from coordinator.store.inbox import Hint, Idea, Letter, Withdrawal
from coordinator.store.unit_of_work import Ledger
from coordinator.variants.gate import Gate
from coordinator.variants.source import digest


class Reception:
    """Receives for one campaign. gate: what its task holds a surface to."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def receive(self, ledger: Ledger, agent: str, proposal: Proposal, place: str = "") -> Accepted | Refused:
        """Answer a proposal; one that was accepted before gets the same answer. place: the division, where no agent but a person proposes."""
        known = ledger.state.proposals.get(proposal.proposal)
        if known is not None:
            return Accepted(known)
        proposal = _writable(proposal)
        found, refusal = self._look(ledger, agent, proposal, place)
        if refusal is not None:
            ledger.commit([refusal])
            return Refused(refusal.refusal, refusal.reason, refusal.known, ledger.campaign.earlier(refusal.known, proposal.arm))
        return Accepted(ledger.accept(agent, proposal, found, place))

    def _look(self, ledger: Ledger, agent: str, proposal: Proposal, place: str) -> tuple[str, ProposalRefused | None]:
        """Digest of the text, and why it is refused if it is."""
        campaign = ledger.campaign
        if proposal.parent not in ledger.state.digests:
            why = f"commit {proposal.parent[:12]} is not of this campaign"
            return "", campaign.refused(agent, proposal, Refusal.STALE_BRIEF, why, place)
        objection = self._gate.look(proposal.source)
        if objection is not None:
            return "", campaign.refused(agent, proposal, objection.refusal, objection.reason, place)
        found = digest(proposal.source)
        return found, campaign.refuse(agent, proposal, found, place)

    def take_in(self, ledger: Ledger, letter: Letter) -> bool:
        """Do what a person left a letter for; whether it is dealt with. A variant waits where nothing can be tried now."""
        campaign = ledger.campaign
        match letter.content:
            case Hint(text=text):
                ledger.commit(campaign.hint(letter.name, _text(text)))
            case Withdrawal():
                ledger.commit(campaign.withdraw_hints())
            case Idea(title=title, source=source, division=wanted):
                place = campaign.place_for(wanted)
                if not campaign.answered(letter.name):
                    if place is None or not campaign.takes_ideas():
                        return False
                    self.receive(ledger, "", campaign.idea(letter.name, title, source, place), place.name)
        return True


def _writable(proposal: Proposal) -> Proposal:
    """The proposal with words that can be written down: a model's JSON may hold halves of characters. Its source is the gate's business."""
    settings = {_text(key): _text(value) for key, value in proposal.settings.items()}
    return msgspec.structs.replace(proposal, title=_text(proposal.title), hypothesis=_text(proposal.hypothesis), settings=settings)


def _text(words: str) -> str:
    return words.encode(errors="replace").decode()
