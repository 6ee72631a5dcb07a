"""A proposal's way in, an agent's or a person's: made fit to be written down, looked at, then refused or
accepted.

Called inside a transaction of the service; what is decided reaches the disk with it.
"""

import msgspec

from coordinator.domain import Refusal
from coordinator.protocol import Accepted, Proposal, Refused
from coordinator.state.events import ProposalRefused
from coordinator.store.inbox import Hint, Idea, InboxItem, Withdrawal
from coordinator.store.unit_of_work import UnitOfWork
from coordinator.variants.gate import Gate
from coordinator.variants.source import digest


class Intake:
    """Receives for one campaign. gate: what its task holds a surface to."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def receive(
        self, unit: UnitOfWork, agent: str, proposal: Proposal, place: str = ""
    ) -> Accepted | Refused:
        """Answer a proposal; one that was accepted before gets the same answer. place: the division, where no
        agent but a person proposes.
        """
        known = unit.state.proposals.get(proposal.proposal)
        if known is not None:
            return Accepted(known)
        proposal = _writable(proposal)
        found, refusal = self._look(unit, agent, proposal, place)
        if refusal is not None:
            unit.commit([refusal])
            return Refused(
                refusal.refusal,
                refusal.reason,
                refusal.known,
                unit.campaign.earlier(refusal.known, proposal.arm),
            )
        return Accepted(unit.accept(agent, proposal, found, place))

    def _look(
        self, unit: UnitOfWork, agent: str, proposal: Proposal, place: str
    ) -> tuple[str, ProposalRefused | None]:
        """Digest of the text, and why it is refused if it is."""
        campaign = unit.campaign
        if proposal.parent not in unit.state.digests:
            why = f"commit {proposal.parent[:12]} is not of this campaign"
            return "", campaign.refused(agent, proposal, Refusal.STALE_BRIEF, why, place)
        objection = self._gate.look(proposal.source)
        if objection is not None:
            return "", campaign.refused(agent, proposal, objection.refusal, objection.reason, place)
        found = digest(proposal.source)
        return found, campaign.refuse(agent, proposal, found, place)

    def take_in(self, unit: UnitOfWork, item: InboxItem) -> bool:
        """Do what a person left a letter for; whether it is dealt with. A variant waits where nothing can be
        tried now.
        """
        campaign = unit.campaign
        match item.content:
            case Hint(text=text):
                unit.commit(campaign.hint(item.name, _text(text)))
            case Withdrawal():
                unit.commit(campaign.withdraw_hints())
            case Idea(title=title, source=source, division=wanted):
                place = campaign.place_for(wanted)
                if not campaign.answered(item.name):
                    if place is None or not campaign.takes_ideas():
                        return False
                    self.receive(unit, "", campaign.idea(item.name, title, source, place), place.name)
        return True


def _writable(proposal: Proposal) -> Proposal:
    """The proposal with words that can be written down: a model's JSON may hold halves of characters. Its
    source is the gate's business.
    """
    settings = {_text(key): _text(value) for key, value in proposal.settings.items()}
    return msgspec.structs.replace(
        proposal, title=_text(proposal.title), hypothesis=_text(proposal.hypothesis), settings=settings
    )


def _text(words: str) -> str:
    return words.encode(errors="replace").decode()
