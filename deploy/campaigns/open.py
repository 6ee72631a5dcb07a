"""Campaigns on disk: finding them and reading them while nothing, or something, runs.
Nothing is written but the request to stop.

- A campaign is a folder that holds a journal; its name is the folder's.
- What is read is the journal alone, replayed; so it is always consistent, and as of the last thing
  acknowledged.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import UNSET, Struct, ValidationError
from msgspec.structs import replace

from configs.errors import ConfigError
from coordinator.state.campaign_state import CampaignState
from coordinator.store.journal import Journal, locked
from coordinator.store.paths import Layout
from coordinator.views.false_merges import FalseMergesMemory
from coordinator.views.status import status
from coordinator.views.status_page import StatusPage
from deploy.campaigns.record_lines import record_lines, runs_usd
from deploy.exit_codes import NothingFoundError


class Follower:
    """A campaign that is read again and again: each ``refresh`` replays only what is new."""

    def __init__(self, layout: Layout) -> None:
        """Raises ConfigError when the journal cannot be read."""
        self.layout = layout
        self.state = CampaignState()
        self.false_merges = FalseMergesMemory()
        with _readable(layout):
            self._journal = Journal.read(layout.journal)

    def refresh(self) -> CampaignState:
        """The state up to now. Raises ConfigError when the journal is damaged."""
        with _readable(self.layout):
            for entry in self._journal.entries(after=self.state.events):
                self.state.apply(entry.event, entry.at)
        if self.state.started is None:
            raise _not_begun(self.layout)
        self.state.go_by(self.layout.name)
        return self.state

    def status(self, now: float) -> StatusPage:
        """The status page at ``now``, seconds since the epoch."""
        alive = locked(self.layout.folder)
        metrics = _metrics(self.layout) if alive else ""
        page = status(self.refresh(), now, alive, metrics=metrics, false_merges=self.false_merges)
        return _with_records(page, self.layout.records, self.state)

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()


def _with_records(page: StatusPage, folder: Path, state: CampaignState) -> StatusPage:
    if not folder.is_dir():
        return page
    usd = runs_usd(folder, state.rules.money)
    spend = replace(page.spend, records_usd=usd or UNSET)
    return replace(page, spend=spend, records=record_lines(folder) or UNSET)


def _not_begun(layout: Layout) -> NothingFoundError:
    if locked(layout.folder):
        return NothingFoundError(f"campaign {layout.name} has not begun", "It is being started: wait.")
    return NothingFoundError(
        f"the journal {layout.journal} holds nothing",
        f"Where it is a copy, copy {layout.journal.name}-wal with it; else the campaign has not begun: start"
        " it with `autoswarm run`.",
    )


def _metrics(layout: Layout) -> str:
    try:
        return layout.metrics.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


@contextmanager
def _readable(layout: Layout) -> Iterator[None]:
    try:
        yield
    except (sqlite3.DatabaseError, ValidationError) as error:
        raise ConfigError(
            f"cannot read the journal {layout.journal}: {error}",
            "Restore it from a copy, or use a newer autoswarm.",
        ) from error


def campaigns(folder: Path) -> list[Layout]:
    """Every campaign below ``folder``, the most recently used first."""
    layouts = [Layout(journal.parent) for journal in folder.glob("*/journal.db")]
    return sorted(layouts, key=_used_at, reverse=True)


def is_campaign(folder: Path) -> bool:
    """Whether it holds a campaign."""
    return (folder / Layout(folder).journal.name).is_file()


def find_campaign(name: str | None, folder: Path) -> Layout:
    """The campaign of that name, or in that folder where it has a slash; for None the most recently used.
    Raises NothingFoundError.
    """
    if name is None:
        recent = campaigns(folder)
        if recent:
            return recent[0]
        raise NothingFoundError(
            f"there is no campaign in {folder}",
            "Start one with `autoswarm demo`, or name the folder with --campaigns.",
        )
    layout = Layout(Path(name).absolute() if "/" in name and is_campaign(Path(name)) else folder / name)
    if (".." in name and "/" in name) or not layout.journal.is_file():
        names = ", ".join(layout.name for layout in campaigns(folder)[:10])
        raise NothingFoundError(
            f"there is no campaign {name!r} in {folder}",
            f"There are: {names}." if names else "Start one with `autoswarm demo`.",
        )
    return layout


def open_campaign(name: str | None, folder: Path) -> tuple[Layout, CampaignState]:
    """A campaign's folder and its state now. name: None takes the most recently used. Raises
    NothingFoundError, ConfigError.
    """
    follower = Follower(find_campaign(name, folder))
    try:
        return follower.layout, follower.refresh()
    finally:
        follower.close()


def request_stop(layout: Layout, now: bool) -> None:
    """Ask whoever runs the campaign to drain it, or to end its runs ``now``. Works from any process. Raises
    NothingFoundError, ConfigError.
    """
    if not locked(layout.folder):
        raise NothingFoundError(f"campaign {layout.name} is not running", "There is nothing to stop.")
    beside = layout.stop_request.with_suffix(".new")
    try:
        beside.write_text("now" if now else "drain", encoding="utf-8")
        beside.replace(layout.stop_request)
    except OSError as error:
        raise ConfigError(
            f"cannot write in {layout.folder}: {error.strerror}", "Stop it as the user that started it."
        ) from error


class Text(Struct, frozen=True):
    """A surface as some experiment has it."""

    name: str
    """For the head of a diff."""
    commit: str
    source: str


def read_source(layout: Layout, name: str, commit: str) -> Text:
    """The surface's text at a commit, from the journal, so that neither git nor the repository is needed.
    Raises NothingFoundError.
    """
    journal = Journal.read(layout.journal)
    try:
        source = journal.source(commit)
    finally:
        journal.close()
    if source is None:
        raise NothingFoundError(
            f"commit {commit[:12]} is not of campaign {layout.name}", "`autoswarm leaderboard` lists what is."
        )
    return Text(name, commit, source)


def _used_at(layout: Layout) -> float:
    """When the journal last changed; what is recent may still be in its write-ahead file. Readers make an
    empty one.
    """
    files = (layout.journal, layout.journal.with_name("journal.db-wal"))
    return max((path.stat().st_mtime for path in files if path.exists() and path.stat().st_size), default=0.0)
