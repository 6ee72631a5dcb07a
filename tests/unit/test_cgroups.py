"""Control groups as files: where a process's own lies, what a group's files say, what a run used by them."""

from pathlib import Path

import pytest

from evaluator.result import CpuSeconds
from trainer.process.cgroups import Bound, find, locate, make
from trainer.process.control_group import ControlGroup
from trainer.run.cpu_meter import CpuMeter
from trainer.sandbox.lookups import forget
from trainer.sandbox.watch import Bounds, Watch

HYBRID = """
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
UNIFIED = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
BOUND = Bound(memory=1 << 30, processes=64)


@pytest.mark.parametrize(
    ("mounts", "groups", "folder"),
    [
        (HYBRID, "9:pids:/x\n0::/\n", "/sys/fs/cgroup/unified"),
        (
            UNIFIED,
            "0::/system.slice/swarm.service\n",
            "/sys/fs/cgroup/system.slice/swarm.service",
        ),
        (UNIFIED.replace("/ /sys", "/box /sys"), "0::/box/inner\n", "/sys/fs/cgroup/inner"),
        (UNIFIED.replace("/cgroup rw", "/c\\040g rw"), "0::/a\n", "/sys/fs/c g/a"),
        (UNIFIED.replace("/ /sys", "/box /sys"), "0::/elsewhere\n", None),
        (UNIFIED, "0::/../outside\n", None),
        (UNIFIED, "0::/gone (deleted)\n", None),
        (UNIFIED, "4:memory:/x\n", None),
        (HYBRID.replace("cgroup2 cgroup2", "cgroup cgroup"), "0::/\n", None),
        ("", "", None),
    ],
)
def test_a_process_s_own_group_is_found_where_it_is_mounted(
    mounts: str, groups: str, folder: str | None
) -> None:
    assert locate(mounts, groups) == (Path(folder) if folder else None)


def process_in(folder: Path, group: str) -> Path:
    """A process's folder in /proc that says it is in ``group`` of what is mounted at ``folder``."""
    own = folder / "proc"
    own.mkdir()
    (own / "mountinfo").write_text(f"30 23 0:26 / {folder / 'cgroup'} rw - cgroup2 cgroup2 rw\n")
    (own / "cgroup").write_text(f"0::{group}\n")
    (folder / "cgroup").mkdir()
    return own


def test_a_folder_that_counts_nothing_is_no_group_and_is_left_as_it_was(tmp_path: Path) -> None:
    own = process_in(tmp_path, "/")
    (tmp_path / "cgroup" / "cgroup.procs").touch()
    assert make("run", ["variant"], BOUND, own) is None
    assert find("run", own) is None


def test_a_group_that_is_there_already_is_nobody_s_to_remove(tmp_path: Path) -> None:
    own = process_in(tmp_path, "/")
    (tmp_path / "cgroup" / "cgroup.procs").touch()
    (tmp_path / "cgroup" / "run").mkdir()
    assert make("run", ["variant"], BOUND, own) is None
    assert find("run", own) == ControlGroup(tmp_path / "cgroup" / "run")


def test_groups_are_made_beside_a_leaf_that_was_made_for_us_and_below_any_other(tmp_path: Path) -> None:
    for name, parent in (("autoswarm", "service"), ("other", "service/other")):
        folder = tmp_path / name
        folder.mkdir()
        own = process_in(folder, f"/service/{name}")
        (folder / "cgroup" / parent / "run").mkdir(parents=True)
        assert find("run", own) == ControlGroup(folder / "cgroup" / parent / "run")


def test_what_a_kernel_does_not_say_of_a_group_is_none(tmp_path: Path) -> None:
    group = ControlGroup(tmp_path)
    assert group.memory() is group.out_of_memory_kills() is None
    assert not group.populated()


def test_a_group_s_memory_is_without_cached_files_that_can_be_given_back(tmp_path: Path) -> None:
    (tmp_path / "memory.current").write_text("5000\n")
    (tmp_path / "memory.stat").write_text("anon 1000\nfile 4000\ninactive_file 3000\n")
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\n")
    group = ControlGroup(tmp_path)
    assert (group.memory(), group.out_of_memory_kills()) == (2000, 1)


def test_names_are_forgotten_by_a_group_that_can_give_back_else_by_the_machine(tmp_path: Path) -> None:
    switch, refused = tmp_path / "drop_caches", tmp_path / "missing" / "drop_caches"
    group = ControlGroup(tmp_path)
    assert forget(group, switch)
    assert switch.read_text() == "6"
    assert not forget(None, refused)
    assert not forget(group, refused)
    (tmp_path / "memory.current").write_text("5000\n")
    (tmp_path / "memory.reclaim").touch(mode=0o200)  # as the kernel makes it
    assert forget(group, refused)
    assert (tmp_path / "memory.reclaim").read_text() == "5000\n"


def test_a_group_that_somebody_removed_ends_no_run(tmp_path: Path) -> None:
    meter = CpuMeter([], ControlGroup(tmp_path))
    counted(tmp_path, 2.0)
    meter.first_batch()
    (tmp_path / "cpu.stat").unlink()
    meter.handed_over()
    assert meter.used == CpuSeconds(startup=2.0, train=0.0, evaluate=0.0, counted=True)


def counted(folder: Path, seconds: float) -> None:
    (folder / "cpu.stat").write_text(f"usage_usec {round(seconds * 1e6)}\nuser_usec 0\n")


def test_the_kernel_s_count_is_divided_into_phases_and_ends_with_the_last_claim(tmp_path: Path) -> None:
    meter = CpuMeter([], ControlGroup(tmp_path))
    for seconds, heard in (
        (2.0, meter.first_batch),
        (5.0, meter.look),
        (7.0, meter.handed_over),
        (7.5, meter.claimed),
        (9.0, meter.look),
    ):
        assert meter.used is None or seconds > 7.0
        counted(tmp_path, seconds)
        heard()
    assert meter.used == CpuSeconds(startup=2.0, train=5.0, evaluate=0.5, counted=True)


def test_a_run_that_ends_among_its_claims_used_what_was_counted_until_then(tmp_path: Path) -> None:
    meter = CpuMeter([], ControlGroup(tmp_path))
    for seconds, heard in ((1.0, meter.first_batch), (3.0, meter.handed_over), (4.0, meter.look)):
        counted(tmp_path, seconds)
        heard()
    assert meter.used == CpuSeconds(startup=1.0, train=2.0, evaluate=1.0, counted=True)


def test_a_watch_takes_the_kernel_s_word_for_memory(tmp_path: Path) -> None:
    (tmp_path / "memory.current").write_text(str(3 << 30))
    (tmp_path / "memory.stat").write_text("inactive_file 0\n")
    watch = Watch(1, None, Bounds(memory=2 << 30, threads=1 << 22), ControlGroup(tmp_path))
    breaches = [watch.look() for _ in range(2)]
    assert [breach.memory for breach in breaches if breach] == [True]
    assert watch.memory == 3 << 30
