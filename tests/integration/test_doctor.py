"""The doctor and the trial: commands that look at this machine, and at one variant."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from click.testing import CliRunner

from configs.errors import ConfigError
from configs.load import load
from configs.schema import (
    AcceptanceConfig,
    CampaignConfig,
    ClusterConfig,
    Config,
    CoordinatorConfig,
    TaskConfig,
    TrainerConfig,
    TrustConfig,
)
from configs.slots import SlotsConfig
from coordinator.rules.trust import TRUSTED
from deploy.checks.check import Check, Grade
from deploy.checks.confinement import exposure_checks, group_check, sandbox_checks
from deploy.checks.doctor import examine
from deploy.checks.exposure import confines_files, readable, require_hidden, secrets
from deploy.checks.gpus import ask_driver, visible
from deploy.cli.main import main
from deploy.cli.trial import Tried, page_of, reason
from deploy.rules_from_config import rules_of
from deploy.sandboxes import decided, in_words, require_sandbox, sandbox_of, strongest, warning
from evaluator.budget import Budget, Unit
from evaluator.result import (
    Cheated,
    Crashed,
    CrashKind,
    Limit,
    Lost,
    Measured,
    Outcome,
    RunResult,
    Seconds,
    TimedOut,
)
from trainer.process.cgroups import Offered
from trainer.sandbox.tier import Finding, Tier
from trainer.task_loading import load_task

ROOT = Path(__file__).resolve().parents[2]


def quick(config: Config) -> dict[str, Check]:
    """Checks that need no process of their own."""
    checks: dict[str, Check] = {}
    for check in examine(config):
        if check.name == "sandbox A":
            return checks
        checks[check.name] = check
    raise AssertionError("no check of sandboxes")


def config(folder: Path, **changes: object) -> Config:
    settings = {
        "campaigns_dir": str(folder / "campaigns"),
        "data_dir": str(folder / "data"),
        "coordinator": CoordinatorConfig(metrics_port=0),
    }
    return Config.model_validate(settings | changes)


def test_a_ready_machine_passes(tmp_path: Path) -> None:
    checks = quick(config(tmp_path))
    assert {check.grade for name, check in checks.items() if name not in ("data", "disk")} == {Grade.OK}
    assert checks["data"].grade is Grade.WARN
    assert "autoswarm prepare --task demo" in checks["data"].remedy


def test_prepared_data_is_seen(tmp_path: Path) -> None:
    assert "1.6 MB of disk" in quick(config(tmp_path))["data"].what
    load_task("demo").prepare(tmp_path / "data")
    check = quick(config(tmp_path))["data"]
    assert (check.grade, check.what) == (Grade.OK, f"ready in {tmp_path / 'data' / 'demo'}")


def test_confirming_on_the_rows_of_the_screen_is_said_with_what_to_do(tmp_path: Path) -> None:
    assert "a merge rests on the second" in quick(config(tmp_path))["validation rows"].what
    tiny = quick(config(tmp_path, task=TaskConfig(name="tests/tasks/tiny")))["validation rows"]
    assert tiny.grade is Grade.WARN
    assert "task tiny confirms on the rows that its screens chose by" in tiny.what
    assert "val_blocks" in tiny.remedy
    unconfirmed = quick(config(tmp_path, acceptance=AcceptanceConfig(policy="naive")))["validation rows"]
    assert unconfirmed.grade is Grade.WARN


def test_an_unknown_task_fails_with_what_to_do(tmp_path: Path) -> None:
    check = quick(config(tmp_path, task=TaskConfig(name="nosuch")))["task"]
    assert check.grade is Grade.FAIL
    assert "demo" in check.remedy


def test_a_coding_agent_is_looked_for_here_and_may_be_elsewhere(tmp_path: Path) -> None:
    arms = [
        {"name": "here", "proposer": "command", "template": "shell", "command": ["no-such-agent"]},
        {"name": "away", "proposer": "command", "command": ["no-such-agent", "{prompt}"]},
        {"name": "control"},
    ]
    checks = quick(config(tmp_path, arms=arms))
    assert checks["arm here"].grade is Grade.OK
    assert checks["programs"].grade is Grade.FAIL
    assert "arm 'away': 'no-such-agent' is not on the PATH" in checks["programs"].what
    on_a_cluster = quick(config(tmp_path, arms=arms, cluster=ClusterConfig(address="auto")))
    assert on_a_cluster["arm away"].grade is Grade.WARN
    assert "programs" not in on_a_cluster


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no command can be confined")
def test_a_coding_agent_that_cannot_be_confined_fails_unless_it_is_to_see_all(tmp_path: Path) -> None:
    arm = {"name": "coder", "proposer": "command", "template": "shell", "command": ["true"]}
    arms = [arm, arm | {"name": "open", "unconfined": True}]
    before = os.environ["PATH"]
    assert "sees neither data nor campaigns" in quick(config(tmp_path, arms=arms))["arm coder"].what
    try:
        os.environ["PATH"] = str(programs(tmp_path))
        checks = quick(config(tmp_path, arms=arms))
    finally:
        os.environ["PATH"] = before
    assert checks["programs"].grade == Grade.FAIL
    assert "arm 'coder': commands cannot be confined: bubblewrap is not" in checks["programs"].what
    assert "unconfined: true" in checks["programs"].remedy
    assert checks["arm open"].grade == Grade.OK
    assert "sees all that you see" in checks["arm open"].what


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no command can be confined")
def test_a_campaign_does_not_start_with_an_arm_that_cannot_be_confined(tmp_path: Path) -> None:
    arms = tmp_path / "mine.yaml"
    arms.write_text("arms: [{name: coder, proposer: command, template: shell, command: ['true']}]")
    words = [
        "trainer.kind=simulated",
        "coordinator.metrics_port=0",
        f"campaigns_dir={tmp_path / 'campaigns'}",
    ]
    result = CliRunner(env={"PATH": str(programs(tmp_path))}).invoke(main, ["run", str(arms), *words])
    assert result.exit_code == 3
    assert "arm 'coder': commands cannot be confined: bubblewrap is not installed" in result.stderr
    assert "unconfined: true" in result.stderr


def programs(folder: Path) -> Path:
    """A PATH with a shell and git, and without bubblewrap."""
    there = folder / "programs"
    there.mkdir()
    for name in ("sh", "git"):
        path = shutil.which(name)
        assert path is not None
        (there / name).symlink_to(path)
    return there


def test_an_arm_without_a_key_fails_with_its_variable(tmp_path: Path) -> None:
    arm = {"name": "a", "proposer": "llm", "models": ["together_ai/x"]}
    assert quick(config(tmp_path))["keys"].detail
    check = quick(config(tmp_path, arms=[arm]))["keys"]
    assert check.grade is Grade.FAIL
    assert "TOGETHERAI_API_KEY" in check.what
    assert quick(config(tmp_path, arms=[arm | {"models": ["hosted_vllm/x"]}]))["keys"].grade is Grade.OK


def test_a_port_in_use_is_fine_and_one_that_cannot_be_used_fails(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        coordinator = CoordinatorConfig(metrics_port=taken.getsockname()[1])
        assert quick(config(tmp_path, coordinator=coordinator))["metrics"].grade is Grade.OK
    coordinator = CoordinatorConfig(metrics_port=9, metrics_host="192.0.2.1")
    assert quick(config(tmp_path, coordinator=coordinator))["metrics port"].grade is Grade.FAIL


def test_a_file_where_the_campaigns_should_be_fails(tmp_path: Path) -> None:
    (tmp_path / "campaigns").touch()
    check = quick(config(tmp_path, campaign=CampaignConfig(name="x")))["folder"]
    assert check.grade is Grade.FAIL
    assert "is not a folder" in check.what


def test_slots_on_gpus_need_gpus(tmp_path: Path) -> None:
    checks = list(examine(config(tmp_path, slots=SlotsConfig(per_gpu=True))))
    failed = [check.name for check in checks if check.grade is Grade.FAIL]
    assert checks[-1].name == "torch"
    assert ("gpus" in failed) is (visible(ask_driver(), os.environ.get("CUDA_VISIBLE_DEVICES")) == 0)


def test_a_machine_on_which_all_is_well_takes_a_dozen_lines(tmp_path: Path) -> None:
    load_task("demo").prepare(tmp_path / "data")
    words = [
        "demo",
        f"data_dir={tmp_path / 'data'}",
        f"campaigns_dir={tmp_path}",
        "coordinator.metrics_port=0",
    ]
    runner = CliRunner(env={"COLUMNS": "80"})
    short = runner.invoke(main, ["doctor", *words])
    assert short.exit_code == 0, short.output
    assert len(short.stdout.splitlines()) <= 12
    assert [line.split()[1:2] for line in short.stdout.splitlines()].count(["sandbox"]) == 1
    long = runner.invoke(main, ["doctor", *words, "-v"])
    for name in ("sandbox A", "sandbox F", "hidden", "validation rows", "extra gpt", "extra cluster", "keys"):
        assert name in long.stdout
        assert name not in short.stdout


def test_control_groups_are_named_with_what_they_lack_and_how_to_have_it() -> None:
    none = group_check(Offered(why="no cgroup v2 is mounted"))
    some = group_check(Offered(controllers=("pids",), kill=True))
    every = group_check(Offered(controllers=("memory", "pids"), kill=True))
    assert (none.grade, some.grade, every.grade) == (Grade.WARN, Grade.OK, Grade.OK)
    assert "Delegate=yes" in none.remedy
    assert "memory" in some.remedy
    assert "pids" not in some.remedy
    assert not every.remedy


def test_data_below_the_python_prefix_is_named_and_keeps_a_campaign_from_starting(tmp_path: Path) -> None:
    inside = Path(sys.prefix) / f"autoswarm-test-{os.getpid()}"
    shown = config(tmp_path, data_dir=str(inside))
    if not confines_files(sandbox_of(shown)):
        pytest.skip("no sandbox here confines files")
    (check,) = exposure_checks(shown, 0.0)
    assert check.grade is Grade.FAIL
    assert str(inside) in check.what
    assert "data_dir=PATH" in check.remedy
    with pytest.raises(ConfigError, match="variants could read prepared data"):
        require_hidden(shown, seconds=0.0)
    (check,) = exposure_checks(config(tmp_path), 0.0)
    assert check.grade is Grade.OK
    require_hidden(config(tmp_path), seconds=0.0)


def test_a_link_to_data_that_a_sandbox_shows_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "demo").symlink_to(Path(sys.prefix))
    hits = [(hit.path, secret.what) for hit, secret in readable(config(tmp_path))]
    assert hits == [(tmp_path / "data" / "demo", "prepared data")]


def test_a_recipe_that_makes_its_text_must_be_hidden_and_one_that_fetches_it_need_not(tmp_path: Path) -> None:
    """On a cluster autoswarm is installed among the packages, which every sandbox shows."""
    makes, fetches = (
        [secret.what for path, secret in secrets(config(tmp_path, task=TaskConfig(name=name))).items()]
        for name in ("demo", "gpt")
    )
    assert "the recipe that makes the validation text" in makes
    assert "the recipe that makes the validation text" not in fetches


def test_a_tier_that_confines_no_files_says_that_it_hides_nothing(tmp_path: Path) -> None:
    open_to_all = config(tmp_path, data_dir=sys.prefix, trust=TrustConfig(tier="F", allow_untrusted=True))
    (check,) = exposure_checks(open_to_all, 0.0)
    assert (check.grade, "reads what its uid may read" in check.what) == (Grade.OK, True)
    require_hidden(open_to_all, seconds=0.0)


A, C, F = (Finding(tier=Tier(item), works=True) for item in "ACF")
NO_A = Finding(tier=Tier.A, works=False, why="bubblewrap is not installed", remedy="install bubblewrap")
NO_C = Finding(tier=Tier.C, works=False, why="Landlock is not there", remedy="run on Linux 6.12 or newer")


@pytest.mark.parametrize(("findings", "grades"), [
    ([A, C, F], [Grade.OK, Grade.OK, Grade.OK]),
    ([NO_A, C, F], [Grade.OK, Grade.OK, Grade.OK]),
    ([NO_A, NO_C, F], [Grade.WARN, Grade.WARN, Grade.OK]),
])  # fmt: skip
def test_every_tier_has_a_row_that_says_how_to_reach_it(
    tmp_path: Path, findings: list[Finding], grades: list[Grade]
) -> None:
    _, *rows = sandbox_checks(config(tmp_path), findings)
    assert [row.grade for row in rows] == grades
    for row, finding in zip(rows, findings, strict=True):
        assert row.name == f"sandbox {finding.tier}"
        assert (finding.why in row.what, finding.remedy in row.remedy, bool(row.remedy)) == (
            True,
            True,
            not finding.works,
        )


@pytest.mark.parametrize(("allowed", "grade", "words"), [
    (False, Grade.FAIL, "never merges"),
    (True, Grade.WARN, "because trust.allow_untrusted=true"),
])  # fmt: skip
def test_an_untrusted_sandbox_fails_unless_it_is_allowed(
    tmp_path: Path, allowed: bool, grade: Grade, words: str
) -> None:
    check, *_ = sandbox_checks(config(tmp_path, trust=TrustConfig(tier="F", allow_untrusted=allowed)), [F])
    assert (check.name, check.grade) == ("sandbox", grade)
    assert words in check.what


@pytest.mark.parametrize(("best", "kind", "believed"), [
    ("A", "subprocess", False),
    ("C-", "subprocess", False),
    ("D", "subprocess", True),
    ("F", "subprocess", True),
    ("F", "simulated", False),
])  # fmt: skip
def test_an_untrusted_sandbox_is_needed_where_a_machine_offers_no_other(
    tmp_path: Path, best: str, kind: Literal["subprocess", "simulated"], believed: bool
) -> None:
    wanted = config(
        tmp_path, trainer=TrainerConfig(kind=kind), trust=TrustConfig(allow_untrusted="if_needed")
    )
    settled = decided(wanted, lambda: best)
    assert settled.trust.allow_untrusted is believed
    assert rules_of(settled, load_task("demo")).trust.allow_untrusted is believed
    assert rules_of(wanted, load_task("demo")).trust.allow_untrusted is False
    always = config(tmp_path, trust=TrustConfig(allow_untrusted=True))
    assert decided(always, lambda: best) == always


def test_a_machine_with_a_trusted_sandbox_believes_no_other_and_says_nothing(tmp_path: Path) -> None:
    if strongest() not in TRUSTED:
        pytest.skip("no trusted sandbox here")
    demo = load(["demo"], [f"campaigns_dir={tmp_path}"], {}).config
    assert warning(demo) == ""
    assert "believed" not in in_words(demo)
    asked = demo.model_copy(update={"trust": demo.trust.model_copy(update={"tier": "F"})})
    with pytest.raises(ConfigError, match="never merges") as refused:
        require_sandbox(asked)
    assert "trust.tier=auto" in refused.value.remedy
    assert warning(asked) == "sandbox F: what is measured there never merges"


def test_a_rehearsal_needs_no_sandbox(tmp_path: Path) -> None:
    check, *_ = sandbox_checks(
        config(tmp_path, trainer=TrainerConfig(kind="simulated"), trust=TrustConfig(tier="F")), [F]
    )
    assert check.grade is Grade.OK


@pytest.mark.parametrize(
    ("package", "command"),
    [("agents", "doctor"), ("configs", "doctor"), ("coordinator", "status"), ("trainer", "doctor")],
)
def test_a_package_in_the_way_is_named_whatever_it_breaks(tmp_path: Path, package: str, command: str) -> None:
    """Where the command line is another program's part, which has an import path of its own."""
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    program = [sys.executable, "-P", "-c", f"from deploy.cli.main import main; main([{command!r}])"]
    ran = subprocess.run(program, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert ran.returncode == 3, ran.stderr
    what, remedy = ran.stderr.splitlines()[-2:]
    assert what.startswith(f"error: package {package} is imported from {tmp_path / package}")
    assert "is in the way" in remedy


@pytest.mark.parametrize(
    ("outcome", "word", "text"),
    [
        (Measured(1.5), "measured", ""),
        (Crashed(CrashKind.OUT_OF_MEMORY), "crashed", "out of memory"),
        (Crashed(CrashKind.EXCEPTION, "KeyError: 1"), "crashed", "exception: KeyError: 1"),
        (TimedOut(Limit.WALL_CAP, 60.04), "timed_out", "ended at its wall cap after 60.0 s"),
        (Cheated("below_floor", "0.1 < 0.7"), "cheated", "below_floor: 0.1 < 0.7"),
        (Lost("cancelled"), "lost", "cancelled"),
    ],
)
def test_a_trial_has_every_promised_key_for_every_outcome(outcome: Outcome, word: str, text: str) -> None:
    result = RunResult(run="try", outcome=outcome, seed=7, seconds=Seconds(1, 2, 3, 6), floor=0.7)
    page = page_of(Tried(result, Budget(Unit.FLOPS, 10.0, 60.0)))
    names = ("schema", "outcome", "value", "floor", "seconds", "sandbox", "audit", "seed", "reason", "open",
        "budget", "spent", "steps", "cpu", "peak_memory", "log_bytes", "details", "reference",
        "board")  # fmt: skip
    assert page.__struct_fields__ == names
    assert (page.schema, page.outcome, page.reason, page.seed) == (1, word, text, 7)
    assert page.value == (1.5 if word == "measured" else None)
    assert reason(outcome) == text


def test_a_variant_that_does_not_start_is_exit_1_with_its_reason(tmp_path: Path) -> None:
    variant = tmp_path / "train.py"
    variant.write_text("raise ValueError('not today')\n")
    arguments = [
        "try",
        str(variant),
        "--size",
        "ci",
        "--seed",
        "3",
        "--data",
        str(tmp_path / "data"),
        "--keep",
        str(tmp_path / "kept"),
        "--json",
    ]
    ran = CliRunner().invoke(main, arguments)
    assert ran.exit_code == 1
    tried = json.loads(ran.stdout)
    assert (tried["outcome"], tried["value"], tried["seed"]) == ("crashed", None, 3)
    assert "not today" in tried["reason"]
    assert "not today" in (tmp_path / "kept" / "train.log").read_text()


def test_an_unknown_size_is_exit_3(tmp_path: Path) -> None:
    variant = tmp_path / "train.py"
    variant.touch()
    ran = CliRunner().invoke(main, ["try", str(variant), "--size", "nosuch"])
    assert ran.exit_code == 3
    assert "ci" in ran.stderr


TINY = Path(__file__).parents[1] / "tasks" / "tiny"


def test_a_variant_is_held_to_the_unmodified_surface_which_is_measured_once(tmp_path: Path) -> None:
    """1. The unmodified surface itself needs no reference, and becomes one. 2. A variant is held to it."""
    variant, unmodified = tmp_path / "variant.py", (TINY / "train.py").read_text()
    options = ["--task", str(TINY), "--size", "full", "--data", str(tmp_path / "data"), "--json"]
    for source, is_variant in ((unmodified, False), (f"{unmodified}VARIANT = 1\n", True)):
        variant.write_text(source)
        ran = CliRunner().invoke(main, ["try", str(variant), *options])
        assert ran.exit_code == 0, ran.stderr
        assert "measuring the unmodified surface" not in ran.stderr
        page = json.loads(ran.stdout)
        assert (page["budget"]["unit"], page["open"]) == ("flops", "")
        assert page["spent"] == pytest.approx(page["budget"]["amount"], rel=0.2)
        assert page["cpu"]["train"] > 0
        assert page["peak_memory"] > 0
        assert page["details"]["optimizer_steps"] > 0
        assert (page["reference"] is not None) is is_variant
    assert page["reference"]["cpu"]["train"] > 0
    assert len(list((tmp_path / "data" / "references").iterdir())) == 1
