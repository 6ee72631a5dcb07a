"""A simulation made like a campaign: what a simulated journal was made of comes out again, within the error
that ``deploy.simulate.likeness`` states.
"""

from statistics import median

import msgspec
import pytest
from msgspec.structs import replace

from configs.errors import ConfigError
from deploy.simulate.effect_model import shaped_model
from deploy.simulate.engine import Engine
from deploy.simulate.likeness import Likeness, likeness
from deploy.simulate.request_options import Options, likeness_in_words, request_like
from evaluator.policies.several_runs import Race
from tests.unit.test_simulate import SCENARIO, scenario


@pytest.fixture(scope="module")
def likenesses() -> list[Likeness]:
    wanted = scenario(Race(), slots=4, runs=300)
    engines = [Engine(wanted, seed) for seed in range(1, 6)]
    for engine in engines:
        engine.play()
    return [likeness(engine.state) for engine in engines]


def test_sigma_comes_out_again(likenesses: list[Likeness]) -> None:
    assert median(one.sigma for one in likenesses) == pytest.approx(0.001, rel=0.2)
    assert min(one.repeats for one in likenesses) > 8


def test_the_effects_come_out_again(likenesses: list[Likeness]) -> None:
    largest = median(one.model.gains[0] for one in likenesses)
    assert 1 / 1.5 < largest / 0.0119 < 1.5
    assert 1 / 4 < median(one.model.harm for one in likenesses) / 0.003 < 4
    harms = median(1 - one.model.real - one.model.null for one in likenesses)
    assert harms == pytest.approx(0.45, abs=0.2)


def test_another_model_looks_another(likenesses: list[Likeness]) -> None:
    wanted = scenario(Race(), slots=4, runs=300, model=shaped_model(real=0.05, null=0.9))
    alike = []
    for seed in range(1, 12):
        engine = Engine(wanted, seed)
        engine.play()
        alike.append(likeness(engine.state).model)
    harms = median(1 - one.real - one.null for one in alike)
    assert harms == pytest.approx(0.05, abs=0.25), "a share that is next to nothing comes out too large"
    assert harms < median(1 - one.model.real - one.model.null for one in likenesses)


def test_slots_runs_and_the_baseline_are_the_campaigns(likenesses: list[Likeness]) -> None:
    one = likenesses[0]
    assert one.slots == 4
    assert one.minutes == pytest.approx(5.6, rel=0.01)
    assert one.start == pytest.approx(0.9979, abs=0.0015)
    assert one.thinking == 0.0
    request = request_like(SCENARIO.rules, one, Options())
    assert request.sigmas == (one.sigma,)
    assert len(request.slots) == 4
    assert request.conditions.minutes == one.minutes
    assert "repeats" in likeness_in_words("night", one)
    assert msgspec.json.decode(msgspec.json.encode(one), type=Likeness) == one


def test_too_little_is_said() -> None:
    engine = Engine(replace(SCENARIO, runs=6), seed=1)
    engine.play()
    with pytest.raises(ConfigError, match="variants are measured"):
        likeness(engine.state)
