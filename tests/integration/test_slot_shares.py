"""What falls to a slot of its machine's memory."""

from pathlib import Path
from threading import Event

import pytest

from configs.schema import Config
from deploy.swarm.cluster import places
from evaluator.result import Crashed, CrashKind
from tests.integration.judged import BUDGET, tiny_data
from trainer.contract import RunOrder, Slot
from trainer.sandbox.limits import memory_bound
from trainer.subprocess_trainer import SubprocessTrainer
from trainer.task_loading import load_task

TASK = load_task(str(Path(__file__).parents[1] / "tasks" / "tiny"))
MANY = 400 << 20
"""Bytes."""

LEAVES_AN_ORPHAN = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    block = bytearray({MANY})
    block[::4096] = b"x" * len(block[::4096])
    time.sleep(60)
time.sleep(20)
"""


@pytest.mark.parametrize("count", [1, 2, 8])
def test_slots_of_a_machine_share_its_memory(count: int) -> None:
    config = Config.model_validate({"slots": {"count": count}})
    shares = [place.order.machine_share for place in places(config)]
    assert shares == [1 / count] * count
    bounds = [memory_bound(share, machine=1000) for share in shares]
    assert 900 - count <= sum(bounds) <= 900


def test_what_an_orphan_of_a_variant_holds_is_its_memory_too(tmp_path: Path) -> None:
    tiny_data(tmp_path / "data", floor=None)
    slot = Slot("test", machine_share=0.5 * MANY / memory_bound())
    trainer = SubprocessTrainer(TASK, tmp_path / "data", slot, 1 << 20, sandbox="F")
    order = RunOrder(run="r1", source=LEAVES_AN_ORPHAN, seed=1, budget=BUDGET, directory=tmp_path / "run")
    result = trainer.train(order, lambda _: None, Event())
    assert isinstance(result.outcome, Crashed), result.outcome
    assert result.outcome.kind is CrashKind.OUT_OF_MEMORY
    assert result.peak_memory > 0.5 * MANY
