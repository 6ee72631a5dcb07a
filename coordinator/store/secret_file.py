"""A campaign's secret on disk: what its draws rest on besides its seed, so that nobody who knows the seed can
compute them.

- It is made once, with the campaign, and stays in a file beside the journal that its user alone may read. The
  journal holds a fingerprint of it, so that another one is noticed.
- A campaign of a version without secrets has none and gets none: its draws stay what they were.
"""

import os
import secrets
from hashlib import sha256
from pathlib import Path

from configs.errors import ConfigError
from coordinator.state.events import CampaignStarted

BYTES = 16
"""128 bits: seeds that are drawn from it, of 31 bits each and in plain sight, do not lead back to it."""


def campaign_secret(path: Path, given: str | None, started: CampaignStarted | None) -> str:
    """The secret of the campaign whose file is ``path``; empty where it has none.

    given: what the configuration says: None for one that nobody knows, empty for none. started: how the
    campaign began; None for a new one, which gets its secret now. Raises ConfigError where the file is gone,
    holds another one or cannot be used.
    """
    given = given if given is None else given.strip()
    if started is None:
        return _new(path, given)
    secret = require_secret(path, given, started)
    if given and secret != given:
        _write(path, given)
        return given
    return secret


def require_secret(path: Path, given: str | None, started: CampaignStarted) -> str:
    """The secret that the file of a campaign holds; another or none where the configuration gives the right
    one. Changes nothing. Raises ConfigError as ``campaign_secret`` does.
    """
    if given is not None and fingerprint(given.strip()) != started.secret_digest:
        raise ConfigError(
            f"campaign {path.parent.name} was started with another campaign.secret",
            "Leave the key out to go on with it, or start another campaign with campaign.name=NAME.",
        )
    secret = _kept(path) if started.secret_digest else ""
    if fingerprint(secret) != started.secret_digest and given is None:
        raise _lost(path, "is not there" if not secret else "holds another one")
    return secret


def fingerprint(secret: str) -> str:
    """What the journal says of a secret: 16 hexadecimal digits; empty for none."""
    return sha256(f"campaign secret:{secret}".encode()).hexdigest()[:16] if secret else ""


def _new(path: Path, given: str | None) -> str:
    """A start that came to nothing may have left a file."""
    secret = (_kept(path) or secrets.token_hex(BYTES)) if given is None else given
    if secret:
        _write(path, secret)
    return secret


def _kept(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read the campaign's secret {path}: {error}",
            "Run the campaign as the user that started it, or restore the file from a copy.",
        ) from None


def _write(path: Path, secret: str) -> None:
    """There whole and on the disk, or not at all, and never readable by another user."""
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{secret}\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise ConfigError(
            f"cannot write the campaign's secret {path}: {error.strerror}",
            "Check the folder's permissions and free space.",
        ) from error


def _lost(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"campaign {path.parent.name} has lost its secret: {path} {why}",
        "Restore the file from a copy, or start another campaign with campaign.name=NAME: the draws of this"
        " one rest on it.",
    )
