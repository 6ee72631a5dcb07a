"""A scratch folder: made for one user of it alone, gone with it."""

import os
import shutil
import tempfile
from pathlib import Path


def make_scratch(parent: Path | None) -> Path:
    """A new empty folder that only this user may enter, in ``parent`` or where the system keeps temporary
    files. Raises OSError.
    """
    return Path(tempfile.mkdtemp(prefix="autoswarm-", dir=parent)).resolve()


def remove_folder(folder: Path) -> bool:
    """Remove it with all that is in it, also what was made unreadable. Follows no link. Returns whether it is
    gone; raises OSError for what belongs to another user.
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
