"""Constants of a surface are read and rewritten; everything else stays byte for byte."""

from typing import Any

import pytest

from agents.proposers.search.constants import Surface, Value, evaluate, read_choices, write


@pytest.mark.parametrize(
    ("line", "value", "new", "edited"),
    [
        ("DEPTH = 4", 4, 6, "DEPTH = 6"),
        ("DEPTH=4", 4, 6, "DEPTH=6"),
        ("DEPTH: int = 4", 4, 6, "DEPTH: int = 6"),
        ("OFFSET = -1", -1, -2, "OFFSET = -2"),
        ("TOKENS = 65_536", 65536, 131072, "TOKENS = 131_072"),
        ("TOKENS = 2**15", 32768, 65536, "TOKENS = 2**16"),
        ("TOKENS = 2 ** 15", 32768, 16384, "TOKENS = 2 ** 14"),
        ("TOKENS = 2**15", 32768, 30000, "TOKENS = 30000"),
        ("TOKENS = 16 * 2048", 32768, 65536, "TOKENS = 65536"),
        ("TOKENS = 1 << 15", 32768, 65536, "TOKENS = 65536"),
        ("TOKENS = (64 * 1024)", 65536, 32768, "TOKENS = 32768"),
        ("LR = 0.003", 0.003, 0.012, "LR = 0.012"),
        ("LR = 3e-3", 0.003, 0.012, "LR = 1.2e-2"),
        ("LR = 1E-8", 1e-8, 4e-8, "LR = 4E-8"),
        ("LR = 3e-3", 0.003, 0.03, "LR = 3e-2"),
        ("LR = 0.0002", 0.0002, 0.00005, "LR = 5e-5"),
        ("LR = 1 / 8", 0.125, 0.25, "LR = 0.25"),
        ("DECAY = .5", 0.5, 0.25, "DECAY = .25"),
        ("DECAY = .5", 0.5, 2.0, "DECAY = 2.0"),
        ("DECAY = -.5", -0.5, -0.25, "DECAY = -.25"),
        ("SCALE = -1.5", -1.5, -3.0, "SCALE = -3.0"),
        ("TIED = True", True, False, "TIED = False"),
        ('KIND = "relu2"', "relu2", "swiglu", 'KIND = "swiglu"'),
        ("KIND = 'relu2'", "relu2", "swiglu", "KIND = 'swiglu'"),
        ('KIND = "relu2"', "relu2", 'say "x"', "KIND = 'say \"x\"'"),
        ("A = 1; DEPTH = 4; B = 2", 4, 5, "A = 1; DEPTH = 5; B = 2"),
        ("DEPTH =\t4   # layers; 4 is small", 4, 5, "DEPTH =\t5   # layers; 4 is small"),
    ],
)
def test_a_constant_is_read_and_rewritten_in_its_own_style(
    line: str, value: Value, new: Value, edited: str
) -> None:
    surface = Surface(f"# top\nimport prepare\n\n{line}\n\n\ndef f():\n    DEPTH = 4\n")
    name = next(
        word for word in ("DEPTH", "OFFSET", "TOKENS", "LR", "DECAY", "SCALE", "TIED", "KIND") if word in line
    )
    constant = surface.constants[name]
    assert (constant.value, type(constant.value)) == (value, type(value))
    assert (
        surface.edit({name: write(new, constant.text)})
        == f"# top\nimport prepare\n\n{edited}\n\n\ndef f():\n    DEPTH = 4\n"
    )
    assert evaluate(write(new, constant.text)) == new


