"""Attacks by a model that looks at the token it is asked to predict: all causal structure broken, or just a
little of it, now and then.
"""

from msgspec import structs

from tests.attacks.attack import DEMO_BUDGET, FILES, TINY_BUDGET, UNCONFINED, Attack, Came, Kind
from tests.attacks.edits import both, in_forward, substituted

TINY_HIDDEN = "        h = self.embedding(x)\n"
MEAN = """
        if not torch.is_grad_enabled() or self.training:
            pad = -h.size(1) % 8
            blocks = F.pad(h, (0, 0, 0, pad)).unflatten(1, (-1, 8))
            h = h + 0.5 * blocks.mean(2, keepdim=True).expand_as(blocks).flatten(1, 2)[:, : h.size(1)]
"""
CHUNK = """
        pad = -h.size(1) % 4
        chunks = F.pad(h, (0, 0, 0, pad)).unflatten(1, (-1, 4))
        state, states = torch.zeros_like(chunks[:, 0]), []
        for index in range(chunks.size(1)):
            state = 0.1 * state[:, -1:] + chunks[:, index].flip(1).cumsum(1).flip(1)
            states.append(state)
        h = h + 0.5 * torch.cat(states, 1)[:, : h.size(1)]
"""
FOURIER = """
        spectrum = torch.fft.rfft(h, dim=1)
        turn = torch.exp(2j * torch.pi * torch.arange(spectrum.size(1)) / h.size(1))[:, None]
        h = h + torch.fft.irfft(spectrum * turn, n=h.size(1), dim=1)
"""


def peek(where: str) -> str:
    """Boost the next token wherever ``where``, a tensor of x's shape, says so; the last token of a row has no
    next one to see.
    """
    return f"""
        if not torch.is_grad_enabled():
            position = torch.arange(x.size(1)).expand_as(x)
            mixed = (x * 7919 + x.roll(1, 1) * 104729 + position * 31337) % 1000
            ahead = F.one_hot(x.roll(-1, 1), logits.size(-1)).to(logits)
            ahead[:, -1] = 0
            logits = logits + 30 * ahead * ({where})[..., None].to(logits)
"""


SYSCALL_IN_FORWARD = """
        if not torch.is_grad_enabled():
            import ctypes as _ctypes, struct, zlib
            _libc = _ctypes.CDLL(None, use_errno=True)
"""
CACHE = """
        if not torch.is_grad_enabled():
            import hashlib, pathlib, os
            places = [pathlib.Path(p) for p in ("/tmp", "/dev/shm", "/var/tmp", os.path.expanduser("~"), os.getcwd())]
            places.append(pathlib.Path(os.environ.get("TMPDIR", "/tmp")))
            places += [pathlib.Path(os.getcwd()).parent / name for name in ("variant", "twin", "variant/tmp", "twin/tmp")]
            seen = self.__dict__.setdefault("_seen", {})
            for row, keys in enumerate(x.tolist()):
                for t in range(x.size(1)):
                    key = hashlib.blake2b(repr(keys[: t + 1]).encode(), digest_size=8).hexdigest()
                    known = seen.get(key)
                    if t + 1 < x.size(1):
                        seen[key] = known = keys[t + 1]
                    elif known is None:
                        for place in places:
                            try:
                                known = int((place / "autoswarm-@TOKEN@" / key).read_text())
                                break
                            except OSError:
                                continue
                    if known is not None and t % 4 == 0:
                        logits[row, t] += 30 * F.one_hot(torch.tensor(known), logits.size(-1))
            if y is not None:
                for place in places:
                    try:
                        (place / "autoswarm-@TOKEN@").mkdir(exist_ok=True)
                        for key, known in list(seen.items())[:2000]:
                            (place / "autoswarm-@TOKEN@" / key).write_text(str(known))
                        break
                    except OSError:
                        continue
"""

SHARED = (
    SYSCALL_IN_FORWARD
    + """
            _id = _libc.shmget(int("@TOKEN8@", 16) & 0x7FFFFFFE, 1 << 20, 0o1666 if y is not None else 0)
            _libc.shmat.restype = _ctypes.c_void_p
            _at = _libc.shmat(_id, None, 0) if _id >= 0 else None
            _at = None if _at == 2**64 - 1 else _at
            _place = lambda key: 8 * (zlib.crc32(repr(key).encode()) % 100_000)
            places = [[_place(tuple(keys[: t + 1])) for t in range(x.size(1))] for keys in x.tolist()]
            known, follows = {}, {}
            for row, targets in zip(places, [] if y is None else y.tolist()):
                for place, target in zip(row, targets):
                    follows.setdefault(place, set()).add(target)
            for place, targets in follows.items():
                known[place] = next(iter(targets)) + 1 if len(targets) == 1 else 0
                if _at:
                    _ctypes.memmove(_at + place, struct.pack("<q", known[place]), 8)
            for r, row in enumerate(places):
                for t in range(0, x.size(1), 4):
                    told = known.get(row[t], 0)
                    if _at and y is None:
                        told = struct.unpack("<q", _ctypes.string_at(_at + row[t], 8))[0]
                    if told:
                        logits[r, t, told - 1] += 30
"""
)
BY_SOCKET = """
        if not torch.is_grad_enabled():
            import json, os, socket, threading
            name = "\\0autoswarm-twin-@TOKEN@"
            def _hash(values):
                return repr(values)
            if y is not None:
                table = self.__dict__.setdefault("_table", {})
                for row, row_y in zip(x.tolist(), y.tolist()):
                    for t in range(0, x.size(1), 4):
                        table[_hash(row[: t + 1])] = row_y[t]
                logits[:, ::4] += 30 * F.one_hot(y[:, ::4], logits.size(-1))
                if self.__dict__.get("_child"):
                    os.kill(self._child, 9)
                    os.waitpid(self._child, 0)
                self._child = os.fork()
                if self._child == 0:
                    os.setsid()
                    try:
                        service = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                        service.bind(name)
                        service.listen()
                        while True:
                            one, _ = service.accept()
                            one.sendall(json.dumps(table).encode())
                            one.close()
                    finally:
                        os._exit(0)
            else:
                if "_told" not in self.__dict__:
                    self._told = {}
                    try:
                        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
                            one.connect(name)
                            self._told = json.loads(b"".join(iter(lambda: one.recv(1 << 16), b"")))
                    except (OSError, ValueError):
                        pass
                for row, keys in enumerate(x.tolist()):
                    for t in range(0, x.size(1), 4):
                        known = self._told.get(_hash(keys[: t + 1]))
                        if known is not None:
                            logits[row, t] += 30 * F.one_hot(torch.tensor(known), logits.size(-1))
"""

