import time

import pytest

from trainer.run.log_progress import read_progress


@pytest.mark.parametrize(
    ("text", "step", "loss"),
    [
        ("step 00123 (45.0%) | loss: 1.234567 | lrm: 1.00 | dt: 310ms\n", 123, 1.234567),
        ("\rstep 00001 (1.0%) | loss: 9.5 \rstep 00002 (2.0%) | loss: 9.0 \rstep 00003", 2, 9.0),
        ("step=7, train_loss=0.5\n", 7, 0.5),
        ("global_step: 12 / 400\n", 12, None),
        ("step 4 | loss: 2.0\nsaved a checkpoint\n", 4, 2.0),
        ("step 4 | loss: nan\n", 4, None),
        ("loss: 2.0\n", None, None),
        ("step by step, loss by loss\n", None, None),
        ("step 5 | loss: 1.0", None, None),
        ("", None, None),
    ],
)
def test_step_and_loss_are_read_from_the_last_complete_line_that_names_a_step(
    text: str, step: int | None, loss: float | None
) -> None:
    assert read_progress(text) == (step, loss)


@pytest.mark.parametrize(
    "text", ["step " + "9" * 100_000 + "\n", "step ٣\n", "step -1\n", "step 1e5\n", "loss " * 50_000 + "\n"]
)
def test_a_joke_is_no_progress(text: str) -> None:
    assert read_progress(text) == (None, None)


def test_hostile_text_costs_next_to_nothing() -> None:
    start = time.perf_counter()
    read_progress("step " * 1_000_000 + "\r" * 1_000_000 + "loss:" * 1_000_000)
    assert time.perf_counter() - start < 0.5
