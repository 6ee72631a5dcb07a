"""Names that were looked up, by this machine's kernel."""

import os
import secrets
import time
from pathlib import Path
from statistics import median

import pytest

from trainer.sandbox.lookups import SWITCH, forget

FOLDER = Path("/usr/lib")
"""Every sandbox sees it."""

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not os.access(SWITCH, os.W_OK), reason="only root can have the kernel forget names"),
]


def seconds_of(paths: list[str]) -> float:
    """Of the median question whether a path is there."""
    taken = []
    for path in paths:
        began = time.perf_counter()
        os.path.exists(path)  # noqa: PTH110 - nothing but the question is timed
        taken.append(time.perf_counter() - began)
    return median(taken)


def test_a_name_that_is_not_there_is_quick_to_look_up_again_but_not_once_it_is_forgotten() -> None:
    """Ratios within a round, for a core's clock changes from one to the next."""
    again, forgotten = [], []
    for _ in range(9):
        names = [str(FOLDER / secrets.token_hex(8)) for _ in range(500)]
        first, second = seconds_of(names), seconds_of(names)
        forget()
        again.append(second / first)
        forgotten.append(seconds_of(names) / second)
    assert median(again) < 0.75
    assert median(forgotten) > 1.33
