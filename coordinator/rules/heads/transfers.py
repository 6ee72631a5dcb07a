"""Rules of transfers: what merged in one division is tried in the others. Pure.

- Values compare only inside a division, so a merge says of other hardware that it may be better there, and
  nothing more. What moved the best there is put on the head here by a three-way merge, as an experiment of an
  arm that no proposer answers for. It is run as a retest, and decided by the policy as any other.
- A division takes one at a time, and of another division all that merged since the last: after a certificate
  its whole stack, and where this division opened later the whole difference to the baseline.
- What came by a transfer is not sent on: whoever it came from sends it to all others.
- In order there are none: which ordinal a transfer got would depend on how fast the other division is.
"""

from msgspec import Struct

from configs.reserved import TRANSFER
from coordinator.domain import Phase, Purpose, Refusal
from coordinator.protocol import Proposal
from coordinator.rules.lookups import experiment_name, stack_since
from coordinator.rules.seeds import queued
from coordinator.state.campaign_state import CampaignState
from coordinator.state.divisions import Best, Division
from coordinator.state.events import AnyEvent, ExperimentProposed, ProposalRefused

CONFLICT = "its edit does not apply to the head there"


class Transfer(Struct, frozen=True, kw_only=True):
    """A merge has to be put on the head of another division: ``transferred`` takes what comes of it,
    ``not_transferred`` that it does not apply.
    """

    experiment: str
    """That merged, there."""
    division: str
    """Here."""
    base: str
    """Commit of the best there before what is new."""
    commit: str
    """Of the best there."""
    head: str
    """Commit it has to be put on, here."""


def transfer(state: CampaignState) -> Transfer | None:
    """The transfer that is due first; None without one."""
    several = len(state.divisions) > 1
    if not several or not state.rules.transfer or state.rules.lookahead or state.phase is not Phase.RUNNING:
        return None
    for division in state.divisions.values():
        if division.head is None or not state.present[division.name] or _is_open(state, division):
            continue
        for source in state.divisions.values():
            news = [] if source is division else _news(source, division)
            if news:
                before, newest = news
                return Transfer(
                    experiment=newest.experiment,
                    division=division.name,
                    base=before.commit,
                    commit=newest.commit,
                    head=division.head.commit,
                )
    return None


def _is_open(state: CampaignState, division: Division) -> bool:
    """Whether the last transfer to it may still change its head."""
    return any(not state.experiments[name].settled for name in division.transfers[-1:])


def _news(source: Division, division: Division) -> list[Best]:
    """The best of the source before what is new of its own, and the newest such; [] where nothing is."""
    bests, first = source.history, division.taken.get(source.name, 1)
    own = [number for number in range(first, len(bests)) if not bests[number].brought]
    return [bests[own[0] - 1], bests[own[-1]]] if own else []


def transferred(
    state: CampaignState, step: Transfer, commit: str, digest: str, constant_changes: dict[str, str]
) -> list[AnyEvent]:
    """What merged there is a program on the head here: an experiment, unless it is nothing new.

    commit, digest: of that program. constant_changes: from the head.
    """
    if digest == state.digests[step.head]:
        return not_transferred(state, step, Refusal.NO_OP, "the head has it already")
    if (earlier := state.by_digest.get((step.division, digest))) is not None:
        return not_transferred(state, step, Refusal.DUPLICATE, f"the same program as {earlier}", earlier)
    idea = idea_of(state, step)
    experiment = experiment_name(idea.ordinal)
    proposed = ExperimentProposed(
        experiment=experiment,
        ordinal=idea.ordinal,
        division=step.division,
        arm=idea.arm,
        agent="",
        proposal=idea.proposal,
        parent=idea.parent,
        commit=commit,
        digest=digest,
        title=idea.title,
        hypothesis=idea.hypothesis,
        constant_changes=constant_changes,
        transfers=step.experiment,
    )
    return [proposed, queued(state, experiment, 1, Purpose.RETEST, step.division)]


def not_transferred(
    state: CampaignState, step: Transfer, refusal: Refusal, reason: str, earlier: str = ""
) -> list[AnyEvent]:
    """It is not tried here. earlier: the experiment that was this program."""
    idea = idea_of(state, step)
    return [
        ProposalRefused(
            agent="",
            arm=idea.arm,
            proposal=idea.proposal,
            division=step.division,
            refusal=refusal,
            reason=reason,
            repeats=earlier,
            title=idea.title,
            transfers=step.experiment,
        )
    ]


def idea_of(state: CampaignState, step: Transfer, source: str = "") -> Proposal:
    """The transfer as a proposal on the head here: its title says where it comes from, its hypothesis what it
    did there. source: the program's text.
    """
    merged = state.experiments[step.experiment]
    bests, others = state.divisions[merged.division].history, len(stack_since(state, step.base, merged)) - 1
    before, after = (
        next(best.value for best in bests if best.commit == commit) for commit in (step.base, step.commit)
    )
    return Proposal(
        proposal=f"{TRANSFER}:{step.division}:{step.experiment}",
        ordinal=len(state.by_ordinal) + 1,
        arm=TRANSFER,
        parent=step.head,
        source=source,
        title=f"from {merged.division}: {merged.title}{f' and {others} more' if others else ''}",
        hypothesis=f"It moved the best of {merged.division} from {before:.4f} to {after:.4f}.",
    )
