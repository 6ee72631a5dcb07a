"""Journal, state and repository kept in step: what is decided is applied, journaled in one transaction, then
acted on.

- Within one call the state may be ahead of the journal, under the service's lock; when the journal cannot be
  written, ``discard`` makes the state anew from it, so nobody ever sees what is not on the disk.
- Effects (refs, results.tsv, listeners) follow the journal; ``align`` repeats them at every start, so none is
  lost.
"""

import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from configs.load import ConfigError
from coordinator.domain import Origin, Verdict
from coordinator.protocol import Proposal
from coordinator.rules.campaign import Campaign
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import (
    AnyEvent,
    CampaignStarted,
    DivisionOpened,
    ExperimentProposed,
    Rebased,
    Rules,
    VerdictGiven,
)
from coordinator.state.records import Best, Experiment
from coordinator.store.commit_messages import baseline_message, merge_message, rebase_message, variant_message
from coordinator.store.journal import Entry, Journal
from coordinator.store.paths import Layout
from coordinator.store.repository import Repository
from coordinator.store.results_tsv import ResultsFile
from coordinator.variants.constant_changes import changed_constants
from coordinator.variants.merge import MergeConflictError, merge
from coordinator.variants.source import SurfaceError, digest

log = logging.getLogger(__name__)

RECENT = 128
"""Texts kept in memory: what is proposed is leased soon, and the best is the parent of every brief. 26 MB at
the largest surface taken.
"""

Listener = Callable[[AnyEvent, float, CampaignState], None]
"""Told of every event after it is journaled: event, seconds since the epoch, state."""


class TaskCard(msgspec.Struct, frozen=True):
    """What the coordinator knows of a task: its name, the surface's file name and unmodified text, and what
    the gate holds a variant to.

    frozen: names a variant may import that are not its own; with ``prepare`` among them it must keep that
    module's contract. imports: packages it may import besides torch, numpy and the standard library.
    """

    name: str
    surface: str
    source: str
    frozen: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


