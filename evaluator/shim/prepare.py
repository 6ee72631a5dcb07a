"""The ``prepare`` module a variant imports: training batches, the clock it plans with, and the evaluation,
all from the judge.

- It is copied beside ``train.py`` and imports nothing of the swarm, which is why all of it is one file. No
  data lies where the variant runs; the judge's socket is inherited under the number in
  ``AUTOSWARM_JUDGE_FD``.
- Exactly five names are the contract: MAX_SEQ_LEN, TIME_BUDGET, Tokenizer, make_dataloader, evaluate_bpb.
- Seeds belong to the run: seeding torch, numpy or random, or any generator of theirs, is shifted by the run's
  seed, so that another literal in ``train.py`` is no improvement.
- Under a budget that is counted instead of clocked, ``time.time`` and ``time.perf_counter`` (and their
  ``_ns`` forms) tell nominal seconds: what the work handed in so far costs on a reference core. They stand
  still between two batches. ``time.monotonic`` stays real, libraries wait by it.
- The work is counted by watching the operations that torch dispatches from one optimizer step to the next,
  early in training and again now and then, in the thread that trains: another one may fetch the batches
  ahead. A compiled module runs eagerly while it is watched, so it is priced like its eager form: compiling
  gains nothing under a counted budget, whose environment tells torch not to. What nothing can watch (a kernel
  of one's own, another thread) is priced by the CPU that the kernel counts.
- At the evaluation the judge first gets a copy of the weights, then the model's losses: its claims, then the
  weights once more, which must be the same. To check the claims this process is ended and the same script
  started once more, as a *twin*; at its first batch it gets those weights instead, then rows cut off at the
  positions it is to predict. Both answer in eval mode, uncompiled where ``torch.compile`` wrapped the whole
  model, and under the same autocast.

Nothing here is a barrier: a variant can tamper with all of it. The barriers are what the judge does not show
and what it compares.
"""

import contextlib
import ctypes
import fcntl
import gc
import json
import mmap
import os
import random
import socket
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

import numpy as np
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

__all__ = ["MAX_SEQ_LEN", "TIME_BUDGET", "Tokenizer", "evaluate_bpb", "make_dataloader"]

_VERSION = 2
_LENGTHS = struct.Struct("<II")
_LONGEST_HEADER = 1 << 16
_SMALL = 1 << 20  # bytes that are copied rather than mapped


