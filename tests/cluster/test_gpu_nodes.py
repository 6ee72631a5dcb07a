"""Several nodes with GPUs, on one machine: real raylets that say they have accelerators. What trains on them
is simulated.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from configs.load import load
from configs.schema import Config
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import RunReported
from coordinator.store.journal import Journal
from coordinator.views.status_page import AgentState, PageState, StatusPage
from deploy.campaigns.open import Follower, request_stop
from deploy.swarm.cluster import actor, actor_name, connected  # first: it sets Ray's environment
from deploy.swarm.driver import run_campaign
from deploy.swarm.swarm import Swarm
from deploy.views.live import Limits, view_for
from deploy.wiring import layout_of

pytestmark = [pytest.mark.cluster, pytest.mark.alone, pytest.mark.timeout(300)]


@pytest.fixture
def nodes() -> Iterator[Any]:
    """A head without GPUs. Nodes get addresses of their own; temporary folders must be short, for sockets lie
    in them.
    """
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "num_gpus": 0,
            "resources": {"head": 1},
            "node_ip_address": "127.0.0.11",
            "include_dashboard": False,
            "object_store_memory": 80_000_000,
        },
    )
    yield cluster
    for node in list(cluster.list_all_nodes()):  # type: ignore[no-untyped-call]
        node.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)


def add_node(cluster: Any, address: str, gpus: int) -> Any:
    return cluster.add_node(
        num_cpus=gpus,
        num_gpus=gpus,
        node_ip_address=address,
        object_store_memory=80_000_000,
        resources={"accelerator_type:H100": 1},
        env_vars={"RAY_health_check_period_ms": "500", "RAY_health_check_failure_threshold": "3"},
    )


def config_words(cluster: Any, folder: Path, **more: str) -> dict[str, str]:
    return {
        "campaign.name": "gpus",
        "campaigns_dir": str(folder / "campaigns"),
        "cluster.address": cluster.address,
        "slots.per_gpu": "true",
        "trainer.kind": "simulated",
        "trainer.simulated_seconds": "0.5",
        "coordinator.metrics_port": "0",
        "coordinator.heartbeat": "1",
        "coordinator.lease_ttl": "10",
        **more,
    }


def words_of(words: dict[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in words.items()]


def config_for(cluster: Any, folder: Path, **more: str) -> Config:
    return load([], words_of(config_words(cluster, folder, **more)), {}).config


def watch(swarm: Swarm, seconds: float, true: Any) -> StatusPage:
    """Look at the campaign as a driver does until something is true of its status page."""
    deadline = time.monotonic() + seconds
    while True:
        overview = swarm.look(0)
        if overview is not None and true(overview.page):
            return overview.page
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {overview}; {swarm.problems}"
        swarm.reconcile()
        time.sleep(0.5)


def read(config: Config, seconds: float, true: Any) -> StatusPage:
    """The same from the campaign's folder, without any driver."""
    deadline = time.monotonic() + seconds
    follower = Follower(layout_of(config))
    try:
        while True:
            page = follower.status(time.time())
            if true(page):
                return page
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {page}"
            time.sleep(0.5)
    finally:
        follower.close()


def in_use(config: Config) -> tuple[float, list[str]]:
    """GPUs that somebody holds, and named actors."""
    import ray

    with connected(config):
        everything: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
        named = ray.util.list_named_actors(all_namespaces=True)
    return everything.get("GPU", 0.0) - free.get("GPU", 0.0), sorted(one["name"] for one in named)


def training(page: StatusPage) -> set[str]:
    return {agent.id for agent in page.agents if agent.state is AgentState.TRAINING}


def test_every_gpu_of_every_node_gets_one_agent_and_a_killed_node_loses_nothing(
    nodes: Any, tmp_path: Path
) -> None:
    """1. Two nodes, three GPUs: three agents train. 2. One node is killed. 3. A third joins and is taken up.
    4. Every run counts exactly once. A training takes long against the moment between two, in which a killed
    agent has no lease to lose.
    """
    first, second = add_node(nodes, "127.0.0.12", 2), add_node(nodes, "127.0.0.13", 1)
    config = config_for(nodes, tmp_path, **{"trainer.simulated_seconds": "2"})
    with connected(config):
        swarm = Swarm(config)
        swarm.start()
        page = watch(swarm, 90, lambda page: len(training(page)) == 3)
        assert training(page) == {"127-0-0-12-gpu0", "127-0-0-12-gpu1", "127-0-0-13-gpu0"}
        assert {agent.division for agent in page.agents} == {"h100"}
        watch(swarm, 60, lambda page: page.runs.measured >= 8)

        first.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)
        lost = watch(swarm, 60, lambda page: training(page) == {"127-0-0-13-gpu0"})
        before = lost.runs.measured
        add_node(nodes, "127.0.0.14", 2)
        watch(swarm, 90, lambda page: {"127-0-0-14-gpu0", "127-0-0-14-gpu1"} <= training(page))
        watch(swarm, 60, lambda page: page.runs.measured >= before + 6)
        swarm.drain("the test is over", now=True)
        watch(swarm, 30, lambda page: page.state == "finished")
        swarm.end()
    assert second is not None
    journal = Journal.read(layout_of(config).journal)
    entries = list(journal.entries())
    journal.close()
    reported = [entry.event.run for entry in entries if isinstance(entry.event, RunReported)]
    assert len(reported) == len(set(reported)) >= 14
    state = CampaignState()
    for entry in entries:
        state.apply(entry.event, entry.at)
    assert sum(state.states.values()) == len(state.experiments)
    assert state.outcomes["lost"] >= 2
    assert all(run.result or not run.open for run in state.runs.values())


