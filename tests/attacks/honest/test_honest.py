"""Honest variants are measured and believed: a few by default, all of them in the marked suite."""

from pathlib import Path

import pytest

from tests.attacks import smoke
from tests.attacks.honest.trial import trials
from tests.attacks.honest.variants import VARIANTS


@pytest.mark.parametrize("name", smoke.HONEST)
def test_an_honest_variant_is_believed(name: str, prepared: Path) -> None:
    for trial in trials({name: VARIANTS[name]}, prepared):
        assert trial.accepted, f"{trial}\n{trial.log[-2000:]}"


@pytest.mark.chaos
@pytest.mark.parametrize("name", [name for name in VARIANTS if name not in smoke.HONEST])
def test_every_honest_variant_is_believed(name: str, prepared: Path) -> None:
    for trial in trials({name: VARIANTS[name]}, prepared):
        assert trial.accepted, f"{trial}\n{trial.log[-2000:]}"