class _Judge:
    """The variant's end of the conversation: JSON headers with raw payloads (see evaluator/judging/wire.py
    and evaluator/judging/messages.py).
    """

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._packets = self._socket.type == getattr(socket, "SOCK_SEQPACKET", None)

    def ask(self, kind: str, blocks: Iterable[Any] = (), **fields: Any) -> tuple[dict[str, Any], Any]:
        """Send a message, its payload in ``blocks``; return the answer and its payload. Raises RuntimeError
        when the judge has ended the run.
        """
        header = json.dumps({"type": kind, **fields}).encode()
        try:
            if self._packets:
                self._send_packet(header, blocks)
                encoded, received = self._packet()
            else:
                self._send_frame(header, b"".join(blocks))
                encoded, received = self._frame()
        except OSError as error:
            raise RuntimeError("the judge has ended this run") from error
        answer: dict[str, Any] = json.loads(encoded)
        if answer["type"] == "refusal":
            raise RuntimeError(f"the judge has ended this run: {answer['reason']}")
        return answer, received

    def _send_packet(self, header: bytes, blocks: Iterable[Any]) -> None:
        descriptor = _sealed(blocks)
        if descriptor is None:
            self._socket.send(header)
            return
        try:
            socket.send_fds(self._socket, [header], [descriptor])
        finally:
            os.close(descriptor)

    def _packet(self) -> tuple[bytes, Any]:
        encoded, descriptors, _, _ = socket.recv_fds(
            self._socket, _LONGEST_HEADER, 1, socket.MSG_CMSG_CLOEXEC
        )
        if not encoded:
            raise ConnectionResetError("end of the conversation")
        if not descriptors:
            return encoded, b""
        try:
            size = os.fstat(descriptors[0]).st_size
            return encoded, (
                os.pread(descriptors[0], size, 0)
                if size <= _SMALL
                else mmap.mmap(descriptors[0], size, access=mmap.ACCESS_COPY)
            )
        finally:
            os.close(descriptors[0])

    def _send_frame(self, header: bytes, payload: bytes) -> None:
        self._socket.sendall(_LENGTHS.pack(len(header), len(payload)) + header)
        self._socket.sendall(payload)

    def _frame(self) -> tuple[bytes, Any]:
        header_size, payload_size = _LENGTHS.unpack(self._exactly(_LENGTHS.size))
        return self._exactly(header_size), self._exactly(payload_size)

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            part = self._socket.recv(min(size, 1 << 20))
            if not part:
                raise ConnectionResetError("end of the conversation")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _sealed(blocks: Iterable[Any]) -> int | None:
    """A memfd that holds ``blocks`` and can never change again; None where there are none."""
    descriptor = None
    for block in blocks:
        if descriptor is None:
            descriptor = os.memfd_create("block", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        rest = memoryview(block).cast("B")
        while rest:
            rest = rest[os.write(descriptor, rest[: 1 << 24]) :]
    if descriptor is not None:
        fcntl.fcntl(
            descriptor,
            fcntl.F_ADD_SEALS,
            fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL,
        )
    return descriptor


_FORMULAS = {
    **flop_registry,
    # torch knows the arithmetic of attention, but not that these kernels are attention too
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: flop_registry[
        torch.ops.aten._scaled_dot_product_flash_attention
    ],
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: flop_registry[
        torch.ops.aten._scaled_dot_product_flash_attention_backward
    ],
}


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what torch dispatches while it is entered: floating-point operations, operations, bytes of the
    tensors they write.
    """

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
            self.bytes_written += sum(
                leaf.numel() * leaf.element_size()
                for leaf in tree_leaves(out)
                if isinstance(leaf, torch.Tensor)
            )
        return out


class _Counter:
    """Decides when to count, and holds what is to be reported to the judge.

    It counts from the first batch on until it has seen a whole step; a run that ends before is priced by all
    that it did. A window reaches from the end of one optimizer step to the end of the next, with at least one
    batch in between, or over ``LONGEST`` batches. It opens after the first step, after the batches in
    ``AGAIN``, when the shape of batches changes and when more steps are taken on a batch than ever before. A
    script without a torch optimizer is counted over its first ``UNSTEPPED`` batches.
    """

    LONGEST = 64
    UNSTEPPED = 8
    AGAIN = (50, 500, 5_000, 50_000)
    MAX_WINDOWS = 32
    LARGEST = 1 << 53  # that the judge takes

    def __init__(self, active: bool) -> None:
        self.steps = 0
        self._active = active
        self._batches = 0
        self._stepped_at = 0
        self._calls = 0  # of optimizers on the last batch that had any
        self._most_calls = 0
        self._shape: tuple[int, int] | None = None
        self._due = True
        self._due_again = False
        self._windows = 0
        self._open: Any = None  # the _Operations entered
        self._unstepped = False
        self._since = (0, 0, 0)  # what was counted before the window
        self._window_batches = 0
        self._window_tokens = 0
        self._tokens = 0
        self._news: dict[str, int] | None = None
        register_optimizer_step_post_hook(self.on_step)

    def on_step(self, *_: Any) -> None:
        """An optimizer has finished. Several optimizers that follow one batch make one step."""
        self._calls = self._calls + 1 if self._batches == self._stepped_at else 1
        if self._batches > self._stepped_at:
            self._due = self._due or not self.steps
            self.steps += 1
            self._stepped_at = self._batches
        if self._calls > self._most_calls:
            self._more_calls()
        if self._open and self._unstepped:  # an optimizer after all: a whole step says more
            self._unstepped = False
            self._begin()
        elif self._open and self._window_batches:
            self._close(self._open)
        if self._due and not self._open:
            self._enter(unstepped=False)

    def _more_calls(self) -> None:
        """A batch has more steps than ever: what is left of them is counted, then a whole one like it."""
        self._most_calls = self._calls
        if self._windows and not self._open:
            self._due = self._due_again = True

    def on_request(self) -> dict[str, Any]:
        """The variant asks for a batch or for its evaluation: fields to tell the judge."""
        longest = self.UNSTEPPED if self._unstepped else self.LONGEST
        if self._open and self._window_batches >= longest and _in_main_thread():
            self._close(self._open)
        news, self._news = self._news, None
        return {"steps": self.steps, "counted": news}

    def on_batch(self, rows: int, length: int) -> None:
        """A batch goes to the variant."""
        self._batches += 1
        if self._batches in self.AGAIN or self._shape not in (None, (rows, length)):
            self._due = True
        self._shape = (rows, length)
        if self._due and not self._open and not self.steps and _in_main_thread():
            self._enter(unstepped=True)
        self._window_batches += 1
        self._window_tokens += rows * length
        self._tokens += rows * length

    def finish(self) -> None:
        """Training is over: count no more. Where no window was closed, all work since the first batch counts,
        whatever was made of it.
        """
        if window := self._open:
            self._leave(window)
            if not self._windows:
                self._since, self._window_tokens = (0, 0, 0), self._tokens
                self._report(window)
        self._active = False

    def _enter(self, unstepped: bool) -> None:
        if self._active and self._windows < self.MAX_WINDOWS:
            self._open = _Operations()
            self._unstepped = unstepped
            self._begin()
            self._open.__enter__()

    def _begin(self) -> None:
        """From now on is the window."""
        self._since = (self._open.flops, self._open.ops, self._open.bytes_written)
        self._window_batches, self._window_tokens = 0, 0

    def _leave(self, window: Any) -> None:
        window.__exit__(None, None, None)
        self._open = None

    def _close(self, window: Any) -> None:
        self._leave(window)
        self._report(window)
        self._windows += 1
        self._due, self._due_again = self._due_again, False

    def _report(self, window: Any) -> None:
        counts = (window.flops, window.ops, window.bytes_written)
        names = ("flops", "ops", "bytes_written")
        self._news = {
            name: min(count - before, self.LARGEST)
            for name, count, before in zip(names, counts, self._since, strict=True)
        }
        self._news["tokens"] = self._window_tokens


def _in_main_thread() -> bool:
    """Operations are counted in the thread that trains. One that only fetches batches ahead has none."""
    return threading.current_thread() is threading.main_thread()


def _shift(seed: int) -> int:
    """What every generator's seed is shifted by: far apart for neighbouring run seeds (multiplicative hashing
    with 2^64 / golden ratio).
    """
    return (seed + 1) * 0x9E3779B97F4A7C15 % (1 << 62)


def _replace(module: Any, name: str, function: Callable[..., Any]) -> None:
    setattr(module, name, function)


def _seed_by(shift: int) -> None:
    """Seed every generator from the run, and shift whatever the script seeds them with."""

    def shifted(value: Any, modulus: int = 1 << 63) -> int:
        number = int(value) if isinstance(value, int | np.integer) else zlib.crc32(repr(value).encode())
        return (number + shift) % modulus

    def take(module: Any, modulus: int, name: str) -> None:
        seeder = getattr(module, name)

        def seed(value: Any = None, *rest: Any, **named: Any) -> Any:
            return seeder(shifted(value, modulus), *rest, **named)

        _replace(module, name, seed)

    _shift_generators_of_torch(shifted)
    take(random, 1 << 63, "seed")
    take(np.random, 1 << 32, "seed")
    make = np.random.default_rng
    _replace(
        np.random,
        "default_rng",
        lambda seed=None: make(
            seed if isinstance(seed, np.random.Generator | _BIT_GENERATOR | _SEQUENCE) else shifted(seed)
        ),
    )
    for name in _SEEDED:
        _replace(np.random, name, _shifted_kind(getattr(np.random, name), shifted))
    _replace(np.random.mtrand, "RandomState", np.random.RandomState)
    _replace(random, "Random", _shifted_random(shifted))
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)


def _shift_generators_of_torch(shifted: Callable[[Any], int]) -> None:
    """Every ``torch.Generator`` there is or will be, the default ones of CPU and GPUs among them, by the one
    method that all of their seeds go through. It belongs to a type written in C, whose dictionary alone can
    be changed.
    """
    (methods,) = gc.get_referents(torch.Generator.__dict__)
    seeder = methods["manual_seed"]
    methods["manual_seed"] = lambda self, seed: seeder(self, shifted(seed))
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(torch.Generator))


_BIT_GENERATOR = np.random.BitGenerator
_SEQUENCE = np.random.SeedSequence
_SEEDED = ("RandomState", "SeedSequence", "MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
"""Classes of numpy that take a seed."""


def _shifted_kind(original: Any, shifted: Callable[..., int]) -> type:
    """A class of numpy that shifts the seed it is made with; numpy's own objects count as instances of it."""
    bits = 32 if original.__name__ == "RandomState" else 63

    def own(seed: Any) -> Any:
        return seed if isinstance(seed, _BIT_GENERATOR | _SEQUENCE) else shifted(seed, 1 << bits)

    class Kind(type(original)):  # type: ignore[misc]
        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, original)

    class Seeded(original, metaclass=Kind):  # type: ignore[misc]
        def __init__(self, seed: Any = None, *rest: Any, **named: Any) -> None:
            if named.get("key") is not None:  # of Philox, in the place of a seed
                super().__init__(seed, *rest, **named | {"key": own(named["key"])})
            else:
                super().__init__(own(named.pop("entropy", seed)), *rest, **named)

        if hasattr(original, "seed"):

            def seed(self, seed: Any = None) -> None:
                super().seed(own(seed))

    Seeded.__module__ = "numpy.random"  # so that it can be pickled
    Seeded.__name__ = Seeded.__qualname__ = original.__name__
    return Seeded


