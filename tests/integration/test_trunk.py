"""A trunk with real git: its ref, what a certificate moves, commits that are made again from the journal."""

import shutil
from pathlib import Path

import msgspec

from coordinator.domain import State
from coordinator.service.service import Service
from coordinator.store.git_command import run_git
from coordinator.store.paths import Layout
from deploy.views.live import verdict_lines
from evaluator.policies.trunk import Trunk
from evaluator.result import Measured
from tests.integration.played_campaign import TASK, Clock, Player
from tests.unit.swarm_of_rules import RULES

TRUNK = msgspec.structs.replace(RULES, policy=Trunk(still=9, steps=2, runs=2, z=1.0), max_experiments=40)


def refs(layout: Layout) -> dict[str, str]:
    lines = run_git(layout.repository, "for-each-ref", "--format=%(refname) %(objectname)").decode()
    return dict(line.split(" ") for line in lines.splitlines())


def state_of(player: Player, name: str) -> State:
    return player.service.state.experiments[name].state


def test_a_trunk_steps_is_certified_and_rolls_back(tmp_path: Path) -> None:
    player = Player(tmp_path, wanted=TRUNK)
    player.baseline()
    best = refs(player.layout)["refs/heads/best/cpu"]
    player.propose("DEPTH = 7\nLR = 0.01\n", "deeper")
    player.train(Measured(2.10))
    first = refs(player.layout)
    assert state_of(player, "e00001") is State.STEPPED
    assert first["refs/heads/best/cpu"] == best != first["refs/heads/trunk/cpu"]
    overview = player.service.overview()
    assert [(row.experiment, row.state) for row in overview.trunk] == [("e00001", State.STEPPED)]
    lines = verdict_lines(overview.page, [*overview.rows, *overview.trunk], most=9)
    assert [line.split()[:2] for line in lines] == [["baseline-cpu", "merged"], ["e00001", "stepped"]]
    assert "any gain is a step of the trunk" in lines[1]
    assert player.service.brief("a1").parent == first["refs/heads/trunk/cpu"]  # type: ignore[union-attr]
    player.propose("DEPTH = 8\nLR = 0.01\n", "deeper still")
    player.train(Measured(2.00))
    player.train(Measured(2.01))
    certified = refs(player.layout)
    assert player.service.overview().trunk == []
    assert (state_of(player, "e00001"), state_of(player, "e00002")) == (State.MERGED, State.MERGED)
    assert certified["refs/heads/best/cpu"] == certified["refs/heads/trunk/cpu"] != best
    player.propose("DEPTH = 9\nLR = 0.01\n", "too deep")
    player.train(Measured(1.99))
    player.propose("DEPTH = 9\nLR = 0.02\n", "too fast")
    player.train(Measured(1.98))
    for _ in range(2):
        player.train(Measured(2.2))
    assert (state_of(player, "e00003"), state_of(player, "e00004")) == (State.ROLLED_BACK, State.ROLLED_BACK)
    assert refs(player.layout)["refs/heads/trunk/cpu"] == certified["refs/heads/best/cpu"]
    assert refs(player.layout)["refs/heads/best/cpu"] == certified["refs/heads/best/cpu"]
    player.service.close()


def test_its_commits_are_made_again_where_the_repository_is_gone(tmp_path: Path) -> None:
    player = Player(tmp_path, wanted=TRUNK)
    player.baseline()
    for depth, value in ((7, 2.10), (8, 2.00)):
        player.propose(f"DEPTH = {depth}\nLR = 0.01\n", f"depth {depth}")
        player.train(Measured(value))
    player.train(Measured(2.01))
    player.propose("DEPTH = 9\nLR = 0.01\n", "one more")
    player.train(Measured(1.9))
    before = refs(player.layout)
    player.service.close()
    shutil.rmtree(player.layout.repository)
    again = Service(player.layout, TASK, TRUNK, clock=Clock(), secret="")
    assert refs(player.layout) == before
    again.close()
