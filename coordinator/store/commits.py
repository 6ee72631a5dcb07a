"""A campaign's commits and refs, made to follow the journal.

- A repository that cannot be written stops nobody: the journal has every text, ``trouble`` says what is
  wrong, and what was missed is made good later, at the latest when the campaign ends or is opened again.
- Objects are written before the journal speaks of them, refs after; ``align`` makes all of it agree with the
  journal.
"""

import logging
from collections.abc import Iterable

from configs.errors import ConfigError
from coordinator.domain import Verdict
from coordinator.rules.heads.certificates import policy_of_trunks
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import (
    AnyEvent,
    CampaignFinished,
    CampaignStarted,
    DivisionOpened,
    ExperimentProposed,
    Rebased,
    RunReported,
    VerdictGiven,
)
from coordinator.state.records import Experiment
from coordinator.store.commit_messages import (
    baseline_message,
    merge_message,
    rebase_message,
    step_message,
    variant_message,
)
from coordinator.store.git_objects import NewCommit, commit_of
from coordinator.store.journal import Entry, Journal
from coordinator.store.repository import Repository, RepositoryError

log = logging.getLogger(__name__)

RETRY_SECONDS = 60.0
"""Between two attempts to put a repository right while the campaign runs: every one looks at all of it."""


class Commits:
    """Not thread-safe: the service's lock is held around every call."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.trouble = ""
        """What is wrong with the repository, and what to do; empty where nothing is."""
        self._tried_at = 0.0

    def write(self, commit: NewCommit) -> str:
        """Write a commit, where that can be done; its id."""
        try:
            self._repository.store(commit)
        except RepositoryError as error:
            self._note(error)
        return commit.id

    def source(self, commit: str) -> str:
        """Text of the surface at a commit. Raises KeyError, GitError."""
        return self._repository.source(commit)

    def follow(self, entries: Iterable[Entry], journal: Journal, state: CampaignState) -> None:
        """Move refs as journaled events say. At the campaign's end everything is looked at once more."""
        refs: dict[str, str] = {}
        now, ended = 0.0, False
        for entry in entries:
            refs |= _moved(entry.event, state)
            now, ended = entry.at, ended or isinstance(entry.event, CampaignFinished)
        try:
            if self.trouble and (ended or now - self._tried_at >= RETRY_SECONDS):
                self._tried_at = now
                self._repository.open()
                self.align(journal, state)
            elif not self.trouble:
                self._repository.point(refs)
            if ended:
                self._repository.check()
        except ConfigError as error:
            self._note(error)

    def align(self, journal: Journal, state: CampaignState) -> int:
        """Make commits again that are not there, and refs what they have to be; return how many refs were
        wrong. Raises ConfigError when a commit cannot be had or the repository is damaged.
        """
        for entry in journal.entries():
            self._restore(entry, journal, state)
        moved = self._repository.align(_refs(state))
        self._repository.check()
        self.trouble = ""
        return moved

    def close(self) -> None:
        """Let go of git's processes."""
        self._repository.close()

    def _note(self, error: ConfigError) -> None:
        if not self.trouble:
            log.error("the repository is not kept", extra={"error": str(error), "remedy": error.remedy})
        self.trouble = f"{error}. The campaign goes on, its journal has everything. {error.remedy}"

    def _restore(self, entry: Entry, journal: Journal, state: CampaignState) -> None:
        """Write again the commit an event speaks of, if it is not there: ids are a function of what the
        journal holds.
        """
        if (wanted := _written_for(entry.event, state)) is None or self._repository.has(wanted[0]):
            return
        commit, parents, message = wanted
        source = journal.source(commit)
        again = commit_of(state.start.surface, source or "", parents, message, entry.at)
        if source is None or again.id != commit:
            raise ConfigError(
                f"commit {commit} is missing from {self._repository.path}",
                "Restore the campaign's folder from a copy.",
            )
        self._repository.store(again)


def _moved(event: AnyEvent, state: CampaignState) -> dict[str, str]:
    """Refs that an event moves, and where to."""
    match event:
        case ExperimentProposed(experiment=name, commit=commit) | Rebased(experiment=name, commit=commit):
            return {f"refs/experiments/{name}": commit}
        case DivisionOpened(experiment=name):
            return {f"refs/experiments/{name}": state.start.commit}
        case VerdictGiven(verdict=Verdict.MERGE, experiment=name, commit=commit):
            return {f"refs/heads/best/{state.experiments[name].division}": commit} | _trunks(state)
        case VerdictGiven() | RunReported():
            return _trunks(state)
        case _:
            return {}


def _refs(state: CampaignState) -> dict[str, str]:
    """Every ref there has to be, and its commit."""
    refs = {f"refs/experiments/{name}": experiment.commit for name, experiment in state.experiments.items()}
    return (
        refs
        | _trunks(state)
        | {
            f"refs/heads/best/{name}": division.best.commit
            for name, division in state.divisions.items()
            if division.best
        }
    )


def _trunks(state: CampaignState) -> dict[str, str]:
    """Refs of trunks, where the policy has them."""
    if policy_of_trunks(state) is None:
        return {}
    return {
        f"refs/heads/trunk/{name}": division.head.commit
        for name, division in state.divisions.items()
        if division.head
    }


def _written_for(event: AnyEvent, state: CampaignState) -> tuple[str, list[str], str] | None:
    """The commit that was written for an event: its id, parents and message."""
    match event:
        case CampaignStarted(commit=commit, task=task, surface=surface):
            return commit, [], baseline_message(task, surface)
        case ExperimentProposed(commit=commit, parent=parent, experiment=name, division=division):
            return commit, [parent], variant_message(name, division, event)
        case Rebased(commit=commit, parent=parent, experiment=name):
            return commit, [parent], rebase_message(state.experiments[name].title)
        case VerdictGiven(commit=commit, experiment=name, value=value, grounds=grounds) if _is_merge(
            event, state.experiments[name]
        ):
            experiment = state.experiments[name]
            heads = state.divisions[experiment.division].heads
            sigma = next((head.sigma for head in heads if head.commit == commit), None)
            if event.verdict is Verdict.STEP:
                message = step_message(experiment, state.metric, value or 0.0, sigma)
            else:
                message = merge_message(experiment, state.metric, value or 0.0, grounds, sigma)
            return commit, [experiment.parent, experiment.commit], message
        case _:
            return None


def _is_merge(event: VerdictGiven, experiment: Experiment) -> bool:
    """Whether a merge commit was written for the verdict: not for a baseline, which has its own, nor for a
    certificate or a stacked step, whose commits are there.
    """
    step = event.verdict is Verdict.STEP and event.commit not in ("", experiment.commit)
    return step or (event.verdict is Verdict.MERGE and not experiment.baseline and not experiment.stepped)
