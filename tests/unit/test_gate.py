"""What a proposal is held to before a slot is spent: everything surely hopeless is refused in plain words,
nothing honest ever is.
"""

import ast
from pathlib import Path

import pytest

from coordinator.domain import Refusal
from coordinator.variants.gate import Gate, Objection
from coordinator.variants.source import MAX_BYTES
from trainer.task_loading import load_task

ROOT = Path(__file__).parents[2]
TASKS = sorted((ROOT / "trainer" / "tasks").glob("*/task.yaml"))
DEMO = (ROOT / "trainer" / "tasks" / "demo" / "train.py").read_text(encoding="utf-8")
SURFACES = [
    *sorted(path.with_name("train.py") for path in (ROOT / "trainer" / "tasks").glob("*/recipe.py")),
    ROOT / "tests" / "tasks" / "tiny" / "train.py",
]
GATE = Gate(frozen=["prepare"], imports=["kernels"])

KEPT = "from prepare import evaluate_bpb, make_dataloader\nloader = make_dataloader()\n"
ENDS = "evaluate_bpb(model)\n"
WHOLE = KEPT + ENDS


def refused(source: str, gate: Gate = GATE) -> Objection:
    objection = gate.look(source)
    assert objection is not None
    return objection


@pytest.mark.parametrize("path", SURFACES, ids=lambda path: path.parent.name)
def test_every_shipped_surface_passes(path: Path) -> None:
    assert GATE.look(path.read_text(encoding="utf-8")) is None


@pytest.mark.parametrize("path", TASKS, ids=lambda path: path.parent.name)
def test_every_shipped_surface_passes_on_the_terms_of_its_own_task(path: Path) -> None:
    task = load_task(path.parent.name)
    assert Gate(task.frozen, task.imports, task.patterns).look(task.source) is None


HONEST = {
    "the least": WHOLE,
    "names of its own": (
        "from prepare import evaluate_bpb as score, make_dataloader as batches\nbatches()\nscore(m)\n"
    ),
    "the module whole": "import prepare\nprepare.make_dataloader()\nprepare.evaluate_bpb(m)\n",
    "the module under another name": (
        "import prepare as judge\njudge.make_dataloader()\njudge.evaluate_bpb(m)\n"
    ),
    "everything by a star": "from prepare import *\nmake_dataloader()\nevaluate_bpb(m)\n",
    "imports inside functions": (
        "def f():\n    from prepare import evaluate_bpb, make_dataloader\n    make_dataloader()\n   "
        " evaluate_bpb(m)\nf()\n"
    ),
    "a main guard": KEPT + "def main():\n    evaluate_bpb(m)\nif __name__ == '__main__':\n    main()\n",
    "handed on, called elsewhere": (
        KEPT + "from functools import partial\nscore = partial(evaluate_bpb, m)\nscore()\n"
    ),
    "kept in a table": KEPT + "steps = {'last': evaluate_bpb}\nsteps['last'](m)\n",
    "found by name": (
        "import prepare\nfor step in ('make_dataloader', 'evaluate_bpb'):\n    getattr(prepare, step)()\n"
    ),
    "wrapped under its own name": (
        KEPT + "plain = evaluate_bpb\ndef evaluate_bpb(m):\n    return plain(m)\nevaluate_bpb(m)\n"
    ),
    "decorated in place": KEPT + "evaluate_bpb = torch.no_grad()(evaluate_bpb)\n" + ENDS,
    "a method of that name": WHOLE + "class Trainer:\n    def evaluate_bpb(self):\n        return 1\n",
    "a local of that name": WHOLE + "def report(evaluate_bpb):\n    return evaluate_bpb\n",
    "imported by a text": (
        "import importlib\nprepare = importlib.import_module('prepare')\nprepare.evaluate_bpb(m)\n"
    ),
    "the standard library": (
        WHOLE + "import os, sys, json, dataclasses, contextlib, collections.abc, importlib.util, ctypes,"
        " __future__\n"
    ),
    "torch and numpy": (
        WHOLE
        + "import torch\nimport torch.nn.functional as F\nfrom torch.optim import AdamW\nimport numpy as np\n"
    ),
    "what the task offers": WHOLE + "from kernels import get_kernel\n",
    "a package it can do without": (
        WHOLE + "try:\n    import flash_attn\nexcept ImportError:\n    flash_attn = None\n"
    ),
    "the same, a word more careful": (
        WHOLE + "try:\n    from xformers import ops\nexcept (ModuleNotFoundError, OSError):\n    ops = None\n"
    ),
    "the same, careless": WHOLE + "try:\n    import triton\nexcept:\n    triton = None\n",
    "the same, suppressed": (
        WHOLE + "import contextlib\nwith contextlib.suppress(ImportError):\n    import triton\n"
    ),
    "types only": (
        WHOLE + "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from jaxtyping import Float\n"
    ),
    "a future import first": "from __future__ import annotations\n" + WHOLE,
    "characters of every script": "# ümläute, 漢字, 🙂\n" + WHOLE,
    "asynchronous": WHOLE + "async def idle():\n    async with x as y:\n        await y\n",
    "a match": WHOLE + "match 3:\n    case int(n) if n > 2:\n        pass\n",
}


