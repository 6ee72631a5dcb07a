"""What is said of a program without running it: a digest blind to layout and to nothing else, and facts of
its bytecode that pass nothing its tree refuses.
"""

from pathlib import Path

import pytest

from coordinator.variants import source as source_module
from coordinator.variants.bytecode import facts_of
from coordinator.variants.gate import Gate
from coordinator.variants.source import SurfaceError, compiled, digest
from tests.unit.test_gate import BROKEN, GATE, HONEST, KEPT, SURFACES, WHOLE

PROGRAM = (
    "class A:\n    rate = 0.1\n\n    def f(self, x):\n        return {x for x in (1, 2)}, lambda: x in {'a',"
    " 'b', 'c', 'd'}\n"
)

SAME = {
    "comments": "# one\n" + PROGRAM + "\n\n# another\n",
    "layout": PROGRAM.replace("    ", "  ").replace("(1, 2)", "(1,\n   2,)"),
    "quotes": PROGRAM.replace("'a'", '"a"'),
    "a sum written out": PROGRAM.replace("(1, 2)", "(1, 1 + 1)"),
}
OTHER = {
    "a number": PROGRAM.replace("0.1", "0.2"),
    "a number of another kind": PROGRAM.replace("0.1", "1").replace("(1, 2)", "(0.1, 2)"),
    "its type": PROGRAM.replace("(1, 2)", "(True, 2)"),
    "a name": PROGRAM.replace("rate", "pace"),
    "an argument": PROGRAM.replace("self, x", "self, x=None"),
    "a text in a set": PROGRAM.replace("'d'", "'e'"),
    "the order of a tuple": PROGRAM.replace("(1, 2)", "(2, 1)"),
    "a docstring, which a program can read": PROGRAM.replace("self, x):\n", "self, x):\n        '''It.'''\n"),
    "a statement": PROGRAM + "print(A)\n",
    "a base": PROGRAM.replace("class A", "class A(dict)"),
    "a decorator": "@print\n" + PROGRAM,
    "a handler": PROGRAM + "try:\n    A\nexcept E:\n    pass\n",
    "a sign of nothing": PROGRAM.replace("0.1", "-0.0"),
}


@pytest.fixture(params=[False, True], ids=["code", "tree"], autouse=True)
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests are taken of the code where that is blind to layout, else of the tree."""
    monkeypatch.setattr(source_module, "LINES_IN_CODE", request.param)
    digest.cache_clear()


@pytest.mark.parametrize("name", [name for name in SAME if name != "a sum written out"])
def test_the_same_program_in_other_clothes_has_the_same_digest(name: str) -> None:
    assert digest(SAME[name]) == digest(PROGRAM)


@pytest.mark.skipif(source_module.LINES_IN_CODE, reason="the tree of a program tells more than what it does")
@pytest.mark.parametrize("name", SAME)
def test_what_a_compiler_makes_equal_is_equal(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "LINES_IN_CODE", False)
    assert digest(SAME[name]) == digest(PROGRAM)


@pytest.mark.parametrize("name", OTHER)
def test_another_program_has_another_digest(name: str) -> None:
    assert digest(OTHER[name]) != digest(PROGRAM)


def test_no_two_of_all_these_programs_share_a_digest() -> None:
    programs = {*OTHER.values(), PROGRAM}
    assert len({digest(program) for program in programs}) == len(programs)


@pytest.mark.parametrize("source", ["def (", "\x00", "return 1", "x = '\ud800'"])
def test_what_is_no_program_has_none(source: str) -> None:
    with pytest.raises(SurfaceError):
        digest(source)


ALIKE = [
    *HONEST.values(),
    *(source for source, _ in BROKEN.values()),
    *(path.read_text(encoding="utf-8") for path in SURFACES),
]
TAILS = (
    "import scipy\n",
    "from . import x\n",
    "from .torch import x\n",
    "def f():\n    import einops\n",
    "evaluate_bpb = 1\n",
)
ALIKE += [WHOLE + tail for tail in TAILS]
MANY_NAMES = "".join(f"v{number} = {number}\n" for number in range(600))
ALIKE += [
    MANY_NAMES + rest for rest in (WHOLE, KEPT, WHOLE + "import scipy\n", WHOLE + "def evaluate_bpb(): 1\n")
]


@pytest.mark.parametrize("source", ALIKE)
def test_its_bytecode_never_passes_what_its_tree_refuses(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_bytecode = GATE.look(source)
    monkeypatch.setattr(Gate, "_surely_sound", lambda *_: False)
    assert GATE.look(source) == by_bytecode


@pytest.mark.parametrize("path", SURFACES, ids=lambda path: path.parent.name)
def test_the_bytecode_of_a_shipped_surface_says_enough(path: Path) -> None:
    facts = facts_of(compiled(path.read_text(encoding="utf-8")))
    assert facts.kept["prepare"] >= {"make_dataloader", "evaluate_bpb"}
    assert facts.packages is not None
    assert {"torch", "prepare"} <= facts.packages
