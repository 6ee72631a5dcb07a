"""Where everything of a campaign lies on disk. One object owns every path name."""

from pathlib import Path

from msgspec import Struct


class Layout(Struct, frozen=True):
    """A campaign's folder."""

    folder: Path

    @property
    def name(self) -> str:
        """The campaign's name."""
        return self.folder.name

    @property
    def journal(self) -> Path:
        """The truth."""
        return self.folder / "journal.db"

    @property
    def secret(self) -> Path:
        """What the campaign's draws rest on, for its user's eyes alone."""
        return self.folder / "secret"

    @property
    def repository(self) -> Path:
        """The bare git repository."""
        return self.folder / "repo.git"

    @property
    def runs(self) -> Path:
        """One folder per run: its log and result."""
        return self.folder / "runs"

    @property
    def spool(self) -> Path:
        """Results that were not yet acknowledged, one folder per agent."""
        return self.folder / "spool"

    @property
    def calls(self) -> Path:
        """What was said in each call of a language model, compressed."""
        return self.folder / "calls"

    @property
    def results(self) -> Path:
        """Upstream's five columns."""
        return self.folder / "results.tsv"

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.folder / "config.yaml"

    @property
    def metrics(self) -> Path:
        """Holds the address its metrics are served at, while a coordinator works here and serves them."""
        return self.folder / "metrics.url"

    @property
    def logs(self) -> Path:
        """Logs of the coordinator and the agents."""
        return self.folder / "logs"

    @property
    def inbox(self) -> Path:
        """Hints and variants that people left, a file each. Whoever runs the campaign takes them in once a
        second.
        """
        return self.folder / "inbox"

    @property
    def records(self) -> Path:
        """What `autoswarm certify` and `autoswarm verify` measured, a folder a record."""
        return self.folder / "records"

    @property
    def stop_request(self) -> Path:
        """Made by `autoswarm stop`: holds ``drain`` or ``now``. Whoever runs the campaign looks for it once a
        second, obeys, and removes it.
        """
        return self.folder / "stop.request"

    @property
    def folders(self) -> tuple[Path, ...]:
        """What has to be a folder where it is there, but for the repository."""
        return (self.runs, self.spool, self.calls, self.logs, self.inbox, self.records)

    @property
    def files(self) -> tuple[Path, ...]:
        """What has to be a file where it is there."""
        lock = self.folder / "campaign.lock"
        written = (self.journal, lock, self.results, self.config, self.metrics, self.stop_request)
        return (*written, self.secret)
