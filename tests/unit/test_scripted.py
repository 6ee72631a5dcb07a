"""The ``scripted`` proposer plays each file once, in order, whoever asks and whatever died in between."""

import pickle
from pathlib import Path

import pytest
from msgspec.structs import replace

from agents.proposers.contract import Exhausted
from agents.proposers.scripted import ScriptedProposer
from configs.load import ConfigError
from coordinator.domain import Direction, Metric, State
from coordinator.protocol import Brief, Proposal, Tried

BRIEF = Brief(
    ordinal=1,
    seed=1,
    arm="script",
    division="cpu",
    metric=Metric("val_bpb", Direction.MINIMIZE),
    parent="p",
    source="A = 0\n",
)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"idea{number}.py" for number in (1, 2, 3)]
    for number, path in enumerate(paths, start=1):
        path.write_text(f"A = {number}\n", encoding="utf-8")
    return paths


def as_tried(proposal: Proposal, state: State = State.REJECTED) -> Tried:
    return Tried(
        experiment=proposal.proposal,
        title=proposal.title,
        state=state,
        arm=proposal.arm,
        settings=proposal.settings,
    )


def test_files_are_played_in_order_and_then_it_is_exhausted(files: list[Path]) -> None:
    played: list[Tried] = []
    for number in (1, 2, 3):
        proposal = ScriptedProposer(files).propose(replace(BRIEF, ordinal=number, tried=played))
        assert (proposal.source, proposal.title) == (f"A = {number}\n", f"[{number}/3] idea{number}")
        assert proposal.settings == {"A": str(number)}
        played.append(as_tried(proposal))
    with pytest.raises(Exhausted):
        ScriptedProposer(files).propose(replace(BRIEF, tried=played))


def test_a_proposal_that_never_arrived_is_made_again(files: list[Path]) -> None:
    """1. An agent thinks of file 1 and is killed before it says so. 2. Another asks. 3. It gets file 1, under
    the same id.
    """
    first = ScriptedProposer(files).propose(BRIEF)
    assert ScriptedProposer(files).propose(BRIEF) == first


def test_a_proposal_that_is_running_is_not_made_again(files: list[Path]) -> None:
    first = ScriptedProposer(files).propose(BRIEF)
    assert (
        ScriptedProposer(files).propose(replace(BRIEF, running=[as_tried(first, State.RUNNING)])).source
        == "A = 2\n"
    )


def test_one_that_was_lost_from_the_newest_experiments_is_remembered(files: list[Path]) -> None:
    script = ScriptedProposer(files)
    second = replace(as_tried(script.propose(BRIEF)), title="[2/3] idea2")
    assert script.propose(replace(BRIEF, tried=[second])).source == "A = 3\n"
    assert script.propose(replace(BRIEF, tried=[])).source == "A = 3\n"


def test_titles_of_other_arms_do_not_count(files: list[Path]) -> None:
    other = replace(as_tried(ScriptedProposer(files).propose(BRIEF)), arm="search", title="[3/3] x")
    assert ScriptedProposer(files).propose(replace(BRIEF, tried=[other])).source == "A = 1\n"


def test_a_file_that_does_not_parse_is_proposed_all_the_same_for_the_coordinator_to_refuse(
    files: list[Path],
) -> None:
    files[0].write_text("A = = 1\n", encoding="utf-8")
    assert ScriptedProposer(files).propose(BRIEF).settings == {}


def test_a_file_that_cannot_be_read_is_said_before_anything_starts(files: list[Path]) -> None:
    files[0].unlink()
    with pytest.raises(ConfigError, match=r"idea1\.py"):
        ScriptedProposer(files)


def test_it_can_be_sent_to_a_machine_without_the_files(files: list[Path]) -> None:
    sent = pickle.dumps(ScriptedProposer(files))
    for path in files:
        path.unlink()
    assert pickle.loads(sent).propose(BRIEF).source == "A = 1\n"
