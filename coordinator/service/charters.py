"""The charters as they are now: read again when their file has changed, so that an edit takes effect at the
next brief.

A charter that cannot be read, or is too long, leaves the last good text in force and is warned of once, until
it changes again.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

from configs.charter import CHARTERS, charter_path, read_charter
from configs.errors import ConfigError

log = logging.getLogger(__name__)

Stamp = tuple[int, int] | None
"""Time of the last change in nanoseconds and size in bytes; None where there is no file."""


class Charters:
    """Charters by arm; arms without one are told nothing."""

    def __init__(self, names: Mapping[str, str]) -> None:
        """names: by arm, a shipped charter's name or an absolute path."""
        self._names = dict(names)
        self._stamps: dict[str, Stamp] = {}
        self._texts: dict[str, str] = {}

    def text(self, arm: str) -> str:
        """The arm's charter; empty where it has none, or none could ever be read."""
        name = self._names.get(arm)
        return "" if name is None else self._now(name)

    def _now(self, name: str) -> str:
        stamp = _stamp(CHARTERS / charter_path(name))
        if name not in self._stamps or stamp != self._stamps[name]:
            self._stamps[name] = stamp
            try:
                self._texts[name] = read_charter(name)
            except ConfigError as error:
                log.warning(
                    "a charter cannot be used; the last good text stays in force",
                    extra={"charter": name, "error": str(error)},
                )
        return self._texts.get(name, "")


def _stamp(path: Path) -> Stamp:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size