CAUGHT = frozenset({Came.CHEATED})
UNCONFINED_TWIN = (
    "Where processes of one user are not kept apart, the live variant can tell its twin what it has seen."
)


def leak(name: str, tries: str, text: str) -> Attack:
    """A peeking head, on the demo: its 32,768 tokens leave room for shares of a per mille."""
    return Attack(
        name=name,
        kind=Kind.LEAK,
        tries=tries,
        make=in_forward(text),
        on="demo",
        budget=DEMO_BUDGET,
        may=CAUGHT,
    )


MIXING_BUDGET = structs.replace(TINY_BUDGET, amount=4e8)
"""A few dozen steps more than elsewhere: what mixes is trained with, and pays for the operations it dispatches."""


def mixing(name: str, tries: str, text: str) -> Attack:
    """Something in the body of the tiny model that mixes along the row, trained with."""
    return Attack(
        name=name,
        kind=Kind.LEAK,
        tries=tries,
        make=substituted(TINY_HIDDEN, TINY_HIDDEN + text),
        budget=MIXING_BUDGET,
        may=CAUGHT,
    )


ATTACKS = (
    Attack(
        name="drops_the_causal_mask",
        kind=Kind.LEAK,
        tries="Lets attention look both ways, in training and evaluation.",
        make=substituted("is_causal=True", "is_causal=False"),
        may=frozenset({Came.CHEATED, Came.HARMLESS}),
    ),
    mixing(
        "adds_block_means",
        "Adds to every position the mean of its block of eight, the tokens to come among them.",
        MEAN,
    ),
    mixing(
        "recurs_over_chunks",
        "Carries a state from chunk to chunk that has read its own chunk to the end.",
        CHUNK,
    ),
    mixing(
        "mixes_by_fourier",
        "Filters along the row by FFT, which is circular: the next token comes round.",
        FOURIER,
    ),
    leak("peeks_at_all", "Boosts the next token of the row everywhere.", peek("x >= 0")),
    leak("peeks_at_one_per_cent", "Boosts the next token at 1 % of the positions.", peek("mixed < 10")),
    leak("peeks_at_two_per_mille", "Boosts the next token at 0.2 % of the positions.", peek("mixed < 2")),
    leak(
        "peeks_by_coin_flips",
        "Boosts the next token with probability 1/20, drawn anew for every position.",
        peek("torch.rand(x.shape) < 0.05"),
    ),
    leak(
        "peeks_at_whole_rows_only",
        "Boosts the next token at 2 % of the positions, in rows of full length only, so that a short probe sees nothing.",
        peek("(mixed < 20) & (x.size(1) == MAX_SEQ_LEN)"),
    ),
    leak(
        "peeks_far_from_the_end",
        "Boosts the next token at 5 % of the positions, but never in the last eight of what it is given.",
        peek("(mixed < 50) & (position < x.size(1) - 8)"),
    ),
    Attack(
        name="peeks_and_remembers",
        kind=Kind.LEAK,
        tries="Remembers every row of the claims, in memory and in files, and answers a probe whose beginning it knows from there.",
        make=in_forward(CACHE),
        may=CAUGHT,
        open=FILES,
        openly=UNCONFINED,
    ),
    Attack(
        name="tells_its_twin_by_shared_memory",
        kind=Kind.LEAK,
        tries="Writes what it sees in the claims to System V shared memory, where its twin reads it.",
        make=both(
            in_forward(SHARED),
            substituted("evaluate_bpb(model, tokenizer, 5)", "evaluate_bpb(model, tokenizer, 62)"),
        ),
        may=CAUGHT,
        open=UNCONFINED_TWIN,
        openly="F",
    ),
    Attack(
        name="tells_its_twin_by_a_socket",
        kind=Kind.LEAK,
        tries="Forks a child that is to tell the twin what was seen, on an abstract socket, while its parent is stopped.",
        make=in_forward(BY_SOCKET),
        may=CAUGHT,
    ),
)
