"""The files for `ray up`: Ray's own schema accepts them, offline, and what a cluster cannot do without is in
them.
"""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import ValidationError
from ray.autoscaler._private.util import prepare_config, validate_config

import deploy
from configs.yaml_files import read_yaml
from deploy.ray_environment import SETTINGS

pytestmark = pytest.mark.cluster

FOLDER = Path(deploy.__file__).parent / "ray"
FILES = sorted(path.name for path in FOLDER.glob("*.yaml"))


def read(name: str) -> dict[str, Any]:
    return read_yaml(FOLDER / name)


def started(name: str, key: str) -> str:
    return str(read(name)[f"{key}_start_ray_commands"][-1])


@pytest.mark.parametrize("name", FILES)
def test_ray_accepts_the_file(name: str) -> None:
    validate_config(prepare_config(read(name)))


def test_ray_refuses_a_key_it_does_not_know() -> None:
    config = prepare_config(read("aws.yaml"))
    with pytest.raises(ValidationError, match="max_wrokers"):
        validate_config(config | {"max_wrokers": 1})


@pytest.mark.parametrize("name", FILES)
def test_every_machine_gets_the_token_and_is_told_to_use_it(name: str) -> None:
    config = read(name)
    assert ("~/.ray/auth_token", "~/.ray/auth_token") in config["file_mounts"].items()
    assert any("RAY_AUTH_MODE=token" in line and "~/.bashrc" in line for line in config["setup_commands"])


@pytest.mark.parametrize("name", FILES)
def test_the_shell_s_settings_are_written_once_however_often_setup_runs(name: str, tmp_path: Path) -> None:
    line = next(line for line in read(name)["setup_commands"] if "~/.bashrc" in line)
    for _ in range(2):
        bash(line, tmp_path)
    assert (tmp_path / ".bashrc").read_text(encoding="utf-8").count("RAY_AUTH_MODE=token") == 1
    assert bash('. ~/.bashrc; echo "$RAY_AUTH_MODE $PATH"', tmp_path).startswith(
        f"token {tmp_path}/autoswarm/bin:"
    )


@pytest.mark.parametrize("name", FILES)
def test_every_command_is_one_bash_can_read(name: str, tmp_path: Path) -> None:
    commands = [
        command for key, value in read(name).items() if key.endswith("_commands") for command in value
    ]
    for command in commands:
        bash(command, tmp_path, "-n")


@pytest.mark.parametrize("name", FILES)
def test_every_machine_installs_this_version(name: str) -> None:
    wheel = next(Path(local).name for local in read(name)["file_mounts"].values() if local.endswith(".whl"))
    assert f"/autoswarm-{_version()}-" in f"/{wheel}"
    assert any(wheel in line for line in read(name)["setup_commands"])


@pytest.mark.parametrize("name", FILES)
def test_workers_prepare_the_task_before_they_get_work(name: str) -> None:
    assert any("autoswarm prepare --task gpt" in line for line in read(name)["worker_setup_commands"])


@pytest.mark.parametrize("name", FILES)
def test_head_and_workers_may_open_enough_files(name: str) -> None:
    assert "ulimit -n 65536" in started(name, "head")
    assert "ulimit -n 65536" in started(name, "worker")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("key", ["head", "worker"])
def test_workers_run_at_the_usual_priority(name: str, key: str) -> None:
    """As processes of a Ray of our own do; a raylet reads them when it is started."""
    for setting in ("RAY_worker_niceness", "RAY_worker_oom_score_adjustment"):
        assert f"{setting}={SETTINGS[setting]} " in started(name, key).partition("ray start")[0]


@pytest.mark.parametrize("name", FILES)
def test_the_dashboard_is_for_the_head_only(name: str) -> None:
    assert "--dashboard-host=127.0.0.1" in started(name, "head")


@pytest.mark.parametrize("name", FILES)
def test_workers_wait_for_a_head_only_if_it_can_come_back(name: str) -> None:
    assert ("RAY_gcs_storage=rocksdb" in started(name, "head")) == (
        "RAY_gcs_rpc_server_reconnect_timeout_s" in started(name, "worker")
    )


def test_the_aws_head_is_on_demand_and_only_for_the_coordinator() -> None:
    head = read("aws.yaml")["available_node_types"]["head"]
    assert head["resources"] == {"head": 1, "CPU": 0, "GPU": 0}
    assert "InstanceMarketOptions" not in head["node_config"]


def test_the_aws_workers_are_bounded_and_on_the_spot_market() -> None:
    config = read("aws.yaml")
    worker = config["available_node_types"]["gpu"]
    assert worker["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    assert worker["max_workers"] <= config["max_workers"]
    assert 5 <= config["idle_timeout_minutes"] <= 10


def test_own_machines_are_all_started_and_the_head_is_not_counted() -> None:
    config = read("local.yaml")
    assert config["min_workers"] == config["max_workers"] == len(config["provider"]["worker_ips"])
    assert "RAY_enable_autoscaler_v2=0" in started("local.yaml", "head")
    assert '{"head": 1}' in started("local.yaml", "head")


def bash(command: str, home: Path, *options: str) -> str:
    environ = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    return subprocess.run(
        ["bash", *options, "-c", command], env=environ, check=True, capture_output=True, text=True
    ).stdout


def _version() -> str:
    project = (FOLDER.parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    return project.partition('\nversion = "')[2].partition('"')[0]
