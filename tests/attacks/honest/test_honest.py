"""Honest variants are measured and believed: a few by default, all of them in the marked suite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks import smoke
from tests.attacks.honest.every import DEMO, UPSTREAM
from tests.attacks.honest.trial import tried
from tests.attacks.stage import Data, Stage, staged


@pytest.fixture(scope="module")
def stage(prepared: Path) -> Iterator[Stage]:
    with staged(data=Data(prepared)) as one:
        yield one


def believed(name: str, stage: Stage) -> None:
    trial = tried(name, stage)
    assert trial.accepted, f"{trial}\n{trial.log[-2000:]}"


@pytest.mark.parametrize("name", smoke.HONEST)
def test_an_honest_variant_is_believed(name: str, stage: Stage) -> None:
    believed(name, stage)


@pytest.mark.chaos
@pytest.mark.parametrize("name", [name for name in DEMO if name not in smoke.HONEST])
def test_every_honest_variant_is_believed(name: str, stage: Stage) -> None:
    believed(name, stage)


@pytest.mark.chaos
@pytest.mark.alone
@pytest.mark.parametrize("name", UPSTREAM)
def test_an_honest_file_in_the_form_of_upstreams_is_believed(name: str, stage: Stage) -> None:
    believed(name, stage)