def _shifted_random(shifted: Callable[[Any], int]) -> type:
    """``random.Random`` that shifts the seed it is given."""

    class Random(random.Random):
        def seed(self, a: Any = None, version: int = 2) -> None:
            super().seed(None if a is None else shifted(a), version)

    Random.__module__, Random.__qualname__ = "random", "Random"  # so that it can be pickled
    return Random


class _NominalClock:
    """Seconds sent by the judge with every batch. Its epoch is a constant, so that even a script that prints
    the date is repeatable.
    """

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
        raise SystemExit(
            "prepare: there is no judge. Start train.py through autoswarm, which serves its data and its"
            " clock."
        )
    fd = int(os.environ["AUTOSWARM_JUDGE_FD"])
    os.set_inheritable(fd, False)
    return _Judge(fd)


_judge = _connect()
_run, _vocabulary = _judge.ask("hello", version=_VERSION)
_counter = _Counter(active=_run["nominal"] and not _run["twin"])
_clock = _NominalClock()
_value: float | None = None
_asking = threading.RLock()  # one question at a time: a thread may fetch batches ahead
_training_over = threading.Event()
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
        """Token ids of a text, or a list of them for a list of texts; ``prepend`` goes first. ``num_threads``
        is accepted and not needed.
        """
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
            size = next(
                size
                for size in range(min(self._longest, len(text) - at), 0, -1)
                if text[at : at + size] in self._ids
            )
            ids.append(self._ids[text[at : at + size]])
            at += size
        return ids

    def _merge(self, text: str) -> list[int]:
        if self._merges is None:
            import tiktoken  # only tasks with merges need it, and only to encode

            self._merges = tiktoken.Encoding(
                "task", pat_str=_run["pattern"], mergeable_ranks=self._ids, special_tokens={}
            )
        ids: list[int] = self._merges.encode_ordinary(text)
        return ids


