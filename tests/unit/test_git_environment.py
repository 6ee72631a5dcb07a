"""git is started by one module, in an environment that holds nothing of the user's."""

import ast
from collections.abc import Iterator
from pathlib import Path

from coordinator.store.git_command import git_environment
from coordinator.store.git_objects import commit_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agents", "configs", "coordinator", "deploy", "evaluator", "trainer")
THE_ONE = "coordinator/store/git_command.py"

HOSTILE = {
    "PATH": "/usr/bin",
    "LD_LIBRARY_PATH": "/opt/lib",
    "HOME": "/mine",
    "XDG_CONFIG_HOME": "/mine/.config",
    "ANTHROPIC_API_KEY": "planted",
    "SSH_ASKPASS": "planted",
    "PAGER": "planted",
    "EDITOR": "planted",
    "LC_MESSAGES": "de_DE.UTF-8",
    "LANGUAGE": "de",
    "GIT_DIR": "planted",
    "GIT_WORK_TREE": "planted",
    "GIT_INDEX_FILE": "planted",
    "GIT_COMMON_DIR": "planted",
    "GIT_OBJECT_DIRECTORY": "planted",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "planted",
    "GIT_NAMESPACE": "planted",
    "GIT_PREFIX": "planted",
    "GIT_EXEC_PATH": "planted",
    "GIT_TEMPLATE_DIR": "planted",
    "GIT_CEILING_DIRECTORIES": "planted",
    "GIT_CONFIG": "planted",
    "GIT_CONFIG_PARAMETERS": "planted",
    "GIT_CONFIG_COUNT": "planted",
    "GIT_CONFIG_KEY_0": "planted",
    "GIT_CONFIG_VALUE_0": "planted",
    "GIT_CONFIG_GLOBAL": "planted",
    "GIT_CONFIG_SYSTEM": "planted",
    "GIT_DEFAULT_HASH": "sha256",
    "GIT_DEFAULT_REF_FORMAT": "reftable",
    "GIT_REF_STORAGE": "planted",
    "GIT_TRACE": "planted",
    "GIT_AUTHOR_NAME": "planted",
    "GIT_SSH_COMMAND": "planted",
    "GIT_PROXY_COMMAND": "planted",
    "GIT_EXTERNAL_DIFF": "planted",
}


def test_nothing_of_the_users_reaches_git_but_where_it_lies() -> None:
    environment = git_environment(HOSTILE)
    kept = {name for name, value in environment.items() if HOSTILE.get(name) == value}
    assert kept == {"PATH", "LD_LIBRARY_PATH"}
    assert "planted" not in environment.values()
    assert {name for name in HOSTILE if name.startswith("GIT_") and name in environment} == {
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM",
        "GIT_DEFAULT_HASH",
        "GIT_DEFAULT_REF_FORMAT",
    }
    assert environment["GIT_CONFIG_NOSYSTEM"] == "1"
    assert (environment["GIT_DEFAULT_HASH"], environment["GIT_DEFAULT_REF_FORMAT"]) == ("sha1", "files")


def test_no_other_module_starts_git_or_imports_a_library_for_it() -> None:
    starters = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if any(starts_git(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert starters == {THE_ONE}


def starts_git(tree: ast.Module) -> Iterator[bool]:
    """A command line that begins with git, as a list, a tuple or one string, or an import of a library."""
    for node in ast.walk(tree):
        match node:
            case ast.List(elts=[ast.Constant(value=str(first)), *_]):
                yield Path(first).name == "git"
            case ast.Call(func=ast.Attribute(attr=name), args=[ast.Constant(value=str(line)), *_]):
                yield name in STARTS and line.startswith("git ")
            case ast.Import(names=names):
                yield any(name.name.partition(".")[0] in LIBRARIES for name in names)
            case ast.ImportFrom(module=str(module)):
                yield module.partition(".")[0] in LIBRARIES


STARTS = {"system", "popen", "run", "call", "check_call", "check_output", "getoutput", "Popen"}
LIBRARIES = {"git", "gitdb", "pygit2", "dulwich"}


def test_the_search_for_starters_finds_them() -> None:
    for text in ('run(["git", "gc"])', 'os.system("git gc")', "import git.repo", "from gitdb import IStream"):
        assert any(starts_git(ast.parse(text))), text
    assert not any(starts_git(ast.parse('shutil.which("git")')))


def test_a_commit_is_the_same_wherever_and_whenever_it_is_made() -> None:
    """The id is what git 2.39 itself made of the same text, parent, message, author and time."""
    parent = "238a1404cb24298fbeeb2f658a6902bfb2729792"
    commit = commit_of("train.py", "print()\n", [parent], "a message\n", 1_700_000_000.9)
    assert commit.id == "ecf39c9fb533dceacc918edb64f4337b3d1cb270"
    assert [made.content.partition(b" ")[0] for made in commit.objects] == [b"blob", b"tree", b"commit"]
    assert commit == commit_of("train.py", "print()\n", [parent], "a message\n", 1_700_000_000.1)
