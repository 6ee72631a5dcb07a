"""Which constants a variant changed, and which way, by its text alone."""

import re

import pytest

from coordinator.variants.constant_changes import changed_constants
from trainer.task_loading import load_task

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


@pytest.mark.parametrize(("old", "new", "changes"), [
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
    ("LR = 0.1", "LR = 9\nLR += 1", {}),
    ("FLAG = True", "FLAG = 0", {"FLAG": "changed"}),
    ('"adam"', "None", {"NAME": "changed"}),
    ("WIDTH = compute()", "WIDTH = 3", {}),
    ("LR = 0.1", "def LR():\n    DEPTH = 9", {}),
])  # fmt: skip
def test_a_change_is_read_from_both_texts(old: str, new: str, changes: dict[str, str]) -> None:
    assert PARENT.count(old) == 1
    assert changed_constants(PARENT, PARENT.replace(old, new)) == changes


def test_the_last_of_a_thousand_constants_is_read_as_the_first_is() -> None:
    parent = "".join(f"NAME_{number} = {number}.5\n" for number in range(1000))
    assert changed_constants(parent, parent.replace(" = 999.5", " = 9.25").replace(" = 1.5", " = 2.25")) == {
        "NAME_1": "up",
        "NAME_999": "down",
    }


def test_a_docstring_is_no_constant() -> None:
    assert changed_constants('"""One."""\nLR = 1\n', '"""Two."""\nLR = 1\n') == {}


def test_every_number_of_the_shipped_surfaces_can_be_followed() -> None:
    for task, name in (("demo", "DEPTH"), ("gpt", "DEPTH"), ("gpt", "TOTAL_BATCH_SIZE")):
        source = load_task(task).source
        variant = re.sub(rf"(?m)^{name} = ", f"{name} = 2 * ", source)
        assert changed_constants(source, variant) == {name: "up"}, (task, name)