def _tensors(rows: int, length: int, payload: bytes) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets, int64 of shape [rows, length] each, on the device."""
    block = torch.from_numpy(np.frombuffer(payload, dtype="<u2").reshape(rows, length + 1).astype(np.int64))
    if (
        torch.cuda.is_available()
    ):  # from pinned memory, or the copy would wait for everything the GPU has still to do
        block = block.pin_memory().to("cuda", non_blocking=True)
    return block[:, :-1].contiguous(), block[:, 1:].contiguous()


def make_dataloader(
    tokenizer: Tokenizer,  # noqa: ARG001
    B: int,  # noqa: N803
    T: int,  # noqa: N803
    split: str,
) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
    """Training batches ``(x, y, epoch)`` of B rows of T tokens until the budget is spent, int64 on the
    device; the first epoch is 1. Then a loop over it ends, and ``next`` raises a StopIteration that says so.

    Raises ValueError for another split than "train": validation tokens stay with the judge until training is
    over.
    """
    if split != "train":
        raise ValueError(
            f"split {split!r} is not served: validation tokens stay with the judge, which evaluate_bpb asks"
        )
    return _Loader(_batches(B, T))


class _BudgetSpent(StopIteration):
    """There are no more batches. A loop over them ends by it; of ``next`` it says what a bare StopIteration
    would not.
    """


class _Loader:
    """Batches whose end says why."""

    def __init__(self, batches: Iterator[tuple[torch.Tensor, torch.Tensor, int]]) -> None:
        self._batches = batches

    def __iter__(self) -> "_Loader":
        return self

    def __next__(self) -> tuple[torch.Tensor, torch.Tensor, int]:
        try:
            return next(self._batches)
        except StopIteration:
            raise _BudgetSpent(_NO_MORE) from None


_NO_MORE = (
    "the budget is spent, there are no more batches; call evaluate_bpb (a loop that asks on is behind the"
    " judge's clock: count all of its time, or end it with the loader)"
)


def _batches(rows: int, length: int) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
    if _run["twin"]:
        _play_twin()
    while True:
        with _asking:
            if _training_over.is_set():  # while another thread fetched batches ahead
                return
            answer, payload = _judge.ask("next_batch", rows=rows, length=length, **_counter.on_request())
            if answer["type"] == "budget_spent":
                print(f"prepare: {_NO_MORE}", file=sys.stderr)  # noqa: T201 (the variant's log)
                return
            _clock.seconds = answer["seconds"]
            x, y = _tensors(rows, length, payload)
            _counter.on_batch(rows, length)
        yield x, y, answer["epoch"]


def _plain(model: Any) -> Any:
    """The model that ``torch.compile`` wrapped, or the model itself: compiled and plain differ in the third
    digit under bfloat16.
    """
    return getattr(model, "_orig_mod", model)


@contextlib.contextmanager
def _in_eval_mode(model: Any) -> Iterator[None]:
    """Without dropout and the like, as the twin answers too; afterwards every module is in the mode it was
    in.
    """
    modes = (
        [(module, module.training) for module in model.modules()]
        if isinstance(model, torch.nn.Module)
        else []
    )
    for module, _ in modes:
        module.training = False
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _hand_over(model: Any) -> tuple[dict[str, Any], Any]:
    """Give the judge a copy of all that the model is, and say how it is evaluated."""
    try:
        table, tensors = _described(model)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}"
        print(f"prepare: there is no copy of this model, {reason}", file=sys.stderr)  # noqa: T201
        return _judge.ask("unable", reason=reason[:300])
    changed = _written({name: value for (name, _, _), value in zip(table["tensors"], tensors, strict=True)})
    encoded = json.dumps(table).encode()
    blocks = (
        tensor.detach().contiguous().reshape(-1).view(torch.uint8).cpu().numpy()
        for tensor in tensors
        if tensor.numel()
    )
    try:
        return _judge.ask("weights", _after(encoded, blocks), table=len(encoded))
    except RuntimeError:
        if changed:
            print(f"prepare: written to meanwhile: {', '.join(changed[:8])}", file=sys.stderr)  # noqa: T201
        raise


_handed: dict[str, tuple[int, int]] = {}


def _written(state: dict[str, torch.Tensor]) -> list[str]:
    """Names of what was written to, or put in another's place, since the weights were handed over before."""
    now = {
        name: (value.data_ptr(), -1 if value.is_inference() else value._version)
        for name, value in state.items()
    }
    changed = [name for name in now if name in _handed and _handed[name] != now[name]]
    _handed.update(now)
    return changed


