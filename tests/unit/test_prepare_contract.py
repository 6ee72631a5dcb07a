"""The contract with ``prepare`` is the same everywhere: in the shim that offers it, the gate, the check of an
edit, and both prompts.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.edits.apply import apply
from agents.edits.outcome import Problem
from agents.proposers.command.instructions import prompt_text
from agents.proposers.llm.prompt import first_messages
from coordinator.domain import Direction, Metric
from coordinator.protocol import Brief
from coordinator.variants.contract import (
    EVALUATION,
    KEEPS,
    LOADER,
    LOST_CALL,
    LOST_IMPORT,
    NEEDED,
    OFFERED,
    PREPARE,
    RUNS,
    OfferedName,
    never_imported,
    never_used,
    replaced,
)
from coordinator.variants.gate import Gate
from tests.unit.test_gate import SURFACES

ROOT = Path(__file__).resolve().parents[2]
SHIM = ast.parse((ROOT / "evaluator" / "shim" / f"{PREPARE}.py").read_text(encoding="utf-8"))
NAMES = {offered.name for offered in OFFERED}
GATE = Gate(frozen=[PREPARE])
SOURCE = f"from prepare import {LOADER.name}, {EVALUATION.name}\n{LOADER.name}()\n{EVALUATION.name}(1)\n"


def exported(module: ast.Module) -> set[str]:
    """What a module lists in ``__all__``."""
    (listed,) = (
        node.value
        for node in module.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    return set(ast.literal_eval(listed))


def bound(module: ast.Module) -> Iterator[str]:
    """Public names that the top level of a module defines."""
    for node in module.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                yield name


def refusal(source: str) -> str:
    objection = GATE.look(source)
    assert objection is not None
    return objection.reason


def problem(source: str) -> str:
    """What the check of an edit says of a whole file."""
    answer = apply(f"```python\n{source}```\n", SOURCE)
    assert isinstance(answer, Problem)
    return answer.message


def test_the_shim_offers_exactly_the_names_of_the_contract() -> None:
    assert exported(SHIM) == NAMES
    assert {name for name in bound(SHIM) if not name.startswith("_")} == NAMES


@pytest.mark.parametrize("path", SURFACES, ids=lambda path: path.parent.name)
def test_a_shipped_surface_imports_no_other_name_and_all_that_are_needed(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == PREPARE
        for alias in node.names
    }
    assert {needed.name for needed in NEEDED} <= imports <= NAMES


@pytest.mark.parametrize("needed", NEEDED, ids=lambda needed: needed.name)
def test_the_gate_refuses_in_the_words_of_the_contract(needed: OfferedName) -> None:
    name = needed.name
    used = f"{name}()" if needed is LOADER else f"{name}(1)"
    assert refusal(SOURCE.replace(name, "Tokenizer")) == never_imported(needed)
    assert refusal(SOURCE.replace(used, "print()")) == never_used(needed)
    own = SOURCE.replace("\n", f"\ndef {name}(*_):\n    return 0.0\n", 1)
    assert refusal(own) == replaced(needed, 2)


def test_the_check_of_an_edit_refuses_in_the_words_of_the_contract() -> None:
    assert problem(SOURCE.replace(f"{EVALUATION.name}(1)", "print(1)")) == LOST_CALL
    assert problem(SOURCE.replace("from prepare", "from math")) == LOST_IMPORT


def test_both_prompts_quote_the_contract() -> None:
    brief = Brief(
        ordinal=1,
        seed=1,
        arm="arm",
        division="cpu",
        metric=Metric("val_bpb", Direction.MINIMIZE),
        parent="p",
        source=SOURCE,
    )
    for prompt in (first_messages(brief, "Go deeper.", "train.py")[0].content, prompt_text("train.py", None)):
        assert KEEPS in prompt
        assert RUNS in prompt
        assert not re.findall(r"\{[a-z]+\}", prompt), "a field was not filled in"


def test_the_sentence_for_writers_names_what_it_asks_for() -> None:
    assert PREPARE in KEEPS
    assert EVALUATION.name in KEEPS
