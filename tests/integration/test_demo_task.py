"""The shipped surfaces against a stand-in for the judge, and the demo's data against the pinned figures."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from threading import Event

import msgspec
import pytest
from msgspec.structs import replace

from configs.load import ConfigError
from evaluator.budget import Budget, Unit
from evaluator.judging.data import read_block, read_manifest, read_tokens
from evaluator.result import Lost, Measured, Progress
from tests.prepared_folder import intact
from trainer.contract import RunOrder, Slot
from trainer.subprocess_trainer import SubprocessTrainer
from trainer.task_loading import load_task
from trainer.tasks.demo.measured_edits import EDITS, MeasuredEdit, edited, table

STANDIN = Path(__file__).parent / "standin"
TINY_GPT = {
    "DEPTH": "2",
    "ASPECT_RATIO": "16",
    "HEAD_DIM": "16",
    "DEVICE_BATCH_SIZE": "2",
    "TOTAL_BATCH_SIZE": "64",
    "UNCHARGED_STEPS": "1",
}


class Looked(msgspec.Struct):
    """What the stand-in's evaluation saw. leak: change of earlier logits when the last token changes."""

    logits: list[int]
    losses: list[int]
    finite: bool
    trained: bool
    mean: float
    agree: float
    leak: float
    restored: float
    batches: int


