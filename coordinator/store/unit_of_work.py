"""Journal, state and repository kept in agreement: what is decided is applied, journaled in one transaction,
then acted on.

- Within one call the state may be ahead of the journal, under the service's lock; when the journal cannot be
  written, ``discard`` makes the state anew from it, so nobody ever sees what is not on the disk.
- Effects (refs, results.tsv, listeners) follow the journal; ``align`` repeats them at every start, so none is
  lost.
"""

import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import assert_never

import msgspec

from configs.errors import ConfigError
from coordinator.domain import Refusal
from coordinator.protocol import Proposal
from coordinator.rule_values.rule_set import Rules
from coordinator.rules.heads import combinations, rebases, transfers, verdicts
from coordinator.rules.heads.combinations import Combine
from coordinator.rules.heads.rebases import Rebase
from coordinator.rules.heads.transfers import Transfer
from coordinator.rules.next_step import Commit, Step
from coordinator.rules.proposing import proposals
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import AnyEvent, CampaignStarted, PairRefused
from coordinator.store.commit_messages import (
    baseline_message,
    merge_message,
    rebase_message,
    step_message,
    variant_message,
)
from coordinator.store.commits import Commits
from coordinator.store.git_objects import commit_of
from coordinator.store.journal import Entry, Journal
from coordinator.store.paths import Layout
from coordinator.store.repository import Repository
from coordinator.store.results_tsv import ResultsFile
from coordinator.store.secret_file import campaign_secret, fingerprint
from coordinator.variants.constant_changes import changed_constants
from coordinator.variants.merge import MergeConflictError, merge
from coordinator.variants.source import SurfaceError, digest

log = logging.getLogger(__name__)

RECENT = 128
"""Texts of the surface kept in memory: a proposal's is leased soon, the best's goes into every brief. At most
26 MB, as no text has more than ``coordinator.variants.source.MAX_BYTES``.
"""

Clock = Callable[[], float]
"""Seconds since the epoch."""
Listener = Callable[[AnyEvent, float, CampaignState], None]
"""Is called for every event once it is journaled, with it, seconds since the epoch and the state."""


class TaskCard(msgspec.Struct, frozen=True):
    """What the coordinator knows of a task."""

    name: str
    surface: str
    """Name of the file; of several, the name under which their one text lies beside them in a commit."""
    source: str
    """Its unmodified text."""
    frozen: tuple[str, ...] = ()
    """Modules beside it that a variant may import; with ``prepare`` it must keep that one's contract."""
    imports: tuple[str, ...] = ()
    """Packages a variant may import besides torch, numpy and the standard library."""
    patterns: tuple[str, ...] = ()
    """Files a surface of several may hold (``coordinator.variants.patterns``); empty for a Python file."""


