"""What every proposer promises an agent: ``search``, ``scripted``, ``llm`` over a scripted completion, and
``command`` over a line of shell.
"""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from agents.proposers.command.command_proposer import CommandOrder, CommandProposer
from agents.proposers.contract import (
    ArmStopped,
    Exhausted,
    Fruitless,
    Proposer,
    ProposerError,
    ReAsking,
    Unavailable,
)
from agents.proposers.llm.answer import settings_of
from agents.proposers.llm.completion import Failure, Options
from agents.proposers.llm.llm_proposer import REASKS, LlmProposer
from agents.proposers.llm.retry import FallbackModels, RetryPolicy
from agents.proposers.scripted import ScriptedProposer
from agents.proposers.search.search_proposer import SearchProposer
from agents.testing.scripted_completion import ScriptedCompletion
from coordinator.domain import Direction, Metric, Refusal
from coordinator.protocol import Brief, Refused
from coordinator.variants.gate import Gate
from coordinator.variants.source import digest

SOURCE = """from prepare import evaluate_bpb, make_dataloader

DEPTH = 4
LR = 0.1
make_dataloader(DEPTH)
evaluate_bpb(LR)
"""
BRIEF = Brief(
    ordinal=3,
    seed=1,
    arm="arm",
    division="cpu",
    metric=Metric("val_bpb", Direction.MINIMIZE),
    parent="c0ffee",
    source=SOURCE,
    baseline=1.25,
    best=1.2,
    sigma=0.01,
)
EDITED = SOURCE.replace("DEPTH = 4", "DEPTH = 6")
BLOCK = "<<<<<<< SEARCH\nDEPTH = 4\n=======\nDEPTH = {}\n>>>>>>> REPLACE\n"
SAID = f"TITLE: two blocks more\nHYPOTHESIS: depth pays\n\n{BLOCK.format(6)}"
LINE = "sed -i 's/DEPTH = 4/DEPTH = 6/' train.py"
QUICK = RetryPolicy(tries=1)


def search(folder: Path) -> Proposer:  # noqa: ARG001 - it needs no folder
    return SearchProposer()


def scripted(folder: Path) -> Proposer:
    path = folder / "deeper.py"
    path.write_text(EDITED, encoding="utf-8")
    return ScriptedProposer([path])


def asking(*steps: str | Failure) -> LlmProposer:
    return LlmProposer(FallbackModels(ScriptedCompletion(*steps), ["model"], Options(), QUICK), "Go deeper.")


def llm(folder: Path) -> Proposer:  # noqa: ARG001 - it needs no folder
    return asking(SAID)


def running(folder: Path, line: str, template: str | None = "shell") -> CommandProposer:
    order = CommandOrder(template=template, command=(line,), env=(), timeout=30.0, unconfined=True)
    return CommandProposer(order, "Go deeper.", {"prepare.py": "# data\n"}, scratch=folder)


def command(folder: Path) -> Proposer:
    return running(folder, LINE)


Kind = Callable[[Path], Proposer]
KINDS: list[Kind] = [search, scripted, llm, command]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


# ---------------------------------------------------------------------- an answer


def test_a_proposal_answers_its_brief_with_another_program_that_passes_the_gate(
    kind: Kind, tmp_path: Path
) -> None:
    proposal = kind(tmp_path).propose(BRIEF)
    assert (proposal.ordinal, proposal.arm, proposal.parent, proposal.repairs) == (3, "arm", "c0ffee", "")
    assert digest(proposal.source) != digest(SOURCE)
    assert Gate(frozen=["prepare"]).look(proposal.source) is None
    assert proposal.settings == settings_of(proposal.source) != {}
    assert proposal.title
    assert "\n" not in proposal.title + proposal.hypothesis


def test_whoever_is_asked_the_same_source_has_the_same_id(kind: Kind, tmp_path: Path) -> None:
    first, second = (kind(tmp_path).propose(BRIEF) for _ in range(2))
    assert (first.source, first.proposal) == (second.source, second.proposal)


def test_the_same_source_for_another_brief_is_another_proposal(kind: Kind, tmp_path: Path) -> None:
    first, second = (kind(tmp_path).propose(replace(BRIEF, ordinal=ordinal)) for ordinal in (3, 4))
    assert first.source == second.source
    assert first.proposal != second.proposal


def test_what_was_asked_before_does_not_matter(kind: Kind, tmp_path: Path) -> None:
    proposer = kind(tmp_path)
    first = proposer.propose(BRIEF)
    proposer.propose(replace(BRIEF, ordinal=4, seed=2, arm="other"))
    again = proposer.propose(BRIEF)
    assert (first.source, first.proposal, first.title) == (again.source, again.proposal, again.title)


