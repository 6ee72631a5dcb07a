"""A campaign in memory: the coordinator's rules with neither disk nor git. Pure.

What the service does with a transaction and git, this does with a state and names for commits: events are
applied as they are decided, and what is due is carried out until nothing is.
"""

from collections.abc import Iterable
from typing import Protocol, assert_never

from coordinator.domain import Refusal
from coordinator.rules.heads import combinations, rebases, transfers, verdicts
from coordinator.rules.heads.combinations import Combine
from coordinator.rules.heads.rebases import Rebase
from coordinator.rules.heads.transfers import Transfer
from coordinator.rules.heads.verdicts import Merge
from coordinator.rules.next_step import Commit, Step, next_step
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import AnyEvent, PairRefused


class CommitWriter(Protocol):
    """Makes the commits that steps want."""

    def rebase(self, step: Rebase, ordinal: int, number: int) -> tuple[str, str] | str:
        """Commit and digest of a variant on the best; or why its edit does not apply. ordinal: of its
        proposal. number: of the rebase, from 1.
        """

    def merge(self, step: Merge) -> str:
        """The commit of a merge."""

    def combine(self, step: Combine, ordinal: int) -> tuple[str, str] | None:
        """Commit and digest of two edits on the head; None where they do not apply together. ordinal: of what
        is made of them.
        """

    def transfer(self, step: Transfer, ordinal: int) -> tuple[str, str] | str:
        """Commit and digest of a merge on the head of another division; or why it does not apply. ordinal: of
        the experiment that it becomes.
        """


def performed(state: CampaignState, step: Step, writer: CommitWriter) -> list[AnyEvent]:
    """The events of a step, with the commit that it wants."""
    match step:
        case Commit(events=events):
            return events
        case Rebase():
            return _rebased(state, step, writer)
        case Merge():
            return verdicts.merged(step, writer.merge(step))
        case Combine():
            return _combined(state, step, writer)
        case Transfer():
            return _transferred(state, step, writer)
        case _:
            assert_never(step)


def _rebased(state: CampaignState, step: Rebase, writer: CommitWriter) -> list[AnyEvent]:
    experiment = state.experiments[step.experiment]
    written = writer.rebase(step, experiment.ordinal, experiment.round)
    if isinstance(written, str):
        return rebases.conflict(state, step.experiment, written)
    return rebases.rebased(state, step.experiment, *written)


def _combined(state: CampaignState, step: Combine, writer: CommitWriter) -> list[AnyEvent]:
    written = writer.combine(step, len(state.by_ordinal) + 1)
    if written is None:
        return [combinations.pair_refused(step, combinations.CONFLICT)]
    commit, digest = written
    made = combinations.combined(state, step, digest, {})
    return [made] if isinstance(made, PairRefused) else combinations.taken_up(state, made, commit)


def _transferred(state: CampaignState, step: Transfer, writer: CommitWriter) -> list[AnyEvent]:
    written = writer.transfer(step, len(state.by_ordinal) + 1)
    if isinstance(written, str):
        return transfers.not_transferred(state, step, Refusal.CONFLICT, written)
    return transfers.transferred(state, step, *written, {})


def replayed(journal: Iterable[tuple[float, AnyEvent]]) -> CampaignState:
    """A state made of events and when they happened."""
    state = CampaignState()
    for at, event in journal:
        state.apply(event, at)
    return state


class CampaignInMemory:
    """A state, and commands over it. Times are seconds."""

    def __init__(self, writer: CommitWriter, keep: bool = False) -> None:
        """keep: remember every event with its time."""
        self._writer = writer
        self._keep = keep
        self.state = CampaignState()
        self.journal: list[tuple[float, AnyEvent]] = []
        """Every event and when it happened, where that is kept."""

    def commit(self, events: list[AnyEvent], now: float) -> None:
        """Apply what was decided."""
        for event in events:
            self.state.apply(event, now)
        if self._keep:
            self.journal.extend((now, event) for event in events)

    def settle(self, now: float) -> None:
        """Carry out what is due, until nothing is."""
        while (step := next_step(self.state, now)) is not None:
            self.perform(step, now)

    def perform(self, step: Step, now: float) -> None:
        """Carry out one step."""
        self.commit(performed(self.state, step, self._writer), now)
