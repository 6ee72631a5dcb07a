"""Rules of whose turn it is: which arm answers the next brief, and what its variants are made from. Pure."""

from coordinator.domain import ArmChoice, Origin
from coordinator.protocol import Proposal
from coordinator.rule_values.rule_set import ArmShare
from coordinator.rules.proposing.idle_arms import is_stopped
from coordinator.rules.proposing.turns.bandit import Candidate, choose
from coordinator.rules.seeds import drawn
from coordinator.state.campaign_state import CampaignState
from coordinator.state.tallies.arm_tally import ArmTally

GOLDEN = 0.6180339887498949
"""Fractional part of the golden ratio: its multiples fill the unit interval evenly, so arms get their shares
without anything being drawn.
"""


def arm_for(state: CampaignState, thinking: int) -> ArmShare:
    """Whose turn it is; an arm that repeats itself hands it on. In order by weights alone: what arms cost
    depends on how fast slots are.

    thinking: other agents of the division that hold a brief now.
    """
    rules, turn = state.rules, len(state.by_ordinal) + 1 + thinking
    if rules.arm_choice is ArmChoice.BANDIT and not rules.lookahead:
        return _answerable(state, _by_yield(state, turn + state.refused))
    turn += len(state.turned_away)
    point = turn * GOLDEN % 1 * sum(arm.weight for arm in rules.arms)
    for arm in rules.arms:
        point -= arm.weight
        if point < 0:
            return _answerable(state, arm)
    return _answerable(state, rules.arms[-1])


def _answerable(state: CampaignState, arm: ArmShare) -> ArmShare:
    """The arm, or the next that is not stopped where it is and nobody may answer in its place: those that
    draw from the baseline answer for no other. In order, too: else the turn would wait for ever.
    """
    if not is_stopped(state, arm.name):
        return arm
    others = [other for other in state.rules.arms if not is_stopped(state, other.name)]
    if not others or any(other.parent is Origin.BEST for other in others):
        return arm
    return others[(len(state.by_ordinal) + state.refused) % len(others)]


def _by_yield(state: CampaignState, turn: int) -> ArmShare:
    """Cost is dollars where those of every arm that has had runs are known, else hours of slots. What people
    propose, and what is transferred, costs no calls and says nothing of that.
    """
    names = [arm.name for arm in state.rules.arms if arm.name in state.tallies]
    dollars = {name: state.spend.usd_of(name) for name in names}
    priced = all(
        dollars[name] > 0 and not state.spend.unpriced_of(name)
        for name in names
        if state.tallies[name].hours > 0
    )
    candidates = [_candidate(state, arm, dollars if priced else {}) for arm in state.rules.arms]
    name = choose(candidates, turn * GOLDEN % 1, drawn(state, f"arm:{turn}"))
    return next(arm for arm in state.rules.arms if arm.name == name)


def _candidate(state: CampaignState, arm: ArmShare, dollars: dict[str, float]) -> Candidate:
    """dollars: by arm, empty where hours are counted."""
    floor = max(state.rules.arm_floor, state.rules.control_floor if arm.control else 0.0)
    tally = state.tallies.get(arm.name, ArmTally())
    recent = tally.recent.at(len(state.finished))
    price = dollars[arm.name] / tally.hours if dollars and tally.hours > 0 else 1.0
    return Candidate(arm.name, floor, recent.merges, recent.gain, recent.hours * price)


def origin(state: CampaignState, proposal: Proposal) -> Origin:
    """BASELINE only where the arm draws from the baseline and this really is made from it: the rules may have
    changed since its brief.
    """
    drawing = any(arm.name == proposal.arm and arm.parent is Origin.BASELINE for arm in state.rules.arms)
    return Origin.BASELINE if drawing and proposal.parent == state.start.commit else Origin.BEST
