"""Every attack against a real judge in a real sandbox. Few of them by default; all of them, and the weaker
tiers, in the marked suite.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evaluator.budget import Unit
from tests.attacks import smoke
from tests.attacks.attack import Attack
from tests.attacks.catalogue import ATTACKS, BY_NAME
from tests.attacks.clocks import COUNTED
from tests.attacks.matrix import depends, tried
from tests.attacks.stage import Data, Stage, staged, tiers_here

TIMED = {attack.name for attack in ATTACKS if attack.budget.unit is Unit.SECONDS or attack.budget == COUNTED}
"""What these come to depends on how much of the machine they and the honest run had in a second, or on the CPU
that both used, which is dearer beside others.
"""


def named(attacks: Iterable[Attack]) -> list[Any]:
    """Their names as parameters of a test."""
    return [
        pytest.param(attack.name, marks=pytest.mark.alone if attack.name in TIMED else ())
        for attack in attacks
    ]


REST = named(attack for attack in ATTACKS if attack.name not in smoke.ATTACKS)
BY_TIER = named(attack for attack in ATTACKS if depends(attack))
WEAKER = ("B", "C")
HERE = tiers_here()[0]


@pytest.fixture(scope="module")
def data(prepared: Path) -> Data:
    return Data(prepared)


@pytest.fixture(scope="module")
def stage(data: Data) -> Iterator[Stage]:
    """The best tier there is here."""
    with staged(HERE[0], data) as one:
        yield one


@pytest.fixture(scope="module", params=[tier for tier in WEAKER if tier in HERE])
def weaker(request: pytest.FixtureRequest, data: Data) -> Iterator[tuple[str, Stage]]:
    with staged(request.param, data) as one:
        yield request.param, one


@pytest.mark.parametrize("name", smoke.ATTACKS)
def test_a_telling_attack_gets_nothing(name: str, stage: Stage) -> None:
    cell = tried(BY_NAME[name], HERE[0], stage)
    assert cell.expected, cell.detail


@pytest.mark.chaos
@pytest.mark.parametrize("name", REST)
def test_an_attack_gets_nothing_that_is_not_written_down_as_open(name: str, stage: Stage) -> None:
    cell = tried(BY_NAME[name], HERE[0], stage)
    assert cell.expected, cell.detail


@pytest.mark.chaos
@pytest.mark.parametrize("name", BY_TIER)
def test_a_weaker_tier_holds_as_well(name: str, weaker: tuple[str, Stage]) -> None:
    tier, stage = weaker
    cell = tried(BY_NAME[name], tier, stage)
    assert cell.expected, cell.detail
