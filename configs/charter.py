"""Research charters: the texts that steer proposers."""

from pathlib import Path

from configs.errors import ConfigError

CHARTERS = Path(__file__).parent / "charters"
"""Folder of the charters that come with autoswarm."""
MAX_BYTES = 20_000
"""It stands in every prompt, beside a surface of about as much."""


def charter_path(name: str) -> str:
    """A shipped charter's name as it is, any other path made absolute: actors live in other folders."""
    return name if (CHARTERS / name).is_file() and Path(name).name == name else str(Path(name).absolute())


def charter_or_nothing(name: str) -> str:
    """The text, or nothing where this machine has no such charter: the head has it, and every brief brings
    it.
    """
    try:
        return read_charter(name)
    except ConfigError:
        return ""


def read_charter(name: str) -> str:
    """The text of a file in ``configs/charters``, or at that path. Raises ConfigError."""
    path = CHARTERS / charter_path(name)  # an absolute path stays what it is
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        shipped = ", ".join(sorted(file.name for file in CHARTERS.glob("*.md")))
        raise ConfigError(
            f"cannot read the charter {name!r}: {error}", f"Correct `charter`: one of {shipped}, or a path."
        ) from error
    if len(text.encode()) > MAX_BYTES:
        raise ConfigError(
            f"the charter {name!r} has more than {MAX_BYTES} bytes",
            "Shorten it: it is sent with every brief.",
        )
    return text
