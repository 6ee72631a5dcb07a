"""Rules of proposals: what is refused, and how an accepted one becomes an experiment. Pure.

``place`` is a division's name where no agent but a person proposes; else it is empty, and the agent's
division counts.
"""

from configs.reserved import SIMPLER
from coordinator.domain import Phase, Purpose, Refusal
from coordinator.protocol import Proposal
from coordinator.rules.lookups import division_of, experiment_name
from coordinator.rules.proposing.recall import may_repeat, repair_target
from coordinator.rules.proposing.turns.arm_choice import origin
from coordinator.rules.seeds import queued
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Division
from coordinator.state.events import AnyEvent, ExperimentProposed, ProposalRefused
from evaluator.policies.non_inferior import FIRST


def division_for(state: CampaignState, agent: str, place: str = "") -> Division:
    """The division a proposal is for. Raises UnknownAgentError."""
    return state.divisions[place] if place else division_of(state, agent)


def refuse(
    state: CampaignState, agent: str, proposal: Proposal, digest: str, place: str = ""
) -> ProposalRefused | None:
    """Why the proposal costs no training, or None when it is welcome."""
    rules, ordinal = state.rules, len(state.by_ordinal) + 1
    if state.phase is not Phase.RUNNING:
        return refused(state, agent, proposal, Refusal.CLOSED, state.phase_reason, place)
    if rules.lookahead and proposal.ordinal != ordinal:
        why = f"experiment {proposal.ordinal} was proposed already"
        return refused(state, agent, proposal, Refusal.STALE_BRIEF, why, place)
    if digest == state.digests.get(proposal.parent):
        why = "the program is the same as its parent"
        return refused(state, agent, proposal, Refusal.NO_OP, why, place)
    division = division_for(state, agent, place)
    earlier = state.by_digest.get((division.name, digest))
    tried = earlier is not None and proposal.arm != SIMPLER  # the best of before may be what is simpler
    if earlier is not None and tried and not may_repeat(state, state.experiments[earlier], division, ordinal):
        why = f"the same program as {earlier}"
        return refused(state, agent, proposal, Refusal.DUPLICATE, why, place, earlier)
    return None


def refused(
    state: CampaignState,
    agent: str,
    proposal: Proposal,
    refusal: Refusal,
    reason: str,
    place: str = "",
    earlier: str = "",
) -> ProposalRefused:
    """A refusal, also one that comes of looking at the text. earlier: the experiment it repeats."""
    return ProposalRefused(
        agent=agent,
        arm=proposal.arm,
        proposal=proposal.proposal,
        division=division_for(state, agent, place).name,
        refusal=refusal,
        reason=reason,
        repeats=earlier,
        title=proposal.title,
        settings=proposal.settings,
        repairs=repair_target(state, proposal.arm, proposal.repairs),
    )


def next_experiment(state: CampaignState) -> str:
    """Id of the next accepted experiment."""
    return experiment_name(len(state.by_ordinal) + 1)


def propose(
    state: CampaignState,
    agent: str,
    proposal: Proposal,
    digest: str,
    commit: str,
    constant_changes: dict[str, str],
    place: str = "",
) -> list[AnyEvent]:
    """Accept a proposal that ``refuse`` had nothing against, as ``next_experiment``.

    digest, commit: of its text. constant_changes: from its parent, see
    ``coordinator.variants.constant_changes``.
    """
    experiment, division = next_experiment(state), division_for(state, agent, place).name
    accepted = ExperimentProposed(
        experiment=experiment,
        ordinal=len(state.by_ordinal) + 1,
        division=division,
        arm=proposal.arm,
        agent=agent,
        proposal=proposal.proposal,
        parent=proposal.parent,
        commit=commit,
        digest=digest,
        title=proposal.title,
        hypothesis=proposal.hypothesis,
        settings=proposal.settings,
        calls=proposal.calls,
        origin=origin(state, proposal),
        repairs=repair_target(state, proposal.arm, proposal.repairs),
        constant_changes=constant_changes,
    )
    if proposal.arm == SIMPLER:
        fresh = range(1, FIRST + 1)
        return [accepted, *(queued(state, experiment, run, Purpose.CONFIRM, division) for run in fresh)]
    return [accepted, queued(state, experiment, 1, Purpose.SCREEN, division)]
