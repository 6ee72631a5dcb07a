from pathlib import Path

from trainer.process import charged


def own(folder: Path, mount: str = "/", group: str = "/a/b") -> Path:
    """A process's folder in /proc, in a hierarchy of cgroup v1 with the memory controller."""
    process = folder / "proc"
    process.mkdir()
    (process / "mountinfo").write_text(
        f"31 23 0:29 / {folder}/cpu rw,relatime - cgroup cgroup rw,cpu\n"
        f"35 31 0:32 {mount} {folder}/memory rw,relatime shared:5 - cgroup cgroup rw,memory\n"
    )
    (process / "cgroup").write_text(f"4:memory:{group}\n1:cpu:/\n0::/\n")
    (folder / "memory" / "a" / "b").mkdir(parents=True)
    return process


def test_a_group_is_made_below_the_process_s_own_and_removed_again(tmp_path: Path) -> None:
    process = own(tmp_path)
    assert charged.make("run", ["variant", "twin"], process)
    assert (tmp_path / "memory/a/b/run/twin").is_dir()
    group = charged.find("run", "variant", process)
    assert group is not None
    assert group.path == tmp_path / "memory/a/b/run/variant"
    charged.remove("run", process)
    assert charged.find("run", "variant", process) is None
    assert not (tmp_path / "memory/a/b/run").exists()


def test_a_container_sees_its_own_group_at_the_mount(tmp_path: Path) -> None:
    process = own(tmp_path, mount="/docker/1", group="/docker/1")
    assert charged.make("run", ["variant"], process)
    assert (tmp_path / "memory/run/variant").is_dir()


def test_there_is_none_without_a_memory_controller(tmp_path: Path) -> None:
    process = own(tmp_path)
    (process / "cgroup").write_text("0::/\n")
    assert not charged.make("run", ["variant"], process)
    assert charged.find("run", "variant", tmp_path / "nothing") is None


def test_emptying_says_what_the_kernel_kept(tmp_path: Path) -> None:
    (tmp_path / "memory.usage_in_bytes").write_text("4096\n")
    (tmp_path / "memory.force_empty").write_text("")
    assert charged.Charged(tmp_path).empty() == 4096
    assert (tmp_path / "memory.force_empty").read_text() == "0"


def test_a_group_that_does_not_count_says_nothing(tmp_path: Path) -> None:
    assert charged.Charged(tmp_path).empty() is None
