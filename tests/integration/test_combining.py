"""Two parked experiments put together on the head, with real git: their texts, a conflict, and what a crash
between two calls leaves.
"""

import shutil
from pathlib import Path

import msgspec

from configs.reserved import COMBINED
from coordinator.domain import Purpose, State
from coordinator.protocol import AgentCard, Lease, Wait
from coordinator.service.service import Service
from coordinator.store.git_command import run_git
from coordinator.views.leaderboard import row
from evaluator.result import Measured
from tests.integration.played_campaign import AGENT, TASK, Clock, Player
from tests.unit.swarm_of_rules import RULES

COMBINES = msgspec.structs.replace(RULES, combine=True, max_experiments=40)


def parked(folder: Path, *texts: str) -> Player:
    """A baseline of 2.20, σ .008, and near misses of these texts."""
    player = Player(folder, wanted=COMBINES)
    player.baseline()
    for number, text in enumerate(texts):
        player.propose(text, f"idea {number + 1}")
        player.train(Measured(2.201))
    return player


def test_both_edits_are_on_the_head_and_it_merges_as_any_other(tmp_path: Path) -> None:
    player = parked(tmp_path, "DEPTH = 7\nLR = 0.01\n", "DEPTH = 6\nLR = 0.02\n")
    lease = player.service.lease(AGENT)
    assert isinstance(lease, Lease)
    assert (lease.run, lease.source) == ("e00003.1", "DEPTH = 7\nLR = 0.02\n")
    state = player.service.state
    made = state.experiments["e00003"]
    assert (made.combines, state.runs["e00003.1"].purpose) == (["e00001", "e00002"], Purpose.COMBINE)
    assert made.constant_changes == {"DEPTH": "up", "LR": "up"}
    message = run_git(player.layout.repository, "log", "-1", "--format=%B", made.commit).decode()
    assert message.startswith("e00001 + e00002: idea 1; idea 2\n")
    assert f"Arm: {COMBINED}" in message
    player.service.release(AGENT, lease.token, "again")
    for value in (2.10, 2.11):
        player.train(Measured(value))
    assert made.state is State.MERGED
    assert row(made).arm == COMBINED
    assert {arm.name: arm.merged for arm in player.service.status().arms}[COMBINED] == 1
    player.service.close()


def test_edits_of_the_same_line_are_remembered_as_a_conflict(tmp_path: Path) -> None:
    player = parked(tmp_path, "DEPTH = 7\nLR = 0.01\n", "DEPTH = 8\nLR = 0.01\n")
    assert isinstance(player.service.lease(AGENT), Wait)
    division = player.service.state.divisions["cpu"]
    assert list(division.combined) == [("e00001", "e00002")]
    assert isinstance(player.service.lease(AGENT), Wait)
    assert len(player.service.state.by_ordinal) == 2
    player.service.close()


def test_a_restart_loses_nothing_and_makes_no_pair_twice(tmp_path: Path) -> None:
    player = parked(tmp_path, "DEPTH = 7\nLR = 0.01\n", "DEPTH = 6\nLR = 0.02\n")
    assert isinstance(player.service.lease(AGENT), Lease)
    made = player.service.state.experiments["e00003"]
    player.service.close()
    shutil.rmtree(player.layout.repository)
    again = Service(player.layout, TASK, COMBINES, clock=Clock(), secret="")
    again.join(AgentCard(agent=AGENT, incarnation="2", division="cpu"))
    lease = again.lease(AGENT)
    assert isinstance(lease, Lease)
    assert (lease.run, lease.source) == ("e00003.1", "DEPTH = 7\nLR = 0.02\n")
    assert again.state.experiments["e00003"].commit == made.commit
    assert len(again.state.by_ordinal) == 3
    again.close()