def look(task: str, constants: dict[str, str], folder: Path) -> tuple[Looked, str]:
    """Train a surface with other constants for a few steps. Returns what its model answered, and its
    output.
    """
    surface = folder / "train.py"
    surface.write_text(edited(load_task(task).source, constants))
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(STANDIN),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    done = subprocess.run(
        [sys.executable, str(surface)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stderr.splitlines()[-1], type=Looked), done.stdout


def check(looked: Looked) -> None:
    assert (looked.logits, looked.losses) == ([3, 16, 48], [3, 16])
    assert looked.finite
    assert looked.trained
    assert (looked.mean, looked.agree, looked.leak, looked.restored) == pytest.approx((0, 0, 0, 0), abs=1e-5)


@pytest.mark.parametrize(
    "constants",
    [
        {},
        {"OPTIMIZER": '"adamw"', "POSITIONS": '"learned"', "ACTIVATION": '"gelu"'},
        {"POSITIONS": '"none"', "ACTIVATION": '"swiglu"', "SOFTCAP": "0.0", "QK_NORM": "False"},
        {
            "ACTIVATION": '"linear"',
            "WIDTH": "48",
            "HEADS": "3",
            "DEPTH": "1",
            "WEIGHT_DECAY": "0.1",
            "WARMUP": "0.5",
            "WARMDOWN": "0.0",
        },
    ],
    ids=str,
)
def test_the_demo_surface_keeps_its_contract(constants: dict[str, str], tmp_path: Path) -> None:
    check(look("demo", constants, tmp_path)[0])


@pytest.mark.parametrize(
    "constants",
    [
        {},
        {
            "WINDOW_PATTERN": '"SL"',
            "SHORT_WINDOW": "0.25",
            "VALUE_EMBEDDINGS": "False",
            "KV_GROUPS": "2",
            "ACTIVATION": '"gelu"',
        },
    ],
    ids=str,
)
def test_the_gpt_surface_keeps_its_contract(constants: dict[str, str], tmp_path: Path) -> None:
    check(look("gpt", TINY_GPT | constants, tmp_path)[0])


def test_a_surface_ends_with_the_lines_that_others_read(tmp_path: Path) -> None:
    _, output = look("demo", {}, tmp_path)
    summary = dict(re.findall(r"^(\w+): +(\S+)$", output.split("---\n")[1], flags=re.MULTILINE))
    assert (
        " ".join(summary)
        == "val_bpb training_seconds total_seconds peak_vram_mb mfu_percent total_tokens_M num_steps"
        " num_params_M depth"
    )
    assert re.match(
        r"step 00000 \( *[\d.]+%\) \| loss: [\d.]+ \| lrm: 1.00 \| dt: \d+ms \| tok/sec: [\d,]+", output
    )


def test_gradients_are_accumulated_to_the_total_batch(tmp_path: Path) -> None:
    """64 tokens in rows of 16, two at a time, are two batches a step; one uncharged step and two of the
    budget's, and one batch ahead.
    """
    looked, output = look("gpt", TINY_GPT, tmp_path)
    assert "num_steps:        3" in output
    assert looked.batches == 7


def test_the_demo_data_is_what_was_pinned_and_made_once(tmp_path: Path) -> None:
    task = load_task("demo")
    place = task.prepare(tmp_path)
    manifest = intact(place)
    assert manifest.digest.startswith(place.name)
    assert manifest.floor == pytest.approx(0.74, abs=0.01)
    made = (place / "manifest.json").stat().st_mtime_ns
    assert task.prepare(tmp_path) == place
    assert (place / "manifest.json").stat().st_mtime_ns == made


def test_every_demo_row_is_a_document(prepared: Path) -> None:
    place = load_task("demo").prepare(prepared)
    for stream in ("train", "val"):
        rows = read_tokens(place, stream).reshape(-1, 65)
        assert (rows[:, 0] == 0).all()
        assert (rows[:, 1:] != 0).all()


def test_no_validation_row_is_in_the_training_text(prepared: Path) -> None:
    place = load_task("demo").prepare(prepared)
    training = {row.tobytes() for row in read_tokens(place, "train").reshape(-1, 65)}
    assert not any(row.tobytes() in training for row in read_tokens(place, "val").reshape(-1, 65))


def test_the_demo_trains_under_the_judge(prepared: Path, tmp_path: Path) -> None:
    task = load_task("demo")
    trainer = SubprocessTrainer(task, task.prepare(prepared), Slot("test"), 1 << 20)
    order = RunOrder(
        run="r", source=task.source, seed=1, budget=Budget(Unit.FLOPS, 2e10, 120), directory=tmp_path / "run"
    )
    reports: list[Progress] = []
    result = trainer.train(order, reports.append, Event())
    assert isinstance(result.outcome, Measured), result
    assert result.floor is not None
    assert result.floor < result.outcome.value < 3


def test_a_block_that_the_data_lacks_is_no_fault_of_the_variant(prepared: Path, tmp_path: Path) -> None:
    task = load_task("demo")
    trainer = SubprocessTrainer(task, task.prepare(prepared), Slot("test"), 1 << 20)
    budget = Budget(Unit.FLOPS, 2e10, 120)
    order = RunOrder(
        run="r", source=task.source, seed=1, budget=budget, directory=tmp_path / "run", blocks=(3,)
    )
    outcome = trainer.train(order, lambda _: None, Event()).outcome
    assert isinstance(outcome, Lost), outcome
    assert "block 3" in outcome.reason


def test_a_task_whose_data_has_fewer_blocks_than_it_says_is_refused(tmp_path: Path) -> None:
    task = replace(load_task("tests/tasks/tiny"), val_blocks=2)
    with pytest.raises(ConfigError, match=r"has 1 block\(s\)"):
        task.prepare(tmp_path)


def test_the_demos_blocks_share_no_row_and_have_floors_of_their_own(prepared: Path) -> None:
    place = load_task("demo").prepare(prepared)
    manifest = read_manifest(place)
    assert manifest.val_blocks == load_task("demo").val_blocks == 3
    rows = [
        {row.tobytes() for row in read_block(place, manifest, block).reshape(-1, 65)} for block in range(3)
    ]
    assert [len(block) for block in rows] == [512] * 3
    assert len(set.union(*rows)) == 3 * 512
    assert [manifest.floor_of(block) for block in range(3)] == [0.73877, 0.739419, 0.738676]


def test_every_edit_of_the_table_changes_the_surface() -> None:
    source = load_task("demo").source
    for edit in EDITS.values():
        changed = edited(source, edit)
        compile(changed, "train.py", "exec")
        assert sum(a != b for a, b in zip(source.splitlines(), changed.splitlines(), strict=True)) == len(
            edit
        )


def test_an_edit_of_a_constant_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="sets NOTHING 0 times"):
        edited("A = 1\n", {"NOTHING": "2"})


def test_the_table_puts_gains_first_and_failures_last() -> None:
    lines = table(
        1.0,
        0.01,
        0.7,
        [
            MeasuredEdit("broken", None, None, "crashed"),
            MeasuredEdit("worse", 1.1, -10.0),
            MeasuredEdit("better", 0.9, 10.0),
        ],
    ).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        "unchanged",
        "better",
        "worse",
        "broken",
        "(floor)",
    ]
    assert lines[3] == "| better | 0.9000 | -10.0% | +10.0 |"


def test_gpt_data_that_cannot_be_had_is_a_configuration_error(tmp_path: Path) -> None:
    """In a process of its own, told to stay offline; which of the two is missing depends on the
    installation.
    """
    code = (
        "from trainer.task_loading import load_task; from pathlib import Path;"
        f" load_task('gpt').prepare(Path({str(tmp_path)!r}))"
    )
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ConfigError.__name__ in done.stderr.splitlines()[-1], json.dumps(done.stderr)
