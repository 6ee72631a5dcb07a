"""Surfaces that are several files, or one that is no Python: what is said of their text and refused of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.domain import Refusal
from coordinator.store.git_objects import commit_of
from coordinator.variants.constant_changes import changed_constants
from coordinator.variants.gate import Gate
from coordinator.variants.merge import MergeConflictError, merge
from coordinator.variants.patterns import allowed, missing
from coordinator.variants.source import MAX_BYTES, SurfaceError, digest
from coordinator.variants.text_diff import diff_lines
from evaluator.bundle import header, pack, unpack

PROMPT = pack({"prompt.txt": "You are a careful solver.\nThink step by step.\nAnswer with a number.\n"})
BUILD = {"Makefile": "all: main.c\n\tcc $(shell cat flags.txt) main.c\n", "flags.txt": "-O2\n-march=native\n"}
PACKAGE = {"src/__init__.py": "", "src/model.py": "WIDTH = 64\nDEPTH = 4\n", "src/train.py": "LR = 0.1\n"}


def text(files: dict[str, str], **changes: str) -> str:
    """Files with others by their names, in which ``_`` stands for ``.`` and ``__`` for ``/``."""
    named = {name.replace("__", "/").replace("_", "."): content for name, content in changes.items()}
    return pack({**files, **named})


# ---------------------------------------------------------------------- digests


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (text(PACKAGE), text(PACKAGE, src__train_py="# a rate\nLR  =  0.1\n")),
        (PROMPT, PROMPT.replace("solver.\n", "solver. \t\r\n")),
        (text(BUILD), text(BUILD, flags_txt="-O2  \n-march=native\n")),
    ],
)
def test_comments_of_programs_and_ends_of_lines_make_no_other_surface(one: str, other: str) -> None:
    assert one != other
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (text(PACKAGE), text(PACKAGE, src__train_py="LR = 0.2\n")),
        (text(PACKAGE), text(PACKAGE, src__more_py="")),
        (text({"a.py": "X = 1\n", "b.py": ""}), text({"b.py": "X = 1\n", "a.py": ""})),
        (text({"a.txt": "X = 1\n"}), text({"a.txt": "X  =  1\n"})),
        (text({"a.txt": "x\n"}), text({"b.txt": "x\n"})),
        (text(BUILD), text(BUILD, flags_txt="-O3\n-march=native\n")),
        (text(BUILD), text(BUILD, Makefile=BUILD["Makefile"].replace("\t", "    "))),
    ],
)
def test_whatever_else_differs_is_another_surface(one: str, other: str) -> None:
    assert digest(one) != digest(other)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (text(PACKAGE, src__model_py="WIDTH = 64\nDEPTH = = 4\n"), "src/model.py, line 2: invalid syntax"),
        (PROMPT.rstrip("\n"), "line break"),
        (f"{header('b')}\n{header('a')}\n", "order"),
        (pack({"a": "x\n", "a/b": "y\n"}), "a/b: a is a file"),
        (pack({".git/hooks/post-checkout": "id\n"}), "folder of git's"),
        (pack({"x.txt": "\udc80\n"}), "no list of files"),
    ],
)
def test_files_that_do_not_compile_or_cannot_lie_in_a_folder_are_no_surface(source: str, why: str) -> None:
    with pytest.raises(SurfaceError, match=why):
        digest(source)


# ---------------------------------------------------------------------- constants


def test_a_changed_constant_is_said_with_its_file() -> None:
    other = text(PACKAGE, src__model_py="WIDTH = 32\nDEPTH = 4\n", src__train_py="LR = 0.2\n")
    assert changed_constants(text(PACKAGE), other) == {"src/model.py:WIDTH": "down", "src/train.py:LR": "up"}


@pytest.mark.parametrize(
    "other",
    [
        PROMPT,
        PROMPT[:-1],
        "=== file: a ===",
        "def (",
        "",
        text(PACKAGE, src__train_py="LR = = 1\n"),
        pack({"src/train.py": "LR = 0.1\n"}),
    ],
)
def test_texts_without_constants_have_none_and_raise_nothing(other: str) -> None:
    for parent in (text(PACKAGE), PROMPT, "LR = 1\n"):
        assert changed_constants(parent, other) == changed_constants(other, parent) == {}


# ---------------------------------------------------------------------- patterns


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("prompt.txt", "prompt.txt"),
        ("src/a.py", "src/*.py"),
        ("src/a.py", "**/*.py"),
        ("a.py", "**/*.py"),
        ("src/deep/er/a.py", "src/**/*.py"),
        ("src/a.py", "src/**/*.py"),
        ("src/deep/a.txt", "src/**"),
        ("a1.txt", "a[0-9].txt"),
        ("ab.txt", "a[!0-9].txt"),
        ("a[0].txt", "a[0].txt"),
        ("src/a.py", "./src/?.py"),
    ],
)
def test_a_pattern_allows_a_path(path: str, pattern: str) -> None:
    assert allowed(path, [pattern])


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("prompt.txt.py", "prompt.txt"),
        ("promptxtxt", "prompt.txt"),
        ("src/deep/a.py", "src/*.py"),
        ("src/a.py\n", "src/*.py"),
        ("other/src/a.py", "src/**/*.py"),
        ("src", "src/**"),
        ("a/b.txt", "a[!x]b.txt"),
        ("a/b.txt", "a?b.txt"),
        ("a-.txt", "a[z-a].txt"),
        ("tests/a.py", "src/**"),
    ],
)
def test_a_pattern_allows_nothing_else(path: str, pattern: str) -> None:
    assert not allowed(path, [pattern])


@given(st.text(alphabet="ab[]!^*?-\\/.&", max_size=12), st.text(alphabet="ab/.-", max_size=6))
def test_every_text_is_a_pattern_and_allows_itself(pattern: str, path: str) -> None:
    assert allowed(pattern, [pattern])
    assert allowed(path, [pattern]) in (True, False)


def test_a_named_file_has_to_stay_and_one_of_a_glob_does_not() -> None:
    assert missing(["src/a.py"], ["src/*.py", "prompt.txt"]) == ["prompt.txt"]
    assert missing(["prompt.txt"], ["src/*.py", "prompt.txt"]) == []


# ---------------------------------------------------------------------- the gate

GATE = Gate(surface=["src/*.py", "prompt.txt"])
WHOLE = {**PACKAGE, "prompt.txt": "Add.\n"}


@pytest.mark.parametrize("files", [WHOLE, {"prompt.txt": ""}, {**WHOLE, "src/new.py": "import anything\n"}])
def test_files_of_the_task_s_patterns_pass(files: dict[str, str]) -> None:
    assert GATE.look(pack(files)) is None


@pytest.mark.parametrize(
    ("source", "refusal", "why"),
    [
        (pack({**WHOLE, "judge.py": "x = 1\n"}), Refusal.OUTSIDE_SURFACE, "judge.py is not of the surface"),
        (pack({**WHOLE, "src/deep/a.py": ""}), Refusal.OUTSIDE_SURFACE, r"only src/\*.py, prompt.txt may"),
        (pack(PACKAGE), Refusal.OUTSIDE_SURFACE, "prompt.txt is gone"),
        (pack({**WHOLE, "src/a.py": "x = = 1\n"}), Refusal.DOES_NOT_COMPILE, "src/a.py, line 1"),
        (pack({**WHOLE, "src/a.py": "x = 1\0\n"}), Refusal.DOES_NOT_COMPILE, "src/a.py"),
        (pack(WHOLE).removesuffix("\n"), Refusal.DOES_NOT_COMPILE, "no list of files"),
        (pack({**WHOLE, "prompt.txt": "x" * MAX_BYTES}), Refusal.TOO_LARGE, "bytes"),
        ("print(1)\n", Refusal.DOES_NOT_COMPILE, "no list of files"),
        ("", Refusal.DOES_NOT_COMPILE, "no list of files"),
    ],
)
def test_whatever_else_costs_no_slot(source: str, refusal: Refusal, why: str) -> None:
    objection = GATE.look(source)
    assert objection is not None
    assert objection.refusal is refusal
    with pytest.raises(ValueError, match=why):
        raise ValueError(objection.reason)


def test_a_task_of_one_python_file_takes_no_list_of_files() -> None:
    objection = Gate().look(pack({"train.py": "x = 1\n"}))
    assert objection is not None
    assert objection.refusal is Refusal.DOES_NOT_COMPILE


# ---------------------------------------------------------------------- merging


def test_edits_of_different_files_go_together() -> None:
    ours, theirs = text(BUILD, flags_txt="-O3\n-march=native\n"), text(BUILD, Makefile="all:\n\tcc main.c\n")
    both = text(BUILD, flags_txt="-O3\n-march=native\n", Makefile="all:\n\tcc main.c\n")
    assert merge(text(BUILD), ours, theirs) == merge(text(BUILD), theirs, ours) == both


def test_edits_of_different_lines_of_a_file_go_together() -> None:
    ours, theirs = PROMPT.replace("careful", "bold"), PROMPT.replace("a number", "a word")
    both = PROMPT.replace("careful", "bold").replace("a number", "a word")
    assert merge(PROMPT, ours, theirs) == both


def test_files_come_and_go_beside_edits_and_beside_each_other() -> None:
    base = text(PACKAGE)
    edit, added = text(PACKAGE, src__train_py="LR = 0.2\n"), text(PACKAGE, src__loss_py="X = 1\n")
    assert merge(base, edit, added) == text(PACKAGE, src__train_py="LR = 0.2\n", src__loss_py="X = 1\n")
    other = text(PACKAGE, src__init_py="Y = 1\n")
    assert merge(base, added, other) == text(PACKAGE, src__loss_py="X = 1\n", src__init_py="Y = 1\n")
    less = pack({path: content for path, content in PACKAGE.items() if path != "src/model.py"})
    assert "src/model.py" not in unpack(merge(base, less, edit))
    assert merge(base, added, added) == added


@pytest.mark.parametrize(
    ("ours", "theirs", "why"),
    [
        ({"b": "x\n"}, {"a": "y\n", "b": "x\n"}, "one removes a"),
        ({"a": "1\n", "b": "x\n", "c": "1\n"}, {"a": "1\n", "b": "x\n", "c": "2\n"}, "both add c"),
        ({"a": "2\n", "b": "x\n"}, {"a": "3\n", "b": "x\n"}, "a: both change line 1"),
        ({"b": "x\n"}, {"a": "1\n"}, "no file"),
    ],
)
def test_edits_of_one_file_that_exclude_each_other_conflict(
    ours: dict[str, str], theirs: dict[str, str], why: str
) -> None:
    with pytest.raises(MergeConflictError, match=why):
        merge(pack({"a": "1\n", "b": "x\n"}), pack(ours), pack(theirs))


def test_a_text_that_is_no_bundle_conflicts() -> None:
    with pytest.raises(MergeConflictError):
        merge(PROMPT, PROMPT[:-1], PROMPT)


FILES = st.dictionaries(
    st.sampled_from(["a", "b.txt", "d/c.py", "d/e.py"]),
    st.lists(st.sampled_from(["a", "=== file: ", "\x0c", "b ===", "\n"]), max_size=9).map("".join),
    min_size=1,
).filter(
    lambda files: all(
        "=== file: " not in line or "b ===" not in line for line in "".join(files.values()).split("\n")
    )
)


@given(base=FILES, ours=FILES, theirs=FILES)
def test_a_merge_is_well_formed_or_a_conflict(
    base: dict[str, str], ours: dict[str, str], theirs: dict[str, str]
) -> None:
    try:
        merged = merge(pack(base), pack(ours), pack(theirs))
    except MergeConflictError:
        return
    assert pack(unpack(merged)) == merged
    assert set(unpack(merged)) <= {*base, *ours, *theirs}


# ---------------------------------------------------------------------- commits


def test_a_commit_of_files_holds_their_text_and_each_of_them() -> None:
    commit = commit_of("surface.txt", text(PACKAGE), [], "a message\n", 1e9)
    kinds = [made.content.partition(b" ")[0] for made in commit.objects]
    assert kinds[-2:] == [b"tree", b"commit"]
    root = commit.objects[-2].content
    assert root.count(b"40000 src\0") == root.count(b"100644 surface.txt\0") == 1
    assert commit == commit_of("surface.txt", text(PACKAGE), [], "a message\n", 1e9)
    assert commit.id != commit_of("surface.txt", text(PACKAGE, src__train_py="\n"), [], "a message\n", 1e9).id


def test_the_text_of_all_files_goes_before_a_file_of_its_name() -> None:
    whole = text(PACKAGE)
    commit = commit_of("src", whole, [], "a message\n", 1e9)
    assert [made.content.partition(b"\0")[2] for made in commit.objects[:1]] == [whole.encode()]
    assert b"40000" not in commit.objects[-2].content


# ---------------------------------------------------------------------- differences


def test_a_difference_is_shown_file_by_file() -> None:
    new = {**BUILD, "flags.txt": "-O3\n-march=native\n", "run.sh": "./main\n", "empty": ""}
    del new["Makefile"]
    lines = list(diff_lines(pack(BUILD), pack(new), "surface", (" baseline", " e1")))
    assert lines == [
        "--- a/Makefile baseline",
        "+++ /dev/null",
        "@@ -1,2 +0,0 @@",
        "-all: main.c",
        "-\tcc $(shell cat flags.txt) main.c",
        "--- /dev/null",
        "+++ b/empty e1",
        "--- a/flags.txt baseline",
        "+++ b/flags.txt e1",
        "@@ -1,2 +1,2 @@",
        "--O2",
        "+-O3",
        " -march=native",
        "--- /dev/null",
        "+++ b/run.sh e1",
        "@@ -0,0 +1 @@",
        "+./main",
    ]


def test_a_difference_of_one_file_has_its_name() -> None:
    assert list(diff_lines("A = 1\n", "A = 2\n", "train.py"))[:2] == ["--- a/train.py", "+++ b/train.py"]
    assert list(diff_lines("A = 1\n", "A = 1\n", "train.py")) == []
    assert list(diff_lines(PROMPT, PROMPT[:-1], "surface"))[:2] == ["--- a/prompt.txt", "+++ /dev/null"]
