"""Which constants a variant moved, and which way, by its text alone."""

import pytest

from coordinator.moves import moves

PARENT = """\
LR = 0.1
DEPTH: int = 4
BATCH = 2**15
OFF = -1.5
NAME = "adam"
BETAS = (0.9, 0.95)
TWICE = 1
TWICE = 2
FLAG = True
WIDTH = compute()
"""


@pytest.mark.parametrize(("old", "new", "found"), [
    ("LR = 0.1", "LR = 0.2", {"LR": "up"}),
    ("LR = 0.1", "LR = 1e-3", {"LR": "down"}),
    ("DEPTH: int = 4", "DEPTH: int = 5", {"DEPTH": "up"}),
    ("2**15", "2**14", {"BATCH": "down"}),
    ("2**15", "32768", {}),
    ("2**15", "2 * 2**15", {"BATCH": "up"}),
    ("2**15", "2**99999", {}),
    ("2**15", "1 / 0", {}),
    ("-1.5", "-2", {"OFF": "down"}),
    ('"adam"', '"muon"', {"NAME": "changed"}),
    ("0.95)", "0.99)", {"BETAS": "changed"}),
    ("FLAG = True", "FLAG = False", {"FLAG": "changed"}),
    ("LR = 0.1", "LR = schedule()", {}),
    ("LR = 0.1", "RATE = 0.1", {}),
    ("TWICE = 2", "TWICE = 3", {}),
    ("LR = 0.1", "LR = 0.1  # a comment", {}),
    ("LR = 0.1", "if True:\n    LR = 9", {}),
])  # fmt: skip
def test_a_move_is_read_from_both_texts(old: str, new: str, found: dict[str, str]) -> None:
    assert PARENT.count(old) == 1
    assert moves(PARENT, PARENT.replace(old, new)) == found


def test_arithmetic_of_thousands_of_terms_says_nothing_and_harms_nothing() -> None:
    assert moves(PARENT, "LR = " + "1 + " * 900 + "1\n") in ({}, {"LR": "up"})
