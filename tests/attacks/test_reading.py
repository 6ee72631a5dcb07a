"""What came of an attack is read correctly, and the catalogue is what it says: rules only, no process."""

import pytest

from evaluator.result import (
    Audit,
    Cheated,
    CpuSeconds,
    Crashed,
    CrashKind,
    Limit,
    Lost,
    Measured,
    Outcome,
    RunResult,
    TimedOut,
)
from tests.attacks.attack import MARGIN, OVERTIME, Attack, Came, Kind, Seen, came, read_loot
from tests.attacks.catalogue import ATTACKS, BY_NAME
from tests.attacks.edits import replaced
from tests.attacks.honest.every import EVERY
from tests.attacks.matrix import BEGIN, END, Cell, report, written
from tests.attacks.smoke import ATTACKS as SMOKE
from tests.attacks.smoke import HONEST
from tests.attacks.stage import source_of

NAMES = {
    "@TOKEN@": "ab" * 8,
    "@TOKEN8@": "ab" * 4,
    "@BAIT_PID@": "7",
    "@BAIT_FILE@": "f",
    "@PORT@": "9",
    "@SOCKET@": "s",
    "@NUMBER@": "12",
}


def seen(
    outcome: Outcome,
    audit: Audit | None = None,
    loot: tuple[str, ...] = (),
    left: tuple[str, ...] = (),
    cpu: float = 5.0,
    audited: bool = True,
) -> Seen:
    result = RunResult(run="r", outcome=outcome, seed=1, audit=audit, cpu=CpuSeconds(2.0, cpu))
    return Seen(result=result, loot=list(loot), left=list(left), audited=audited)


LIVE = Audit("live", 10, 0.0, 0.0, 0.0, 0.0)
TWIN = Audit("twin", 2048, 0.0, 0.0, 0.01, 0.0)
LATE = f"9 s {OVERTIME} 1 s"


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (seen(Measured(2.0)), Came.HARMLESS),
        (seen(Measured(2.0 - MARGIN / 2)), Came.HARMLESS),
        (seen(Measured(1.9), TWIN), Came.SUCCEEDED),
        (seen(Measured(1.9)), Came.MARKED),
        (seen(Measured(1.9), LIVE), Came.MARKED),
        (seen(Measured(1.9), TWIN, cpu=26.0), Came.MARKED),
        (seen(Measured(1.995), TWIN), Came.MARKED),
        (seen(Measured(1.9), audited=False), Came.SUCCEEDED),
        (seen(Measured(2.1), TWIN, loot=(LATE,)), Came.SUCCEEDED),
        (seen(Measured(2.1), LIVE, loot=(LATE,)), Came.MARKED),
        (seen(TimedOut(Limit.BUDGET, 1.0), loot=(LATE,)), Came.TIMED_OUT),
        (seen(Measured(2.1), loot=("a key",)), Came.SUCCEEDED),
        (seen(Cheated("leak", ""), left=("a process",)), Came.SUCCEEDED),
        (seen(Lost("judge crashed")), Came.SUCCEEDED),
        (seen(Cheated("leak", "")), Came.CHEATED),
        (seen(Crashed(CrashKind.CONTRACT)), Came.CRASHED),
        (seen(TimedOut(Limit.BUDGET, 1.0)), Came.TIMED_OUT),
    ],
)
def test_an_end_is_read_as_what_it_is(what: Seen, expected: Came) -> None:
    assert came(what, honest=seen(Measured(2.0)).result) is expected


@pytest.mark.parametrize(("used", "expected"), [(6.0, Came.HARMLESS), (7.0, Came.SUCCEEDED)])
def test_more_cpu_than_is_due_is_a_gain_whatever_the_value(used: float, expected: Came) -> None:
    assert came(seen(Measured(2.1), TWIN, cpu=used), seen(Measured(2.0)).result, cpu=1.25) is expected


def test_loot_is_read_from_lines_that_say_so() -> None:
    assert read_loot("step 1\nLOOT a key\nno LOOT here\nLOOT two\n") == ["a key", "two"]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_every_attack_is_a_program_and_not_the_honest_one(attack: Attack) -> None:
    source = source_of(attack.on)
    for edit in filter(None, (attack.make, attack.then)):
        text = edit(source)
        assert text != source
        for name, value in NAMES.items():
            text = text.replace(name, value)
        compile(text, attack.name, "exec")


@pytest.mark.parametrize("name", EVERY)
def test_every_honest_variant_is_a_program(name: str) -> None:
    source = source_of(EVERY[name].on)
    text = EVERY[name].edit(source)
    assert (text != source) == (name != "unchanged")
    compile(text, name, "exec")


def test_the_catalogue_covers_every_class() -> None:
    assert {attack.kind for attack in ATTACKS} == set(Kind)
    assert len(BY_NAME) == len(ATTACKS) >= 35
    assert len(EVERY) >= 90
    assert set(SMOKE) <= BY_NAME.keys()
    assert set(HONEST) <= EVERY.keys()


def test_what_is_open_says_why() -> None:
    assert not [attack.name for attack in ATTACKS if attack.openly and not attack.open]
    assert not [attack.name for attack in ATTACKS if attack.open and not attack.open.endswith(".")]


def test_an_edit_of_what_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="is 0 times in the surface"):
        replaced("no such line", "", "text")


def test_the_table_says_what_succeeded() -> None:
    attack = ATTACKS[0]
    cells = [Cell(attack, "A", Came.CRASHED, True, ""), Cell(attack, "F", Came.SUCCEEDED, False, "")]
    text = report(cells, ["A", "F"], ["B"], "2000-01-01")
    assert f"| `{attack.name}` | {attack.tries} | crashed | **SUCCEEDED** |" in text
    assert "Tiers B are not to be had" in text
    assert "1 attacks, 2 trials: 1 stopped, 0 measured and marked, so that it does not merge, 1 open." in text


def test_only_what_is_between_the_markers_is_replaced() -> None:
    assert written(f"head {BEGIN}\nold\n{END} tail", "new\n") == f"head {BEGIN}\nnew\n{END} tail"
    with pytest.raises(ValueError, match="begin"):
        written("no markers", "new")
