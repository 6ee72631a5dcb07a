"""The ``command`` proposer on a surface of several files, with real processes and git."""

from pathlib import Path

import pytest

from agents.edits.outcome import Fault, Problem
from agents.proposers.command.command_proposer import CommandOrder, CommandProposer
from agents.proposers.command.templates import TEMPLATES, spread
from agents.proposers.command.worktree import Worktree
from agents.proposers.contract import ProposerError
from coordinator.domain import Direction, Metric
from coordinator.protocol import Brief
from coordinator.variants.gate import Gate
from evaluator.bundle import pack, unpack

FILES = {"Makefile": "all:\n\tcc main.c\n", "flags.txt": "-O2\n", "src/kernel.py": "TILE = 16\n"}
PATTERNS = ("Makefile", "flags.txt", "src/**/*.py")
BRIEF = Brief(
    ordinal=1,
    seed=1,
    arm="coder",
    division="cpu",
    metric=Metric("seconds", Direction.MINIMIZE),
    parent="c0ffee",
    source=pack(FILES),
)
SAY = "printf 'TITLE: faster\\nHYPOTHESIS: it pays\\n' > PROPOSAL.md\n"


def proposed(tmp_path: Path, line: str) -> dict[str, str]:
    order = CommandOrder(
        template="shell", command=(line,), env=(), timeout=30.0, unconfined=True, patterns=PATTERNS
    )
    proposal = CommandProposer(
        order, "Go on.", {"main.c": "int main;\n"}, "surface", scratch=tmp_path
    ).propose(BRIEF)
    assert proposal.title == "faster"
    assert Gate(surface=PATTERNS).look(proposal.source) is None
    return unpack(proposal.source)


def test_edits_of_files_are_taken_and_all_else_is_dropped(tmp_path: Path) -> None:
    line = (
        "grep -q Makefile prompt.md && sed -i s/O2/O3/ flags.txt && mkdir -p src/deep src/__pycache__"
        " && echo 'X = 1' > src/deep/more.py && echo x > src/__pycache__/y.py && echo x > src/.hidden.py"
        f" && echo x > notes.txt && echo x > main.c; {SAY}"
    )
    assert proposed(tmp_path, line) == {**FILES, "flags.txt": "-O3\n", "src/deep/more.py": "X = 1\n"}


def test_a_file_of_a_glob_may_go(tmp_path: Path) -> None:
    assert "src/kernel.py" not in proposed(tmp_path, f"rm src/kernel.py; {SAY}")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("rm flags.txt", "flags.txt is gone"),
        ("ln -sf /etc/passwd flags.txt", "flags.txt is a link"),
        ("printf '\\377' > src/new.py", "src/new.py is not UTF-8"),
        ("echo 'TILE = = 1' > src/kernel.py", "line 1 of src/kernel.py: invalid syntax"),
        ("echo '=== file: judge.py ===' >> flags.txt", "marks the beginning of a file"),
        ("true", "the file as it was"),
    ],
)
def test_an_edit_that_is_no_surface_is_sent_back_and_not_taken(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(ProposerError, match=why):
        proposed(tmp_path, f"{line}; {SAY}")


def test_what_cannot_be_read_is_put_back_and_no_link_is_followed_for_it(tmp_path: Path) -> None:
    tree = Worktree(tmp_path / "work", "surface", BRIEF.source, {"NOTES.md": "notes\n"}, PATTERNS)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tree.folder / "src" / "kernel.py").unlink()
    (tree.folder / "src").rmdir()
    (tree.folder / "src").symlink_to(elsewhere)
    (elsewhere / "kernel.py").write_text("stolen = 1\n", encoding="utf-8")
    (tree.folder / "flags.txt").unlink()
    problem = tree.surface()
    assert isinstance(problem, Problem)
    assert problem.kind is Fault.MALFORMED
    tree.restore()
    assert tree.surface() == BRIEF.source
    assert (elsewhere / "kernel.py").read_text(encoding="utf-8") == "stolen = 1\n"


def test_a_surface_with_the_name_of_what_the_command_reads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"prompt\.md of the surface has the name"):
        Worktree(tmp_path / "work", "surface", pack({"prompt.md": "Hi.\n"}), {"prompt.md": "do it\n"})


def test_a_command_line_names_every_file_behind_its_option() -> None:
    line = spread(TEMPLATES["aider"].command, ["Makefile", "-rf.py"])
    assert line[-6:] == ["--read", "brief.md", "--file", "Makefile", "--file", "./-rf.py"]
    assert spread(["edit", "{surface}"], ["a", "b"]) == ["edit", "a", "b"]
    assert spread(TEMPLATES["aider"].command, ["train.py"])[-2:] == ["--file", "train.py"]
