"""The occupancy benchmark on a real Ray, for a few seconds."""

from pathlib import Path

import pytest

from deploy.bench import occupancy
from deploy.bench.scenario import Scenario, config_of
from deploy.bench.stage import Sleepers
from deploy.swarm.cluster import connected

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

TOY = Scenario(name="toy", slots=2, thinking=0.2, training=0.3, crash_ratio=0.3, crash_seconds=0.1)


def test_a_rehearsal_brings_a_figure_for_the_swarm_and_for_both_references(tmp_path: Path) -> None:
    with connected(config_of(TOY, tmp_path)):
        part = occupancy.part(tmp_path, 3.0, [occupancy.Case(scenario=TOY, whole=0.9)])
    whole = part.readings[0]
    shares = [whole.value, *whole.references.values()]
    assert whole.references.keys() == {"bare Ray", "serial loop"}
    assert all(0.0 < share <= 1.0 for share in shares)
    assert part.readings[2].value > 0


def test_slots_train_while_models_think(tmp_path: Path) -> None:
    """Loose, for a machine that is busy with other things: without overlap it could not be more than 2/3,
    with it it is 0.95 and more.
    """
    case = occupancy.MODEL_CASES[0]
    with connected(config_of(case.scenario, tmp_path)):
        sleepers = Sleepers(case.scenario.slots), Sleepers(case.scenario.slots)
        measured = occupancy.run_case(case.scenario, tmp_path, 18.0, sleepers)
    steady = occupancy.readings(case, measured, margin=4.0)[1]
    assert steady.value >= 0.75
    assert len(measured.swarm) >= 4 * 5