class UnitOfWork:
    """The durable side of a coordinator. Not thread-safe: the service's lock is held around every call."""

    def __init__(
        self, layout: Layout, task: TaskCard, clock: Clock, listeners: Iterable[Listener], secret: str | None
    ) -> None:
        """Open and replay what is there. secret: as configured. Raises ConfigError, InvalidTransition."""
        self._layout = layout
        self._task = task
        self._clock = clock
        self._listeners = list(listeners)
        self._journal = Journal.open(layout.journal)
        self._commits = Commits(Repository(layout.repository, task.surface))
        self._secret = campaign_secret(layout.secret, secret, self._journal.started())
        self._pending: list[Entry] = []
        self._texts: list[tuple[str, str]] = []
        self.touched = 0
        """Events applied, or begun to be, since the state was last what the journal says."""
        self._recent: OrderedDict[str, str] = OrderedDict()
        self._replay()

    def source(self, commit: str) -> str:
        """Text of the surface at a commit."""
        text = self._recent.get(commit)
        if text is None:
            text = self._journal.source(commit)
        return self._remember(commit, self._commits.source(commit) if text is None else text)

    def _remember(self, commit: str, text: str) -> str:
        self._recent[commit] = text
        self._recent.move_to_end(commit)
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return text

    @property
    def trouble(self) -> str:
        """What is wrong with the repository, and what to do; empty where nothing is."""
        return self._commits.trouble

    def close(self) -> None:
        """Let go of the files."""
        self._journal.close()
        self._commits.close()

    # ------------------------------------------------------------------ change

    def commit(self, events: list[AnyEvent], at: float | None = None) -> None:
        """Apply events; they reach the disk with the next ``flush``."""
        now = self._clock() if at is None else at
        for event in events:
            self.touched += 1
            self.state.apply(event, now)
            self._pending.append(Entry(now, event))

    def flush(self) -> bool:
        """Journal what was applied and act on it; whether there was anything. Raises ConfigError when the
        journal cannot be written.
        """
        entries, texts = self._pending, self._texts
        if not entries:
            return False
        try:
            self._journal.append(entries, texts)
        except sqlite3.Error as error:
            what = f"cannot write the journal {self._layout.journal}: {error}"
            raise ConfigError(
                what, "Check free space and permissions, then run again; nothing acknowledged is lost."
            ) from error
        self._pending, self._texts, self.touched = [], [], 0
        self._act(entries)
        return True

    def discard(self) -> None:
        """Forget what was applied and not journaled."""
        if self.touched:
            self._replay()

    def _replay(self) -> None:
        self._pending, self._texts, self.touched = [], [], 0
        state = CampaignState(secret=self._secret)
        for entry in self._journal.entries():
            state.apply(entry.event, entry.at)
        self.state = state
        """The live state."""
        self._results = ResultsFile(self._layout.results, state)

    # ------------------------------------------------------------------ commits that events speak of

    def start(self, rules: Rules) -> None:
        """The first event of a new campaign."""
        at = self._clock()
        commit = self._write(self._task.source, [], baseline_message(self._task.name, self._task.surface), at)
        started = CampaignStarted(
            campaign=self._layout.name,
            task=self._task.name,
            surface=self._task.surface,
            commit=commit,
            digest=digest(self._task.source),
            rules=rules,
            secret_digest=fingerprint(self._secret),
        )
        self.commit([started], at)

    def accept(self, agent: str, proposal: Proposal, program: str, place: str = "") -> str:
        """Make a proposal an experiment and return its id. program: digest of its text. place: the division,
        where a person proposes.
        """
        at, state = self._clock(), self.state
        experiment = proposals.next_experiment(state)
        division = proposals.division_for(state, agent, place).name
        message = variant_message(experiment, division, proposal)
        commit = self._write(proposal.source, [proposal.parent], message, at)
        changes = changed_constants(self.source(proposal.parent), proposal.source)
        self.commit(proposals.propose(state, agent, proposal, program, commit, changes, place), at)
        return experiment

    def perform(self, step: Step) -> None:
        """Carry out what is due next: write the commit it wants, then take in its events."""
        match step:
            case Commit(events=events):
                self.commit(events)
            case Rebase():
                self._rebase(step)
            case verdicts.Merge():
                self._merge(step)
            case Combine():
                self._combine(step)
            case Transfer():
                self._transfer(step)
            case _:
                assert_never(step)

    def _rebase(self, step: Rebase) -> None:
        """Put a stale experiment's edit on the best, or reject it where that cannot be."""
        try:
            source, program = self._rebased(step)
        except (MergeConflictError, SurfaceError):
            why = "its edit does not apply to the new best"
            self.commit(rebases.conflict(self.state, step.experiment, why))
            return
        at, title = self._clock(), self.state.experiments[step.experiment].title
        commit = self._write(source, [step.head], rebase_message(title), at)
        self.commit(rebases.rebased(self.state, step.experiment, commit, program), at)

    def _rebased(self, step: Rebase) -> tuple[str, str]:
        """The experiment's text on the best, and its digest."""
        if step.unchanged:
            return self.source(step.commit), self.state.digests[step.commit]
        return self._put_on_head(step)

    def _put_on_head(self, step: Rebase | Transfer) -> tuple[str, str]:
        """The step's edit of its base on the head, and the digest of that."""
        base, ours, theirs = (self.source(commit) for commit in (step.base, step.head, step.commit))
        source = merge(base, ours, theirs)
        return source, digest(source)

    def _transfer(self, step: Transfer) -> None:
        """Try in one division what merged in another, where that can be put on the head."""
        at, state = self._clock(), self.state
        try:
            source, program = self._put_on_head(step)
        except (MergeConflictError, SurfaceError):
            self.commit(transfers.not_transferred(state, step, Refusal.CONFLICT, transfers.CONFLICT), at)
            return
        idea = transfers.idea_of(state, step, source)
        message = variant_message(proposals.next_experiment(state), step.division, idea)
        commit = self._write(source, [step.head], message, at)
        changes = changed_constants(self.source(step.head), source)
        self.commit(transfers.transferred(state, step, commit, program, changes), at)

    def _merge(self, step: verdicts.Merge) -> None:
        at, experiment = self._clock(), self.state.experiments[step.experiment]
        metric = self.state.metric
        if step.estimate is None:
            message = merge_message(experiment, metric, step.value, step.grounds, step.sigma)
        else:
            message = step_message(experiment, metric, step.value, step.sigma)
        commit = self._write(self.source(step.parents[-1]), list(step.parents), message, at)
        self.commit(verdicts.merged(step, commit), at)

    def _combine(self, step: Combine) -> None:
        """Put two edits on the head, one after the other, or note that this cannot be."""
        source, edits = self.source(step.head), step.edits
        try:
            for edit in edits:
                source = merge(self.source(edit.base), source, self.source(edit.commit))
            program = digest(source)
        except (MergeConflictError, SurfaceError):
            self.commit([combinations.pair_refused(step, combinations.CONFLICT)])
            return
        made = combinations.combined(
            self.state, step, program, changed_constants(self.source(step.head), source)
        )
        if isinstance(made, PairRefused):
            self.commit([made])
            return
        at, message = self._clock(), variant_message(made.experiment, made.division, made)
        commit = self._write(source, [step.head], message, at)
        self.commit(combinations.taken_up(self.state, made, commit), at)

    def _write(self, source: str, parents: list[str], message: str, at: float) -> str:
        commit = self._commits.write(commit_of(self._task.surface, source, parents, message, at))
        self._texts.append((commit, source))
        self._remember(commit, source)
        return commit

    # ------------------------------------------------------------------ effects

    def _act(self, entries: list[Entry]) -> None:
        for entry in entries:
            for listener in self._listeners:
                listener(entry.event, entry.at, self.state)
        self._commits.follow(entries, self._journal, self.state)
        self._results.follow()

    def align(self) -> int:
        """Make git and results.tsv agree with the journal; return how many refs were wrong. Raises
        ConfigError when a commit cannot be had.
        """
        moved = self._commits.align(self._journal, self.state)
        self._results.rewrite()
        log.info("repository agrees with the journal", extra={"refs_changed": moved})
        return moved
