"""Logs of our own processes: one line an event, its facts as key=value after a constant message."""

import logging
from pathlib import Path

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FactsFormatter(logging.Formatter):
    """Puts what came in ``extra`` behind the message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """One line."""
        facts = " ".join(f"{key}={value!r}" for key, value in vars(record).items() if key not in _STANDARD)
        return f"{super().formatMessage(record)} {facts}".rstrip()


def log_to(path: Path) -> None:
    """Let this process log to a file, from INFO up."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(FactsFormatter())
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(handler)
