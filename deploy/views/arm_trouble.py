"""Arms and agents that give nothing, in words: a line each, on the terminal, in status and at the end."""

from coordinator.arm_notes import ArmReason
from coordinator.views.status_page import AgentState, ArmTroubleView, StatusPage
from deploy.views.sanitize import one_line
from deploy.views.slot_trouble import slot_troubles

PRESENT = (AgentState.IDLE, AgentState.TRAINING)
"""States of an agent that is there."""
LOST_IN_A_ROW = 3
"""Runs after which people are told of an agent: one may be the run's doing, or pass."""


def troubles(page: StatusPage) -> dict[str, str]:
    """A line for each arm that gives nothing, for each agent whose runs are lost and for each slot that is
    off, by its name.
    """
    lost = {
        f"agent {agent.id}": one_line(
            f"agent {agent.id} lost its last {agent.losses} runs: {agent.why_lost.rstrip('. ')}. Its log is"
            f" logs/{agent.id}.log in the campaign's folder there."
        )
        for agent in page.agents
        if agent.losses >= LOST_IN_A_ROW and agent.state in PRESENT
    }
    return arm_troubles(page) | slot_troubles(page) | lost


def arm_troubles(page: StatusPage) -> dict[str, str]:
    """A line for each arm that gives nothing, by the arm's name."""
    present = sum(agent.state in PRESENT for agent in page.agents)
    return {
        arm.name: trouble_line(arm.name, arm.trouble, present)
        for arm in page.arms
        if isinstance(arm.trouble, ArmTroubleView)
    }


def trouble_line(arm: str, trouble: ArmTroubleView, present: int = 0) -> str:
    """``arm model is stopped: openai/x: credit balance too low. Pay in …``. present: agents that are there; 0
    where none is.
    """
    if trouble.reason is ArmReason.EXHAUSTED:
        state = "has no more ideas"
    elif trouble.stopped:
        state = "is stopped"
    else:
        state = f"gave nothing for {trouble.briefs} briefs in a row"
    where = (
        f" on {trouble.agents} of {present} agents" if trouble.stopped and trouble.agents < present else ""
    )
    words = trouble.words.rstrip(". ")
    remedy = f". {trouble.remedy}." if trouble.remedy else ""
    return one_line(f"arm {arm} {state}{where}: {words}{remedy}")
