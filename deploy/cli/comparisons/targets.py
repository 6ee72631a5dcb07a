"""Which program a person means: an experiment, a file, a folder with one, a commit of some repository."""

import re
from pathlib import Path

from msgspec import Struct

from configs.errors import ConfigError
from coordinator.state.campaign_state import CampaignState
from coordinator.store.git_command import GitError, run_git
from coordinator.store.paths import Layout
from coordinator.variants.source import MAX_BYTES
from deploy.campaigns.find import find_experiment
from deploy.campaigns.open import read_source
from deploy.cli.comparisons.claims import read_claim
from deploy.cli.comparisons.question import Claim, NamedProgram
from deploy.cli.comparisons.untrusted_files import decoded, read_surface, sha256_of
from deploy.exit_codes import NothingFoundError

REVISION = re.compile(r"[A-Za-z0-9][\w./@^~-]*")
"""What may name a commit: nothing that git would take for an option."""
GIT_SECONDS = 60.0


class Target(Struct, frozen=True, kw_only=True):
    """A program and where it is from."""

    program: NamedProgram
    source: str
    division: str = ""
    """Of its experiment; empty for one from elsewhere."""
    claim: Claim | None = None
    """Of the package it is in."""
    trouble: str = ""
    """Why that package claims nothing that can be read; empty otherwise."""


def of_experiment(layout: Layout, state: CampaignState, name: str) -> Target:
    """A campaign's program. Raises NothingFoundError."""
    chosen = find_experiment(state, name)
    source = read_source(layout, chosen.experiment, chosen.commit).source
    program = NamedProgram(
        name=chosen.experiment,
        sha256=sha256_of(source),
        experiment=chosen.experiment,
        commit=chosen.commit,
        title=chosen.title,
    )
    return Target(program=program, source=source, division=chosen.division)


def of_text(source: str, name: str) -> Target:
    """A program whose text is at hand."""
    return Target(program=NamedProgram(name=name, sha256=sha256_of(source)), source=source)


def of_path(path: Path, surface: str) -> Target:
    """A file, or the file of that name in a folder, with what a package claims of it. Raises ConfigError."""
    if not path.is_dir():
        return of_text(read_surface(path.resolve()), path.name)
    if not (path / surface).is_file() or (path / surface).is_symlink():
        raise ConfigError(
            f"{path} holds no file {surface}", f"Name the program itself, or a folder with a {surface}."
        )
    source = read_surface(path / surface)
    claim, trouble = read_claim(path)
    program = NamedProgram(name=f"{path.resolve().name}/{surface}", sha256=sha256_of(source))
    return Target(program=program, source=source, claim=claim, trouble=trouble)


def of_commit(repository: Path, revision: str, surface: str) -> Target:
    """The surface's file at a commit, or with ``COMMIT:PATH`` another one. repository: a bare one, or a
    folder with ``.git``. Raises NothingFoundError where there is none, ConfigError where it cannot be read.
    """
    git_dir = repository / ".git" if (repository / ".git").exists() else repository
    commit, _, path = revision.partition(":")
    missing = NothingFoundError(
        f"there is no commit {commit!r} with a file {path or surface} in {repository}",
        "Fetch it there, name another with --repository, or say COMMIT:PATH for the file.",
    )
    if not REVISION.fullmatch(commit) or "\n" in path:
        raise missing
    blob = f"{commit}:{path or surface}"
    try:
        size = int(run_git(git_dir, "cat-file", "-s", blob, seconds=GIT_SECONDS))
        if size > MAX_BYTES:
            raise ConfigError(f"{blob} has {size} bytes", f"A program has {MAX_BYTES} at most.")
        content = run_git(git_dir, "cat-file", "blob", blob, seconds=GIT_SECONDS)
        full = run_git(git_dir, "rev-parse", "--verify", f"{commit}^{{commit}}", seconds=GIT_SECONDS)
    except (GitError, ValueError):
        raise missing from None
    source = decoded(content, blob)
    program = NamedProgram(name=revision, sha256=sha256_of(source), commit=full.decode().strip())
    return Target(program=program, source=source)
