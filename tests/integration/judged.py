"""A tiny prepared task, and a launcher for a real judge with a real or a scripted variant on the other end of
its socket.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

import evaluator.shim
from evaluator.audit_plan import AuditPlan
from evaluator.budget import Budget, Unit
from evaluator.job import Final, JudgeEvent, JudgeJob
from evaluator.judging.data import Manifest, Tokens, write_prepared
from evaluator.judging.messages import Reply
from evaluator.judging.wire import Channel, pair

ROOT = Path(__file__).parents[2]
SHIM = Path(evaluator.shim.__file__).with_name("prepare.py")
TINY = (Path(__file__).parent / "surfaces" / "tiny.py").read_text()
WITHOUT_COMPILER = (Path(__file__).parent / "surfaces" / "without_compiler.py").read_text()
BUDGET = Budget(unit=Unit.FLOPS, amount=6e7, wall_cap=60.0)
"""About sixty steps of the tiny surface."""

VOCAB: list[bytes | None] = [None, *(bytes([97 + item]) for item in range(20)), "é".encode(), b"th", None]
BOS = 0


def tiny_data(folder: Path, floor: float | None = 0.2, blocks: int = 1) -> Manifest:
    """A Markov chain over 22 tokens in documents of 5 to 60: 30,000 tokens to train on, blocks of 6,000 to
    validate on.
    """
    return write_prepared(
        folder,
        task="tiny",
        bos=BOS,
        max_seq_len=16,
        eval_tokens=1000,
        vocabulary="longest_match",
        train=_text(1, 30_000),
        val=[_text(2 + block, 6_000) for block in range(blocks)],
        vocab=VOCAB,
        floor=None if floor is None else [floor] * blocks,
    )


def _text(seed: int, size: int) -> Tokens:
    draw = np.random.RandomState(seed)
    tokens, left = [BOS], 0
    while len(tokens) < size:
        if left == 0:
            tokens.append(BOS)
            left = draw.randint(5, 60)
        previous = tokens[-1]
        tokens.append(int(1 + (3 * previous + draw.choice([0, 1, 5], p=[0.7, 0.2, 0.1])) % 22))
        left -= 1
    return np.array(tokens[1:], dtype=np.uint16)


class Run(Struct):
    """What came of one run. log: everything the variant wrote. folder: where it ran."""

    events: list[JudgeEvent]
    log: str
    returncode: int
    folder: Path

    @property
    def final(self) -> Final:
        """The judge's last word."""
        assert isinstance(self.events[-1], Final)
        return self.events[-1]


@contextlib.contextmanager
def judge_process(
    data: Path,
    folder: Path,
    seed: int = 1,
    budget: Budget = BUDGET,
    ends: Callable[[], tuple[socket.socket, socket.socket]] = pair,
    **more: Any,
) -> Iterator[tuple[socket.socket, list[JudgeEvent]]]:
    """A judge that audits nothing unless told; the variant's end of its socket, to be closed within, and its
    events once the context is left.
    """
    job = folder / "job.json"
    parts = {"audit": AuditPlan(share=0.0), **more}
    job.write_bytes(
        msgspec.json.encode(JudgeJob(run="r1", data=data, budget=budget, seed=seed, **parts), enc_hook=str)
    )
    judges, variants = ends()
    reading, writing = os.pipe()
    command = [
        sys.executable,
        "-m",
        "evaluator.judging.judge",
        str(job),
        "--variant-fd",
        str(judges.fileno()),
        "--report-fd",
        str(writing),
    ]
    events: list[JudgeEvent] = []
    with subprocess.Popen(
        command, cwd=ROOT, pass_fds=(judges.fileno(), writing), stderr=subprocess.PIPE, text=True
    ) as judge:
        judges.close()
        os.close(writing)
        with variants, os.fdopen(reading) as report:
            try:
                yield variants, events
            finally:
                variants.close()
                events += [msgspec.json.decode(line, type=JudgeEvent) for line in report]
                assert judge.stderr is not None
                complaint = judge.stderr.read()
    assert (judge.returncode, complaint) == (0, "")


def run_variant(
    source: str,
    data: Path,
    folder: Path,
    seed: int = 1,
    budget: Budget = BUDGET,
    threads: int = 1,
    enter: Callable[[], None] | None = None,
    **more: Any,
) -> Run:
    """Run ``source`` as a variant to its end. enter: called in its process before it starts."""
    folder.mkdir(parents=True)
    (folder / "train.py").write_text(uncompiled(source))
    shutil.copy(SHIM, folder / "prepare.py")
    with judge_process(data, folder, seed, budget, **more) as (connection, events):
        environment = os.environ | {
            "AUTOSWARM_JUDGE_FD": str(connection.fileno()),
            "OMP_NUM_THREADS": str(threads),
            "OMP_WAIT_POLICY": "PASSIVE",
        }
        ended = subprocess.run(
            [sys.executable, "-W", "error", "train.py"],
            cwd=folder,
            env=environment,
            pass_fds=(connection.fileno(),),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=budget.wall_cap,
            preexec_fn=enter,
        )
    return Run(events, ended.stdout, ended.returncode, folder)


def edited(old: str, new: str, source: str = TINY) -> str:
    """``source`` with one edit."""
    assert source.count(old) == 1
    return source.replace(old, new)


def uncompiled(source: str) -> str:
    """``source``, in a process that imports torch's compiler only if it compiles something, or checkpoints:
    these would import it within the first step.
    """
    needs = "torch.compile" in source or "utils.checkpoint" in source
    return source if needs else WITHOUT_COMPILER + source


def channel(connection: socket.socket) -> Channel[Reply]:
    """The judge's protocol, spoken by a test."""
    return Channel(connection, msgspec.json.Decoder(Reply))
