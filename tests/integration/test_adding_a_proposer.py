"""What docs/extending.md shows of proposers, done in a copy of the tree: three files differ, and the rest of
the swarm takes the new kind by its traits.
"""

import filecmp
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIECES = ROOT / "tests" / "extending" / "proposer"
PACKAGES = ("agents", "autoswarm", "configs", "coordinator", "deploy", "evaluator", "trainer")
TESTS = ("__init__.py", "unit/__init__.py", "unit/test_config_reference.py")
KINDS = {"nudge": "Nudge", "bought": "Bought"}
ARMS = """\
campaign: {name: three, max_experiments: 4, session_minutes: 2}
money: {cap_usd: 100}
trainer: {kind: simulated, simulated_seconds: 0.1}
coordinator: {metrics_port: 0}
arms:
- {name: softcap, proposer: nudge, constant: SOFTCAP}
- {name: dealer, proposer: bought, price: 0.5}
"""


def inserted(path: Path, before: str, text: str) -> None:
    content = path.read_text(encoding="utf-8")
    assert content.count(before) == 1, (path.name, before)
    path.write_text(content.replace(before, f"{text}{before}"), encoding="utf-8")


def add(tree: Path, kind: str) -> set[str]:
    """Add the proposer of that name and return which files that takes."""
    shutil.copy(PIECES / f"{kind}.py", tree / "agents" / "proposers" / f"{kind}.py")
    arms = tree / "configs" / "arms.py"
    inserted(arms, "def _of_a_kind", (PIECES / f"{kind}_arm.py").read_text(encoding="utf-8") + "\n\n")
    inserted(arms, ",\n    Field(discriminator", f" | {KINDS[kind]}")
    inserted(
        tree / "configs" / "default.yaml", "\nmoney:", (PIECES / f"{kind}.yaml").read_text(encoding="utf-8")
    )
    return {f"agents/proposers/{kind}.py", "configs/arms.py", "configs/default.yaml"}


def differing(tree: Path) -> set[str]:
    """Files of the copy that are not as in the original."""
    paths = [path for name in PACKAGES for path in (tree / name).rglob("*") if path.is_file()]
    files = [path.relative_to(tree) for path in paths if "__pycache__" not in path.parts]
    return {str(file) for file in files if not same(ROOT / file, tree / file)}


def same(one: Path, other: Path) -> bool:
    return one.is_file() and filecmp.cmp(one, other, shallow=False)


def copied(tree: Path) -> Path:
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in TESTS:
        (tree / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "tests" / name, tree / "tests" / name)
    (tree / "mine.yaml").write_text(ARMS, encoding="utf-8")
    return tree


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with both proposers."""
    folder = copied(tmp_path_factory.mktemp("tree"))
    for kind in KINDS:
        add(folder, kind)
    return folder


def python(tree: Path, *words: str) -> str:
    """What Python says in the copy, and of the copy."""
    environ = os.environ | {"PYTHONPATH": str(tree), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, *words], cwd=tree, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def autoswarm(tree: Path, *words: str) -> str:
    return python(tree, "-m", "deploy.cli.main", *words)


@pytest.mark.parametrize("kind", KINDS)
def test_a_proposer_takes_three_files_even_where_it_costs_money(kind: str, tmp_path: Path) -> None:
    folder = copied(tmp_path / "tree")
    files = add(folder, kind)
    assert differing(folder) == files
    assert len(files) == 3


def test_its_keys_are_configuration_with_its_defaults_and_its_errors(tree: Path) -> None:
    arms = json.loads(autoswarm(tree, "config", "show", "mine.yaml", "--json"))["config"]["arms"]
    common = {"weight": 1.0, "parent": "best", "control": False}
    assert arms == [
        {"name": "softcap", "proposer": "nudge", "constant": "SOFTCAP", "most": 1.5} | common,
        {"name": "dealer", "proposer": "bought", "constant": "SOFTCAP", "price": 0.5} | common,
    ]
    with pytest.raises(AssertionError, match=r"`price` is no key of a nudge arm(.|\n)*`proposer: bought`"):
        autoswarm(tree, "config", "show", "arms=[{name: a, proposer: nudge, price: 1}]")


def test_the_reference_of_keys_is_held_to_it(tree: Path) -> None:
    python(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/test_config_reference.py")


def test_the_plan_names_it_and_says_of_the_one_that_costs_money_that_it_does(tree: Path) -> None:
    plan = autoswarm(tree, "run", "mine.yaml", "--dry-run")
    assert "softcap (nudge, weight 1), dealer (bought, weight 1)" in plan
    assert "dealer: what its bought says it spent" in plan
    assert "softcap: what" not in plan


@pytest.mark.cluster
def test_a_campaign_runs_with_both_and_counts_what_the_one_costs(tree: Path) -> None:
    autoswarm(tree, "run", "mine.yaml")
    arms = {arm["name"]: arm for arm in json.loads(autoswarm(tree, "arms", "three", "--json"))["arms"]}
    assert arms["softcap"]["proposals"] >= 1
    assert arms["softcap"]["usd"] == 0
    assert arms["dealer"]["usd"] >= 0.5 * arms["dealer"]["proposals"] >= 0.5