@pytest.mark.parametrize("name", HONEST)
def test_nothing_honest_is_refused(name: str) -> None:
    assert GATE.look(HONEST[name]) is None


BROKEN = {
    "no import": ("print(1)\n", "never imports make_dataloader"),
    "half an import": (
        "from prepare import make_dataloader\nmake_dataloader()\n",
        "never imports evaluate_bpb",
    ),
    "imported for show": (KEPT, "never uses evaluate_bpb"),
    "a star for show": ("from prepare import *\nmake_dataloader()\n", "never uses evaluate_bpb"),
    "the module for show": ("import prepare\nprepare.make_dataloader()\n", "never uses evaluate_bpb"),
    "a number printed instead": (KEPT + "print('val_bpb: 0.1')\n", "never uses evaluate_bpb"),
    "an own function in its place": (
        KEPT + "def evaluate_bpb(model):\n    return 0.1\n" + ENDS,
        "line 3 puts something else in the place of evaluate_bpb",
    ),
    "an own class in its place": (KEPT + "class make_dataloader:\n    pass\n" + ENDS, ""),
    "own batches": ("from prepare import evaluate_bpb\nevaluate_bpb(m)\n", "the clock runs by them"),
}


@pytest.mark.parametrize("name", [name for name in BROKEN if BROKEN[name][1]])
def test_a_surface_that_cannot_come_to_a_number_is_refused_with_what_is_missing(name: str) -> None:
    objection = refused(BROKEN[name][0])
    assert objection.refusal is Refusal.CONTRACT
    assert BROKEN[name][1] in objection.reason


def test_a_name_used_before_it_is_replaced_is_nobody_s_business() -> None:
    assert GATE.look(BROKEN["an own class in its place"][0]) is None


@pytest.mark.parametrize(("line", "package"), [
    ("import transformers", "transformers"),
    ("import torchvision.models as models", "torchvision"),
    ("from flash_attn.flash_attn_interface import flash_attn_func", "flash_attn"),
    ("import torch, xformers", "xformers"),
    ("def f():\n    import scipy", "scipy"),
    ("try:\n    import einops\nexcept ValueError:\n    pass", "einops"),
    ("try:\n    pass\nexcept ImportError:\n    import einops", "einops"),
])  # fmt: skip
def test_a_package_the_task_does_not_offer_is_refused_by_name(line: str, package: str) -> None:
    objection = refused(WHOLE + line + "\n")
    assert objection.refusal is Refusal.PACKAGE
    assert f"no package '{package}'" in objection.reason
    assert "the standard library, torch, numpy, kernels, prepare" in objection.reason
    assert objection.reason.startswith("line ")


@pytest.mark.parametrize("line", ["from . import model", "from .model import GPT", "from ..train import x"])
def test_a_surface_has_no_neighbours(line: str) -> None:
    objection = refused(WHOLE + line + "\n")
    assert (objection.refusal, "one file" in objection.reason) == (Refusal.PACKAGE, True)


@pytest.mark.parametrize("source", [
    "def (", "x = 'open", "if True:\nprint(1)", "return 3", "\x00", "x = '\ud800'", "(" * 100_000,
    "-" * 100_000 + "1", "x = yield", "nonlocal x",
])  # fmt: skip
def test_what_is_no_program_is_refused(source: str) -> None:
    assert refused(source).refusal is Refusal.DOES_NOT_COMPILE


def test_a_surface_that_is_too_large_is_refused_before_it_is_parsed() -> None:
    objection = refused("(" * (MAX_BYTES + 1))
    assert objection.refusal is Refusal.TOO_LARGE
    assert f"{MAX_BYTES} are allowed" in objection.reason
    assert GATE.look(WHOLE + "#" * (MAX_BYTES - len(WHOLE))) is None


def test_a_task_without_a_judge_inside_asks_for_no_contract() -> None:
    assert Gate().look("print(1)\n") is None
    assert refused("import prepare\n", Gate()).refusal is Refusal.PACKAGE


def constants(source: str) -> list[tuple[int, str]]:
    """Module constants of a surface: line and name of each that holds a number."""
    constants = []
    for node in ast.parse(source).body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.targets[0], ast.Name)
        ):
            constants.append((node.lineno - 1, node.targets[0].id))
    return constants


def test_no_edit_of_a_constant_of_the_demo_is_refused() -> None:
    edits = constants(DEMO)
    assert len(edits) > 20
    for line, name in edits:
        lines = DEMO.splitlines()
        lines[line] = f"{name} = 3  # another value"
        assert GATE.look("\n".join(lines)) is None, name


def test_no_surface_without_one_of_its_statements_breaks_the_gate_itself() -> None:
    tree = ast.parse(DEMO)
    verdicts = set()
    for number in range(len(tree.body)):
        less = ast.Module(tree.body[:number] + tree.body[number + 1 :], [])
        objection = GATE.look(ast.unparse(less))
        verdicts.add(objection.refusal if objection else None)
    assert verdicts == {None, Refusal.CONTRACT}
