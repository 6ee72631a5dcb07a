"""Two kinds of GPUs, on one machine: real raylets that say they have them. What trains there is simulated."""

from pathlib import Path
from typing import Any

import pytest

from coordinator.views.status_page import StatusPage
from deploy.swarm.cluster import connected  # first: it sets Ray's environment
from deploy.swarm.swarm import Swarm
from tests.cluster.test_gpu_nodes import config_for, nodes, watch  # noqa: F401 - a fixture

pytestmark = [pytest.mark.cluster, pytest.mark.alone, pytest.mark.timeout(300)]


def add(cluster: Any, address: str, kind: str) -> None:
    cluster.add_node(
        num_cpus=1,
        num_gpus=1,
        node_ip_address=address,
        object_store_memory=80_000_000,
        resources={f"accelerator_type:{kind}": 1},
    )


def transfers(page: StatusPage) -> dict[str, int]:
    return {one.name: one.transfers.tried if one.transfers else 0 for one in page.divisions}


def test_what_merges_on_one_kind_of_gpu_is_tried_on_the_other(
    nodes: Any,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    """1. Only A10s propose: a division nobody has is a problem that a person is told of. 2. An H100 joins
    later: it measures its baseline, then what merged on the A10, and nothing else.
    """
    add(nodes, "127.0.0.12", "A10")
    words = {
        "acceptance.policy": "naive",
        "acceptance.baseline_runs": "2",
        "trainer.simulated_seconds": "0.3",
    }
    config = config_for(nodes, tmp_path, **words, **{"campaign.propose_in": "[a10, l4]"})
    with connected(config):
        swarm = Swarm(config)
        swarm.start()
        watch(swarm, 90, lambda page: any(one.merges for one in page.divisions))
        (problem,) = swarm.problems.values()
        assert "names l4, and no slot is of that division; there are: a10" in problem
        add(nodes, "127.0.0.13", "H100")
        page = watch(swarm, 120, lambda page: transfers(page).get("h100", 0) > 1)
        assert transfers(page)["a10"] == 0, "what came from there does not come back"
        dear = page.divisions[1]
        assert dear.name == "h100"
        assert dear.transfers
        assert not dear.transfers.proposes
        rows = swarm.look(0).rows  # type: ignore[union-attr]
        assert {row.arm for row in rows if row.division == "h100"} == {None, "transfer"}
        assert all(row.title.startswith("from a10: ") for row in rows if row.arm == "transfer")
        swarm.end()
