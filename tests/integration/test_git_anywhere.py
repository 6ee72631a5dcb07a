"""A campaign's git is the same wherever it is started: nothing of the user's reaches it and nothing of the
user's is touched; a repository that is broken is said, and nothing is lost.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.proposers.command.worktree import Worktree
from configs.errors import ConfigError
from coordinator.service.service import Service
from coordinator.store.git_objects import commit_of
from coordinator.store.repository import Repository, RepositoryError
from tests.integration.campaign_folder import Clock, measure_baseline, open_service, propose, rules, train

SETTINGS = """
[core]
\thooksPath = {folder}/hooks
\tautocrlf = true
\tfsmonitor = {folder}/hooks/fsmonitor
\tattributesFile = {folder}/attributes
\tbare = true
\tworktree = {folder}/own
\tpager = false
[init]
\tdefaultBranch = trunk
\tdefaultRefFormat = reftable
\tdefaultObjectFormat = sha256
\ttemplateDir = {folder}/template
[commit]
\tgpgSign = true
[tag]
\tgpgSign = true
[gpg]
\tprogram = false
[gc]
\tauto = 1
[safe]
\tbareRepository = explicit
[alias]
\tinit = !false
\tgc = !false
[user]
\tuseConfigOnly = true
[transfer]
\tfsckObjects = true
[extensions]
\tworktreeConfig = true
"""


def environments(folder: Path) -> dict[str, dict[str, str]]:
    """What a user's shell may hold, by what it is about. folder: has a repository of the user's, ``own``, and
    hooks that say that they ran.
    """
    own = folder / "own" / ".git"
    return {
        "a hook of a repository": {
            "GIT_DIR": str(own),
            "GIT_INDEX_FILE": str(own / "index"),
            "GIT_PREFIX": "",
            "GIT_WORK_TREE": str(own.parent),
            "GIT_EXEC_PATH": str(folder),
        },
        "a relative repository": {"GIT_DIR": ".git", "GIT_COMMON_DIR": "."},
        "other objects": {
            "GIT_OBJECT_DIRECTORY": str(own / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(own / "objects"),
            "GIT_QUARANTINE_PATH": str(own),
            "GIT_NAMESPACE": "mine",
        },
        "formats to come": {"GIT_DEFAULT_HASH": "sha256", "GIT_DEFAULT_REF_FORMAT": "reftable"},
        "settings in the environment": {
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "core.hooksPath",
            "GIT_CONFIG_VALUE_0": str(folder / "hooks"),
            "GIT_CONFIG_KEY_1": "safe.bareRepository",
            "GIT_CONFIG_VALUE_1": "explicit",
            "GIT_CONFIG_PARAMETERS": "'core.fsmonitor=false' 'core.bare=false'",
            "GIT_TEMPLATE_DIR": str(folder / "template"),
        },
        "settings in a file": {"GIT_CONFIG_GLOBAL": str(folder / "settings")},
        "settings at home": {"HOME": str(folder / "home"), "XDG_CONFIG_HOME": str(folder / "xdg")},
        "settings of the machine": {"GIT_CONFIG_SYSTEM": str(folder / "settings")},
        "settings that cannot be read": {"GIT_CONFIG_GLOBAL": str(folder / "broken settings")},
        "ceilings": {"GIT_CEILING_DIRECTORIES": str(folder), "GIT_DISCOVERY_ACROSS_FILESYSTEM": "0"},
        "traces": {"GIT_TRACE": "2", "GIT_TRACE2": "1", "GIT_CURL_VERBOSE": "1"},
        "another language": {"LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de"},
        "nothing at all": {"HOME": "", "LANG": "", "USER": ""},
    }


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """A user's repository and settings, with hooks that leave a mark beside them."""
    folder = tmp_path / "user"
    for name in ("hooks", "template/hooks", "home/.config/git", "xdg/git"):
        (folder / name).mkdir(parents=True)
    mark = f"#!/bin/sh\necho ran >> {folder}/ran\nexit 1\n"
    for name in ("reference-transaction", "post-commit", "pre-commit", "pre-auto-gc", "fsmonitor"):
        for where in ("hooks", "template/hooks"):
            (folder / where / name).write_text(mark)
            (folder / where / name).chmod(0o755)
    for name in ("settings", "home/.gitconfig", "xdg/git/config"):
        (folder / name).write_text(SETTINGS.format(folder=folder))
    for name in ("attributes", "home/.config/git/attributes", "xdg/git/attributes"):
        (folder / name).write_text("*.py text eol=crlf ident filter=mine\n")
    (folder / "broken settings").write_text("[core\n")
    plain("init", "--quiet", "--initial-branch=main", str(folder / "own"))
    (folder / "own" / "file").write_text("mine\n")
    own(folder, "add", "file")
    own(folder, "-c", "user.name=n", "-c", "user.email=e@example.org", "commit", "--quiet", "-m", "one")
    return folder


