"""Which Ray, and where in it agents can live."""

import hashlib
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from msgspec import Struct, field

from configs.errors import ConfigError
from configs.schema import Config
from deploy.ray_environment import own_token, require_folder_for_sockets, started_here
from deploy.wiring import SlotOrder, layout_of

import ray  # isort: skip - after the module that sets its environment
from ray.exceptions import RayError  # isort: skip
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # isort: skip

NAMESPACE = "autoswarm"
OBJECT_STORE_BYTES = 100_000_000
"""The swarm passes small messages only; Ray's default would take a third of the machine's memory."""


class Place(Struct, frozen=True):
    """A slot of the cluster."""

    actor: str
    """Name of the agent's actor, new for every life of a node."""
    order: SlotOrder
    options: dict[str, Any] = field(default_factory=dict)
    """Ray's, to get there."""


def actor_name(kind: str, config: Config, *more: str) -> str:
    """Name of an actor of the campaign. No other campaign's begins with one of its names, nor does that of a
    campaign of the same name in another folder.
    """
    folder = hashlib.sha256(str(layout_of(config).folder).encode()).hexdigest()[:8]
    return ":".join((kind, config.campaign.name, folder, *more))


def actor(name: str) -> Any:
    """The actor of that name, or None where there is none."""
    try:
        return ray.get_actor(name, namespace=NAMESPACE)
    except ValueError:
        return None


def actors(kind: str, config: Config) -> dict[str, Any]:
    """All of the campaign's of that kind, by name, whoever made them."""
    named = ray.util.list_named_actors(all_namespaces=True)
    mine = [
        one["name"]
        for one in named
        if one["namespace"] == NAMESPACE and one["name"].startswith(actor_name(kind, config, ""))
    ]
    return {name: handle for name in mine if (handle := actor(name)) is not None}


def places(config: Config) -> Iterator[Place]:
    """Every slot the campaign should have an agent on, as the cluster stands now."""
    slots = config.slots
    if slots.per_gpu:
        for node in ray.nodes():  # type: ignore[no-untyped-call]
            if node["Alive"]:
                yield from _gpu_places(config, node)
        return
    for number in range(slots.count):
        order = SlotOrder(
            agent=f"cpu{number}",
            division=slots.division or "cpu",
            node="local",
            cores=slots.cores,
            machine_share=1 / slots.count,
        )
        yield Place(actor_name("agent", config, f"cpu{number}"), order, {"num_cpus": 1})


def _gpu_places(config: Config, node: dict[str, Any]) -> Iterator[Place]:
    address, node_id, resources = node["NodeManagerAddress"], node["NodeID"], node["Resources"]
    gpus = int(resources.get("GPU", 0))
    options = {
        "num_gpus": 1,
        "num_cpus": 0,
        "scheduling_strategy": NodeAffinitySchedulingStrategy(node_id, soft=False),
    }
    for number in range(gpus):
        agent = f"{address.replace('.', '-')}-gpu{number}"
        order = SlotOrder(
            agent=agent,
            division=config.slots.division or accelerator(resources),
            node=address,
            cores=max(1, int(resources.get("CPU", gpus)) // gpus),
            gpus=True,
            machine_share=1 / gpus,
        )
        yield Place(actor_name("agent", config, agent, node_id[:8]), order, options)


def accelerator(resources: dict[str, Any]) -> str:
    """Hardware class of a node: its accelerator's model as Ray names it, in small letters."""
    models = [
        name.removeprefix("accelerator_type:") for name in resources if name.startswith("accelerator_type:")
    ]
    return re.sub(r"[^a-z0-9]+", "-", models[0].lower()).strip("-") if models else "gpu"


@contextmanager
def connected(config: Config) -> Iterator[None]:
    """A connection to Ray: one of our own, or the cluster at ``cluster.address``. Raises ConfigError when
    there is none.
    """
    local = config.cluster.address == "local"
    with own_token(os.environ) if local else nullcontext():
        with started_here():
            if local:
                _start(config)
            else:
                _join(config)
        try:
            yield
        finally:
            ray.shutdown()


def _start(config: Config) -> None:
    require_folder_for_sockets(os.environ)
    gpus: dict[str, Any] = {} if config.slots.per_gpu else {"num_gpus": 0}
    try:
        ray.init(
            address="local",
            num_cpus=max(config.slots.count, os.cpu_count() or 1),
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=OBJECT_STORE_BYTES,
            namespace=NAMESPACE,
            logging_level=logging.ERROR,
            **gpus,
        )
    except (OSError, ValueError, RuntimeError, RayError) as error:
        raise ConfigError(
            f"Ray cannot be started: {(str(error).splitlines() or [type(error).__name__])[0]}",
            f"Its own logs are in {os.environ['RAY_TMPDIR']}/ray/session_latest/logs.",
        ) from error


def _join(config: Config) -> None:
    try:
        ray.init(
            address=config.cluster.address,
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except ConnectionError as error:
        raise ConfigError(
            f"no Ray cluster at {config.cluster.address}: {error}",
            "Run this on the head node, after `ray up`.",
        ) from error
