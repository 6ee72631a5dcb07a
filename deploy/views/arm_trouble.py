"""Arms that give nothing, in words: one line each, on the terminal, on the status page and at the end."""

from coordinator.arm_notes import ArmReason
from coordinator.views.status_page import AgentState, ArmTroubleView, StatusPage
from deploy.views.sanitize import one_line


def arm_troubles(page: StatusPage) -> dict[str, str]:
    """A line for each arm that gives nothing, by the arm's name."""
    present = sum(agent.state in (AgentState.IDLE, AgentState.TRAINING) for agent in page.agents)
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
