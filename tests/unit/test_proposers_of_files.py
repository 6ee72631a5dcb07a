"""Proposers on a surface of several files, or of one that is no Python."""

import pickle
from pathlib import Path

import msgspec
import pytest

from agents.proposers.contract import Exhausted, Materials
from agents.proposers.factory import make_proposers
from agents.proposers.llm.answer import proposal_of
from agents.proposers.llm.completion import Options
from agents.proposers.llm.llm_proposer import LlmProposer
from agents.proposers.llm.prompt import first_messages
from agents.proposers.llm.retry import FallbackModels
from agents.proposers.scripted import make
from agents.proposers.search.search_proposer import SearchProposer
from agents.testing.scripted_completion import ScriptedCompletion
from configs.arms import Scripted, Search
from configs.errors import ConfigError
from coordinator.domain import Direction, Metric, State
from coordinator.protocol import Brief, Proposal, Repair, Tried
from coordinator.variants.constant_changes import changed_constants
from coordinator.variants.gate import Gate
from evaluator.bundle import pack, unpack

PACKAGE = {
    "README": "A kernel.\n",
    "src/__init__.py": "",
    "src/model.py": "WIDTH = 64\nKIND = 'a'  # choices: a, b\n",
    "src/train.py": "LR = 0.1\nSEED = 1\n",
}
PROMPT = {"prompt.txt": "Think.\n```\nan example\n```\n"}


def brief(files: dict[str, str], **changes: object) -> Brief:
    plain = Brief(
        ordinal=1,
        seed=1,
        arm="mine",
        division="cpu",
        metric=Metric("score", Direction.MAXIMIZE),
        parent="abc",
        source=pack(files),
        best=0.5,
    )
    return msgspec.structs.replace(plain, **changes)


# ---------------------------------------------------------------------- search


def test_search_moves_constants_of_the_python_files_and_says_which_file() -> None:
    tried: list[Tried] = []
    for ordinal in range(1, 16):
        asked = brief(PACKAGE, ordinal=ordinal, seed=ordinal, tried=list(tried))
        proposal = SearchProposer().propose(asked)
        changes = changed_constants(asked.source, proposal.source)
        assert changes
        assert set(changes) <= {"src/model.py:WIDTH", "src/model.py:KIND", "src/train.py:LR"}
        assert set(proposal.settings) == {
            *changes,
            "src/model.py:WIDTH",
            "src/model.py:KIND",
            "src/train.py:LR",
            "src/train.py:SEED",
        }
        assert all(name in proposal.title for name in changes)
        assert unpack(proposal.source)["README"] == PACKAGE["README"]
        tried.append(as_tried(proposal, 0.4 + 0.01 * ordinal))
    assert len({tuple(sorted(one.settings.items())) for one in tried}) == len(tried)


def as_tried(proposal: Proposal, value: float | None = None) -> Tried:
    return Tried(
        experiment=proposal.proposal,
        title=proposal.title,
        state=State.REJECTED,
        arm=proposal.arm,
        settings=proposal.settings,
        value=value,
    )


def test_a_learning_rate_is_one_in_a_file_too() -> None:
    """Its name says that it may exceed 1; the file before it does not hide that."""
    files, alone = {"src/train.py": "LR = 0.9\n"}, "LR = 0.9\n"
    for seed in range(1, 6):
        of_files = SearchProposer().propose(brief(files, seed=seed))
        of_one = SearchProposer().propose(msgspec.structs.replace(brief(files, seed=seed), source=alone))
        assert unpack(of_files.source) == {"src/train.py": of_one.source}


@pytest.mark.parametrize("name", ["WIDTH", "src/model.py:WIDTH"])
def test_choices_of_a_task_go_by_the_constant_or_by_the_file_too(name: str) -> None:
    files = {"src/model.py": "WIDTH = 64\n"}
    proposal = SearchProposer({name: ["64", "96"]}).propose(brief(files))
    assert unpack(proposal.source) == {"src/model.py": "WIDTH = 96\n"}


@pytest.mark.parametrize(
    "files", [PROMPT, {"Makefile": "all:\n", "a.py": "import os\n"}, {"a.py": "LR = = 1\n"}]
)
def test_search_says_plainly_where_there_is_nothing_to_search(files: dict[str, str]) -> None:
    with pytest.raises(Exhausted, match="no Python file of the surface has a constant to change"):
        SearchProposer().propose(brief(files))


# ---------------------------------------------------------------------- scripted


def laid_out(folder: Path, files: dict[str, str]) -> str:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return str(folder)


def test_scripted_plays_folders(tmp_path: Path) -> None:
    patterns = ("README", "src/**/*.py")
    extra = {**PACKAGE, "notes.txt": "mine\n", "src/__pycache__/x.pyc": "\n"}
    arm = Scripted(name="mine", files=[laid_out(tmp_path / "deeper", extra)])
    proposer = pickle.loads(pickle.dumps(make(arm, Materials(patterns=patterns))))
    proposal = proposer.propose(brief(PROMPT))
    assert unpack(proposal.source) == PACKAGE
    assert proposal.title == "[1/1] deeper"
    assert proposal.settings["src/train.py:LR"] == "0.1"
    assert Gate(surface=patterns).look(proposal.source) is None


