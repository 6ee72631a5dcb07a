"""What merges in one division is tried in another, with a real service, journal and git."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coordinator.domain import Phase, Purpose, State
from coordinator.protocol import AgentCard, Brief, Lease, Proposal, Wait
from coordinator.rule_values.rule_set import ArmShare
from coordinator.service.service import Service
from coordinator.store.git_command import run_git
from coordinator.store.inbox import Idea, Inbox
from coordinator.store.paths import Layout
from coordinator.store.unit_of_work import TaskCard
from evaluator.policies.one_step import Naive
from evaluator.policies.trunk import Trunk
from evaluator.result import Measured, RunResult, Seconds
from tests.integration.played_campaign import Clock, propose
from tests.unit.swarm_of_rules import RULES, audit_of

TASK = TaskCard("demo", "train.py", "DEPTH = 6\nWIDTH = 64\nLR = 0.01\n")
NAIVE = msgspec.structs.replace(RULES, policy=Naive(), max_experiments=40, baseline_runs=2)
CHEAP, DEAR = "cheap", "dear"


class Players:
    """An agent in each division, that does what a test says."""

    def __init__(self, folder: Path, *divisions: str, **changes: Any) -> None:
        self.layout, self.clock = Layout(folder / "night"), Clock()
        self.rules = msgspec.structs.replace(NAIVE, **changes)
        self.open()
        for division in divisions:
            self.join(division)

    def open(self) -> None:
        self.service = Service(self.layout, TASK, self.rules, clock=self.clock, secret="")

    def join(self, division: str) -> None:
        """Its agent is there, and its baseline is worth 2.20."""
        self.service.join(AgentCard(agent=division, incarnation="1", division=division))
        while self.train(division, 2.20) is not None:
            pass

    def propose(self, division: str, source: str, title: str) -> str:
        return propose(self.service, division, source, title)

    def train(self, division: str, value: float) -> str | None:
        """The next run, which measures that; None where none waits."""
        lease = self.service.lease(division)
        if not isinstance(lease, Lease):
            return None
        began = self.clock()
        self.clock.now += 10
        result = RunResult(
            run=lease.run,
            outcome=Measured(value),
            seed=lease.seed,
            seconds=Seconds(1.0, 8.0, 1.0, 10.0),
            sandbox="A",
            audit=audit_of(),
            started_at=began,
            finished_at=self.clock.now,
        )
        assert self.service.report(division, lease.token, result).counted
        return lease.run

    def idea(self, division: str, source: str, value: float, title: str = "an idea") -> str:
        name = self.propose(division, source, title)
        self.train(division, value)
        return name

    def source(self, experiment: str) -> str:
        commit = self.service.state.experiments[experiment].commit
        return run_git(self.layout.repository, "show", f"{commit}:train.py").decode()

    def state_of(self, experiment: str) -> State:
        return self.service.state.experiments[experiment].state


def refs(layout: Layout) -> str:
    return run_git(layout.repository, "for-each-ref", "--format=%(refname) %(objectname)").decode()


def shown(layout: Layout, *words: str) -> str:
    command = [sys.executable, "-m", "deploy.cli.main", *words, "-c", "night", "--campaigns", "."]
    done = subprocess.run(
        command, cwd=layout.folder.parent, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_a_merge_is_put_on_the_head_of_the_other_division_and_decided_there(tmp_path: Path) -> None:
    players = Players(tmp_path, CHEAP, DEAR)
    players.idea(DEAR, "DEPTH = 6\nWIDTH = 64\nLR = 0.02\n", 2.15, "faster")
    players.train(CHEAP, 2.30)
    assert players.state_of("e00002") is State.REJECTED, "the transfer of e00001"
    players.idea(CHEAP, "DEPTH = 7\nWIDTH = 64\nLR = 0.01\n", 2.10, "deeper")
    brought = players.service.state.experiments["e00004"]
    assert (brought.division, brought.arm, brought.transfers) == (DEAR, "transfer", "e00003")
    assert brought.title == "from cheap: deeper"
    assert brought.runs[0].purpose is Purpose.RETEST
    assert players.source("e00004") == "DEPTH = 7\nWIDTH = 64\nLR = 0.02\n", "on what is the best there"
    players.train(DEAR, 2.05)
    assert players.state_of("e00004") is State.MERGED
    assert len(players.service.state.by_ordinal) == 4, "nothing comes back"
    before = refs(players.layout)
    players.service.close()
    shutil.rmtree(players.layout.repository)
    players.open()
    assert refs(players.layout) == before
    players.service.close()


def test_pages_say_where_it_came_from(tmp_path: Path) -> None:
    players = Players(tmp_path, CHEAP, DEAR)
    players.idea(CHEAP, "DEPTH = 7\nWIDTH = 64\nLR = 0.01\n", 2.10, "deeper")
    players.train(DEAR, 2.05)
    players.service.close()
    page = json.loads(shown(players.layout, "show", "e00001", "--json"))
    assert page["transferred"] == {DEAR: "e00002"}
    assert "dear: e00002" in shown(players.layout, "show", "e00001")
    assert json.loads(shown(players.layout, "show", "e00002", "--json"))["transfers"] == "e00001"
    assert "the merge of e00001" in shown(players.layout, "show", "e00002")
    dear = json.loads(shown(players.layout, "status", "--json"))["divisions"][1]
    assert dear["transfers"] == {"tried": 1, "merged": 1, "proposes": True}
    assert "1 from other divisions, 1 of them merged here" in shown(players.layout, "status")
    assert "from cheap: deeper" in shown(players.layout, "leaderboard")


def test_what_does_not_apply_or_is_nothing_new_costs_no_run_and_is_remembered(tmp_path: Path) -> None:
    players = Players(tmp_path, CHEAP, DEAR)
    mine = players.propose(DEAR, "DEPTH = 8\nWIDTH = 64\nLR = 0.01\n", "much deeper")
    players.idea(CHEAP, "DEPTH = 8\nWIDTH = 64\nLR = 0.01\n", 2.10, "much deeper")
    first = players.service.state.experiments["e00002"]
    assert first.transferred == {DEAR: f"the same program as {mine}"}
    players.train(DEAR, 2.00)
    assert players.service.state.experiments[mine].transferred == {CHEAP: "the head has it already"}
    players.idea(DEAR, "DEPTH = 9\nWIDTH = 64\nLR = 0.01\n", 1.90, "deeper still")
    players.train(CHEAP, 2.50)
    players.idea(CHEAP, "DEPTH = 10\nWIDTH = 64\nLR = 0.01\n", 2.00, "ten")
    ten = players.service.state.experiments["e00005"]
    assert ten.transferred == {DEAR: "its edit does not apply to the head there"}
    assert players.service.state.refusals == {"duplicate": 1, "no_op": 1, "conflict": 1}
    players.service.close()
    players.open()
    players.join(DEAR)
    assert len(players.service.state.by_ordinal) == 5
    players.service.close()


def test_a_division_that_opens_later_gets_the_whole_difference_as_one_experiment(tmp_path: Path) -> None:
    players = Players(tmp_path, CHEAP)
    players.idea(CHEAP, "DEPTH = 7\nWIDTH = 64\nLR = 0.01\n", 2.10)
    players.idea(CHEAP, "DEPTH = 7\nWIDTH = 96\nLR = 0.01\n", 2.00)
    players.join(DEAR)
    (brought,) = [one for one in players.service.state.experiments.values() if one.transfers]
    assert players.source(brought.experiment) == "DEPTH = 7\nWIDTH = 96\nLR = 0.01\n"
    assert brought.title == "from cheap: an idea and 1 more"
    assert brought.state in (State.REJECTED, State.MERGED), "join trains whatever waits"
    players.service.close()


def test_a_certified_stack_is_one_transfer_that_is_a_step_there(tmp_path: Path) -> None:
    policy = Trunk(still=9, steps=2, runs=2, z=0.5)
    players = Players(tmp_path, CHEAP, DEAR, policy=policy)
    players.idea(CHEAP, "DEPTH = 7\nWIDTH = 64\nLR = 0.01\n", 2.10)
    assert players.train(DEAR, 2.0) is None, "a step is no merge"
    players.idea(CHEAP, "DEPTH = 7\nWIDTH = 96\nLR = 0.01\n", 2.00)
    while players.train(CHEAP, 2.00) is not None:
        pass
    assert players.state_of("e00001") is State.MERGED
    (brought,) = [one for one in players.service.state.experiments.values() if one.transfers]
    assert players.source(brought.experiment) == "DEPTH = 7\nWIDTH = 96\nLR = 0.01\n"
    assert brought.title == "from cheap: an idea and 1 more"
    players.train(DEAR, 2.00)
    assert brought.state is State.STEPPED
    players.service.close()


@pytest.mark.parametrize("policy", [Naive(), Trunk(still=9, steps=9, runs=2, z=0.5)], ids=["naive", "trunk"])
def test_where_nobody_proposes_transfers_are_run_and_certified_at_once(tmp_path: Path, policy: Any) -> None:
    players = Players(tmp_path, CHEAP, DEAR, policy=policy, propose_in=[CHEAP], max_experiments=1)
    assert isinstance(players.service.brief(DEAR), Wait)
    players.idea(CHEAP, "DEPTH = 7\nWIDTH = 64\nLR = 0.01\n", 2.00)
    while players.train(CHEAP, 2.00) is not None or players.train(DEAR, 1.90) is not None:
        pass
    assert players.state_of("e00001") is State.MERGED
    assert players.state_of("e00002") is State.MERGED
    assert players.service.state.divisions[DEAR].best.value == 1.90  # type: ignore[union-attr]
    assert players.service.state.phase is Phase.FINISHED, "transfers come on top of max_experiments"
    players.service.close()


def test_where_nobody_proposes_the_best_is_run_again_at_once_and_a_person_may_propose(tmp_path: Path) -> None:
    policy = Naive(refresh_every=5, refresh_to=4)
    players = Players(tmp_path, CHEAP, DEAR, policy=policy, propose_in=[CHEAP])
    cheap, dear = (players.service.state.divisions[name].best for name in (CHEAP, DEAR))
    assert cheap is not None
    assert dear is not None
    assert (cheap.runs, dear.runs) == (2, 4)
    Inbox(players.layout.inbox).leave(Idea("by hand", "DEPTH = 9\nWIDTH = 64\nLR = 0.01\n", DEAR))
    players.service.tick()
    assert players.train(DEAR, 2.0) == "e00001.1"
    assert players.state_of("e00001") is State.MERGED
    players.service.close()


def test_an_old_journal_with_an_arm_of_that_name_opens(tmp_path: Path) -> None:
    arms = [ArmShare("transfer")]
    players = Players(tmp_path, CHEAP, arms=arms)
    brief = players.service.brief(CHEAP)
    assert isinstance(brief, Brief)
    for number, source in enumerate((TASK.source, "DEPTH = 7\nWIDTH = 64\nLR = 0.01\n")):
        players.service.propose(
            CHEAP,
            Proposal(
                proposal=f"p{number}",
                ordinal=brief.ordinal,
                arm="transfer",
                parent=brief.parent,
                source=source,
                title="an idea of an arm",
            ),
        )
    players.train(CHEAP, 2.0)
    before = players.service.state
    assert (before.transfers, before.refusals["no_op"]) == (0, 1)
    players.service.close()
    players.open()
    assert players.service.state.experiments["e00001"].state is State.MERGED
    players.service.close()
