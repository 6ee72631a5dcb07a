"""How each slot stands beside the others, and whether a best rests on one that is off. Pure."""

from msgspec import UNSET, UnsetType

from coordinator.rules.slots.set_aside import in_words, why_not
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Agent, Division
from coordinator.views.slot_view import SlotView


def slot_view(state: CampaignState, agent: Agent) -> SlotView | UnsetType:
    """An agent's slot; absent before it made a run that others make, too."""
    evidence = agent.evidence
    if evidence is None or not (evidence.runs or agent.set_aside):
        return UNSET
    off = agent.set_aside_by or evidence.off
    open_question = off is not None and not agent.set_aside
    return SlotView(
        runs=evidence.runs,
        offset=evidence.offset,
        spread=evidence.spread,
        rate=evidence.rate,
        off=off,
        why=agent.set_aside or (in_words(state.metric, evidence) if off else ""),
        set_aside=bool(agent.set_aside),
        not_because=why_not(state, state.divisions[agent.card.division]) if open_question else "",
    )


def is_set_aside(slot: SlotView | UnsetType) -> bool:
    """Whether it is; False for one of which nothing is known."""
    return isinstance(slot, SlotView) and slot.set_aside


def doubtful(division: Division) -> str | UnsetType:
    """The agent of a slot that is set aside, where every run of the best was made there."""
    return division.doubtful or UNSET
