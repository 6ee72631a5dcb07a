"""Which Ray, and where in it agents can live."""

import logging
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct, field

from configs.errors import ConfigError
from configs.schema import Config
from deploy.wiring import SlotOrder

for _name, _value in {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}.items():
    os.environ.setdefault(_name, _value)
if len(tempfile.gettempdir()) > 30:  # Ray puts sockets there, whose paths may have 107 bytes
    os.environ.setdefault("RAY_TMPDIR", "/tmp")  # noqa: S108 - Ray makes a folder of its own in it

import ray  # noqa: E402 - Ray reads its environment when it is imported
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: E402

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


def places(config: Config) -> Iterator[Place]:
    """Every slot the campaign should have an agent on, as the cluster stands now."""
    campaign, slots = config.campaign.name, config.slots
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
        yield Place(f"agent-{campaign}-cpu{number}", order, {"num_cpus": 1})


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
        yield Place(f"agent-{config.campaign.name}-{agent}-{node_id[:8]}", order, options)


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
    if config.cluster.address == "local":
        gpus: dict[str, Any] = {} if config.slots.per_gpu else {"num_gpus": 0}
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
    else:
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
    try:
        yield
    finally:
        ray.shutdown()