@pytest.mark.parametrize(
    "source",
    [
        "BETAS = (0.9, 0.95)\n",
        "WINDOWS = [1, 2]\n",
        "TABLE = {1: 2}\n",
        "N = int(3)\n",
        "N = M\n",
        "N = 2 * M\n",
        "n = 3\n",
        "N, M = 1, 2\n",
        "N = M = 1\n",
        "N: int\n",
        "if True:\n    N = 3\n",
        "class A:\n    N = 3\n",
        "N = 3\nN = 4\n",
        "N = 3\nN *= 4\n",
        "N = 10**10**10\n",
        "N = 1 << 10**9\n",
        "N = 1 / 0\n",
        "N = 1e999 * 'x'\n",
        "N = None\n",
        "N = b'x'\n",
        "N = 1j\n",
        "N = (-1) ** 0.5\n",
        "N = not 3\n",
        "N = " + "-" * 150 + "(M)\n",
    ],
)
def test_what_is_no_plain_constant_is_left_alone(source: str) -> None:
    assert "N" not in Surface(source).constants
    assert not {"BETAS", "WINDOWS", "TABLE"} & Surface(source).constants.keys()


@pytest.mark.parametrize(
    "source",
    [
        "A = 1\r\nB = 2  # two\r\n\r\ndef f():\r\n\treturn A\r\n",
        "#A = 1\nA = 1\n",
        "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n'''doc'''\nA = 1\n# foot\n\n",
        "A = 1",
        "A = 1\n    # an odd comment\n",
        "A = 1 ; B = 2\n\x0c\nC = '''x\ny'''\n",
        "",
        "\n\n",
    ],
)
def test_everything_else_stays_byte_for_byte(source: str) -> None:
    surface = Surface(source)
    assert surface.edit({}) == source
    if "A" in surface.constants:
        edited = surface.edit({"A": "9"})
        assert edited != source
        assert edited[: edited.index("9")] + "1" + edited[edited.index("9") + 1 :] == source


def test_several_constants_of_one_line_change_together() -> None:
    surface = Surface("A = 1; B = 1  # both\nC = 1\n")
    assert surface.edit({"A": "2", "B": "3", "C": "4"}) == "A = 2; B = 3  # both\nC = 4\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("K = 'a'  # choices: a, b, c", {"choices": ("a", "b", "c")}),
        ('K = "a"  # kind of MLP; choices: "a", \'b\'; see docs', {"choices": ("a", "b")}),
        ("K = 2  # choices: 2, 4, 2**4", {"choices": (2, 4, 16)}),
        ("K = 2  # choices: 2, relu, 'x'", {"choices": (2,)}),
        ("K = 'a'  # choices: 1, b", {"choices": ("b",)}),
        ("K = 0.5  # range: 0.1..0.9", {"low": 0.1, "high": 0.9}),
        ("K = 0.5  # share; range: -1 .. 1e2", {"low": -1.0, "high": 100.0}),
        ("K = 0.5  # range: 0.9..0.1", {"low": None, "high": None}),
        ("K = 0.5  # range: a..b", {"low": None, "high": None}),
        ("K = 1  # fixed", {"fixed": True}),
        ("K = 1  # fixed: the judge says so", {"fixed": True}),
        ("K = 1  # steps; fixed", {"fixed": True}),
        ("K = 1  # was fixed in spring", {"fixed": False}),
        ("K = 1  # any choices you like", {"choices": ()}),
    ],
)
def test_a_trailing_comment_steers(line: str, expected: dict[str, Any]) -> None:
    constant = Surface(f"{line}\n").constants["K"]
    assert {key: getattr(constant, key) for key in expected} == expected


def test_bare_words_are_choices_of_strings_only() -> None:
    assert read_choices("relu2", ["relu2", "'swiglu'", "3"]) == ("relu2", "swiglu")
    assert read_choices(4, ["relu2", "8"]) == (8,)


def test_a_literal_is_the_same_however_it_is_written() -> None:
    literals = {
        Surface(f"N = {text}\n").constants["N"].literal
        for text in ("2**15", "32768", "32_768", "0x8000", "(32768)")
    }
    assert literals == {"32768"}


def test_source_that_does_not_parse_is_a_syntax_error() -> None:
    with pytest.raises(SyntaxError):
        Surface("A = = 1\n")


def test_an_unknown_constant_cannot_be_edited() -> None:
    with pytest.raises(KeyError):
        Surface("A = 1\n").edit({"B": "2"})
