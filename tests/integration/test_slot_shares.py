"""What falls to a slot of its machine's memory."""

import pytest

from configs.schema import Config
from deploy.swarm.cluster import places
from trainer.sandbox.limits import memory_bound


@pytest.mark.parametrize("count", [1, 2, 8])
def test_slots_of_a_machine_share_its_memory(count: int) -> None:
    config = Config.model_validate({"slots": {"count": count}})
    shares = [place.order.machine_share for place in places(config)]
    assert shares == [1 / count] * count
    bounds = [memory_bound(share, machine=1000) for share in shares]
    assert 900 - count <= sum(bounds) <= 900