class UnitOfWork:
    """The durable side of a coordinator. Not thread-safe: the service's lock is held around every call."""

    def __init__(
        self, layout: Layout, task: TaskCard, clock: Callable[[], float], listeners: Iterable[Listener]
    ) -> None:
        """Open what is there and replay it. Raises ConfigError, InvalidTransition."""
        self._layout = layout
        self._task = task
        self._clock = clock
        self._listeners = list(listeners)
        self._journal = Journal.open(layout.journal)
        self._repository = Repository(layout.repository, task.surface)
        self._pending: list[Entry] = []
        self._texts: list[tuple[str, str]] = []
        self.touched = 0
        """Events applied, or begun to be, since the state was last what the journal says."""
        self._recent: OrderedDict[str, str] = OrderedDict()
        self._replay()

    @property
    def state(self) -> CampaignState:
        """The live state."""
        return self.campaign.state

    def source(self, commit: str) -> str:
        """Text of the surface at a commit."""
        text = self._recent.get(commit)
        return self._remember(commit, self._repository.source(commit) if text is None else text)

    def _remember(self, commit: str, text: str) -> str:
        self._recent[commit] = text
        self._recent.move_to_end(commit)
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return text

    def close(self) -> None:
        """Let go of the files."""
        self._journal.close()
        self._repository.close()

    # ------------------------------------------------------------------ change

    def commit(self, events: list[AnyEvent], at: float | None = None) -> None:
        """Apply events; they reach the disk with the next ``flush``."""
        now = self._clock() if at is None else at
        for event in events:
            sealed = self._sealed(event, now)
            self.touched += 1
            self.state.apply(sealed, now)
            self._pending.append(Entry(now, sealed))

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
        state = CampaignState()
        for entry in self._journal.entries():
            state.apply(entry.event, entry.at)
        self.campaign = Campaign(state)
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
        )
        self.commit([started], at)

    def accept(self, agent: str, proposal: Proposal, found: str, place: str = "") -> str:
        """Make a proposal an experiment and return its id. place: the division, where a person proposes."""
        at = self._clock()
        event, *rest = self.campaign.propose(agent, proposal, found, place)
        commit = self._write(proposal.source, [proposal.parent], variant_message(event), at)
        moved = changed_constants(self.source(proposal.parent), proposal.source)
        self.commit([msgspec.structs.replace(event, commit=commit, moves=moved), *rest], at)
        return event.experiment

    def rebase(self, name: str) -> None:
        """Put a stale experiment's edit on the best, or reject it where that cannot be. Where it was drawn
        from the baseline it stays as it is.
        """
        experiment = self.state.experiments[name]
        best = self.campaign.best_for(experiment)
        try:
            merged, found = self._merged(experiment, best)
        except (MergeConflictError, SurfaceError):
            self.commit(self.campaign.conflict(name, "its edit does not apply to the new best"))
            return
        at = self._clock()
        commit = self._write(merged, [best.commit], rebase_message(experiment.title), at)
        self.commit(self.campaign.rebased(name, commit, found), at)

    def _merged(self, experiment: Experiment, best: Best) -> tuple[str, str]:
        if experiment.origin is Origin.BASELINE:
            return self.source(experiment.commit), experiment.digest
        base, ours, theirs = (
            self.source(commit) for commit in (experiment.parent, best.commit, experiment.commit)
        )
        merged = merge(base, ours, theirs)
        return merged, digest(merged)

    def _write(self, source: str, parents: list[str], message: str, at: float) -> str:
        commit = self._repository.commit(source, parents, message, at)
        self._texts.append((commit, source))
        self._remember(commit, source)
        return commit

    def _sealed(self, event: AnyEvent, at: float) -> AnyEvent:
        if isinstance(event, VerdictGiven) and event.verdict is Verdict.MERGE and not event.commit:
            return msgspec.structs.replace(event, commit=self._merge_commit(event, at))
        return event

    def _merge_commit(self, event: VerdictGiven, at: float) -> str:
        experiment = self.state.experiments[event.experiment]
        sigma = self.state.divisions[experiment.division].sigma
        message = merge_message(experiment, self.state.metric, event, sigma)
        return self._write(
            self.source(experiment.commit), [experiment.parent, experiment.commit], message, at
        )

    # ------------------------------------------------------------------ effects

    def _act(self, entries: list[Entry]) -> None:
        refs: dict[str, str] = {}
        for entry in entries:
            match entry.event:
                case (
                    ExperimentProposed(experiment=name, commit=commit)
                    | Rebased(experiment=name, commit=commit)
                ):
                    refs[f"refs/experiments/{name}"] = commit
                case DivisionOpened(experiment=name):
                    refs[f"refs/experiments/{name}"] = self.state.start.commit
                case VerdictGiven(verdict=Verdict.MERGE, experiment=name, commit=commit):
                    refs[f"refs/heads/best/{self.state.experiments[name].division}"] = commit
                case _:
                    pass
            for listener in self._listeners:
                listener(entry.event, entry.at, self.state)
        self._repository.point(refs)
        self._results.follow()

    def align(self) -> int:
        """Make git and results.tsv agree with the journal; return how many refs were wrong. Raises
        ConfigError when a commit cannot be had.
        """
        for entry in self._journal.entries():
            self._restore(entry)
        moved = self._repository.align(self._refs())
        self._results.rewrite()
        log.info("repository agrees with the journal", extra={"refs_changed": moved})
        return moved

    def _restore(self, entry: Entry) -> None:
        """Write again the commit an event speaks of, if it is not there: ids are a function of what the
        journal holds.
        """
        match entry.event:
            case CampaignStarted(commit=commit, task=task, surface=surface):
                parents, message = [], baseline_message(task, surface)
            case ExperimentProposed(commit=commit, parent=parent):
                parents, message = [parent], variant_message(entry.event)
            case Rebased(commit=commit, parent=parent, experiment=name):
                parents, message = [parent], rebase_message(self.state.experiments[name].title)
            case VerdictGiven(verdict=Verdict.MERGE, commit=commit, experiment=name) if (
                not self.state.experiments[name].baseline
            ):
                experiment = self.state.experiments[name]
                parents = [experiment.parent, experiment.commit]
                message = merge_message(
                    experiment,
                    self.state.metric,
                    entry.event,
                    self.state.divisions[experiment.division].sigma,
                )
            case _:
                return
        if self._repository.has(commit):
            return
        source = self._journal.source(commit)
        if source is None or self._repository.commit(source, parents, message, entry.at) != commit:
            raise ConfigError(
                f"commit {commit} is missing from {self._layout.repository}",
                "Restore the campaign's folder from a copy.",
            )

    def _refs(self) -> dict[str, str]:
        state = self.state
        refs = {
            f"refs/experiments/{name}": experiment.commit for name, experiment in state.experiments.items()
        }
        return refs | {
            f"refs/heads/best/{name}": each.best.commit for name, each in state.divisions.items() if each.best
        }
