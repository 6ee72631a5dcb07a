"""A log that grows is followed by whole lines."""

from collections.abc import Callable
from pathlib import Path

from deploy.campaigns.run_logs import LONGEST_LINE, follow_log
from trainer.run.result_file import LOG, RESULT


def growing(folder: Path, *writes: str) -> Callable[[float], None]:
    """Whoever waits finds the next of these written; behind the last one the run is over."""
    left = list(writes)

    def wait(_: float) -> None:
        if left:
            with (folder / LOG).open("a") as file:
                file.write(left.pop(0))
        else:
            (folder / RESULT).touch()

    return wait


def followed(folder: Path, *writes: str) -> list[str]:
    (folder / LOG).touch()
    return list(follow_log(folder / LOG, growing(folder, *writes)))


def test_a_line_is_given_when_it_is_whole(tmp_path: Path) -> None:
    assert followed(tmp_path, "step 1\nkey a", "bc\n", "step", " 3\nst") == [
        "step 1\n",
        "key abc\n",
        "step 3\n",
        "st",
    ]


def test_a_line_that_does_not_end_is_given_after_a_while(tmp_path: Path) -> None:
    long = "x" * (LONGEST_LINE + 1)
    assert followed(tmp_path, "a\n", long, "y\n") == ["a\n", long, "y\n"]


def test_nothing_is_given_of_an_empty_log(tmp_path: Path) -> None:
    assert followed(tmp_path) == []
