"""Rules of arms that give nothing: what of it is written down, and when no arm can go on. Pure."""

from coordinator.arm_notes import NOTE_CHARS, ArmNote, ArmReason
from coordinator.domain import State
from coordinator.state.arm_events import ArmNoted
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import AnyEvent
from coordinator.state.tallies.arm_troubles import NotedArm


def note(state: CampaignState, agent: str, said: ArmNote, briefs: int) -> list[AnyEvent]:
    """What an agent says of an arm, where it is news: the arm is stopped, or gave nothing for as many briefs
    as people are warned after, and each time that number has doubled. briefs: in a row for which the arm gave
    nothing, over all agents, this one included.
    """
    before = state.troubles.noted.get((said.arm, agent))
    news = _changes(before, said) if said.stopped else is_due(briefs, state.rules.arm_warning_briefs)
    if not news or said.arm not in {arm.name for arm in state.rules.arms}:
        return []
    return [
        ArmNoted(
            agent=agent,
            arm=said.arm,
            reason=said.reason,
            words=said.words[:NOTE_CHARS],
            remedy=said.remedy[:NOTE_CHARS],
            stopped=said.stopped,
            briefs=briefs,
        )
    ]


def _changes(before: NotedArm | None, said: ArmNote) -> bool:
    return before is None or (before.stopped, before.reason) != (said.stopped, said.reason)


def is_due(briefs: int, first: int) -> bool:
    """Whether people are told of so many briefs: of ``first`` of them, of twice as many, and so on. 0: never
    of any.
    """
    times, left = divmod(briefs, first) if first else (0, 0)
    return times > 0 and not left and times & (times - 1) == 0


def is_stopped(state: CampaignState, arm: str) -> bool:
    """Whether every present agent says that the arm is stopped; False where none is present."""
    if not state.troubles.noted:
        return False
    present = [name for name, agent in state.agents.items() if agent.present]
    notes = [state.troubles.noted.get((arm, agent)) for agent in present]
    return bool(notes) and all(note is not None and note.stopped for note in notes)


def nobody_goes_on(state: CampaignState) -> str:
    """Why no arm can give anything any more, and what to do; empty where one may. Every present agent has to
    say so of every arm, and nothing that was proposed may be open. Arms that have merely played all they had
    end nothing: people may propose.
    """
    if not state.troubles.noted:
        return ""
    names = [arm.name for arm in state.rules.arms]
    if not all(is_stopped(state, name) for name in names):
        return ""
    why = {arm: next(iter(state.troubles.of(arm))) for arm in names}
    if all(note.reason is ArmReason.EXHAUSTED for note in why.values()):
        return ""
    live = [state.experiments[name] for name in state.live]
    if any(not one.baseline and one.state is not State.STEPPED for one in live):
        return ""
    return "no arm can go on: " + "; ".join(f"{arm}: {in_words(note)}" for arm, note in why.items())


def in_words(note: NotedArm) -> str:
    """What is wrong, and what to do, as one line."""
    words = note.words.rstrip(". ")
    return f"{words} ({note.remedy})" if note.remedy else words
