"""Which processes belong to a cluster, by what /proc says of them."""

from collections.abc import Iterable

import pytest

from deploy.swarm.members import Members, Process, address_of, addresses, members

HEAD = "10.0.0.1:6379"
SESSION = "/var/ray/session_2026-01-01_10-00-00_000000_77"
OTHER = "/var/ray/session_2026-01-02_10-00-00_000000_88"


def process(
    pid: int, parent: int, command: str, output: Iterable[str] = (), files: Iterable[str] = ()
) -> Process:
    return Process(pid, parent, tuple(command.split()), frozenset(output), frozenset(files))


def worker(pid: int, parent: int, session: str = SESSION, *pipes: str) -> Process:
    output = {f"{session}/logs/worker-{pid}.out", f"{session}/logs/worker-{pid}.err"}
    return process(pid, parent, "ray::AgentServer", output=output, files={*output, *pipes})


MACHINE = [
    process(1, 0, "/sbin/init"),
    process(10, 1, f"/x/raylet/raylet --raylet_socket_name={SESSION}/sockets/raylet --gcs-address={HEAD}"),
    process(11, 10, f"python /x/dashboard/agent.py --gcs-address={HEAD} --session-dir={SESSION}"),
    process(12, 1, f"python /x/log_monitor.py --session-dir={SESSION} --gcs-address={HEAD}"),
    worker(13, 10, SESSION, "pipe:[1]", "pipe:[2]"),
    process(14, 1, "python -P -m trainer.run.supervisor", files={"pipe:[1]", "pipe:[9]"}),
    process(15, 14, "python -P -m evaluator.judging.judge"),
    process(16, 15, "python train.py"),
    process(17, 1, "python -P -m agents.proposers.command.keeper", files={"pipe:[2]"}),
    process(18, 17, "claude --print"),
    process(
        20, 1, f"/x/raylet/raylet --raylet_socket_name={OTHER}/sockets/raylet --gcs-address=10.0.0.9:6379"
    ),
    worker(21, 20, OTHER, "pipe:[3]"),
    process(22, 1, "python -P -m trainer.run.supervisor", files={"pipe:[3]"}),
    process(23, 22, "python train.py"),
    process(30, 1, "python -P -m trainer.run.supervisor", files={"pipe:[4]"}, output={"/dev/pts/1"}),
    process(31, 1, f"tail -f {SESSION}/logs/raylet.out", files={f"{SESSION}/logs/raylet.out"}),
    process(32, 1, "postgres"),
    process(33, 1, "less", files={"pipe:[1]"}),
]


def of(address: str, machine: list[Process] = MACHINE, spare: tuple[int, ...] = ()) -> Members:
    return members(machine, lambda one: one == address, spare)


def test_ray_its_workers_their_trainings_and_all_below_belong_to_a_cluster_and_nothing_else() -> None:
    there = of(HEAD)
    assert sorted(there.ray) == [10, 11, 12]
    assert sorted(there.others) == [13, 14, 15, 16, 17, 18]


def test_another_cluster_of_the_machine_is_another_one() -> None:
    there = of("10.0.0.9:6379")
    assert (sorted(there.ray), sorted(there.others)) == ([20], [21, 22, 23])


def test_a_machine_without_the_cluster_has_nothing_of_it() -> None:
    assert of("10.0.0.2:6379") == Members()
    assert of("", MACHINE) != of(HEAD)


def test_workers_whose_raylet_was_killed_are_known_by_the_session_another_process_names() -> None:
    orphaned = [worker(13, 1) if one.pid == 13 else one for one in MACHINE if one.pid != 10]
    there = of(HEAD, orphaned)
    assert 13 in there.others


def test_whoever_asks_is_spared_with_all_above() -> None:
    asking = [*MACHINE, process(40, 10, "ray::JobSupervisor"), process(41, 40, f"autoswarm leave {HEAD}")]
    there = of(HEAD, asking, spare=(41, 40, 10, 1))
    assert not {10, 40, 41} & {*there.ray, *there.others}
    assert 13 in there.others


@pytest.mark.parametrize(
    ("command", "address"),
    [
        (f"raylet --gcs-address={HEAD} --session-name=s", HEAD),
        ("gcs_server --gcs_server_port=6379 --node-ip-address=10.0.0.1 --session-name=s", HEAD),
        ("gcs_server --gcs_server_port=6379", ""),
        ("ray::AgentServer", ""),
        (f"python train.py {HEAD}", ""),
        ("grep gcs-address=10.0.0.1:6379", ""),
    ],
)
def test_ray_s_own_processes_name_their_cluster(command: str, address: str) -> None:
    assert address_of(tuple(command.split())) == address


def test_the_clusters_of_a_machine_are_listed_once() -> None:
    assert addresses(MACHINE) == [HEAD, "10.0.0.9:6379"]