def _after(first: bytes, blocks: Iterable[Any]) -> Iterator[Any]:
    yield first
    yield from blocks


def _described(model: Any) -> tuple[dict[str, Any], list[torch.Tensor]]:
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"the model is a {type(model).__name__}, not a torch.nn.Module")
    state = model.state_dict()
    if odd := [
        name
        for name, value in state.items()
        if type(value) is not torch.Tensor or value.layout != torch.strided
    ]:
        raise ValueError(f"{odd[0]} in its state_dict is no plain tensor")
    tensors = [
        [name, str(value.dtype).removeprefix("torch."), list(value.shape)] for name, value in state.items()
    ]
    autocast = [
        [kind, torch.is_autocast_enabled(kind), str(torch.get_autocast_dtype(kind)).removeprefix("torch.")]
        for kind in ("cpu", "cuda")
    ]
    table = {
        "class": type(model).__qualname__,
        "tensors": tensors,
        "autocast": autocast,
        "precision": torch.get_float32_matmul_precision(),
    }
    return table, list(state.values())


def _play_twin() -> NoReturn:
    """Answer the judge's probes with the weights it has, for as long as it asks; then this process is no
    longer needed.
    """
    answer, payload = _judge.ask("ready")
    view = memoryview(payload)
    table = json.loads(bytes(view[: answer["table"]]))
    model = _counterpart(table)
    if model is None:
        _judge.ask(
            "unable",
            reason=(
                "when the first batch was asked for there was no module whose state_dict has these names and"
                " shapes"
            ),
        )
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(_in_eval_mode(model))
        _load(model, table, view[answer["table"] :])
        for kind, enabled, dtype in table["autocast"]:
            stack.enter_context(torch.autocast(kind, dtype=getattr(torch, dtype), enabled=enabled))
        torch.set_float32_matmul_precision(table["precision"])
        answer, payload = _judge.ask("loaded")
        while answer["type"] == "probe":
            answer, payload = _answer_probe(model, answer, payload)
    os._exit(0)


