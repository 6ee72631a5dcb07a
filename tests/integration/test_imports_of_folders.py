"""Imports whose surface is a folder: pi-autoresearch, darwin-derby, Harbor."""

from pathlib import Path

import pytest

from configs.errors import ConfigError
from deploy.imports.importing import import_from
from evaluator.result import Crashed, CrashKind
from tests.integration.imported_tasks import imported, named, run, value, write

# ---------------------------------------------------------------------- pi-autoresearch

PI = {
    ".auto/measure.sh": """\
        set -euo pipefail
        python count.py
        """,
    ".auto/checks.sh": "python -c 'import words; assert words.count(\"a b\") == 2'\n",
    ".auto/prompt.md": """\
        # Autoresearch: fewer steps

        ## Metrics
        - **Primary**: steps (count, lower is better)

        ## Files in Scope
        - `words.py` counts words

        ## Off Limits
        - `count.py`
        """,
    ".auto/log.jsonl": '{"type":"config","name":"x","metricName":"steps","bestDirection":"lower"}\n',
    ".auto/ideas.md": "- split once\n",
    "words.py": """\
        STEPS = 0
        ROUNDS = 5


        def count(text):
            global STEPS
            for _ in range(ROUNDS):
                STEPS += len(text)
                number = len(text.split())
            return number
        """,
    "count.py": "import words\nwords.count('one two three')\nprint(f'METRIC steps={words.STEPS}')\n",
}


def test_pi_autoresearch(tmp_path: Path) -> None:
    made, task = imported(tmp_path, PI, "pi-autoresearch")
    assert task.surface == "words.py"
    assert (value(task), value(task, ("ROUNDS = 5", "ROUNDS = 1"))) == (65.0, 13.0)
    assert named(made.left_out, ".auto/log.jsonl")
    assert named(made.notes, "runs_variant")
    assert named(made.notes, "checks.sh", "300 s")
    assert "split once" in made.charter
    assert task.metric.direction == "minimize"
    assert set(task.hidden_files()) == {".auto/measure.sh", ".auto/checks.sh"}


def test_what_fails_its_checks_has_failed(tmp_path: Path) -> None:
    _, task = imported(tmp_path, PI, "pi-autoresearch")
    outcome = run(task, ("return number", "return 3")).outcome
    assert outcome == Crashed(CrashKind.GUARD, outcome.message)  # type: ignore[union-attr]
    assert outcome.message.startswith("check failed")


def test_the_older_names_and_a_metric_in_the_prompt(tmp_path: Path) -> None:
    older = {
        "autoresearch.sh": "echo METRIC steps=$(cat words.txt)\n",
        "autoresearch.md": PI[".auto/prompt.md"].replace("words.py", "words.txt").replace("lower", "higher"),
        "words.txt": "4\n",
    }
    _, task = imported(tmp_path, older, "pi-autoresearch")
    assert (task.metric.name, task.metric.direction) == ("steps", "maximize")
    assert value(task) == 4.0


def test_one_python_file_in_a_folder_is_a_surface(tmp_path: Path) -> None:
    files = {path: text for path, text in PI.items() if path != "words.py"}
    files[".auto/prompt.md"] = PI[".auto/prompt.md"].replace("words.py", "inner/words.py")
    files |= {"inner/words.py": PI["words.py"], "inner/other.py": "", ".auto/checks.sh": "true\n"}
    files["count.py"] = PI["count.py"].replace("import words", "from inner import words")
    _, task = imported(tmp_path, files, "pi-autoresearch")
    assert value(task, ("ROUNDS = 5", "ROUNDS = 1")) == 13.0
    assert "inner/other.py" in task.visible_files()


@pytest.mark.parametrize(("lost", "message"), [
    ("- `words.py` counts words", "no file of other is named under `Files in Scope`"),
    ("- **Primary**: steps (count, lower is better)", "says which metric counts"),
])  # fmt: skip
def test_a_prompt_that_does_not_say_it_is_asked_to(tmp_path: Path, lost: str, message: str) -> None:
    prompt = PI[".auto/prompt.md"]
    assert lost in prompt
    files = PI | {".auto/prompt.md": prompt.replace(lost, ""), ".auto/log.jsonl": ""}
    with pytest.raises(ConfigError, match=message):
        import_from(write(tmp_path / "other", files), None)


# ---------------------------------------------------------------------- darwin-derby