def test_it_can_be_sent_to_another_process(kind: Kind, tmp_path: Path) -> None:
    sent: Proposer = pickle.loads(pickle.dumps(kind(tmp_path)))
    assert sent.propose(BRIEF).proposal == kind(tmp_path).propose(BRIEF).proposal


# ---------------------------------------------------------------------- no answer


def played_out(folder: Path) -> Proposer:  # noqa: ARG001 - it has no files
    return ScriptedProposer([])


def of(*steps: str | Failure) -> Kind:
    return lambda _: asking(*steps)


def starting(line: str, template: str | None = "shell") -> Kind:
    return lambda folder: running(folder, line, template)


NO_CONSTANTS = replace(BRIEF, source="from prepare import evaluate_bpb\nevaluate_bpb(1)\n")
NO_PROGRAM = replace(BRIEF, source="DEPTH = = 4\n")
NOTHING: dict[str, tuple[Kind, Brief, type[ProposerError]]] = {
    "search: no constants": (search, NO_CONSTANTS, Exhausted),
    "search: a parent that is no program": (search, NO_PROGRAM, ProposerError),
    "scripted: no file left": (played_out, BRIEF, Exhausted),
    "llm: a refused key": (of(Failure.AUTHENTICATION), BRIEF, ArmStopped),
    "llm: a model that nobody knows": (of(Failure.MODEL), BRIEF, ArmStopped),
    "llm: a prompt that is too long": (of(Failure.CONTEXT), BRIEF, ArmStopped),
    "llm: a server that is down": (of(Failure.SERVER), BRIEF, Unavailable),
    "llm: prose": (of("I would go deeper."), BRIEF, Fruitless),
    "llm: an edit of another file": (of(SAID), NO_CONSTANTS, Fruitless),
    "llm: a parent that is no program": (of("I would go deeper."), NO_PROGRAM, Fruitless),
    "command: no such program": (starting("no-such-agent", None), BRIEF, ArmStopped),
    "command: nothing edited": (starting("true"), BRIEF, ProposerError),
    "command: an edit that does not compile": (starting("echo '(' > train.py"), BRIEF, ProposerError),
    "command: a failure before any edit": (starting("exit 3"), BRIEF, ProposerError),
}


@pytest.mark.parametrize("name", NOTHING)
def test_where_nothing_comes_of_a_brief_the_error_says_how_to_go_on(name: str, tmp_path: Path) -> None:
    make, brief, error = NOTHING[name]
    with pytest.raises(ProposerError) as caught:
        make(tmp_path).propose(brief)
    assert type(caught.value) is error
    assert str(caught.value).strip()
    assert "\n" not in str(caught.value)


def test_every_error_of_a_proposer_is_met_here() -> None:
    assert {error for _, _, error in NOTHING.values()} == {
        ProposerError,
        Exhausted,
        Unavailable,
        Fruitless,
        ArmStopped,
    }


# ---------------------------------------------------------------------- another answer

REFUSED = Refused(Refusal.DUPLICATE, "the same program as e00001", "e00001")


def test_of_all_kinds_only_a_conversation_can_be_continued(kind: Kind, tmp_path: Path) -> None:
    assert isinstance(kind(tmp_path), ReAsking) == (kind is llm)


def test_a_refused_proposal_is_answered_by_another_for_the_same_brief() -> None:
    proposer = asking(SAID, BLOCK.format(8))
    first = proposer.propose(BRIEF)
    second = proposer.reask(first, REFUSED)
    assert (second.ordinal, second.arm, second.parent) == (first.ordinal, first.arm, first.parent)
    assert second.source == SOURCE.replace("DEPTH = 4", "DEPTH = 8")
    assert second.proposal != first.proposal


def test_what_is_not_the_last_proposal_is_not_answered_again() -> None:
    proposer = asking(SAID)
    first = proposer.propose(BRIEF)
    proposer.propose(replace(BRIEF, ordinal=4))
    with pytest.raises(ProposerError):
        proposer.reask(first, REFUSED)


def test_a_conversation_ends_however_often_its_answers_are_refused() -> None:
    proposer = asking(*(BLOCK.format(depth) for depth in range(6, 20)))
    proposal = proposer.propose(BRIEF)
    for _ in range(REASKS):
        proposal = proposer.reask(proposal, REFUSED)
    with pytest.raises(ProposerError):
        proposer.reask(proposal, REFUSED)
