"""A cluster made by `ray up` with the shipped file on machines of our own: three of namespaces, with a real
sshd, and one more from which they are commanded.

What the file does not get from it: machines' addresses, slots (a fake GPU has to be named to Ray), a task
that needs no download, and how soon Ray takes a machine for dead.
"""

import contextlib
import json
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import deploy
from configs.yaml_files import read_yaml, yaml_of
from tests.cluster.fake_hosts import HOME, Host, Network, lacking, network
from tests.integration.judged import tiny_data

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.alone,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(lacking()), reason=lacking()),
]

ROOT = Path(__file__).parents[2]
FILE = Path(deploy.__file__).parent / "ray" / "local.yaml"
TASK = f"{HOME}/tiny"
RECIPE = '''
"""Data that was made beforehand: the tests, which make it, are on no machine."""
import shutil
from pathlib import Path

def prepare(folder):
    shutil.copytree(Path(__file__).parent / "made", folder, dirs_exist_ok=True)
    return folder
'''
SOONER = (
    "RAY_health_check_period_ms=1000 RAY_health_check_timeout_ms=1000 RAY_health_check_failure_threshold=4"
)
"""A machine that is cut off is dead after some five seconds, not after one minute."""
LIGHT = "--num-cpus=2 --object-store-memory=80000000"
SIMULATED = "trainer.kind=simulated trainer.simulated_seconds=1"
COMMON = (
    f"gpu_node task.name={TASK} task.size=full cluster.address=auto coordinator.metrics_port=0"
    " coordinator.heartbeat=1 coordinator.lease_ttl=20 acceptance.baseline_runs=2"
    " trust.allow_untrusted=if_needed"
)


@contextlib.contextmanager
def machines(folder: Path) -> Iterator[Network]:
    """Named desk, head, one, two."""
    template = home_folder(folder)
    with network(folder, template, packages(), ["desk", "head", "one", "two"]) as made, told(made):
        made.hosts["desk"].file(f"{HOME[1:]}/local.yaml").write_text(cluster_file(made), encoding="utf-8")
        yield made


def packages() -> Path:
    import ray

    return Path(ray.__file__).parents[1]


def home_folder(folder: Path) -> Path:
    """What is in every home at first: an environment with our dependencies and without us, which pip may add
    to but has no index for. On the desk, what a checkout has: the wheel.
    """
    home = folder / "home"
    venv.create(home / "autoswarm", symlinks=True)
    for name, start in {
        "ray": "from ray.scripts.scripts import main",
        "pip": "from pip._internal.cli.main import main",
    }.items():
        program = home / "autoswarm" / "bin" / name
        text = f"#!{HOME}/autoswarm/bin/python\n{start}\nraise SystemExit(main())\n"
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
    (home / ".config" / "pip").mkdir(parents=True)
    (home / ".config" / "pip" / "pip.conf").write_text(
        "[global]\nno-index = true\n[install]\nno-deps = true\n"
    )
    (home / ".bashrc").touch()
    shutil.copytree(ROOT / "tests" / "tasks" / "tiny", home / "tiny")
    tiny_data(home / "tiny" / "made")
    (home / "tiny" / "recipe.py").write_text(RECIPE, encoding="utf-8")
    words = (
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(home / "dist"),
        str(ROOT),
    )
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return home


def cluster_file(made: Network) -> str:
    """The shipped file, filled in."""
    config = read_yaml(FILE)
    config["provider"]["head_ip"] = made.hosts["head"].address
    config["provider"]["worker_ips"] = [made.hosts[name].address for name in ("one", "two")]
    config["auth"]["ssh_user"] = "root"
    config["worker_setup_commands"] = swapped(config["worker_setup_commands"], "--task gpt", f"--task {TASK}")
    head, worker = config["head_start_ray_commands"], config["worker_start_ray_commands"]
    gpus = "--num-gpus=2 --resources='{\"accelerator_type:H100\": 1}'"
    config["head_start_ray_commands"] = swapped(
        head, "ray start --head", f"{SOONER} ray start --head --object-store-memory=80000000"
    )
    config["worker_start_ray_commands"] = swapped(worker, "ray start ", f"ray start {LIGHT} {gpus} ")
    return yaml_of(config)


def swapped(lines: list[str], old: str, new: str) -> list[str]:
    assert sum(old in line for line in lines) == 1
    return [line.replace(old, new) for line in lines]


