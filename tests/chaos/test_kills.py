"""kill -9 of anything at any moment: the next run goes on, and every verdict is the one an undisturbed swarm
gives.
"""

import contextlib
import random
import time
from pathlib import Path

import psutil
import pytest

from coordinator.state.events import RunReported
from coordinator.store.journal import Journal
from tests.chaos.swarm_process import SwarmProcess, swarm_process

pytestmark = [pytest.mark.chaos, pytest.mark.alone, pytest.mark.timeout(600)]

EXPERIMENTS = 6
Fates = dict[str, tuple[str, str, float | None]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Fates:
    """What becomes of every experiment when nothing is killed."""
    with swarm_process(tmp_path_factory.mktemp("undisturbed"), EXPERIMENTS) as swarm:
        swarm.start()
        assert swarm.wait(240) == 0, swarm.said()
        fates = swarm.fates()
    assert len(fates) == EXPERIMENTS + 1
    return fates


def victim(swarm: SwarmProcess, kind: str, draw: random.Random) -> psutil.Process | None:
    """One living process of a kind."""
    words = {
        "driver": "deploy.cli.main",
        "coordinator": "ray::CoordinatorServer",
        "agent": "ray::AgentServer",
    }
    choice = swarm.named(words[kind]) if kind in words else swarm.run_processes()
    if kind == "supervisor":
        choice = [parent for process in choice if (parent := supervisor_of(process))]
    return draw.choice(sorted(choice, key=lambda process: process.pid)) if choice else None


def supervisor_of(process: psutil.Process) -> psutil.Process | None:
    """What keeps the run that a process belongs to, while both live."""
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = process.parent()
        if parent is not None and "trainer.run.supervisor" in " ".join(parent.cmdline()):
            return parent
    return None


def strike(swarm: SwarmProcess, kind: str, draw: random.Random) -> bool:
    """Kill one of that kind after a moment that is no multiple of anything; whether there was one before the
    swarm ended.
    """
    time.sleep(draw.uniform(0.5, 4.0))
    target: psutil.Process | None = None

    def have_target() -> bool:
        nonlocal target
        target = victim(swarm, kind, draw)
        return target is not None or swarm.ended()

    swarm.until(f"a {kind} to kill", 60, have_target)
    with contextlib.suppress(psutil.NoSuchProcess):
        if target is not None:
            target.kill()
            return True
    return False


def check(swarm: SwarmProcess, undisturbed: Fates, own_fault: bool = False) -> None:
    """Nothing lost, nothing counted twice, nothing decided otherwise. own_fault: a process of a variant was
    killed, which is its own crash once it was shown validation rows.
    """
    journal = Journal.read(swarm.campaign / "journal.db")
    reported = [entry.event.run for entry in journal.entries() if isinstance(entry.event, RunReported)]
    journal.close()
    assert len(reported) == len(set(reported))
    fates = swarm.fates()
    if own_fault:
        changed = [name for name in undisturbed if fates[name] != undisturbed[name]]
        if len(changed) == 1 and fates[changed[0]][1] == "crashed":
            fates[changed[0]] = undisturbed[changed[0]]
    assert fates == undisturbed


STRIKES = {"coordinator": 3, "agent": 3, "training": 1, "supervisor": 3}
"""The second kill of one experiment's training is its crash."""


@pytest.mark.parametrize("kind", STRIKES)
def test_a_killed_part_is_replaced_and_no_verdict_changes(
    kind: str, undisturbed: Fates, tmp_path: Path
) -> None:
    draw = random.Random(kind)
    with swarm_process(tmp_path, EXPERIMENTS) as swarm:
        swarm.start()
        swarm.until("the baseline", 120, lambda: swarm.finished() >= 1)
        assert sum(strike(swarm, kind, draw) for _ in range(STRIKES[kind])) >= 1
        assert swarm.wait(240) == 0, swarm.said()
        check(swarm, undisturbed, own_fault=kind == "training")


def test_a_killed_driver_leaves_nothing_running_and_the_next_run_goes_on(
    undisturbed: Fates, tmp_path: Path
) -> None:
    draw = random.Random(7)
    with swarm_process(tmp_path, EXPERIMENTS) as swarm:
        for wanted in (0, 1, 2):
            swarm.start()
            swarm.until(
                "a training",
                120,
                lambda wanted=wanted: swarm.finished() >= wanted and bool(swarm.run_processes()),
            )
            strike(swarm, "driver", draw)
            time.sleep(2.0)
            assert swarm.run_processes() == []
            assert swarm.process is not None
            assert swarm.process.wait(5) == -9
            swarm.until("Ray to end", 30, lambda: not swarm.processes())
        swarm.start()
        assert swarm.wait(240) == 0, swarm.said()
        check(swarm, undisturbed)


def test_running_a_finished_campaign_again_changes_nothing(tmp_path: Path) -> None:
    with swarm_process(tmp_path, 1) as swarm:
        swarm.start()
        assert swarm.wait(240) == 0, swarm.said()
        before = swarm.fates()
        swarm.start()
        assert swarm.wait(60) == 0, swarm.said()
        assert swarm.fates() == before
        swarm.until("everything to end", 10, lambda: not swarm.processes() and not swarm.run_processes())


def test_a_driver_told_to_end_hands_its_runs_back_and_the_next_run_goes_on(
    undisturbed: Fates, tmp_path: Path
) -> None:
    with swarm_process(tmp_path, EXPERIMENTS) as swarm:
        swarm.start()
        swarm.until("a training", 120, lambda: swarm.finished() >= 1 and bool(swarm.run_processes()))
        assert swarm.process is not None
        swarm.process.terminate()
        assert swarm.wait(60) == 128 + 15, swarm.said()
        swarm.until("everything to end", 30, lambda: not swarm.processes() and not swarm.run_processes())
        swarm.start()
        assert swarm.wait(240) == 0, swarm.said()
        check(swarm, undisturbed)
