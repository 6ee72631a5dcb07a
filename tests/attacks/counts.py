"""Attacks on a budget that counts work: work in children, in steps between two counted windows, on one batch,
under a count of nothing; and an honest program whose operations no counter knows.
"""

from math import inf

from tests.attacks.attack import BY_CPU, MORE_CPU, STOPPED, Attack, Came, Edit, Kind
from tests.attacks.clocks import COUNTED, DEMO_LOSS
from tests.attacks.edits import both, built, imported, replaced, substituted
from tests.attacks.honest import mixers

DEMO_STEP = """    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
"""
LOOP = "while spent < TIME_BUDGET:\n"
NEXT = "    x, y, epoch = next(loader)\n    now"

ZYGOTE = """
import ctypes, mmap, os, signal
def _shared(tensor):
    memory = mmap.mmap(-1, max(tensor.numel() * tensor.element_size(), 8))
    new = torch.frombuffer(memory, dtype=tensor.dtype, count=tensor.numel()).view(tensor.shape)
    new.copy_(tensor)
    return new
with torch.no_grad():
    for _p in model.parameters():
        _p.data = _shared(_p.data)
_parameters = list(model.parameters())
_m, _v = ([_shared(torch.zeros_like(p)) for p in _parameters] for _ in range(2))
_count = _shared(torch.zeros(1))
_rows = _shared(torch.zeros(BATCH_SIZE, MAX_SEQ_LEN + 1, dtype=torch.int64))
(_ask, _asked), (_wait, _done) = os.pipe()[::-1], os.pipe()
def _some_steps():
    for _ in range(STEPS):
        model(_rows[:, :-1], _rows[:, 1:]).backward()
        with torch.no_grad():
            _count.add_(1)
            torch._foreach_lerp_(_m, [p.grad for p in _parameters], 0.1)
            torch._foreach_lerp_(_v, [p.grad.square() for p in _parameters], 0.05)
            for p, m, v in zip(_parameters, _m, _v):
                p.sub_(0.002 * (m / (1 - 0.9**_count)) / ((v / (1 - 0.95**_count)).sqrt() + 1e-8))
                p.grad = None
if os.fork() == 0:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while os.read(_asked, 1):
        if os.fork() == 0:
            FORK
            _some_steps()
            os.write(_done, b".")
            os._exit(0)
    os._exit(0)
def _have_it_done():
    _rows.copy_(torch.cat((x, y[:, -1:]), 1))
    for _ in range(TIMES):
        os.write(_ask, b".")
        os.read(_wait, 1)
"""


def by_children(name: str, tries: str, fork: str) -> Attack:
    """Short-lived children take steps on shared weights after every step of the parent."""
    text = ZYGOTE.replace("FORK", fork).replace("STEPS", "2").replace("TIMES", "2")
    make = both(built(text), substituted(DEMO_LOSS, f"    _have_it_done()\n{DEMO_LOSS}"))
    return counted(name, tries, make)


def counted(name: str, tries: str, make: Edit, margin: float = 0.01, cpu: float = inf) -> Attack:
    """On the demo, under its budget of continuous integration."""
    return Attack(
        name=name,
        kind=Kind.CLOCK,
        tries=tries,
        make=make,
        on="demo",
        budget=COUNTED,
        may=STOPPED | {Came.MARKED},
        margin=margin,
        cpu=cpu,
        in_order=True,
    )


MORE = """
def _step():
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
"""
EXTRA = """    if 3 < step < 45:
        for _ in range(2):
            model(x, y).backward()
            _step()
"""
ONE_BATCH = """_big_x, _big_y = x, y
for step in range(150):
    for group, peak in groups:
        group["lr"] = peak * rate(step / 150)
    _at = (16 * step) % len(_big_x)
    model(_big_x[_at : _at + 16], _big_y[_at : _at + 16]).backward()
    _step()
spent = TIME_BUDGET
"""
BY_HAND = """_first = True
for step in range(200):
    x, y, epoch = next(loader) if step % 4 == 0 else (x, y, epoch)
"""
NOTHING = """
import prepare
for _value in list(vars(prepare).values()):
    if hasattr(_value, "on_request") and not isinstance(_value, type):
        def _free(plain=_value.on_request):
            request = plain()
            if request.get("counted"):
                request["counted"] = {n: v if n == "tokens" else 0 for n, v in request["counted"].items()}
            return request
        _value.on_request = _free
"""
ENOUGH = "while spent < TIME_BUDGET and step < 150:\n    spent = TIME_BUDGET * step / 150\n"
SILENT = """
import prepare
for _value in list(vars(prepare).values()):
    if hasattr(_value, "on_request") and not isinstance(_value, type):
        _value._enter = lambda *a, **k: None
"""
LITTLE = """    _watched = next((v for v in list(vars(_prepare).values()) if hasattr(v, "on_request") and not isinstance(v, type)))
    if _watched._open:
        x, y = x[:1], y[:1]
"""

ATTACKS = (
    by_children(
        "works_in_children_nobody_waits_for",
        "Has steps taken on shared weights by children that last some tenths of a second, whose ends it ignores, so that nobody adds up what they used.",
        "pass",
    ),
    by_children(
        "works_in_orphans",
        "The same by grandchildren whose parent has gone, which fall to whoever takes in orphans.",
        "if os.fork():\n                os._exit(0)",
    ),
    counted(
        "steps_between_the_counted_ones",
        "Takes three steps where one is due, but only between the windows in which its work is counted.",
        both(built(MORE), substituted(DEMO_LOSS, EXTRA + DEMO_LOSS)),
    ),
    counted(
        "takes_one_batch_and_many_steps",
        "Asks for one large batch and no other, and takes three times as many steps as were due on parts of it: the window in which they would be counted never closes.",
        both(
            built(MORE),
            substituted("tokenizer, BATCH_SIZE, MAX_SEQ_LEN,", "tokenizer, 512, MAX_SEQ_LEN,"),
            lambda source: replaced(LOOP, ONE_BATCH + LOOP, source),
        ),
    ),
    counted(
        "counts_nothing",
        "Reports no operations at all for its windows, and leaves its loop after three times as many steps as were due.",
        both(imported(NOTHING), substituted(LOOP, ENOUGH)),
    ),
    counted(
        "opens_no_window",
        "Keeps the shim from ever beginning to count, and leaves its loop after three times as many steps as were due.",
        both(imported(SILENT), substituted(LOOP, ENOUGH)),
    ),
    counted(
        "works_little_where_it_is_counted",
        "Uses one row of its batch in steps that are counted and all of them in the others.",
        both(
            imported("import prepare as _prepare"),
            substituted(
                "    loss = model(x, y)\n    loss.backward()\n",
                f"{LITTLE}    loss = model(x, y)\n    loss.backward()\n",
            ),
            substituted(LOOP, ENOUGH),
        ),
    ),
    counted(
        "is_an_honest_lstm",
        "Nobody cheats: an LSTM in the place of attention, whose operations no counter knows, has to be paid for like any.",
        mixers.mixing("nn.LSTM(WIDTH, WIDTH, batch_first=True)"),
        margin=BY_CPU,
        cpu=MORE_CPU,
    ),
)