def test_scripted_plays_the_one_file_of_a_surface_that_is_no_python(tmp_path: Path) -> None:
    bold, whole = tmp_path / "bold.txt", tmp_path / "whole.txt"
    bold.write_text("Be bold.\n", encoding="utf-8")
    whole.write_text(pack({"prompt.txt": "Be brief.\n"}), encoding="utf-8")
    arm = Scripted(name="mine", files=[str(bold), str(whole)])
    proposer = make(arm, Materials(patterns=("prompt.txt",)))
    first = proposer.propose(brief(PROMPT))
    assert unpack(first.source) == {"prompt.txt": "Be bold.\n"}
    second = proposer.propose(brief(PROMPT, tried=[as_tried(first)]))
    assert unpack(second.source) == {"prompt.txt": "Be brief.\n"}


def test_a_folder_that_is_no_surface_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="is no surface: no file"):
        make(Scripted(name="mine", files=[str(tmp_path / "empty")]), Materials(patterns=("prompt.txt",)))


def test_arms_are_made_for_the_files_of_a_task(tmp_path: Path) -> None:
    arm = Scripted(name="script", files=[laid_out(tmp_path / "one", {"prompt.txt": "Hi.\n", "x.txt": "\n"})])
    made = make_proposers([arm, Search(name="search")], {}, patterns=["prompt.txt"])
    assert unpack(made["script"].propose(brief(PROMPT)).source) == {"prompt.txt": "Hi.\n"}


# ---------------------------------------------------------------------- what a model is told


def test_a_model_is_shown_every_file_under_its_path_and_what_may_change() -> None:
    system, user = first_messages(brief(PACKAGE), "Go on.", "surface", ("README", "src/**/*.py"))
    assert "Only these files change: README, src/**/*.py." in system.content
    assert "the path of its file on the line before every block" in system.content
    assert "evaluate_bpb" not in system.content
    assert "train.py, in" not in system.content
    for path, text in PACKAGE.items():
        assert f"## {path}\n\n" in user.content
        assert text in user.content
    assert "## src/train.py\n\n```python\nLR = 0.1\n" in user.content
    assert "## src/__init__.py\n\nIt is empty.\n" in user.content
    assert "=== file:" not in user.content


def test_a_file_with_fences_is_shown_in_a_longer_one() -> None:
    _, user = first_messages(brief(PROMPT), "Go on.", "surface", ("prompt.txt",))
    assert f"## prompt.txt\n\n````\n{PROMPT['prompt.txt']}````\n" in user.content


def test_the_rules_are_the_same_for_every_brief_and_name_the_files_without_patterns() -> None:
    patterns = ("README", "src/**/*.py")
    other = {**PACKAGE, "src/more.py": "X = 1\n"}
    first, second = (
        first_messages(brief(files), "Go on.", "surface", patterns)[0] for files in (PACKAGE, other)
    )
    assert first == second
    assert (
        "Only these files change: prompt.txt."
        in first_messages(brief(PROMPT), "Go on.", "surface")[0].content
    )


def test_the_files_of_a_failed_experiment_are_shown_in_the_place_of_the_parent() -> None:
    repair = Repair(
        experiment="e1",
        title="bolder",
        parent="def",
        source=pack({"prompt.txt": "Broken.\n"}),
        failure="python_exception",
    )
    _, user = first_messages(brief(PROMPT, repair=repair), "Go on.", "surface", ("prompt.txt",))
    assert "# The files of the experiment that failed\n\n## prompt.txt\n\n```\nBroken.\n```\n" in user.content


def test_an_edit_without_a_title_is_named_by_the_constants_it_changes() -> None:
    other = pack({**PACKAGE, "src/train.py": "LR = 0.2\nSEED = 1\n"})
    assert proposal_of(brief(PACKAGE), other, "", []).title == "src/train.py:LR 0.1 → 0.2"
    assert (
        proposal_of(brief(PROMPT), pack({"prompt.txt": "Hi.\n"}), "", []).title
        == "untitled edit: 1 lines in, 4 out"
    )


def test_a_model_is_asked_again_for_a_file_outside_and_its_new_file_is_taken() -> None:
    outside = "TITLE: x\nHYPOTHESIS: y\n\njudge.py\n```python\nX = 1\n```\n"
    added = "TITLE: a loss\nHYPOTHESIS: y\n\nsrc/loss.py\n```python\nX = 1\n```\n\nsrc/train.py\n"
    added += "<<<<<<< SEARCH\nLR = 0.1\n=======\nLR = 0.2\n>>>>>>> REPLACE\n"
    models = ScriptedCompletion(outside, added)
    proposer = LlmProposer(
        FallbackModels(models, ["model"], Options()), "Go on.", "surface", patterns=("README", "src/**/*.py")
    )
    proposal = proposer.propose(brief(PACKAGE))
    assert "judge.py; only README, src/**/*.py can change" in models.asked[1][-1].content
    assert proposal.title == "a loss"
    assert unpack(proposal.source) == {
        **PACKAGE,
        "src/loss.py": "X = 1\n",
        "src/train.py": "LR = 0.2\nSEED = 1\n",
    }
