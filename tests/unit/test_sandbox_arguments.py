"""What sandboxes are made of, as values: bubblewrap's command line, the nodes of a GPU, the choice of a tier,
the bounds of a watch.
"""

from pathlib import Path

import pytest

from trainer.process.descendants import Usage
from trainer.sandbox.bubblewrap import Wrapped, bubblewrap_arguments
from trainer.sandbox.exposure import Exposed, discovered, exposed
from trainer.sandbox.gpu import DEVICE_FILES, Gpu, assigned, device_nodes, installed_gpus, visible_inside
from trainer.sandbox.policy import ABSENT, REFUSED, SHARED_UID, SOCKETS
from trainer.sandbox.probe import Machine, findings
from trainer.sandbox.tier import GAPS, Tier, gaps
from trainer.sandbox.view import View, existing, view_of
from trainer.sandbox.watch import Bounds, breach_of, breach_on_disk

HOME = Path("/scratch/run/variant")
VIEW = View(
    home=HOME,
    code=(Path("/usr"), Path("/opt/python"), Path("/opt/swarm/launch.py")),
    read=(Path("/etc/ld.so.cache"), Path("/sys/devices"), Path("/proc/driver/nvidia")),
    nodes=(Path("/dev/null"), Path("/dev/nvidia3"), Path("/dev/nvidiactl")),
)
INSIDE = Wrapped(
    command=["/opt/python/bin/python", "launch.py"],
    environment={"HOME": str(HOME)},
    files=[HOME / "train.py"],
    filter_fd=7,
)


def arguments(view: View = VIEW) -> list[str]:
    return bubblewrap_arguments("/usr/bin/bwrap", view, INSIDE, scratch_bytes=1000)


def pairs(option: str, given: list[str]) -> list[tuple[str, str]]:
    return [(given[at + 1], given[at + 2]) for at, word in enumerate(given) if word == option]


def test_every_namespace_is_its_own_and_more_cannot_be_made() -> None:
    given = arguments()
    assert {f"--unshare-{kind}" for kind in ("user", "pid", "net", "ipc", "uts")} <= set(given)
    assert {"--disable-userns", "--die-with-parent", "--new-session", "--clearenv"} <= set(given)
    assert given[given.index("--cap-drop") + 1] == "ALL"


def test_only_the_assigned_gpu_is_handed_in() -> None:
    given = arguments()
    assert pairs("--dev-bind", given) == [
        ("/dev/nvidia3", "/dev/nvidia3"),
        ("/dev/nvidiactl", "/dev/nvidiactl"),
    ]
    assert ("/sys/devices", "/sys/devices") in pairs("--ro-bind", given)


def test_nothing_is_bound_to_be_written() -> None:
    given = arguments()
    assert "--bind" not in given
    bound = {target for _, target in pairs("--ro-bind", given)}
    assert bound == {
        "/usr",
        "/opt/python",
        "/opt/swarm/launch.py",
        "/etc/ld.so.cache",
        "/sys/devices",
        str(HOME / "train.py"),
    }
    assert given[given.index(str(HOME)) - 3 : given.index(str(HOME))] == ["--size", "1000", "--tmpfs"]


def test_code_that_lies_below_tmp_is_bound_after_tmp_is_covered() -> None:
    given = arguments(View(home=HOME, code=(Path("/tmp/checkout"),), read=(), nodes=()))  # noqa: S108 a place people work in
    assert given.index("/tmp") < given.index("/tmp/checkout")  # noqa: S108


def test_the_command_comes_last_with_its_filter() -> None:
    given = arguments()
    assert given[given.index("--seccomp") + 1] == "7"
    assert given[given.index("--") + 1 :] == ["/opt/python/bin/python", "launch.py"]


def test_what_lies_in_a_folder_named_before_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    assert existing([tmp_path, tmp_path / "inner", tmp_path / "missing", tmp_path]) == (tmp_path,)


INSTALLED = [Gpu("GPU-aa11", 0), Gpu("GPU-bb22", 3)]


