"""What a start says in its first seconds."""

from pathlib import Path

import numpy as np
import pytest

from configs.load import load
from deploy.cli.campaign_run import plan
from deploy.cli.start_plan import first_words
from evaluator.judging.data import write_prepared
from trainer.tasks.gpt.recipe import CONTEXT, PATTERN, SHARDS, VOCABULARY


def words(tmp_path: Path, *items: str) -> dict[str, str]:
    keys = [item for item in items if "=" in item]
    files = [item for item in items if "=" not in item]
    data = tmp_path / "data"
    made = [*keys, f"campaigns_dir={tmp_path}", f"data_dir={data}", "trust.tier=F"]
    config = load(files, made, {}).config
    if config.task.name == "gpt":
        prepare_gpt(data / "gpt" / f"shards-{SHARDS}")
    return first_words(plan(config), config)


def prepare_gpt(folder: Path) -> None:
    """As if the task's data were there: what makes it is no part of a plain installation."""
    tokens = np.full(4 * (CONTEXT + 1), VOCABULARY - 1, np.uint16)
    write_prepared(
        folder,
        task="gpt",
        bos=VOCABULARY - 1,
        max_seq_len=CONTEXT,
        eval_tokens=CONTEXT,
        vocabulary="bpe",
        train=tokens,
        val=tokens,
        vocab=[b"x"] * (VOCABULARY - 1) + [None],
        pattern=PATTERN,
    )


def test_it_says_what_is_searched_by_whom_at_what_cost_what_comes_first_and_when_it_ends(
    tmp_path: Path,
) -> None:
    lines = words(tmp_path, "demo")
    assert list(lines) == ["task", "budget", "slots", "arms", "cap", "first", "ends"]
    assert lines["task"].startswith("demo: A small")
    assert "val_bpb, minimize" in lines["task"]
    assert lines["budget"] == "1e+11 flops a run, 60 s at most"
    assert lines["slots"].startswith("2 on CPU, 1 cores each")
    assert "search (search, weight 1)" in lines["arms"]
    assert lines["cap"] == "none: money.cap_usd is 0"
    assert "the baseline: 4 runs on 2 slots, 2 after each other" in lines["first"]
    assert lines["ends"].startswith("40 experiments or ")
    assert words(tmp_path, "demo", "money.cap_usd=7.5")["cap"] == "7.5 USD"


@pytest.mark.parametrize(("items", "duration"), [
    (("demo",), "each 1 s of training at least on a core like the reference's, 1 min 00 s at most"),
    (("demo", "trainer.kind=simulated", "trainer.simulated_seconds=0.5"), "about 0.5 s each"),
    (("gpu_node",), "each about 5 min 00 s of training and what start and evaluation take, "),
    (("demo", "slots.count=4"), "4 runs on 4 slots at once"),
    (("gpu_node",), "4 runs on the GPUs of each kind"),
])  # fmt: skip
def test_it_says_about_how_long_the_baseline_takes(
    tmp_path: Path, items: tuple[str, ...], duration: str
) -> None:
    assert duration in words(tmp_path, *items)["first"]


def test_a_campaign_that_is_there_goes_on(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "journal.db").touch()
    assert "goes on where it stopped" in words(tmp_path, "demo")["first"]
