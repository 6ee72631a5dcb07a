"""The ``prepare`` module a variant imports: training batches, the clock it plans with, and the evaluation, all from the judge.

- It is copied beside ``train.py`` and imports nothing of the swarm. No data lies where the variant runs; the judge's socket is inherited under the
  number in ``AUTOSWARM_JUDGE_FD``.
- Exactly five names are the contract: MAX_SEQ_LEN, TIME_BUDGET, Tokenizer, make_dataloader, evaluate_bpb.
- Seeds belong to the run: seeding torch, numpy or random is shifted by the run's seed, so that another literal in ``train.py`` is no improvement.
- Under a budget that is counted instead of clocked, ``time.time`` and ``time.perf_counter`` (and their ``_ns`` forms) tell nominal seconds: what the
  work handed in so far costs on a reference core. They stand still between two batches. ``time.monotonic`` stays real, libraries wait by it.
- The work is counted by watching the operations that torch dispatches from one optimizer step to the next, early in training and again now and then.
  A compiled module runs eagerly while it is watched, so it is priced like its eager form: compiling gains nothing under a counted budget, and what
  is compiled where nothing can watch it (a kernel of one's own) is not seen at all.

This is the honest form: a variant that tampers with it deceives the count or the claimed losses. Nothing here is a barrier; the judge's checks are.
"""

import json
import os
import random
import socket
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

__all__ = ["MAX_SEQ_LEN", "TIME_BUDGET", "Tokenizer", "evaluate_bpb", "make_dataloader"]

_VERSION = 1
_LENGTHS = struct.Struct("<II")


class _Judge:
    """The variant's end of the conversation: JSON headers with raw payloads (see evaluator/messages.py)."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)

    def ask(self, kind: str, payload: bytes = b"", **fields: Any) -> tuple[dict[str, Any], bytes]:
        """Send a message, return the answer. Raises RuntimeError when the judge has ended the run."""
        header = json.dumps({"type": kind, **fields}).encode()
        try:
            self._socket.sendall(_LENGTHS.pack(len(header), len(payload)) + header + payload)
            header_size, payload_size = _LENGTHS.unpack(self._exactly(_LENGTHS.size))
            answer: dict[str, Any] = json.loads(self._exactly(header_size))
            received = self._exactly(payload_size)
        except OSError as error:
            raise RuntimeError("the judge has ended this run") from error
        if answer["type"] == "refusal":
            raise RuntimeError(f"the judge has ended this run: {answer['reason']}")
        return answer, received

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            part = self._socket.recv(min(size, 1 << 20))
            if not part:
                raise ConnectionResetError("end of the conversation")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


_FORMULAS = {
    **flop_registry,
    # torch knows the arithmetic of attention, but not that these kernels are attention too
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: flop_registry[torch.ops.aten._scaled_dot_product_flash_attention],
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: flop_registry[torch.ops.aten._scaled_dot_product_flash_attention_backward],
}


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what torch dispatches while it is entered: floating-point operations, operations, bytes of the tensors they write."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0
        self.ops = 0
        self.bytes_written = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        self.ops += 1
        if formula := _FORMULAS.get(getattr(func, "_overloadpacket", func)):
            self.flops += int(formula(*args, **kwargs, out_val=out))
        if not getattr(func, "is_view", False):
            self.bytes_written += sum(leaf.numel() * leaf.element_size() for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor))
        return out


class _Counter:
    """Decides when to count, and holds what is to be told to the judge.

    A window reaches from the end of one optimizer step to the end of the next, with at least one batch in between, or over ``LONGEST`` batches. It
    opens after the first step, after the batches in ``AGAIN`` and when the shape of batches changes. A script without a torch optimizer is counted
    over ``UNSTEPPED`` batches as soon as that many have gone by.
    """

    LONGEST = 64
    UNSTEPPED = 8
    AGAIN = (50, 500, 5_000, 50_000)
    MOST_WINDOWS = 32

    def __init__(self, active: bool) -> None:
        self.steps = 0
        self._active = active
        self._batches = 0
        self._stepped_at = 0
        self._shape: tuple[int, int] | None = None
        self._due = True
        self._windows = 0
        self._open: Any = None  # the _Operations entered
        self._unstepped = False
        self._window_batches = 0
        self._window_tokens = 0
        self._news: dict[str, int] | None = None
        register_optimizer_step_post_hook(self.on_step)

    def on_step(self, *_: Any) -> None:
        """An optimizer has finished. Several optimizers that follow one batch make one step."""
        if self._batches > self._stepped_at:
            self.steps += 1
            self._stepped_at = self._batches
        if self._open and self._unstepped:
            self._leave(self._open)  # an optimizer after all: a whole step says more
        elif self._open and self._window_batches:
            self._close(self._open)
        if self._due and not self._open:
            self._enter(unstepped=False)

    def on_request(self) -> dict[str, Any]:
        """The variant asks for a batch or for its evaluation: fields to tell the judge."""
        if self._open and self._window_batches >= (self.UNSTEPPED if self._unstepped else self.LONGEST):
            self._close(self._open)
        news, self._news = self._news, None
        return {"steps": self.steps, "counted": news}

    def on_batch(self, rows: int, length: int) -> None:
        """A batch goes to the variant."""
        self._batches += 1
        if self._batches in self.AGAIN or self._shape not in (None, (rows, length)):
            self._due = True
        self._shape = (rows, length)
        if self._due and not self._open and not self.steps and self._batches >= self.UNSTEPPED:
            self._enter(unstepped=True)
        self._window_batches += 1
        self._window_tokens += rows * length

    def finish(self) -> None:
        """Training is over: count no more. A first window that is still open counts as it is."""
        if self._open and not self._windows and self._window_batches:
            self._close(self._open)
        elif self._open:
            self._leave(self._open)
        self._active = False

    def _enter(self, unstepped: bool) -> None:
        if self._active and self._windows < self.MOST_WINDOWS:
            self._unstepped, self._window_batches, self._window_tokens = unstepped, 0, 0
            self._open = _Operations()
            self._open.__enter__()

    def _leave(self, window: Any) -> None:
        window.__exit__(None, None, None)
        self._open = None

    def _close(self, window: Any) -> None:
        self._leave(window)
        self._news = {"flops": window.flops, "ops": window.ops, "bytes_written": window.bytes_written, "tokens": self._window_tokens}
        self._windows += 1
        self._due = False


def _shift(seed: int) -> int:
    """What every generator's seed is shifted by: far apart for neighbouring run seeds (multiplicative hashing with 2^64 / golden ratio)."""
    return (seed + 1) * 0x9E3779B97F4A7C15 % (1 << 62)


