"""A slot that is off in simulated campaigns: how soon it is noticed, and how often a sound one is."""

import pytest
from msgspec.structs import replace

from configs.errors import ConfigError
from deploy.simulate.engine import Engine
from deploy.simulate.odd_slots import SlotsFound, slots_found, with_odd_slot
from deploy.simulate.virtual_slot import Slot
from evaluator.policies.any_policy import AnyPolicy
from evaluator.policies.one_step import Naive
from evaluator.policies.trunk import Trunk
from tests.unit.test_simulate import scenario

SOON = 10
EVERY = 25
"""As configured by default."""


def ends(policy: AnyPolicy, slots: int, odd: str, campaigns: int, runs_each: int) -> list[SlotsFound]:
    """What campaigns of many runs came to after so many of them for each slot."""
    ends = []
    for seed in range(1, campaigns + 1):
        wanted = scenario(policy, slots, runs=250 * slots)
        wanted = replace(wanted, rules=replace(wanted.rules, check_every=EVERY))
        if odd:
            wanted = replace(wanted, slots=with_odd_slot(wanted.slots, odd))
        engine = Engine(wanted, seed)
        while engine.leased < runs_each * slots:
            engine.step()
        engine.state.validate()
        ends.append(slots_found(engine.state, wanted.slots))
    return ends


def soon(came: list[SlotsFound]) -> float:
    """Share of the slots that were off which were set aside within ten of their runs."""
    return sum(runs <= SOON for one in came for runs in one.after) / len(came)


@pytest.mark.parametrize("policy", [Naive(), Trunk()], ids=["naive", "trunk"])
@pytest.mark.parametrize(
    ("slots", "odd", "least"),
    [
        (3, "speed=0.95", 0.9),
        (8, "speed=0.95", 0.95),
        (8, "noise=6", 0.9),
        (8, "offset=0.003", 0.9),
        (8, "offset=-0.004", 0.9),
    ],
)
def test_a_slot_that_is_off_is_set_aside_within_ten_of_its_runs(
    policy: AnyPolicy, slots: int, odd: str, least: float
) -> None:
    came = ends(policy, slots, odd, campaigns=20, runs_each=14)
    assert soon(came) >= least
    assert sum(one.wrongly for one in came) <= 1


def test_a_slot_that_drifts_is_set_aside_in_the_end() -> None:
    came = ends(Naive(), 6, "drift=0.0005", campaigns=4, runs_each=150)
    assert sum(len(one.after) for one in came) == 4


@pytest.mark.parametrize("slots", [3, 12])
def test_sound_slots_are_hardly_ever_set_aside(slots: int) -> None:
    came = ends(Trunk(), slots, "", campaigns=60 // slots, runs_each=60)
    assert sum(one.sound for one in came) == 60
    assert sum(one.wrongly for one in came) <= 1


def test_an_odd_slot_is_asked_for_in_words() -> None:
    three = (Slot(),) * 3
    assert with_odd_slot(three, "speed=0.95, noise=3") == (
        Slot(),
        Slot(),
        Slot(speed=0.95, noise=3.0, odd=True),
    )
    for words in ("", "speed", "speed=0", "noise=-1", "speed=fast", "colour=1", "noise=nan", "speed=1,,"):
        with pytest.raises(ConfigError, match="--odd-slot") as error:
            with_odd_slot(three, words)
        assert "speed=NUMBER" in error.value.remedy
