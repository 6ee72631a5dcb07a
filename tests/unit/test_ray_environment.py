"""Ray's environment: what a person set stays, files lie where sockets fit, this machine is asked directly."""

import os
from pathlib import Path

import pytest

from configs.errors import ConfigError
from deploy.ray_environment import (
    LONGEST,
    PLACES,
    SETTINGS,
    keep_loopback_direct,
    own_token,
    prepare,
    problem_of,
    require_folder_for_sockets,
    started_here,
    usable_folder,
)
from trainer.process.environment import ROOT


def test_workers_run_at_the_usual_priority_unless_a_person_says_otherwise() -> None:
    environment = {"RAY_worker_niceness": "5"}
    prepare(environment)
    assert environment.items() >= (SETTINGS | {"RAY_worker_niceness": "5"}).items()
    assert (SETTINGS["RAY_worker_niceness"], SETTINGS["RAY_worker_oom_score_adjustment"]) == ("0", "0")


@pytest.mark.parametrize("name", ["/nowhere/at/all", "/proc", "relative", "/" + "long" * 20, ""])
def test_a_folder_ray_cannot_use_is_passed_over(name: str) -> None:
    environment = {"TMPDIR": name}
    prepare(environment)
    assert environment["TMPDIR"] == name
    assert environment["RAY_TMPDIR"] == usable_folder(PLACES)


def test_a_short_one_that_can_be_written_is_taken(tmp_path: Path) -> None:
    place = Path(PLACES[0]) / f"as{os.getpid()}"
    place.mkdir()
    try:
        environment = {"TMPDIR": str(place)}
        prepare(environment)
        assert environment["RAY_TMPDIR"] == str(place)
    finally:
        place.rmdir()
    assert "bytes" in (problem_of(str(tmp_path / ("a" * LONGEST))) or "")


def test_one_a_person_asked_for_is_used_or_refused_by_name() -> None:
    environment = {"RAY_TMPDIR": "/nowhere"}
    prepare(environment)
    assert environment["RAY_TMPDIR"] == "/nowhere"
    with pytest.raises(ConfigError, match="RAY_TMPDIR /nowhere is not there") as caught:
        require_folder_for_sockets(environment)
    assert "RAY_TMPDIR" in caught.value.remedy
    full = Path("/dev/full").exists()
    with pytest.raises(ConfigError, match="cannot be written"):
        require_folder_for_sockets({"RAY_TMPDIR": "/dev/full" if full else "/dev/null"})


@pytest.mark.parametrize(
    ("proxies", "expected"),
    [
        ({}, None),
        ({"http_proxy": ""}, None),
        ({"http_proxy": "http://p:1"}, "localhost,127.0.0.1,::1"),
        (
            {"ALL_PROXY": "socks5://p:1", "no_proxy": "10.0.0.1, localhost"},
            "10.0.0.1,localhost,127.0.0.1,::1",
        ),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "*"}, "*"),
    ],
)
def test_no_proxy_stands_between_processes_of_one_machine(
    proxies: dict[str, str], expected: str | None
) -> None:
    environment = dict(proxies)
    keep_loopback_direct(environment)
    assert environment.get("no_proxy") == expected
    keep_loopback_direct(environment)
    assert environment.get("no_proxy") == expected


def test_ray_is_started_in_our_folder_and_we_stay_where_we_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with started_here():
        assert Path.cwd() == ROOT
    assert Path.cwd() == tmp_path


def test_a_home_that_is_no_use_is_replaced_by_a_token_that_goes_again(tmp_path: Path) -> None:
    for home in ({}, {"HOME": ""}, {"HOME": str(tmp_path / "nowhere")}, {"HOME": "/proc"}):
        environment: dict[str, str] = dict(home)
        with own_token(environment):
            path = Path(environment["RAY_AUTH_TOKEN_PATH"])
            assert len(path.read_text()) == 64
            assert path.stat().st_mode & 0o077 == 0
        assert not path.exists()
        assert environment == home


def test_a_token_there_is_stays(tmp_path: Path) -> None:
    for environment in ({"RAY_AUTH_TOKEN": "x"}, {"RAY_AUTH_TOKEN_PATH": "y"}, {"HOME": str(tmp_path)}):
        with own_token(environment):
            assert len(environment) == 1
