"""Divisions that are to propose, and slots that are of none of them."""

from configs.load import load
from deploy.checks.proposers_here import unknown_divisions

CONFIG = load([], ["slots.per_gpu=true", "campaign.propose_in=[a10, l4]"], {}).config


def test_a_division_without_a_slot_is_named_with_those_there_are() -> None:
    problem = unknown_divisions(CONFIG, {"l4", "h100"})
    assert str(problem) == (
        "campaign.propose_in names a10, and no slot is of that division; there are: h100, l4"
    )
    assert problem is not None
    assert "Name divisions that are there" in problem.remedy
    assert "there are: none" in str(unknown_divisions(CONFIG, set()))


def test_nothing_is_wrong_where_each_has_one_or_none_is_named() -> None:
    assert unknown_divisions(CONFIG, {"a10", "l4", "h100"}) is None
    assert unknown_divisions(load([], [], {}).config, {"cpu"}) is None
