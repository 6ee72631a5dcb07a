"""An agent's division, a division's head, what a best is made of, and how far an ordinal may see. Pure."""

from coordinator.rule_values.rule_set import Rules
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Best, Division
from coordinator.state.records import Experiment


class UnknownAgentError(ConnectionError):
    """The agent must join (again) first."""


def experiment_name(ordinal: int) -> str:
    """Id of the experiment of that ordinal."""
    return f"e{ordinal:05d}"


def horizon_of(state: CampaignState, ordinal: int) -> int:
    """The last ordinal whose verdict the proposal of that ordinal may know; in order only."""
    return max(0, ordinal - state.rules.lookahead)


def enough_is_proposed(rules: Rules, proposed: int) -> bool:
    """Whether no more proposals are taken where there are so many; never where they are not limited."""
    return 0 < rules.max_experiments <= proposed


def division_of(state: CampaignState, agent: str) -> Division:
    """The division of a present agent. Raises UnknownAgentError."""
    record = state.agents.get(agent)
    if record is None or not record.present:
        raise UnknownAgentError(agent)
    return state.divisions[record.card.division]


def proposes_in(state: CampaignState, division: Division) -> bool:
    """Whether agents of the division propose, besides running what is transferred there."""
    return not state.rules.propose_in or division.name in state.rules.propose_in


def head_of(state: CampaignState, experiment: Experiment) -> Best:
    """What proposals of the experiment's division start from. Raises LookupError before its baseline is
    measured.
    """
    head = state.divisions[experiment.division].head
    if head is None:
        raise LookupError(f"division {experiment.division} has no best yet")
    return head


def stack_since(state: CampaignState, base: str, experiment: Experiment) -> list[Experiment]:
    """The experiments that moved a division from one best to a later one, the oldest first: each was made on
    the merge of the one before. base: commit of the earlier best. experiment: whose merge is the later one.
    """
    own = (one for one in state.experiments.values() if one.division == experiment.division)
    merged = {one.merge_commit: one for one in own if one.merge_commit}
    stack = [experiment]
    while stack[-1].parent != base:
        stack.append(merged[stack[-1].parent])
    return stack[::-1]