def _replace(module: Any, name: str, function: Callable[..., Any]) -> None:
    setattr(module, name, function)


def _seed_by(shift: int) -> None:
    """Seed every generator from the run, and shift whatever the script seeds them with."""

    def take(module: Any, modulus: int, name: str) -> None:
        seeder = getattr(module, name)

        def seed(value: Any = None, *rest: Any, **named: Any) -> Any:
            number = int(value) if isinstance(value, int | np.integer) else zlib.crc32(repr(value).encode())
            return seeder((number + shift) % modulus, *rest, **named)

        _replace(module, name, seed)

    take(torch, 1 << 63, "manual_seed")
    _replace(torch.random, "manual_seed", torch.manual_seed)
    take(torch.cuda, 1 << 63, "manual_seed")
    take(torch.cuda, 1 << 63, "manual_seed_all")
    take(random, 1 << 63, "seed")
    take(np.random, 1 << 32, "seed")
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)


class _NominalClock:
    """Seconds told by the judge with every batch. Its epoch is a constant, so that even a script that prints the date is repeatable."""

    EPOCH = 1_000_000_000

    def __init__(self) -> None:
        self.seconds = 0.0

    def install(self) -> None:
        """Take the place of the clocks a script measures itself with."""
        _replace(time, "time", lambda: self.EPOCH + self.seconds)
        _replace(time, "time_ns", lambda: self.EPOCH * 10**9 + int(self.seconds * 1e9))
        _replace(time, "perf_counter", lambda: self.seconds)
        _replace(time, "perf_counter_ns", lambda: int(self.seconds * 1e9))


def _connect() -> _Judge:
    if "AUTOSWARM_JUDGE_FD" not in os.environ:
        raise SystemExit("prepare: there is no judge. Start train.py through autoswarm, which serves its data and its clock.")
    fd = int(os.environ["AUTOSWARM_JUDGE_FD"])
    os.set_inheritable(fd, False)
    return _Judge(fd)


_judge = _connect()
_run, _vocabulary = _judge.ask("hello", version=_VERSION)
_counter = _Counter(active=_run["nominal"])
_clock = _NominalClock()
_value: float | None = None
_seed_by(_shift(_run["seed"]))
if _run["nominal"]:
    _clock.install()

MAX_SEQ_LEN: int = _run["max_seq_len"]
"""Target tokens of one row of the evaluation."""
TIME_BUDGET: float = _run["time_budget"]
"""Seconds of training, on the clock that ``time.time`` tells here."""