DERBY = {
    "problem.yaml": """\
        name: tour
        description: Find a short way through all towns.
        score: {name: length, direction: minimize, timeout: 20}
        agent: {model: some}
        """,
    "state/order.txt": "0 2 1 3\n",
    "context/towns.txt": "0 1 2 3\n",
    "scoring/score.py": """\
        from pathlib import Path
        from distances import between


        def score():
            order = [int(word) for word in Path("state/order.txt").read_text().split()]
            assert sorted(order) == [0, 1, 2, 3]
            return {"length": sum(between(a, b) for a, b in zip(order, order[1:]))}
        """,
    "scoring/distances.py": "def between(a, b):\n    return abs(a - b)\n",
    "notes.txt": "mine\n",
}


def test_darwin_derby(tmp_path: Path) -> None:
    made, task = imported(tmp_path, DERBY, "darwin-derby")
    assert (value(task), value(task, ("0 2 1 3", "0 1 2 3"))) == (5.0, 3.0)
    assert isinstance(run(task, ("0 2 1 3", "0 0 0 0")).outcome, Crashed)
    assert named(made.left_out, "problem.yaml", "agent")
    assert named(made.left_out, "notes.txt")
    assert set(task.visible_files()) == {"context/towns.txt"}
    assert "scoring/score.py" in task.hidden_files()
    assert "Find a short way" in made.charter
    assert "context/towns.txt" in made.charter


def test_a_problem_without_a_score_is_refused(tmp_path: Path) -> None:
    files = DERBY | {"problem.yaml": "name: tour\n"}
    with pytest.raises(ConfigError, match=r"score\.direction"):
        import_from(write(tmp_path / "other", files), None)


# ---------------------------------------------------------------------- Harbor

HARBOR = {
    "task.toml": """\
        schema_version = "1.4"
        [verifier]
        timeout_sec = 30.0
        [environment]
        cpus = 2
        allow_internet = true
        [optimization]
        metric = "distance"
        direction = "minimize"
        baseline = 7
        """,
    "instruction.md": "Bring `/app/guess.py` nearer to the number.\n",
    "environment/Dockerfile": "FROM python:3.12\nCOPY . /app\n",
    "environment/guess.py": "GUESS = 35\n",
    "tests/test.sh": """\
        #!/bin/bash
        # curl is not called here
        pip list > /dev/null 2>&1 || true
        mkdir -p /logs/verifier
        python /tests/judge.py > /logs/verifier/reward.json
        """,
    "tests/judge.py": """\
        import json, sys
        sys.path.insert(0, "/app")
        from guess import GUESS
        print(json.dumps({"distance": abs(GUESS - 42), "tries": 1}))
        """,
    "solution/solve.sh": "echo GUESS = 42 > /app/guess.py\n",
}


def test_harbor(tmp_path: Path) -> None:
    made, task = imported(tmp_path, HARBOR, "harbor")
    assert (value(task), value(task, ("35", "40"))) == (7.0, 2.0)
    assert task.metric.direction == "minimize"
    assert named(made.left_out, "Dockerfile", "no container")
    assert named(made.left_out, "tests/test.sh, line 3", "pip", "no network")
    assert not named(made.left_out, "line 2")
    assert named(made.left_out, "environment", "allow_internet")
    assert named(made.left_out, "solution/")
    assert named(made.notes, "baseline is 7")
    assert "nearer to the number" in made.charter
    assert not [path for path in made.files if "solution" in path]


def test_a_reward_that_a_variant_leaves_is_not_believed(tmp_path: Path) -> None:
    _, task = imported(tmp_path, HARBOR, "harbor")
    leaves = '"{\\"distance\\": 0}"'
    cheat = f"import os, pathlib\npathlib.Path('reward.json').write_text({leaves})\nos._exit(0)\n"
    outcome = run(task, ("GUESS = 35\n", cheat)).outcome
    assert isinstance(outcome, Crashed)


def test_a_container_without_a_file_to_change_is_refused(tmp_path: Path) -> None:
    files = {path: text for path, text in HARBOR.items() if path != "environment/guess.py"}
    with pytest.raises(ConfigError, match="no file that could be changed"):
        import_from(write(tmp_path / "other", files), None)


# ---------------------------------------------------------------------- two forms at once


def test_a_folder_of_two_forms_wants_to_be_told_which(tmp_path: Path) -> None:
    other = write(tmp_path / "other", PI | DERBY)
    with pytest.raises(ConfigError, match="pi-autoresearch or darwin-derby"):
        import_from(other, None)
    assert import_from(other, "darwin-derby")[0].name == "darwin-derby"
