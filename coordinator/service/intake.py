"""A proposal's way in, an agent's or a person's: made fit to be written down, looked at, then refused or
accepted.

Called inside a transaction of the service; what is decided reaches the disk with it.
"""

import msgspec

from coordinator.domain import Refusal
from coordinator.protocol import Accepted, Proposal, Refused
from coordinator.rules.proposing import proposals, recall, steering
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
        experiment = unit.state.proposals.get(proposal.proposal)
        if experiment is not None:
            return Accepted(experiment)
        proposal = _writable(proposal)
        program, refusal = self._look(unit, agent, proposal, place)
        if refusal is not None:
            unit.commit([refusal])
            earlier = recall.earlier(unit.state, refusal.repeats, proposal.arm)
            return Refused(refusal.refusal, refusal.reason, refusal.repeats, earlier)
        return Accepted(unit.accept(agent, proposal, program, place))

    def _look(
        self, unit: UnitOfWork, agent: str, proposal: Proposal, place: str
    ) -> tuple[str, ProposalRefused | None]:
        """Digest of the text, and why it is refused if it is."""
        state = unit.state
        if proposal.parent not in state.digests:
            why = f"commit {proposal.parent[:12]} is not of this campaign"
            return "", proposals.refused(state, agent, proposal, Refusal.STALE_BRIEF, why, place)
        objection = self._gate.look(proposal.source)
        if objection is not None:
            return "", proposals.refused(state, agent, proposal, objection.refusal, objection.reason, place)
        program = digest(proposal.source)
        return program, proposals.refuse(state, agent, proposal, program, place)

    def take_in(self, unit: UnitOfWork, item: InboxItem) -> bool:
        """Do what a person left in the inbox; whether it is dealt with. A variant waits where nothing can be
        tried now.
        """
        state = unit.state
        match item.content:
            case Hint(text=text):
                unit.commit(steering.hint(state, item.name, _text(text)))
            case Withdrawal():
                unit.commit(steering.withdraw_hints(state))
            case Idea(division=wanted) as left:
                division = steering.division_for_person(state, wanted)
                if not steering.answered(state, item.name):
                    if division is None or not steering.takes_ideas(state):
                        return False
                    idea = steering.idea(state, item.name, left.title, left.source, division)
                    simpler = steering.simplified(state, idea, left.takes_back, left.parent)
                    self.receive(unit, "", simpler, division.name)
        return True


def _writable(proposal: Proposal) -> Proposal:
    """The proposal with words that can be written down: a model's JSON may hold halves of characters. Its
    title is one line, whatever ends a line where it is shown. Its source is the gate's business.
    """
    settings = {_text(key): _text(value) for key, value in proposal.settings.items()}
    return msgspec.structs.replace(
        proposal,
        title=" ".join(_text(proposal.title).split()),
        hypothesis=_text(proposal.hypothesis),
        settings=settings,
    )


def _text(words: str) -> str:
    return words.encode(errors="replace").decode()
