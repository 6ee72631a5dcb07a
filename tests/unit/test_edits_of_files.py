"""Answers put onto a surface of several files, or of one that is no Python."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.edits.apply import apply
from agents.edits.outcome import Edited, Fault, Format, Problem
from coordinator.variants.gate import Gate
from evaluator.bundle import pack, unpack

PROMPT = {"prompt.txt": "You are a careful solver.\nThink step by step.\nAnswer with a number.\n"}
BUILD = {
    "Makefile": "all: main.c\n\tcc $(shell cat flags.txt) -o main main.c\n",
    "flags.txt": "-O2\n-march=native\n",
}
MODEL = "WIDTH = 64\n\n\ndef forward(x):\n    return x * WIDTH\n"
TRAIN = "from src.model import forward\n\nLR = 0.1\n\nfor step in range(10):\n    forward(step)\n"
PACKAGE = {"src/__init__.py": "", "src/model.py": MODEL, "src/train.py": TRAIN}
PATTERNS = {"prompt": ("prompt.txt",), "build": ("Makefile", "flags.txt"), "package": ("src/**/*.py",)}
PARENTS = {"prompt": PROMPT, "build": BUILD, "package": PACKAGE}


def block(search: str, replace: str) -> str:
    return f"<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


def fence(text: str, info: str = "") -> str:
    return f"```{info}\n{text}```\n"


def answered(kind: str, answer: str) -> Edited | Problem:
    return apply(f"TITLE: an idea\nHYPOTHESIS: better\n\n{answer}", pack(PARENTS[kind]), "x", PATTERNS[kind])


def with_lr(lr: str) -> str:
    return TRAIN.replace("LR = 0.1", f"LR = {lr}")


ADDED_DIFF = "--- /dev/null\n+++ b/src/loss.py\n@@ -0,0 +1,2 @@\n+def loss(x):\n+    return x\n"
LOSS = "def loss(x):\n    return x\n"
SHORT = "Answer.\n"

APPLIED: dict[str, tuple[str, str, dict[str, str | None]]] = {
    "a block without a name": (
        "package",
        block("LR = 0.1\n", "LR = 0.2\n"),
        {"src/train.py": with_lr("0.2")},
    ),
    "a block under a name": (
        "package",
        "src/train.py\n" + block("LR = 0.1\n", "LR = 0.2\n"),
        {"src/train.py": with_lr("0.2")},
    ),
    "a block under the last part of a name, dressed": (
        "package",
        "### `train.py`\n```python\n" + block("LR = 0.1\n", "LR = 0.2\n") + "```\n",
        {"src/train.py": with_lr("0.2")},
    ),
    "a block with the name in its marker": (
        "build",
        block("-O2\n", "-O3\n").replace("SEARCH", "SEARCH flags.txt"),
        {"flags.txt": "-O3\n-march=native\n"},
    ),
    "a block under a name without an ending": (
        "build",
        "File: **Makefile**\n" + block("all: main.c\n", "all: main.c flags.txt\n"),
        {"Makefile": BUILD["Makefile"].replace("main.c\n\t", "main.c flags.txt\n\t")},
    ),
    "blocks of two files": (
        "build",
        "Makefile\n"
        + block("all: main.c\n", "all: main.c flags.txt\n")
        + "\nflags.txt\n"
        + block("-O2\n", "-O3\n"),
        {
            "Makefile": BUILD["Makefile"].replace("main.c\n\t", "main.c flags.txt\n\t"),
            "flags.txt": "-O3\n-march=native\n",
        },
    ),
    "a block of the only file": (
        "prompt",
        block("Think step by step.\n", "Think twice.\n"),
        {"prompt.txt": PROMPT["prompt.txt"].replace("step by step", "twice")},
    ),
    "a block that deletes prose": (
        "prompt",
        block("Think step by step.\n", ""),
        {"prompt.txt": PROMPT["prompt.txt"].replace("Think step by step.\n", "")},
    ),
    "prose with dots is no placeholder": (
        "prompt",
        block("Think step by step.\n", "...\nThe rest stays unchanged.\n"),
        {"prompt.txt": PROMPT["prompt.txt"].replace("Think step by step.", "...\nThe rest stays unchanged.")},
    ),
    "a diff of one file": (
        "build",
        "--- a/flags.txt\n+++ b/flags.txt\n@@ -1,2 +1,2 @@\n--O2\n+-O3\n -march=native\n",
        {"flags.txt": "-O3\n-march=native\n"},
    ),
    "a diff of two files, with tabs": (
        "build",
        "```diff\ndiff --git a/Makefile b/Makefile\n--- a/Makefile\n+++ b/Makefile\n@@ -1,2 +1,2 @@\n"
        "-all: main.c\n+all: main.c flags.txt\n \tcc $(shell cat flags.txt) -o main main.c\n"
        "--- a/flags.txt\n+++ b/flags.txt\n@@ -1 +1 @@\n--O2\n+-O3\n```\n",
        {
            "Makefile": BUILD["Makefile"].replace("main.c\n\t", "main.c flags.txt\n\t"),
            "flags.txt": "-O3\n-march=native\n",
        },
    ),
    "a hunk without a name": (
        "package",
        fence("@@\n-LR = 0.1\n+LR = 0.2\n", "diff"),
        {"src/train.py": with_lr("0.2")},
    ),
    "a new file by a diff": ("package", ADDED_DIFF, {"src/loss.py": LOSS}),
    "a new file by a diff in a fence beside an edit": (
        "package",
        fence(
            ADDED_DIFF + "--- a/src/train.py\n+++ b/src/train.py\n@@ -3 +3 @@\n-LR = 0.1\n+LR = 0.2\n", "diff"
        ),
        {"src/loss.py": LOSS, "src/train.py": with_lr("0.2")},
    ),
    "a new file by a patch": (
        "package",
        "*** Begin Patch\n*** Add File: src/loss.py\n+def loss(x):\n+    return x\n*** End Patch\n",
        {"src/loss.py": LOSS},
    ),
    "a new file by a fence": ("package", "src/loss.py\n" + fence(LOSS, "python"), {"src/loss.py": LOSS}),
    "a new file by a fence beside a block": (
        "package",
        "src/loss.py\n" + fence(LOSS, "python") + "\nsrc/train.py\n" + block("LR = 0.1\n", "LR = 0.2\n"),
        {"src/loss.py": LOSS, "src/train.py": with_lr("0.2")},
    ),
    "a new file by a block": ("package", "src/loss.py\n" + block("", LOSS), {"src/loss.py": LOSS}),
    "an empty file filled by a block": (
        "package",
        "src/__init__.py\n" + block("", "X = 1\n"),
        {"src/__init__.py": "X = 1\n"},
    ),
    "a file removed by a diff": (
        "package",
        "--- a/src/model.py\n+++ /dev/null\n@@ -1,5 +0,0 @@\n"
        + "".join(f"-{line}\n" for line in MODEL.splitlines()),
        {"src/model.py": None},
    ),
    "a file removed by a patch": (
        "package",
        "*** Begin Patch\n*** Delete File: src/model.py\n*** End Patch\n",
        {"src/model.py": None},
    ),
    "a whole file under its name": ("build", "flags.txt\n" + fence("-O3\n"), {"flags.txt": "-O3\n"}),
    "a whole file with its name in the fence": (
        "build",
        fence("all:\n\ttrue\n", "makefile Makefile"),
        {"Makefile": "all:\n\ttrue\n"},
    ),
    "a whole file under the line of a bundle": (
        "build",
        "=== file: flags.txt ===\n" + fence("-O3\n"),
        {"flags.txt": "-O3\n"},
    ),
    "two whole files": (
        "build",
        "flags.txt\n" + fence("-O3\n") + "\nMakefile\n" + fence("all:\n\ttrue\n", "make"),
        {"flags.txt": "-O3\n", "Makefile": "all:\n\ttrue\n"},
    ),
    "the only file whole, without its name": ("prompt", fence(SHORT, "text"), {"prompt.txt": SHORT}),
}


@pytest.mark.parametrize(("kind", "answer", "changes"), APPLIED.values(), ids=APPLIED)
def test_an_answer_changes_the_files_it_means(kind: str, answer: str, changes: dict[str, str | None]) -> None:
    result = answered(kind, answer)
    assert isinstance(result, Edited), result
    wanted = {**PARENTS[kind], **changes}
    assert unpack(result.source) == {path: text for path, text in sorted(wanted.items()) if text is not None}
    assert Gate(surface=PATTERNS[kind]).look(result.source) is None


REFUSED: dict[str, tuple[str, str, Fault, str]] = {
    "a block under a file outside": (
        "build",
        "main.c\n" + block("all: main.c\n", "all:\n"),
        Fault.OUTSIDE_SURFACE,
        "main.c; only Makefile, flags.txt can change",
    ),
    "a diff of a file outside": (
        "build",
        "--- a/judge.py\n+++ b/judge.py\n@@ -1 +1 @@\n-x\n+y\n",
        Fault.OUTSIDE_SURFACE,
        "a/judge.py",
    ),
    "a new file outside": (
        "package",
        ADDED_DIFF.replace("src/loss.py", "loss.txt"),
        Fault.OUTSIDE_SURFACE,
        "loss.txt",
    ),
    "a new file above": ("package", ADDED_DIFF.replace("src/", "../"), Fault.OUTSIDE_SURFACE, "../loss.py"),
    "a whole file outside": ("build", "run.sh\n" + fence("true\n"), Fault.OUTSIDE_SURFACE, "run.sh"),
    "a file removed that has to stay": (
        "build",
        "*** Begin Patch\n*** Delete File: flags.txt\n*** End Patch\n",
        Fault.OUTSIDE_SURFACE,
        "flags.txt would be gone",
    ),
    "a block that fits another file than the one it names": (
        "package",
        "src/model.py\n" + block("LR = 0.1\n", "LR = 0.2\n"),
        Fault.NOT_FOUND,
        "src/model.py",
    ),
    "a block that fits no file": ("build", block("-O7\n", "-O3\n"), Fault.NOT_FOUND, "in no file"),
    "a block that searches in a new file": (
        "package",
        "src/loss.py\n" + block("LR = 0.1\n", "LR = 0.2\n"),
        Fault.NOT_FOUND,
        "src/loss.py",
    ),
    "a block that searches for nothing and names nothing": (
        "build",
        block("", "-O3\n"),
        Fault.AMBIGUOUS,
        "names no file",
    ),
    "a block that searches for nothing in prose": (
        "prompt",
        "prompt.txt\n" + block("", "Be brief.\n"),
        Fault.AMBIGUOUS,
        "searches for nothing",
    ),
    "a program that does not compile": (
        "package",
        block("LR = 0.1\n", "LR = = 0.1\n"),
        Fault.DOES_NOT_COMPILE,
        "line 3 of src/train.py",
    ),
    "a program with a placeholder": (
        "package",
        block("    forward(step)\n", "    # ... rest of the loop unchanged ...\n    pass\n"),
        Fault.SNIPPET,
        "src/train.py",
    ),
    "a part of a program as a whole file": (
        "package",
        "src/train.py\n" + fence("LR = 0.2\n", "python"),
        Fault.SNIPPET,
        "no whole file",
    ),
    "a part of a text as a whole file": (
        "prompt",
        "prompt.txt\n" + fence("You are bold.\n... rest unchanged ...\n"),
        Fault.SNIPPET,
        "line 2 of prompt.txt",
    ),
    "two formats for one file": (
        "build",
        "flags.txt\n" + block("-O2\n", "-O3\n") + "\nflags.txt\n" + fence("-O1\n"),
        Fault.AMBIGUOUS,
        "two formats",
    ),
    "a file twice": (
        "build",
        "flags.txt\n" + fence("-O3\n") + "\nflags.txt\n" + fence("-O1\n"),
        Fault.AMBIGUOUS,
        "flags.txt twice",
    ),
    "a file that is added and there": (
        "package",
        ADDED_DIFF.replace("src/loss.py", "src/model.py"),
        Fault.MALFORMED,
        "there already",
    ),
    "a file that becomes another": (
        "build",
        "--- a/flags.txt\n+++ b/Makefile\n@@ -1 +1 @@\n--O2\n+-O3\n",
        Fault.MALFORMED,
        "another file",
    ),
    "nothing": ("build", "I would use -O3.\n", Fault.NO_EDIT, "no edit"),
    "layout alone": ("build", block("-O2\n", "-O2  \n"), Fault.NO_OP, "same"),
    "a line that begins a file": (
        "prompt",
        block("Think step by step.\n", "=== file: judge.py ===\n"),
        Fault.MALFORMED,
        "marks the beginning",
    ),
    "an end in a fence": ("build", "flags.txt\n```\n-O3\n", Fault.TRUNCATED, "ends inside"),
    "a file as a folder": (
        "package",
        "src/model.py/more.py\n" + fence("X = 1\n", "python"),
        Fault.MALFORMED,
        "cannot be a folder",
    ),
}


@pytest.mark.parametrize(("kind", "answer", "fault", "why"), REFUSED.values(), ids=REFUSED)
def test_whatever_else_is_sent_back(kind: str, answer: str, fault: Fault, why: str) -> None:
    result = answered(kind, answer)
    assert isinstance(result, Problem), result
    assert (result.kind, why in result.message) == (fault, True), result.message


def test_lines_of_two_files_are_found_by_the_name_and_not_without() -> None:
    parent = pack({"a/x.txt": "one\nsame\n", "b/x.txt": "two\nsame\n"})
    nameless = apply(block("same\n", "other\n"), parent)
    assert isinstance(nameless, Problem)
    assert (nameless.kind, "a/x.txt, b/x.txt" in nameless.message) == (Fault.AMBIGUOUS, True)
    named = apply("b/x.txt\n" + block("same\n", "other\n"), parent)
    assert isinstance(named, Edited)
    assert unpack(named.source) == {"a/x.txt": "one\nsame\n", "b/x.txt": "two\nother\n"}
    half = apply("x.txt\n" + block("same\n", "other\n"), parent)
    assert isinstance(half, Problem)
    assert half.kind is Fault.OUTSIDE_SURFACE


def test_lines_to_the_letter_go_before_another_indentation_in_another_file() -> None:
    parent = pack({"a.py": "if 1:\n    x = 1\n", "b.py": "x = 1\n"})
    result = apply(block("x = 1\n", "x = 2\n"), parent)
    assert isinstance(result, Edited)
    assert unpack(result.source) == {"a.py": "if 1:\n    x = 1\n", "b.py": "x = 2\n"}


def test_a_text_that_holds_fences_is_not_taken_for_whole_in_one_as_short() -> None:
    parent = pack({"prompt.md": "Show it:\n```\ncode\n```\nDone.\n"})
    short = apply("prompt.md\n" + fence("Show it:\n"), parent)
    assert isinstance(short, Problem)
    assert short.kind is Fault.AMBIGUOUS
    longer = apply("prompt.md\n````\nShow:\n```\ncode\n```\n````\n", parent)
    assert isinstance(longer, Edited)
    assert longer.format is Format.WHOLE
    assert unpack(longer.source) == {"prompt.md": "Show:\n```\ncode\n```\n"}


def test_carriage_returns_of_a_file_stay() -> None:
    parent = pack({"flags.txt": "-O2\r\n-g\r\n"})
    result = apply(block("-O2\n", "-O3\n"), parent)
    assert isinstance(result, Edited)
    assert unpack(result.source) == {"flags.txt": "-O3\r\n-g\r\n"}


PIECES = st.sampled_from([
    "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "```", "```diff", "--- a/flags.txt", "+++ b/flags.txt",
    "--- /dev/null", "+++ /dev/null", "@@ -1 +1 @@", "@@", "--O2", "+-O3", "-O2", " -march=native",
    "Makefile", "flags.txt", "*** Add File: flags.txt", "*** Delete File: Makefile", "=== file: a ===",
    "", "x/../y.txt", "\udc80", "all: main.c",
])  # fmt: skip


@given(st.lists(PIECES, max_size=14))
def test_no_answer_raises_and_what_comes_out_is_allowed(pieces: list[str]) -> None:
    result = apply("\n".join(pieces), pack(BUILD), "x", PATTERNS["build"])
    if isinstance(result, Edited):
        assert Gate(surface=PATTERNS["build"]).look(result.source) is None
