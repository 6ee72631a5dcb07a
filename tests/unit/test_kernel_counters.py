from pathlib import Path

from trainer.run.kernel_counters import RECLAIMED, KernelCounters


def test_what_the_kernel_did_since_is_the_difference(tmp_path: Path) -> None:
    file = tmp_path / "vmstat"
    file.write_text("oom_kill 3\n" + "".join(f"{name} 10\n" for name in RECLAIMED))
    counters = KernelCounters(file)
    assert (counters.kills(), counters.reclaimed()) == (0, 0)
    file.write_text("oom_kill 4\n" + "".join(f"{name} 15\n" for name in RECLAIMED))
    assert (counters.kills(), counters.reclaimed()) == (1, 20)


def test_a_kernel_that_does_not_count_says_nothing(tmp_path: Path) -> None:
    assert KernelCounters(tmp_path / "none").kills() is None
    (tmp_path / "odd").write_text("nr_free_pages 5\n")
    assert KernelCounters(tmp_path / "odd").reclaimed() is None
