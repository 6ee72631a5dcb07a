"""Starts git: the one module that does.

- Every git runs in a small environment of its own. No variable of the user's, no file of settings of the user
  or of the machine, no template and no hook reaches it, so that a campaign's repository is the same
  everywhere, and no other repository is ever meant.
- The repository is named in each call, and made in the formats that are written here.
- It starts in ``/``: the folder a command was typed in may be gone, or be a repository itself.
- GitPython runs it, which hands a copy of the caller's environment to every git; ``env -i`` takes that away.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

os.environ["GIT_PYTHON_REFRESH"] = "quiet"  # no git is said when one is wanted; "raise" would end the import
from git import Git
from git.exc import GitCommandNotFound

PASSED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "DEVELOPER_DIR")
"""What git gets of the caller's environment: where it and its libraries lie."""

NOWHERE = os.devnull
"""As a folder of settings it has none in it, as a file of settings it is empty."""

OWN = {
    "LC_ALL": "C",
    "HOME": NOWHERE,
    "XDG_CONFIG_HOME": NOWHERE,
    "GIT_CONFIG_GLOBAL": NOWHERE,
    "GIT_CONFIG_SYSTEM": NOWHERE,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_DEFAULT_HASH": "sha1",
    "GIT_DEFAULT_REF_FORMAT": "files",
}
"""HOME: git looks there for attributes, whatever it is told about settings. GIT_DEFAULT_…: the formats of a
repository that is made; git before 2.45 knows one format of refs and no option that names it.
"""

SETTINGS = (
    f"core.hooksPath={NOWHERE}",
    "core.fsmonitor=false",
    f"core.attributesFile={NOWHERE}",
    f"core.excludesFile={NOWHERE}",
    "core.autocrlf=false",
    "core.fsync=none",  # the journal is on the disk already, and refs are put right from it
    "commit.gpgSign=false",
    "gc.auto=6700",
    "gc.autoDetach=false",  # or a git of ours would live on after the command it belongs to
    "maintenance.auto=false",
    "protocol.allow=never",
)
"""Stronger than what a repository says of itself."""

ERROR = re.compile(rb"^(fatal|error): ", re.MULTILINE)
"""In what git says: it ends with 0 where it can do without a pack that is damaged."""

TOGETHER = ("/bin/sh", "-c", 'exec "$@" 2>&1', "sh")
"""Before a command: its errors go where its answers go. GitPython gives a process a pipe for them, and a git
that has filled one that nobody reads waits for ever.
"""

SECONDS = 600.0
"""A git that has not ended by then hangs: collecting garbage of ten thousand variants takes some seconds."""


class GitError(OSError):
    """git failed, is too old, or is not there. ``str`` is what it said, in a line."""


class GitMissingError(GitError):
    """There is no git on the PATH."""


def git_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of every git of ours."""
    return {name: inherited[name] for name in PASSED if name in inherited} | OWN


def make_repository(git_dir: Path, *, bare: bool) -> None:
    """Make a repository at ``git_dir``, or complete the one that is there. Raises GitError.

    bare: without files; else its files lie in the folder that ``git_dir`` is in.
    """
    # not by --git-dir: with it git takes every repository for one with files
    target = git_dir if bare else git_dir.parent
    words = ["init", "--quiet", "--template=", *(["--bare"] if bare else []), "--", str(target)]
    _ended(["git", *_settings(), *words], SECONDS)


def run_git(
    git_dir: Path,
    *words: str,
    files: Path | None = None,
    seconds: float = SECONDS,
) -> bytes:
    """What a git command prints. Raises GitError when it fails, says that something is an error, or takes
    longer than so many seconds.

    files: folder of the repository's files, if it has any.
    """
    return _ended(_command(git_dir, words, files), seconds)


class GitProcess:
    """A git that answers one question after the other: started at the first, and again where it has ended.
    Not thread-safe.
    """

    def __init__(self, git_dir: Path, *words: str) -> None:
        self._command = _command(git_dir, words, None)
        self._process: Any = None  # GitPython's wrapper of a Popen

    def ask(self, question: bytes) -> None:
        """Hand it lines. Raises GitError where it cannot be started or has gone."""
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = _started(self._command)
        try:
            self._stdin.write(question)
            self._stdin.flush()
        except OSError as error:
            raise self._failed() from error

    def line(self) -> str:
        """The next line of its answer. Raises GitError when it has ended instead."""
        line = self._stdout.readline()
        if not line.endswith(b"\n"):
            raise self._failed(line)
        return line[:-1].decode(errors="replace")

    def content(self, size: int) -> bytes:
        """The next so many bytes of its answer. Raises GitError when it has ended instead."""
        content = self._stdout.read(size)
        if len(content) != size:
            raise self._failed()
        return content

    def close(self) -> None:
        """Let go of it."""
        process, self._process = self._process, None
        if process is not None:
            process.proc.communicate()

    @property
    def _stdin(self) -> IO[bytes]:
        return self._stream("stdin")

    @property
    def _stdout(self) -> IO[bytes]:
        return self._stream("stdout")

    def _stream(self, name: str) -> IO[bytes]:
        if self._process is None:
            raise GitError("git was not asked anything")
        stream: IO[bytes] = getattr(self._process, name)
        return stream

    def _failed(self, said: bytes = b"") -> GitError:
        process, self._process = self._process, None
        if process is None:
            return GitError("git has gone")
        rest = process.proc.communicate()[0]
        return GitError(_words(said + rest, f"git ended with {process.proc.returncode}"))


def _settings() -> list[str]:
    return [word for setting in SETTINGS for word in ("-c", setting)]


def _command(git_dir: Path, words: Sequence[str], files: Path | None) -> list[str]:
    where = [f"--git-dir={git_dir}", *([f"--work-tree={files}"] if files else [])]
    return ["git", *where, *_settings(), *words]


def _cleanly(command: Sequence[str]) -> list[str]:
    """The command in the environment of ours and nothing else."""
    return [
        "/usr/bin/env",  # whatever PATH is: only git has to be on it
        "-i",
        *(f"{name}={value}" for name, value in git_environment(os.environ).items()),
        *command,
    ]


def _started(command: Sequence[str]) -> Any:
    _require_git()
    try:
        return Git("/").execute(_cleanly([*TOGETHER, *command]), istream=subprocess.PIPE, as_process=True)
    except (GitCommandNotFound, OSError) as error:
        raise GitError(f"git cannot be started: {error}") from error


def _ended(command: Sequence[str], seconds: float) -> bytes:
    _require_git()
    try:
        status, said, errors = Git("/").execute(
            _cleanly(command),
            with_extended_output=True,
            with_exceptions=False,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
            kill_after_timeout=seconds,
        )
    except (GitCommandNotFound, OSError) as error:
        raise GitError(f"git cannot be started: {error}") from error
    wrong = errors.encode()
    if status != 0 or ERROR.search(wrong):
        raise GitError(_words(wrong, f"git ended with {status}"))
    return said if isinstance(said, bytes) else b""


def _require_git() -> None:
    """Raises GitMissingError."""
    if shutil.which("git") is None:
        raise GitMissingError("git is not installed")


def _words(said: bytes, otherwise: str) -> str:
    """The line that says what was wrong: the first that git marks so, else the last."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    return (marked or lines[-1:] or [otherwise])[0].removeprefix("fatal: ").removeprefix("error: ")
