"""Rules of what people bring in while a campaign runs: hints, and variants of their own. Pure.

In order it is one of the things the verdicts follow from, as the seed is.
"""

from msgspec.structs import replace

from configs.reserved import PERSON, SIMPLER
from coordinator.domain import Phase, State
from coordinator.protocol import Proposal
from coordinator.rules.lookups import enough_is_proposed
from coordinator.state.arm_events import HintGiven, HintsWithdrawn
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Division
from coordinator.state.events import AnyEvent
from coordinator.state.tallies.hints import HINT_CHARS


def hint(state: CampaignState, name: str, text: str) -> list[AnyEvent]:
    """Tell all proposers something, from the next brief on; [] for a name that was taken before."""
    words = text.strip()[:HINT_CHARS]
    return [HintGiven(hint=name, text=words)] if words and name not in state.hints.taken else []


def withdraw_hints(state: CampaignState) -> list[AnyEvent]:
    """Tell no hint any more."""
    return [HintsWithdrawn()] if state.hints.hints else []


def division_for_person(state: CampaignState, wanted: str) -> Division | None:
    """The division a person's variant is tried in, None while there is none. wanted: its name, or nothing for
    the first.
    """
    if wanted:
        return state.divisions.get(wanted)
    return next(iter(state.divisions.values()), None)


def takes_ideas(state: CampaignState) -> bool:
    """Whether a person's variant can become an experiment now. Else it waits."""
    return state.phase is Phase.RUNNING and not enough_is_proposed(state.rules, state.proposed)


def answered(state: CampaignState, name: str) -> bool:
    """Whether a person's variant was accepted or refused before."""
    return name in state.proposals or name in state.hints.answers


def idea(state: CampaignState, name: str, title: str, source: str, division: Division) -> Proposal:
    """A person's variant as a proposal on the present head."""
    head = division.head
    return Proposal(
        proposal=name,
        ordinal=len(state.by_ordinal) + 1,
        arm=PERSON,
        parent=head.commit if head else state.start.commit,
        source=source,
        title=title,
    )


def simplified(state: CampaignState, idea: Proposal, takes_back: str, parent: str) -> Proposal:
    """A variant marked as a simplification, on the commit that it was made from; as it is where it takes
    nothing back that merged. takes_back: the experiment, or nothing.
    """
    piece = state.experiments.get(takes_back)
    if piece is None or piece.state is not State.MERGED or piece.baseline:
        return idea
    return replace(
        idea,
        arm=SIMPLER,
        parent=parent or idea.parent,
        hypothesis=f"Without {takes_back} it is not worse by {state.rules.simpler_margin:g} σ or more.",
    )
