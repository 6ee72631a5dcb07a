"""A campaign on a real Ray, from a shell and a folder in which much is other than usual."""

import contextlib
import json
import os
import pty
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from configs.load import load
from coordinator.store.journal import locked
from deploy.ray_environment import PLACES
from deploy.swarm.cluster import connected  # first: it sets Ray's environment
from deploy.swarm.swarm import Swarm
from deploy.wiring import layout_of
from tests.integration.test_git_anywhere import SETTINGS
from tests.integration.test_start_folder import MODULES, PACKAGES

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

SIMULATED = (
    "campaign.max_experiments=1",
    "campaign.session_minutes=2",
    "acceptance.baseline_runs=2",
    "trainer.kind=simulated",
    "trainer.simulated_seconds=0.3",
)
HOURS_LONG = (*SIMULATED[:3], "trainer.kind=simulated", "trainer.simulated_seconds=3600")


def started(folder: Path, *words: str, **environment: str) -> "subprocess.Popen[str]":
    """A campaign that a person starts in ``folder``, its progress in the folder's ``said``."""
    usual = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "PYTEST_"))}
    command = [sys.executable, "-m", "autoswarm", "run", "demo", *words]
    with (folder / "said").open("w") as said:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=usual | environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
        )


def test_nothing_of_the_shell_or_the_folder_keeps_a_campaign_from_its_end(tmp_path: Path) -> None:
    """Packages of the folder, PYTHONPATH, git's variables and settings, TMPDIR, HOME, proxies, locale."""
    folder = tmp_path / "mein Ordner ü"
    folder.mkdir()
    for name in PACKAGES:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise RuntimeError('mine')\n")
    for name in MODULES:
        (folder / f"{name}.py").write_text("raise RuntimeError('mine')\n")
    (folder / "settings").write_text(SETTINGS.format(folder=folder))
    subprocess.run(["git", "init", "-q", str(tmp_path / "own")], check=True)
    before = {path: path.read_bytes() for path in (tmp_path / "own").rglob("*") if path.is_file()}
    process = started(
        folder,
        *SIMULATED,
        "coordinator.metrics_port=0",
        PYTHONPATH=f"{folder}:.",
        PYTHONSTARTUP=str(folder / "torch.py"),
        GIT_DIR=str(tmp_path / "own" / ".git"),
        GIT_CONFIG_GLOBAL=str(folder / "settings"),
        GIT_DEFAULT_HASH="sha256",
        TMPDIR=str(folder / "a-long-name-of-a-scratch-file-system" / "job-1234567" / "not-made-yet"),
        HOME=str(folder / "nobody"),
        USER="",
        http_proxy="http://127.0.0.1:9",
        https_proxy="http://127.0.0.1:9",
        all_proxy="socks5://127.0.0.1:9",
        LC_ALL="C",
        LANG="C",
        RAY_ADDRESS="192.0.2.1:6379",
    )
    assert process.wait(180) == 0, (folder / "said").read_text()
    repository = folder / "campaigns" / "demo" / "repo.git"
    environment = {"PATH": os.environ["PATH"], "HOME": os.devnull}
    for words in (["fsck", "--strict"], ["rev-parse", "--verify", "best/cpu"]):
        subprocess.run(["git", f"--git-dir={repository}", *words], env=environment, check=True)
    assert {path: path.read_bytes() for path in before} == before
    assert not (folder / "nobody").exists()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[list[Path]]:
    """Folders of two people, in each a campaign of the same name with the same port, both running."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folders = [tmp_path / "one", tmp_path / "other"]
    processes = []
    for folder in folders:
        folder.mkdir()
        processes.append(started(folder, *HOURS_LONG, f"coordinator.metrics_port={port}"))
    yield folders
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(60)


def status(folder: Path) -> dict[str, object]:
    command = [sys.executable, "-m", "autoswarm", "status", "--json"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    page: dict[str, object] = json.loads(ran.stdout) if ran.returncode == 0 else {}
    return page


def test_two_campaigns_of_one_name_and_port_run_on_one_machine(two: list[Path]) -> None:
    deadline = time.monotonic() + 150
    pages: list[dict[str, object]] = []
    while len({str(page.get("metrics")) for page in pages if page.get("metrics")}) < 2:
        assert time.monotonic() < deadline, [(folder / "said").read_text() for folder in two]
        time.sleep(1)
        pages = [status(folder) for folder in two]
    for folder, page in zip(two, pages, strict=True):
        assert (folder / "campaigns" / "demo" / "metrics.url").read_text().strip() == page["metrics"]
    said = [(folder / "said").read_text() for folder in two]
    assert sum("is in use; metrics are at http://127.0.0.1:" in text for text in said) <= 1


def test_two_campaigns_of_one_name_on_one_cluster_are_two(tmp_path: Path) -> None:
    """Each in its own folder, with a coordinator and an agent of its own."""
    words = [*HOURS_LONG, "coordinator.metrics_port=0", "slots.count=1"]
    configs = [
        load(["demo"], [*words, f"campaigns_dir={tmp_path / folder}"], {}).config
        for folder in ("one", "other")
    ]
    with connected(configs[0]):
        swarms = [Swarm(config) for config in configs]
        for swarm in swarms:
            swarm.start()
        for config, swarm in zip(configs, swarms, strict=True):
            deadline = time.monotonic() + 60
            while (overview := swarm.look(0)) is None or len(overview.page.agents) < 1:
                assert time.monotonic() < deadline, swarm.problems
                time.sleep(0.5)
            assert locked(layout_of(config).folder)
            assert [agent.id for agent in overview.page.agents] == ["cpu0"]
        for swarm in swarms:
            swarm.end()


def test_a_campaign_whose_terminal_is_closed_ends_its_runs_and_goes_on_later(tmp_path: Path) -> None:
    """A real terminal, of which the other end goes: SIGHUP, and every write to it fails."""
    if shutil.which("setsid") is None:
        pytest.skip("setsid gives a process a terminal")
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "autoswarm", "run", "demo", *HOURS_LONG, "coordinator.metrics_port=0"]
    process = subprocess.Popen(
        ["env", "--default-signal=HUP", "setsid", "--ctty", *command],
        cwd=tmp_path,
        stdin=its,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    try:
        deadline = time.monotonic() + 150
        while status(tmp_path).get("state") != "running":
            assert time.monotonic() < deadline
            assert process.poll() is None
            select.select([ours], [], [], 1)
            os.read(ours, 1 << 16)
    finally:
        os.close(ours)
    assert process.wait(90) == 129
    assert status(tmp_path)["state"] in ("finished", "stopped")


# ---------------------------------------------------------------------- priority


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder of temporary files by which processes of one campaign are known."""
    folder = Path(PLACES[0]) / f"as{os.getpid()}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_a_training_has_the_usual_priority_and_goes_before_its_judge_when_memory_runs_out(
    tmp_path: Path, prepared: Path, scratch: Path
) -> None:
    """Niceness and the kernel's score of coordinator, agent, judge and variant, of a real run."""
    if not Path("/proc/self/oom_score_adj").exists():
        pytest.skip("only Linux has the score")
    process = started(
        tmp_path,
        "acceptance.baseline_runs=8",
        "coordinator.metrics_port=0",
        "trust.allow_untrusted=if_needed",
        f"data_dir={prepared}",
        TMPDIR=str(scratch),
    )
    own = os.getpriority(os.PRIO_PROCESS, 0), int(Path("/proc/self/oom_score_adj").read_text())
    wanted = {
        "ray::CoordinatorServer": own,
        "ray::AgentServer": own,
        f"evaluator.judging.judge {scratch}/": own,
        f"trainer/run/launch.py {scratch}/": (own[0], 1000),
    }
    facts: dict[str, tuple[int, int]] = {}
    try:
        deadline = time.monotonic() + 240
        while facts.keys() != wanted.keys():
            assert process.poll() is None, (tmp_path / "said").read_text()
            assert time.monotonic() < deadline, facts
            time.sleep(0.2)
            facts |= looked_at(process.pid, wanted)
    finally:
        process.terminate()
        process.wait(60)
    assert facts == wanted


def looked_at(pid: int, names: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Niceness and score of processes whose command line holds one of the names: of descendants, and, because
    runs leave their parents, of any whose line holds more than a plain name.
    """
    facts: dict[str, tuple[int, int]] = {}
    children = {child.pid for child in psutil.Process(pid).children(recursive=True)}
    for one in psutil.process_iter(["cmdline", "nice"]):
        line = " ".join(one.info["cmdline"] or [])
        for name in names:
            if name in line and "bwrap" not in line.split(" ", 1)[0] and (" " in name or one.pid in children):
                with contextlib.suppress(OSError):
                    score = Path(f"/proc/{one.pid}/oom_score_adj").read_text(encoding="ascii")
                    facts[name] = (one.info["nice"], int(score))
    return facts