def _counterpart(table: dict[str, Any]) -> Any:
    """The module that takes the weights: of the same class where there is one."""
    wanted = {name: tuple(shape) for name, _, shape in table["tensors"]}
    modules = [module for module in gc.get_objects() if issubclass(type(module), torch.nn.Module)]
    fitting = [
        module
        for module in modules
        if {name: tuple(getattr(value, "shape", (-1,))) for name, value in module.state_dict().items()}
        == wanted
    ]
    alike = [module for module in fitting if type(module).__qualname__ == table["class"]]
    return next(iter(alike or (fitting if wanted else [])), None)


def _load(model: Any, table: dict[str, Any], content: memoryview) -> None:
    """In place, so that whoever else holds a tensor sees it too; in the type they were trained in."""
    state, at = model.state_dict(keep_vars=True), 0
    for name, kind, shape in table["tensors"]:
        target, dtype = state[name], getattr(torch, kind)
        size = target.numel() * dtype.itemsize
        if size:
            raw = torch.from_numpy(np.frombuffer(content[at : at + size], dtype=np.uint8).copy())
            value = raw.view(dtype).reshape(shape)
            if target.dtype == dtype:
                target.data.copy_(value)
            else:
                target.data = value.to(target.device)
        at += size


def _answer_probe(model: Any, probe: dict[str, Any], payload: Any) -> tuple[dict[str, Any], Any]:
    """The model's logits at one position of each row."""
    block = torch.from_numpy(
        np.frombuffer(payload, dtype="<u2").reshape(probe["rows"], probe["length"] + 1).astype(np.int64)
    )
    x, at = block[:, :-1].contiguous(), block[:, -1]
    if torch.cuda.is_available():
        x, at = x.cuda(), at.cuda()
    logits = (
        model(x)[torch.arange(len(at), device=x.device), at]
        .detach()
        .to(torch.float32)
        .cpu()
        .contiguous()
        .numpy()
    )
    return _judge.ask("logits", [logits.tobytes()], dtype="float32", shape=list(logits.shape))


def _answer_rows(model: Any, rows: dict[str, Any], payload: Any) -> tuple[dict[str, Any], Any]:
    """The model's loss of each target token."""
    x, y = _tensors(rows["rows"], rows["length"], payload)
    losses = model(x, y, reduction="none").detach().to(torch.float32).cpu().contiguous().numpy()
    shape = list(x.shape) if losses.size == x.numel() else list(losses.shape)
    return _judge.ask("losses", [losses.tobytes()], dtype="float32", shape=shape)


@torch.no_grad()
def evaluate_bpb(model: Any, tokenizer: Tokenizer, batch_size: int) -> float:  # noqa: ARG001
    """Validation bits per byte of ``model`` as the judge computes it. Ends training: a call long before the
    budget is spent ends the run without a value. Asked again, the first value is the answer; where a call was
    left by an exception, as out of memory, the next one goes on, perhaps with fewer rows at once.

    ``model(x, y, reduction="none")`` gives the loss of each target token in nats, for rows of MAX_SEQ_LEN
    tokens, ``batch_size`` rows at a time; ``model(x)`` gives the logits they come from. It is asked in eval
    mode, whatever mode it is in.
    """
    if _run["twin"]:
        _play_twin()
    _training_over.set()
    with _asking:
        return _evaluated(model, batch_size)


def _evaluated(model: Any, batch_size: int) -> float:
    global _value
    if _value is None:
        _counter.finish()
        model = _plain(model)
        answer, payload = _judge.ask("evaluate", rows=batch_size, **_counter.on_request())
        with _in_eval_mode(model):
            while answer["type"] != "verdict":
                if answer["type"] == "hand_over":
                    answer, payload = _hand_over(model)
                elif answer["type"] == "rows":
                    answer, payload = _answer_rows(model, answer, payload)
                else:
                    answer, payload = _answer_probe(model, answer, payload)
        _value = float(answer["value"])
    return _value