CASES = list(environments(Path("/")))


def plain(*words: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    ran = subprocess.run(["git", *words], env=environment, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def own(folder: Path, *words: str) -> str:
    return plain("-C", str(folder / "own"), *words)


def of(campaign: Path, *words: str) -> str:
    return plain("--git-dir", str(campaign / "repo.git"), *words)


def user_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def played(folder: Path) -> Service:
    """A campaign with a merge, still open."""
    service = open_service(folder)
    measure_baseline(service)
    propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
    for value in (0.95, 0.95):
        train(service, "a0", value)
    return service


@pytest.mark.parametrize("case", CASES)
def test_a_campaign_is_the_same_under_whatever_git_is_set_to(
    users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    usual = tmp_path / "usual" / "demo"
    played(usual).close()
    before = user_files(users)
    for name, value in environments(users)[case].items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(users / "own")
    folder = tmp_path / "campaigns" / "demo"
    played(folder).close()
    assert (folder / "repo.git" / "HEAD").read_text() == "ref: refs/heads/best/cpu\n"
    open_service(folder).close()
    monkeypatch.undo()
    assert of(folder, "for-each-ref") == of(usual, "for-each-ref")
    assert of(folder, "fsck", "--strict") == ""
    assert of(folder, "rev-parse", "--show-object-format") == "sha1"
    assert "DEPTH = 2" in of(folder, "show", "best/cpu:train.py")
    assert user_files(users) == before
    assert own(users, "status", "--porcelain", "--branch") == "## main"


@pytest.mark.parametrize("case", CASES)
def test_a_commands_repository_is_the_same_too(
    users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    before = user_files(users)
    for name, value in environments(users)[case].items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(users / "own")
    tree = Worktree(tmp_path / "work", "train.py", "print()\n", {"NOTES.md": "notes\n"})
    monkeypatch.undo()
    assert plain("-C", str(tree.folder), "status", "--porcelain") == ""
    assert plain("-C", str(tree.folder), "ls-files").split() == ["NOTES.md", "train.py"]
    assert plain("-C", str(tree.folder), "rev-list", "--count", "HEAD") == "1"
    assert plain("-C", str(tree.folder), "rev-parse", "--show-object-format") == "sha1"
    assert (tree.folder / "train.py").read_bytes() == b"print()\n"
    assert user_files(users) == before


def test_it_runs_from_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    played(tmp_path / "demo").close()
    monkeypatch.undo()
    assert "DEPTH = 2" in of(tmp_path / "demo", "show", "best/cpu:train.py")


# ---------------------------------------------------------------------- a repository that is broken


def objects(folder: Path) -> list[Path]:
    return [path for path in (folder / "repo.git" / "objects").glob("??/*") if path.is_file()]


def emptied(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"")


def one_zeroed(folder: Path) -> None:
    for path in objects(folder):
        emptied(path)


def half_gone(folder: Path) -> None:
    for path in objects(folder)[::2]:
        path.unlink()


def packed(folder: Path) -> Path:
    of(folder, "gc", "--quiet")
    pack = next((folder / "repo.git" / "objects" / "pack").glob("*.pack"))
    pack.chmod(0o644)
    return pack


def pack_gone(folder: Path) -> None:
    packed(folder).unlink()


def pack_index_gone(folder: Path) -> None:
    packed(folder).with_suffix(".idx").unlink()


def pack_cut_off(folder: Path) -> None:
    pack = packed(folder)
    pack.write_bytes(pack.read_bytes()[:50])


def pack_emptied(folder: Path) -> None:
    packed(folder).write_bytes(b"")


def pack_index_emptied(folder: Path) -> None:
    emptied(packed(folder).with_suffix(".idx"))


def refs_emptied(folder: Path) -> None:
    for path in (folder / "repo.git" / "refs").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")


def head_emptied(folder: Path) -> None:
    (folder / "repo.git" / "HEAD").write_bytes(b"")


def config_emptied(folder: Path) -> None:
    (folder / "repo.git" / "config").write_bytes(b"")


def objects_gone(folder: Path) -> None:
    shutil.rmtree(folder / "repo.git" / "objects")


def refs_gone(folder: Path) -> None:
    shutil.rmtree(folder / "repo.git" / "refs")


def locks_left(folder: Path) -> None:
    for name in ("HEAD.lock", "packed-refs.lock", "config.lock", "refs/heads/best/cpu.lock"):
        (folder / "repo.git" / name).touch()


def branch_in_the_way(folder: Path) -> None:
    """Both kinds: a file where a folder of refs has to be, and a folder where a ref has to be."""
    commit = of(folder, "rev-parse", "refs/experiments/e00001")
    of(folder, "update-ref", "-d", "refs/experiments/e00001")
    of(folder, "update-ref", "refs/experiments/e00001/x", commit)
    of(folder, "pack-refs", "--all")


HEALED = [
    one_zeroed,
    half_gone,
    refs_emptied,
    head_emptied,
    config_emptied,
    objects_gone,
    refs_gone,
    locks_left,
    branch_in_the_way,
    pack_gone,
    pack_index_gone,
]


@pytest.mark.parametrize("damage", HEALED, ids=lambda damage: damage.__name__)
def test_what_can_be_made_again_is_made_again_at_the_next_start(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = tmp_path / "demo"
    played(folder).close()
    before = of(folder, "for-each-ref")
    damage(folder)
    open_service(folder).close()
    assert of(folder, "for-each-ref") == before
    of(folder, "fsck", "--full", "--strict")


def sha256(folder: Path) -> None:
    remade(folder, "--object-format=sha256")


def remade(folder: Path, *words: str) -> None:
    shutil.rmtree(folder / "repo.git")
    plain("init", "--quiet", "--bare", *words, str(folder / "repo.git"))


def reftable(folder: Path) -> None:
    with (folder / "repo.git" / "config").open("a") as config:
        config.write("[core]\n\trepositoryformatversion = 1\n[extensions]\n\trefStorage = reftable\n")


def unreadable_config(folder: Path) -> None:
    (folder / "repo.git" / "config").write_text("[core\n")


def packed_refs_broken(folder: Path) -> None:
    (folder / "repo.git" / "packed-refs").write_text("nonsense\n")


def a_file_in_its_place(folder: Path) -> None:
    shutil.rmtree(folder / "repo.git")
    (folder / "repo.git").write_text("mine")


SAID = [
    sha256,
    reftable,
    unreadable_config,
    packed_refs_broken,
    pack_cut_off,
    pack_emptied,
    pack_index_emptied,
    a_file_in_its_place,
]


@pytest.mark.parametrize("damage", SAID, ids=lambda damage: damage.__name__)
def test_what_cannot_is_said_in_two_lines_and_made_anew_once_it_is_moved_away(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = tmp_path / "demo"
    played(folder).close()
    before = of(folder, "for-each-ref")
    damage(folder)
    with pytest.raises(RepositoryError) as caught:
        open_service(folder)
    assert str(folder / "repo.git") in str(caught.value)
    assert len(str(caught.value).splitlines()) == len(caught.value.remedy.splitlines()) == 1
    assert f"`mv {folder}/repo.git {folder}/repo.git.broken`" in caught.value.remedy
    (folder / "repo.git").rename(folder / "repo.git.broken")
    open_service(folder).close()
    assert of(folder, "for-each-ref") == before


def test_a_repository_of_another_user_is_said_with_the_command_that_changes_it(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a folder away")
    folder = tmp_path / "demo"
    played(folder).close()
    os.chown(folder / "repo.git", 65534, 65534)
    with pytest.raises(ConfigError) as caught:
        open_service(folder)
    assert str(caught.value).endswith("repo.git belongs to another user (uid 65534; this is uid 0)")
    assert f"`chown -R 0 {folder}/repo.git`" in caught.value.remedy
    subprocess.run(["chown", "-R", "0", str(folder / "repo.git")], check=True)
    open_service(folder).close()


def test_a_person_s_branches_and_tags_stay(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    played(folder).close()
    of(folder, "tag", "mine", "refs/experiments/e00001")
    of(folder, "update-ref", "refs/heads/wip", "refs/experiments/e00001")
    of(folder, "update-ref", "refs/heads/best/gone", "refs/experiments/e00001")
    open_service(folder).close()
    heads = of(folder, "for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags").split()
    assert heads == ["refs/heads/best/cpu", "refs/heads/wip", "refs/tags/mine"]


def test_a_repository_that_goes_while_the_campaign_runs_is_made_anew_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder) as service:
        measure_baseline(service)
        shutil.rmtree(folder / "repo.git")
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        train(service, "a0", 0.95)
        train(service, "a0", 0.95)
        assert service.overview().trouble == ""
    assert "DEPTH = 2" in of(folder, "show", "best/cpu:train.py")
    of(folder, "fsck", "--strict")


def test_one_that_cannot_be_made_anew_stops_nobody_and_is_said_until_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    clock = Clock()
    with open_service(folder, clock=clock) as service:
        measure_baseline(service)
        (folder / "repo.git").rename(folder / "mine")
        (folder / "repo.git").write_text("in the way")
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        train(service, "a0", 0.95)
        trouble = service.overview().trouble
        assert trouble.startswith(f"cannot use the repository {folder}/repo.git: ")
        assert "The campaign goes on" in trouble
        (folder / "repo.git").unlink()
        clock.now += 61
        train(service, "a0", 0.95)
        assert service.overview().trouble == ""
    assert "DEPTH = 2" in of(folder, "show", "best/cpu:train.py")


def test_a_repository_that_is_broken_at_the_end_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder, rules(max_experiments=1)) as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        (folder / "repo.git" / "packed-refs").write_text("nonsense\n")
        train(service, "a0", 2.0)
        service.tick()
        assert service.overview().page.state == "finished"
        assert "repo.git.broken" in service.overview().trouble


def test_a_thousand_damaged_texts_are_told_apart_from_none(tmp_path: Path) -> None:
    """What git says of them is more than a pipe holds: nobody may leave it there."""
    repository = Repository(tmp_path / "repo.git", "train.py")
    commits = [commit_of("train.py", f"x = {number}\n", [], "one\n", 1e9 + number) for number in range(1_000)]
    for commit in commits:
        repository.store(commit)
        blob = commit.objects[0].id
        damaged = repository.path / "objects" / blob[:2] / blob[2:]
        damaged.chmod(0o600)
        damaged.write_bytes(b"no object")
    whole = commit_of("train.py", "whole\n", [], "one\n", 1e9)
    repository.store(whole)
    assert not any(repository.has(commit.id) for commit in commits)
    assert repository.source(whole.id) == "whole\n"
    repository.close()


def test_many_refs_go_in_one_transaction(tmp_path: Path) -> None:
    """All or none: a commit that is not there keeps the others from moving too."""
    folder = tmp_path / "demo"
    played(folder).close()
    commit = of(folder, "rev-parse", "best/cpu")
    repository = Repository(folder / "repo.git", "train.py")
    try:
        with pytest.raises(RepositoryError):
            repository.point({"refs/experiments/e1": commit, "refs/experiments/e2": "1" * 40})
        assert "refs/experiments/e1" not in repository.refs()
        wanted = {f"refs/experiments/e{number:05d}": commit for number in range(2000)}
        repository.align(wanted)
        assert repository.refs() == wanted
        assert repository.align({}) == 2000
        assert repository.refs() == {}
    finally:
        repository.close()