@contextlib.contextmanager
def told(made: Network) -> Iterator[None]:
    """Where it fails, what the machines' logs say last."""
    try:
        yield
    except BaseException:
        for host in made.hosts.values():
            print(f"\n================ {host.name}")  # noqa: T201
            print(host.log.read_text(errors="replace")[-3000:])  # noqa: T201
            for pattern in ("tmp/ray/session_*/logs/*.*", f"{HOME[1:]}/campaigns/*/logs/*.log"):
                for path in sorted(host.file("").glob(pattern)):
                    text = path.read_text(errors="replace")[-1500:]
                    print(f"---- {host.name}: {path.name}\n{text}" if text.strip() else "", end="")  # noqa: T201
        raise


def commanded(desk: Host, words: str, seconds: float = 200.0) -> str:
    return desk.run(f"cd ~ && RAY_AUTH_MODE=token ~/autoswarm/bin/{words}", seconds)


def until(what: str, seconds: float, true: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + seconds
    while not (answer := true()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(1.0)
    return answer


def page(head: Host, campaign: str) -> dict[str, Any]:
    """The status page as a person on the head gets it; empty before there is one."""
    said = head.tried(f"cd ~ && autoswarm status {campaign} --json")
    answer: dict[str, Any] = json.loads(said.stdout) if said.returncode == 0 else {}
    return answer


def states(head: Host, campaign: str) -> dict[str, str]:
    return {agent["id"]: agent["state"] for agent in page(head, campaign).get("agents", [])}


def in_use(head: Host) -> str:
    """GPUs of the cluster that somebody holds, as Ray says."""
    lines = head.tried("ray status").stdout.splitlines()
    return next((line.split()[0] for line in lines if line.strip().endswith("GPU")), "")


def slots(*hosts: Host) -> set[str]:
    return {f"{host.address.replace('.', '-')}-gpu{number}" for host in hosts for number in (0, 1)}


def test_a_cluster_of_own_machines_needs_nobody_to_watch_it_and_leaves_nothing(tmp_path: Path) -> None:
    """1. `ray up`, a campaign, its driver is killed. 2. A worker is cut off: its agents are lost; it comes
    back: its slots train again. 3. `autoswarm stop`: no GPU is in use. 4. Another campaign with real
    trainings. 5. `ray down`, `autoswarm cluster stop`: not a process is left on any machine.
    """
    with machines(tmp_path) as made:
        play(made)


def play(made: Network) -> None:
    desk, head, one, two = (made.hosts[name] for name in ("desk", "head", "one", "two"))
    commanded(desk, 'pip install -q "dist/$(ls dist)"')
    commanded(desk, "ray get-auth-token --generate >/dev/null")
    commanded(desk, "ray up -y local.yaml --no-config-cache")
    until("all slots are there", 120, lambda: in_use(head) == "0.0/4.0")
    everybody = slots(one, two)

    driver = desk.start(
        "cd ~ && RAY_AUTH_MODE=token exec ~/autoswarm/bin/ray exec local.yaml"
        f" 'autoswarm run {COMMON} campaign.name=night {SIMULATED}'"
    )
    until("four agents train", 120, lambda: trains(head, "night", everybody))
    for process in desk.processes():
        process.kill()
    driver.wait(10)
    until("the driver has gone", 30, lambda: "autoswarm run" not in head.run("ps axww -o args"))

    made.cut(two)
    until("agents of a machine that is cut off are lost", 60, lambda: lost(head, "night", slots(two)))
    made.mend(two)
    until("its slots train again", 150, lambda: trains(head, "night", everybody))

    head.run("cd ~ && autoswarm stop night --now")
    until("no GPU is in use", 40, lambda: in_use(head) == "0.0/4.0")
    assert page(head, "night")["state"] == "finished"

    running = desk.start(
        "cd ~ && RAY_AUTH_MODE=token exec ~/autoswarm/bin/ray exec local.yaml"
        f" 'autoswarm run {COMMON} campaign.name=day'"
    )
    until("a real run is measured", 150, lambda: page(head, "day").get("runs", {}).get("measured"))
    until("and trainings are under way", 60, lambda: trainings(one) or trainings(two))
    commanded(desk, "ray down -y local.yaml")
    running.wait(60)
    assert [process for host in (one, two) for process in host.processes()], "then there is nothing to show"
    commanded(desk, "autoswarm cluster stop local.yaml")
    for host in (head, one, two):
        assert [(process.pid, process.cmdline()) for process in host.processes()] == []


def trains(head: Host, campaign: str, agents: set[str]) -> bool:
    now = states(head, campaign)
    return {agent for agent, state in now.items() if state == "training"} >= agents


def lost(head: Host, campaign: str, agents: set[str]) -> bool:
    now = states(head, campaign)
    return {agent for agent, state in now.items() if state == "lost"} == agents


def trainings(host: Host) -> list[Any]:
    return [process for process in host.processes() if "train.py" in " ".join(process.cmdline())]