@pytest.mark.parametrize(
    ("visible", "minors"),
    [
        (None, []),
        ("", []),
        ("1", [3]),
        ("0,1", [0, 3]),
        ("GPU-bb22", [3]),
        ("GPU-aa", [0]),
        ("7", []),
        ("MIG-cc33", [0, 3]),
    ],
)
def test_what_a_slot_sees_is_found_by_index_or_uuid(visible: str | None, minors: list[int]) -> None:
    assert [gpu.minor for gpu in assigned(visible, INSTALLED)] == minors


def test_a_gpu_s_nodes_are_its_own_and_the_driver_s(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia3", "nvidiactl", "nvidia-uvm", "nvidia-caps"):
        (tmp_path / name).touch()
    assert [node.name for node in device_nodes("1", INSTALLED, tmp_path)] == [
        "nvidia3",
        "nvidiactl",
        "nvidia-uvm",
    ]
    assert [node.name for node in device_nodes("MIG-cc33", INSTALLED, tmp_path)] == [
        "nvidia0",
        "nvidia3",
        "nvidiactl",
        "nvidia-uvm",
        "nvidia-caps",
    ]
    assert device_nodes(None, INSTALLED, tmp_path) == ()


def test_with_a_gpu_a_variant_sees_devices_and_nothing_else_of_the_system(tmp_path: Path) -> None:
    with_gpu = view_of(tmp_path, tmp_path, [tmp_path / "nvidia0"], {})
    without = view_of(tmp_path, tmp_path, [], {})
    assert {path for path in with_gpu.read if path.parts[1] == "sys"} == set(existing(DEVICE_FILES))
    hidden = [Path("/sys/kernel"), Path("/sys/fs"), Path("/sys/firmware")]
    for view in (with_gpu, without):
        assert not exposed(view, hidden)


def test_what_lies_in_a_view_is_exposed_by_its_path_and_by_links_on_either_side(tmp_path: Path) -> None:
    (tmp_path / "usr" / "data").mkdir(parents=True)
    (tmp_path / "beside").symlink_to(tmp_path / "usr" / "data")
    (tmp_path / "bin").symlink_to(tmp_path / "usr")
    (tmp_path / "home").mkdir()
    (tmp_path / "usr" / "way_out").symlink_to(tmp_path / "home")
    view = View(home=HOME, code=(tmp_path / "usr",), read=(), nodes=())
    shown = [tmp_path / "usr", tmp_path / "usr" / "not" / "yet", tmp_path / "beside", tmp_path / "bin" / "x"]
    hidden = [tmp_path, tmp_path / "home", tmp_path / "usr" / "way_out", tmp_path / "user"]
    assert exposed(view, [*shown, *hidden]) == [Exposed(path, tmp_path / "usr") for path in shown]
    by_link = View(home=HOME, code=(tmp_path / "bin",), read=(), nodes=())
    assert exposed(by_link, [tmp_path / "usr" / "data"]) == [
        Exposed(tmp_path / "usr" / "data", tmp_path / "bin")
    ]


def test_data_and_campaigns_that_nobody_named_are_found_by_their_form(tmp_path: Path) -> None:
    data, other, campaign = (tmp_path / "lib" / name for name in ("data", "other", "campaign"))
    for folder in (data, other, campaign / "repo.git"):
        folder.mkdir(parents=True)
    (data / "manifest.json").write_text('{"task": "demo", "digest": "0", "vocab_size": 9}')
    (data / "val.bin").touch()
    (other / "manifest.json").write_text('{"name": "an extension", "task": 1}')
    (other / "val.bin").touch()
    (campaign / "journal.db").touch()
    view = View(home=HOME, code=(tmp_path / "lib",), read=(), nodes=())
    assert [hit.path for hit in discovered(view, seconds=10.0)] == [campaign, data]
    assert discovered(view, seconds=0.0) == []


def test_gpus_are_read_in_the_order_of_their_addresses(tmp_path: Path) -> None:
    for address, uuid, minor in (("0000:b1:00.0", "GPU-bb22", 0), ("0000:17:00.0", "GPU-aa11", 1)):
        folder = tmp_path / "gpus" / address
        folder.mkdir(parents=True)
        (folder / "information").write_text(
            f"Model: \t\t Some GPU\nGPU UUID: \t {uuid}\nDevice Minor: \t {minor}\n"
        )
    assert installed_gpus(tmp_path) == [Gpu("GPU-aa11", 1), Gpu("GPU-bb22", 0)]
    assert installed_gpus(tmp_path / "missing") == []


@pytest.mark.parametrize(
    ("outside", "inside"), [(None, ""), ("3", "0"), ("2,5", "0,1"), ("GPU-bb22", "GPU-bb22")]
)
def test_indexes_count_from_0_where_only_the_assigned_nodes_are(outside: str | None, inside: str) -> None:
    assert visible_inside(outside) == inside


HOST = Machine(platform="linux", bubblewrap="/usr/bin/bwrap", landlock=7)
CONTAINER = Machine(platform="linux", no_bubblewrap="bubblewrap is not installed", landlock=7)


def best(machine: Machine) -> Tier:
    return next(finding.tier for finding in findings(machine) if finding.works)


@pytest.mark.parametrize(
    ("machine", "tier"),
    [
        (HOST, Tier.A),
        (CONTAINER, Tier.B),
        (Machine(platform="linux", no_bubblewrap="no", landlock=6, no_uid="no root"), Tier.C),
        (Machine(platform="linux", no_bubblewrap="no", landlock=4), Tier.B_MINUS),
        (Machine(platform="linux", no_bubblewrap="no", landlock=1, no_uid="no root"), Tier.C_MINUS),
        (Machine(platform="linux", no_bubblewrap="no"), Tier.D),
        (Machine(platform="linux", no_bubblewrap="no", no_uid="no root"), Tier.E),
        (
            Machine(platform="linux", bubblewrap="/usr/bin/bwrap", landlock=7, no_seccomp="no libseccomp"),
            Tier.F,
        ),
        (Machine(platform="darwin"), Tier.F),
    ],
)
def test_the_strongest_tier_there_is_comes_first(machine: Machine, tier: Tier) -> None:
    assert best(machine) == tier


def test_a_tier_that_is_not_there_says_why_and_how_to_reach_it() -> None:
    first = findings(CONTAINER)[0]
    assert (first.tier, first.works, first.why) == (Tier.A, False, "bubblewrap is not installed")
    assert "apt-get install bubblewrap" in first.remedy


def test_what_a_tier_leaves_open_is_named_and_an_older_landlock_adds_to_it() -> None:
    assert GAPS.keys() == set(Tier)
    assert gaps(Tier.B_MINUS, 5) != gaps(Tier.B_MINUS, 2) != GAPS[Tier.B_MINUS]
    assert gaps(Tier.B, 7) == GAPS[Tier.B]


def test_no_call_is_refused_twice() -> None:
    named = [*(name for group in REFUSED.values() for name in group), *ABSENT, *SOCKETS, *SHARED_UID]
    assert len(named) == len(set(named))


def test_a_watch_names_the_bound_that_was_passed() -> None:
    bounds = Bounds(threads=10, memory=1000, disk=1, files=2)
    assert breach_of(Usage(10, 1000), bounds) is None
    threads, memory = breach_of(Usage(11, 0), bounds), breach_of(Usage(1, 1001), bounds)
    assert threads is not None
    assert memory is not None
    assert (threads.memory, memory.memory) == (False, True)
    assert "11 processes and threads, 10 are allowed" in threads.what


def test_a_watch_counts_what_lies_in_nested_folders(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert breach_on_disk(tmp_path, Bounds(disk=1 << 20)) is None
    (inner / "large").write_bytes(b"x" * 2_000_000)
    large = breach_on_disk(tmp_path, Bounds(disk=1 << 20))
    many = breach_on_disk(tmp_path, Bounds(files=2))
    assert large is not None
    assert "wrote more than" in large.what
    assert many is not None
    assert "made more than 2 files" in many.what
