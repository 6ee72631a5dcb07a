"""The scratch folder of a run: made for it alone, gone with it."""

import os
import shutil
import tempfile
from pathlib import Path

from trainer.sandbox.identity import recorded, sweep


def make_scratch(parent: Path | None) -> Path:
    """A new empty folder that only this user may enter, in ``parent`` or where the system keeps temporary
    files. Raises OSError.
    """
    return Path(tempfile.mkdtemp(prefix="autoswarm-", dir=parent)).resolve()


def remove_scratch(folder: Path) -> bool:
    """Remove it with all that is in it, also what a variant made unreadable, and what variants with uids of
    their own left in places open to all.

    Follows no link. Returns whether it is gone.
    """
    sweep(recorded(folder))
    return remove_folder(folder)


def remove_folder(folder: Path) -> bool:
    """The same where no variant has been. Whether it is gone. Raises OSError for what belongs to another
    user.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        _open_up(folder)
        shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def _open_up(folder: Path) -> None:
    """Give this user back every folder in it, from the top down."""
    folder.chmod(0o700)
    for parent, names, _ in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            if not path.is_symlink():
                path.chmod(0o700)
