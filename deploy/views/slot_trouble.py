"""Slots that are off, and bests that rest on one, in words: a line each."""

from coordinator.views.slot_view import SlotView
from coordinator.views.status_page import AgentState, StatusPage
from deploy.views.sanitize import one_line

BACK = "Its values are not believed; it comes back when its agent is started anew (docs/slots.md)."


def slot_troubles(page: StatusPage) -> dict[str, str]:
    """By what each line is about. Of agents that are gone nothing is said but that they were set aside."""
    lines = {
        f"slot {agent.id}": slot_line(agent.id, agent.slot)
        for agent in page.agents
        if isinstance(agent.slot, SlotView)
        if agent.slot.set_aside or (agent.slot.off is not None and agent.state is not AgentState.GONE)
    }
    doubts = {
        f"best of {division.name}": one_line(
            f"the best of {division.name}, {division.best.experiment}, rests on runs of {division.doubtful}"
            " alone, which is set aside: its value is not sure until it is run elsewhere"
        )
        for division in page.divisions
        if isinstance(division.doubtful, str) and division.best is not None
    }
    return lines | doubts


def slot_line(agent: str, slot: SlotView) -> str:
    """``agent a1 is set aside: …`` or ``agent a1 is off: …, but not set aside: …``."""
    if slot.set_aside:
        return one_line(f"agent {agent} is set aside: {slot.why}. {BACK}")
    return one_line(f"agent {agent} is off: {slot.why}; not set aside: {slot.not_because}")
