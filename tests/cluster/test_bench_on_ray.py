"""The occupancy benchmark on a real Ray, for a few seconds."""

from pathlib import Path

import pytest

from deploy.bench import occupancy
from deploy.bench.scenario import Scenario, config_of
from deploy.cluster import connected

pytestmark = pytest.mark.cluster

TOY = Scenario(name="toy", slots=2, thinking=0.2, training=0.3, crash_ratio=0.3, crash_seconds=0.1)


def test_a_rehearsal_brings_a_figure_for_the_swarm_and_for_both_references(tmp_path: Path) -> None:
    with connected(config_of(TOY, tmp_path)):
        part = occupancy.part(tmp_path, 3.0, [occupancy.Act(scenario=TOY, whole=0.9)])
    whole = part.readings[0]
    shares = [whole.value, *whole.references.values()]
    assert whole.references.keys() == {"bare Ray", "serial loop"}
    assert all(0.0 < share <= 1.0 for share in shares)
    assert part.readings[2].value > 0
