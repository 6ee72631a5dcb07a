"""`autoswarm init --from`: what OTHER is, what becomes of it, and that nothing of it runs meanwhile."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from configs.errors import ConfigError
from configs.load import load
from deploy.cli.machine import init
from deploy.imports.importing import FORMS, import_from
from evaluator.result import Crashed, CrashKind
from tests.integration.imported_tasks import imported, named, run, value, write

OPENEVOLVE = {
    "initial_program.py": """\
        # EVOLVE-BLOCK-START
        STEPS = 4


        def root(number):
            guess = 1.0
            for _ in range(STEPS):
                guess = (guess + number / guess) / 2
            return guess
        # EVOLVE-BLOCK-END
        """,
    "evaluator.py": """\
        import importlib.util
        from openevolve.evaluation_result import EvaluationResult
        from numbers_to_try import NUMBERS

        open("evaluator_was_imported", "w").close()


        def evaluate(path):
            spec = importlib.util.spec_from_file_location("program", path)
            program = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(program)
            error = max(abs(program.root(number) ** 2 - number) for number in NUMBERS)
            print("METRIC combined_score=7")
            return EvaluationResult(metrics={"combined_score": -error, "tries": len(NUMBERS)}, artifacts={})


        def evaluate_stage1(path):
            return {"combined_score": 0.0}
        """,
    "numbers_to_try.py": "NUMBERS = [2.0, 50.0, 900.0]\n",
    "config.yaml": """\
        max_iterations: 100
        llm: {primary_model: some, temperature: 0.7}
        prompt: {system_message: Find roots quickly.}
        evaluator: {timeout: 20, cascade_evaluation: true, cascade_thresholds: [0.5]}
        """,
}


# ---------------------------------------------------------------------- of every form


def test_what_is_written_is_a_campaign_to_start(tmp_path: Path) -> None:
    other = write(tmp_path / "other", OPENEVOLVE)
    result = CliRunner().invoke(init, [str(tmp_path / "here"), "--from", str(other)])
    assert result.exit_code == 0, result.output
    assert "Not kept:" in result.output
    assert "evaluate_stage1" in (tmp_path / "here" / "imported.md").read_text()
    config = load([str(tmp_path / "here" / "autoswarm.yaml")], [], {}).config
    assert (config.task.name, config.campaign.charter) == ("task", "charters/imported.md")
    assert not list(tmp_path.rglob("evaluator_was_imported"))
    again = CliRunner().invoke(init, [str(tmp_path / "here"), "--from", str(other)])
    assert again.exit_code != 0


def test_a_folder_of_no_form_is_told_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is of no form that can be imported"):
        import_from(write(tmp_path / "other", {"notes.txt": "nothing\n"}), None)
    with pytest.raises(ConfigError, match="is not of the form openevolve"):
        import_from(tmp_path / "other", "openevolve")
    with pytest.raises(ConfigError, match="there is no form 'another'"):
        import_from(tmp_path / "other", "another")


def test_links_and_what_is_too_large_stay_where_they_are(tmp_path: Path) -> None:
    other = write(tmp_path / "other", OPENEVOLVE)
    (tmp_path / "secret.txt").write_text("outside\n")
    (other / "secret.txt").symlink_to(tmp_path / "secret.txt")
    (other / "folder").symlink_to(tmp_path)
    (other / "large.bin").write_bytes(b"0" * (9 << 20))
    made = import_from(other, None)[1]
    assert not {"secret.txt", "large.bin", "folder/secret.txt"} & made.files.keys()
    assert named(made.left_out, "secret.txt", "link")
    assert named(made.left_out, "folder", "link")
    assert named(made.left_out, "large.bin", "8 MB")


def test_more_than_a_task_can_hold_is_refused(tmp_path: Path) -> None:
    for number in range(7):
        (tmp_path / f"{number}.bin").write_bytes(b"0" * (7 << 20))
    with pytest.raises(ConfigError, match="48 MB to import"):
        import_from(tmp_path, None)


def test_forms_have_names_of_their_own() -> None:
    assert len({form.name for form in FORMS}) == len(FORMS)


# ---------------------------------------------------------------------- OpenEvolve


def test_openevolve(tmp_path: Path) -> None:
    made, task = imported(tmp_path, OPENEVOLVE, "openevolve")
    assert value(task, ("STEPS = 4", "STEPS = 12")) > value(task) + 1
    result = run(task)
    assert result.details["tries"] == 3.0
    assert result.audit is not None
    assert result.audit.kind == "beside"
    assert named(made.notes, "runs_variant", "every merge says so")
    assert named(made.left_out, "evaluate_stage1", "no stage")
    assert named(made.left_out, "config.yaml", "cascade_evaluation")
    assert named(made.left_out, "config.yaml", "llm")
    assert named(made.left_out, "max_iterations")
    assert "Find roots quickly." in made.charter
    assert "EVOLVE-BLOCK-START" in made.charter
    assert task.metric.direction == "maximize"
    assert task.judge.measure.seconds == 20.0  # type: ignore[union-attr]
    assert set(task.hidden_files()) == {"evaluator.py", "numbers_to_try.py", "autoswarm_measure.py"}


def test_an_openevolve_program_that_fails_has_failed(tmp_path: Path) -> None:
    _, task = imported(tmp_path, OPENEVOLVE, "openevolve")
    outcome = run(task, ("guess = 1.0", "guess = 1.0 / 0")).outcome
    assert isinstance(outcome, Crashed)
    assert outcome.kind is CrashKind.GUARD


def test_openevolve_without_a_combined_score_counts_the_mean(tmp_path: Path) -> None:
    evaluator = 'def evaluate(path):\n    return {"speed": 1.0, "taste": 4}\n'
    made, task = imported(tmp_path, OPENEVOLVE | {"evaluator.py": evaluator}, "openevolve")
    assert value(task) == 2.5
    assert named(made.notes, "mean of its metrics")


def test_what_an_evaluator_imports_and_a_box_has_not_is_named(tmp_path: Path) -> None:
    evaluator = "import no_such_package, requests, numpy, numbers_to_try\n\ndef evaluate(path): ...\n"
    made = import_from(write(tmp_path, OPENEVOLVE | {"evaluator.py": evaluator}), None)[1]
    assert named(made.left_out, "no_such_package", "not installed")
    assert named(made.left_out, "requests", "no network")
    assert not named(made.left_out, "imports numpy")
    assert not named(made.left_out, "imports numbers_to_try")


# ---------------------------------------------------------------------- ShinkaEvolve

SHINKA = {
    "initial.py": """\
        # EVOLVE-BLOCK-START
        SPREAD = 0.5


        def place(count):
            return [SPREAD * number / count for number in range(count)]
        # EVOLVE-BLOCK-END


        def run_experiment(seed=0):
            return place(8 + seed % 2)
        """,
    "evaluate.py": '''\
        """Spread points over the unit interval."""
        import argparse
        from shinka.core import run_shinka_eval


        def validate(points):
            return all(0 <= point < 1 for point in points), "a point is outside"


        def aggregate(results):
            spread = [max(points) - min(points) for points in results]
            return {
                "combined_score": sum(spread) / len(spread),
                "public": {"narrowest": min(spread)},
                "private": {"secret_number": 5.0},
                "text_feedback": "wider",
            }


        if __name__ == "__main__":
            parser = argparse.ArgumentParser()
            parser.add_argument("--program_path")
            parser.add_argument("--results_dir")
            given = parser.parse_args()
            run_shinka_eval(
                program_path=given.program_path,
                results_dir=given.results_dir,
                experiment_fn_name="run_experiment",
                num_runs=2,
                validate_fn=validate,
                aggregate_metrics_fn=aggregate,
            )
        ''',
    "run_evo.py": "raise SystemExit('this would start a search')\n",
}


def test_shinka(tmp_path: Path) -> None:
    made, task = imported(tmp_path, SHINKA, "shinka")
    assert value(task, ("SPREAD = 0.5", "SPREAD = 0.9")) > value(task) + 0.2
    details = run(task).details
    assert details["narrowest"] == 0.5 * 7 / 8
    assert "secret_number" not in details
    assert named(made.left_out, "private", "nobody is told")
    assert named(made.left_out, "run_evo.py")
    assert named(made.notes, "runs_variant")
    assert "Spread points" in made.charter


def test_a_shinka_program_that_is_not_correct_has_failed(tmp_path: Path) -> None:
    _, task = imported(tmp_path, SHINKA, "shinka")
    assert isinstance(run(task, ("SPREAD = 0.5", "SPREAD = 9.0")).outcome, Crashed)