def test_each_agent_sees_the_gpu_that_is_its_own(nodes: Any, tmp_path: Path) -> None:
    add_node(nodes, "127.0.0.12", 2)
    config = config_for(nodes, tmp_path)
    with connected(config):
        swarm = Swarm(config)
        swarm.start()
        page = watch(swarm, 90, lambda page: len(training(page)) == 2)
        swarm.end()
    assert {agent.gpu for agent in page.agents} == {"0", "1"}


def test_a_driver_that_leaves_a_cluster_leaves_the_campaign_running(nodes: Any, tmp_path: Path) -> None:
    """1. A driver starts the campaign and goes. 2. Another one finds it further on, without a second
    coordinator or agent.
    """
    add_node(nodes, "127.0.0.12", 2)
    config = config_for(nodes, tmp_path)
    with connected(config):
        swarm = Swarm(config)
        swarm.start()
        before = watch(swarm, 90, lambda page: page.runs.measured >= 1)
    time.sleep(3.0)
    with connected(config):
        again = Swarm(config)
        again.start()
        after = watch(again, 60, lambda page: page.runs.measured >= before.runs.measured + 4)
        again.end()
    assert [agent.id for agent in after.agents] == ["127-0-0-12-gpu0", "127-0-0-12-gpu1"]
    assert os.environ["RAY_AUTH_MODE"] == "token"


def test_agents_follow_nodes_without_a_driver_and_a_campaign_that_ends_frees_them(
    nodes: Any, tmp_path: Path
) -> None:
    """1. A driver starts a campaign on one node and goes. 2. The node is killed, another joins: its slots
    train, and agents of the first are shown lost. 3. The reconciler is killed: it is back. 4. `autoswarm
    stop`: within half a minute no GPU is in use and no actor is left. 5. The same command goes on with it.
    """
    first = add_node(nodes, "127.0.0.12", 1)
    config = config_for(nodes, tmp_path, **{"trainer.simulated_seconds": "2"})
    with connected(config):
        swarm = Swarm(config)
        swarm.start()
        watch(swarm, 90, lambda page: page.runs.measured >= 1)
    first.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)
    add_node(nodes, "127.0.0.13", 2)
    page = read(config, 60, lambda page: training(page) == {"127-0-0-13-gpu0", "127-0-0-13-gpu1"})
    assert {agent.id: agent.state for agent in page.agents}["127-0-0-12-gpu0"] is AgentState.LOST
    with connected(config):
        kill_process_of(config, "reconciler")
    add_node(nodes, "127.0.0.14", 1)
    page = read(config, 60, lambda page: "127-0-0-14-gpu0" in training(page))
    request_stop(layout_of(config), now=True)
    read(config, 10, lambda page: page.state is not PageState.RUNNING)
    until_nothing_is_in_use(config)
    with connected(config):
        again = Swarm(config)
        again.start()
        watch(again, 60, lambda after: len(training(after)) == 3 and after.runs.measured > page.runs.measured)
        again.end()


def test_a_campaign_that_reached_its_limit_holds_nothing_and_attaching_again_starts_nothing(
    nodes: Any, tmp_path: Path
) -> None:
    """1. A driver watches a campaign to its end. 2. Everything is free while nobody asked for it. 3. Run
    again, it is still finished, and no agent is started. 4. Another campaign has the GPU.
    """
    add_node(nodes, "127.0.0.12", 1)
    more = {"campaign.max_experiments": "2", "acceptance.baseline_runs": "2"}
    config = config_for(nodes, tmp_path, **more)
    loaded = load([], words_of(config_words(nodes, tmp_path, **more)), {})
    assert run_campaign(loaded, view_for(Limits())) == 0
    until_nothing_is_in_use(config)
    joined = read(config, 5, lambda page: page.state is PageState.FINISHED)
    assert run_campaign(loaded, view_for(Limits())) == 0
    until_nothing_is_in_use(config)
    assert read(config, 5, lambda page: page.state is PageState.FINISHED).agents == joined.agents
    another = load([], words_of(config_words(nodes, tmp_path, **more, **{"campaign.name": "gpus-b"})), {})
    assert run_campaign(another, view_for(Limits())) == 0


def test_the_time_of_a_start_ends_it_without_a_driver(nodes: Any, tmp_path: Path) -> None:
    add_node(nodes, "127.0.0.12", 1)
    config = config_for(nodes, tmp_path, **{"campaign.session_minutes": "0.25"})
    with connected(config):
        Swarm(config).start()
    page = read(config, 60, lambda page: page.state is PageState.FINISHED)
    assert "campaign.session_minutes reached" in page.reason
    until_nothing_is_in_use(config)


def until_nothing_is_in_use(config: Config) -> None:
    """Within half a minute."""
    deadline = time.monotonic() + 30
    while (held := in_use(config)) != (0.0, []):
        assert time.monotonic() < deadline, f"still in use: {held}"
        time.sleep(1.0)


def kill_process_of(config: Config, kind: str) -> None:
    """As the kernel would that is out of memory."""
    import ray

    pid: int = ray.get(actor(actor_name(kind, config)).pid.remote(), timeout=30)
    os.kill(pid, signal.SIGKILL)