class Tokenizer:
    """The task's vocabulary."""

    def __init__(self, vocabulary: list[bytes | None]) -> None:
        self._bytes = vocabulary
        self._ids = {token: index for index, token in enumerate(vocabulary) if token is not None}
        self._longest = max(map(len, self._ids), default=0)
        self._merges: Any = None

    @classmethod
    def from_directory(cls, *_: Any) -> "Tokenizer":
        """The tokenizer of the run's data. There is no directory; arguments are for scripts that name one."""
        return cls([None if token is None else bytes.fromhex(token) for token in json.loads(_vocabulary)])

    def get_vocab_size(self) -> int:
        """Number of token ids."""
        return len(self._bytes)

    def get_bos_token_id(self) -> int:
        """The token every document begins with."""
        return int(_run["bos"])

    def encode(self, text: str | list[str], prepend: int | None = None, num_threads: int = 1) -> Any:  # noqa: ARG002
        """Token ids of a text, or a list of them for a list of texts; ``prepend`` goes first. ``num_threads`` is accepted and not needed."""
        if isinstance(text, list):
            return [self.encode(one, prepend) for one in text]
        ids = self._merge(text) if _run["vocabulary"] == "bpe" else self._longest_matches(text.encode())
        return ids if prepend is None else [prepend, *ids]

    def decode(self, ids: list[int]) -> str:
        """Text of token ids; special tokens have none."""
        return b"".join(self._bytes[index] or b"" for index in ids).decode(errors="replace")

    def _longest_matches(self, text: bytes) -> list[int]:
        ids, at = [], 0
        while at < len(text):
            size = next(size for size in range(min(self._longest, len(text) - at), 0, -1) if text[at : at + size] in self._ids)
            ids.append(self._ids[text[at : at + size]])
            at += size
        return ids

    def _merge(self, text: str) -> list[int]:
        if self._merges is None:
            import tiktoken  # only tasks with merges need it, and only to encode

            self._merges = tiktoken.Encoding("task", pat_str=_run["pattern"], mergeable_ranks=self._ids, special_tokens={})
        ids: list[int] = self._merges.encode_ordinary(text)
        return ids


def _tensors(rows: int, length: int, payload: bytes) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets, int64 of shape [rows, length] each, on the device."""
    block = torch.from_numpy(np.frombuffer(payload, dtype="<u2").reshape(rows, length + 1).astype(np.int64))
    if torch.cuda.is_available():  # from pinned memory, or the copy would wait for everything the GPU has still to do
        block = block.pin_memory().to("cuda", non_blocking=True)
    return block[:, :-1].contiguous(), block[:, 1:].contiguous()


def make_dataloader(tokenizer: Tokenizer, B: int, T: int, split: str) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:  # noqa: N803, ARG001
    """Training batches ``(x, y, epoch)`` of B rows of T tokens until the budget is spent, int64 on the device; the first epoch is 1.

    Raises ValueError for another split than "train": validation tokens stay with the judge until training is over.
    """
    if split != "train":
        raise ValueError(f"split {split!r} is not served: validation tokens stay with the judge, which evaluate_bpb asks")
    return _batches(B, T)


def _batches(rows: int, length: int) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
    while True:
        answer, payload = _judge.ask("next_batch", rows=rows, length=length, **_counter.on_request())
        if answer["type"] == "budget_spent":
            print("prepare: the budget is spent, there are no more batches; call evaluate_bpb", file=sys.stderr)  # noqa: T201 (the variant's log)
            return
        _clock.seconds = answer["seconds"]
        x, y = _tensors(rows, length, payload)
        _counter.on_batch(rows, length)
        yield x, y, answer["epoch"]


@torch.no_grad()
def evaluate_bpb(model: Any, tokenizer: Tokenizer, batch_size: int) -> float:  # noqa: ARG001
    """Validation bits per byte of ``model`` as the judge computes it. Ends training; asked again, the first value is the answer.

    ``model(x, y, reduction="none")`` gives the loss of each target token in nats, for rows of MAX_SEQ_LEN tokens, ``batch_size`` rows at a time.
    """
    global _value
    if _value is None:
        _counter.finish()
        answer, payload = _judge.ask("evaluate", rows=batch_size, **_counter.on_request())
        while answer["type"] == "rows":
            x, y = _tensors(answer["rows"], answer["length"], payload)
            losses = model(x, y, reduction="none").detach().to(torch.float32).cpu().contiguous().numpy()
            shape = list(x.shape) if losses.size == x.numel() else list(losses.shape)
            answer, payload = _judge.ask("losses", losses.tobytes(), dtype="float32", shape=shape)
        _value = float(answer["value"])
    return _value
