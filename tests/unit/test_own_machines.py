"""A cluster's file for `ray up`, read as what has to be stopped, and how."""

from pathlib import Path

import pytest

import deploy
from configs.errors import ConfigError
from deploy.swarm.leaving import leave, same_cluster
from deploy.swarm.own_machines import own_machines

FOLDER = Path(deploy.__file__).parent / "ray"


def written(folder: Path, text: str) -> Path:
    path = folder / "cluster.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_file_names_every_machine_and_how_to_reach_it() -> None:
    machines = own_machines(FOLDER / "local.yaml")
    assert (machines.head, len(machines.workers), machines.user) == ("192.0.2.10", 2, "ubuntu")
    assert machines.address == "192.0.2.10:6379"
    command = machines.command("192.0.2.11")
    assert command[0] == "ssh"
    said = "source ~/.bashrc; autoswarm leave 192.0.2.10:6379"
    assert command[-2:] == ["ubuntu@192.0.2.11", f"bash --login -c -i '{said}'"]
    assert str(Path("~/.ssh/id_ed25519").expanduser()) in command


def test_another_port_and_a_proxy_are_taken_from_the_file(tmp_path: Path) -> None:
    text = (
        "provider: {type: local, head_ip: head.example, worker_ips: []}\n"
        "auth: {ssh_user: me, ssh_proxy_command: nc -X 5 %h %p}\n"
        "head_start_ray_commands: [ray stop, ray start --head --port 7000]\n"
    )
    machines = own_machines(written(tmp_path, text))
    assert machines.address == "head.example:7000"
    assert "ProxyCommand=nc -X 5 %h %p" in machines.command("head.example")
    assert "-i" not in machines.command("head.example")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("provider: {type: aws}", "not local"),
        ("a: 1", "not local"),
        ("provider: 3", "not local"),
        ("provider: {type: local}", "head_ip"),
        ("provider: {type: local, head_ip: 10.0.0.1, worker_ips: 10.0.0.2}", "worker_ips"),
        ("provider: {type: local, head_ip: '-oProxyCommand=reboot', worker_ips: []}", "names or addresses"),
        ("provider: {type: local, head_ip: a, worker_ips: ['b; reboot']}", "names or addresses"),
    ],
)
def test_what_is_no_such_file_is_said_in_two_lines(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as raised:
        own_machines(written(tmp_path, text))
    assert raised.value.remedy


@pytest.mark.parametrize("address", ["", "head", "6379", "head:", ":6379", "head:port"])
def test_an_address_is_a_host_and_a_port(address: str) -> None:
    with pytest.raises(ConfigError, match="no address"):
        leave(address)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1:6379", "192.0.2.1:6379", True),
        ("192.0.2.1:6379", "192.0.2.1:6380", False),
        ("198.51.100.1:6379", "198.51.100.2:6379", False),
        ("localhost:6379", "127.0.0.1:6379", True),
        ("127.0.0.1:6379", "127.0.0.2:6379", True),
        ("127.0.0.1:6379", "198.51.100.2:6379", False),
        ("", "127.0.0.1:6379", False),
        ("", "", False),
    ],
)
def test_two_addresses_are_one_cluster_where_they_lead_to_one_place(one: str, other: str, same: bool) -> None:
    assert same_cluster(one, other) is same
