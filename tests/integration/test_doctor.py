"""The doctor and the trial: commands that look at this machine, and at one variant."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from configs.schema import (
    CampaignConfig,
    Config,
    CoordinatorConfig,
    SlotsConfig,
    TaskConfig,
    TrainerConfig,
    TrustConfig,
)
from deploy.checks.doctor import Check, Grade, examine, sandbox_checks
from deploy.cli.main import main
from deploy.cli.trial import page_of, reason
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
from trainer.sandbox.tier import Finding, Tier

ROOT = Path(__file__).resolve().parents[2]


def quick(config: Config) -> dict[str, Check]:
    """Checks that need no process of their own."""
    checks = {}
    for check in examine(config):
        checks[check.name] = check
        if check.name == "data":
            return checks
    raise AssertionError("no check of the data")


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
    (tmp_path / "data" / "demo").mkdir(parents=True)
    (tmp_path / "data" / "demo" / "rows").touch()
    assert quick(config(tmp_path))["data"].grade is Grade.OK


def test_an_unknown_task_fails_with_what_to_do(tmp_path: Path) -> None:
    check = quick(config(tmp_path, task=TaskConfig(name="nosuch")))["data"]
    assert check.grade is Grade.FAIL
    assert "demo" in check.remedy


def test_a_coding_agent_is_looked_for_here_and_may_be_elsewhere(tmp_path: Path) -> None:
    arms = [
        {"name": "here", "proposer": "command", "template": "shell", "command": ["no-such-agent"]},
        {"name": "away", "proposer": "command", "command": ["no-such-agent", "{prompt}"]},
        {"name": "control"},
    ]
    checks = quick(config(tmp_path, arms=arms))
    assert {name: check.grade for name, check in checks.items() if name.startswith("arm ")} == {
        "arm here": Grade.OK,
        "arm away": Grade.WARN,
    }
    assert "'no-such-agent' is not on the PATH" in checks["arm away"].what


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
    assert checks["arm coder"].grade == Grade.FAIL
    assert "bubblewrap is not installed" in checks["arm coder"].what
    assert "unconfined: true" in checks["arm coder"].remedy
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
    assert "keys" not in quick(config(tmp_path))
    check = quick(config(tmp_path, arms=[arm]))["keys"]
    assert check.grade is Grade.FAIL
    assert "TOGETHERAI_API_KEY" in check.what
    assert quick(config(tmp_path, arms=[arm | {"models": ["hosted_vllm/x"]}]))["keys"].grade is Grade.OK


def test_a_port_in_use_is_a_warning(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        coordinator = CoordinatorConfig(metrics_port=taken.getsockname()[1])
        assert quick(config(tmp_path, coordinator=coordinator))["metrics port"].grade is Grade.WARN


def test_a_file_where_the_campaigns_should_be_fails(tmp_path: Path) -> None:
    (tmp_path / "campaigns").touch()
    check = quick(config(tmp_path, campaign=CampaignConfig(name="x")))["campaigns"]
    assert check.grade is Grade.FAIL
    assert "is not a folder" in check.what


def test_slots_on_gpus_need_gpus(tmp_path: Path) -> None:
    *_, torch = examine(config(tmp_path, slots=SlotsConfig(per_gpu=True)))
    assert torch.name == "torch"
    assert torch.grade is (Grade.FAIL if "no GPU" in torch.what else Grade.OK)


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
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    program = [sys.executable, "-P", "-m", "deploy.cli.main", command]
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
    page = page_of(RunResult(run="try", outcome=outcome, seed=7, seconds=Seconds(1, 2, 3, 6), floor=0.7))
    names = ("schema", "outcome", "value", "floor", "seconds", "sandbox", "audit", "seed", "reason")
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
