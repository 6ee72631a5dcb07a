"""Attacks on the budget: more training than was paid for, by lying about time or work, or by working where
nobody counts.
"""

from evaluator.budget import Budget, Unit
from tests.attacks.attack import BY_CPU, MORE_CPU, STOPPED, Attack, Came, Edit, Kind
from tests.attacks.edits import both, built, imported, replaced, trained
from tests.attacks.kin import KIN

ONE_SECOND = Budget(Unit.SECONDS, 1.0, 90.0)
COUNTED = Budget(Unit.FLOPS, 1e11, 240.0)
"""The demo's own in continuous integration: long enough that training is most of what a run does. Its wall cap
is for a busy machine, so that nothing is stopped by that alone.
"""

BATCH = "        x, y, epoch = next(loader)\n"
STEPS = "    steps += 1\n"
DEMO_LOSS = "    loss = loss.item()  # waits for the device\n"

TRAIN = """
def _train(seconds):
    until = _clock() + seconds
    while _clock() < until:
        with torch.enable_grad():
            _plain_loss(model, x, y).backward()
        optimizer.step()
        optimizer.zero_grad()
"""
KEEP = """
import time as _time
_clock = _time.monotonic
_began = _clock()
_plain_loss = lambda model, x, y: type(model).forward(model, x, y)
_least = LEAST
def _end():
    real = _clock() - _began
    if real > _least * TIME_BUDGET:
        loot(f"{real:.2f} s of training within a budget of {TIME_BUDGET:.1f} s")
"""


def overtime(name: str, tries: str, work: Edit, open_: str = "", may: frozenset[Came] = STOPPED) -> Attack:
    """At least five seconds of training in a budget of one, said when it ends: before a number comes of it, if
    one does. open_: why it is open.
    """
    make = both(imported(KEEP.replace("LEAST", "3.5")), work)
    return Attack(
        name=name, kind=Kind.CLOCK, tries=tries, make=make, budget=ONE_SECOND, warm_up=3, may=may, open=open_
    )


def within_step(text: str) -> Edit:
    """Code at the end of every step of the tiny surface."""
    return lambda source: replaced(STEPS, f"{STEPS}{text}", source)


def within_demo_step(text: str) -> Edit:
    """Code at the end of every step of the demo's surface."""
    return lambda source: replaced(DEMO_LOSS, f"{text}{DEMO_LOSS}", source)


END = "_end()"

SIX_SECONDS = Budget(Unit.SECONDS, 6.0, 90.0)
GRACE = both(
    imported(KEEP.replace("LEAST", "1.15")),
    within_step(f"""    if steps == 3:
        exec({TRAIN!r})
        _began = _clock()
    if steps > 3:
        _train(0.28)
"""),
    trained("""
_train(max(0.0, _began + 6.85 - _clock()))
_state_dict = model.state_dict
def _late(*a, **k):
    if "_did" not in globals():
        globals()["_did"] = True
        _train(1.8)
        _end()
    return _state_dict(*a, **k)
model.state_dict = _late
"""),
)
FREE = both(
    imported(KEEP.replace("LEAST", "1.4")),
    lambda source: replaced(
        "        loss = model(x, y) / ACCUMULATE\n",
        """        if steps == 0:
            _began = _clock()
            for _ in range(80):
                until = _clock() + 0.007
                while _clock() < until:
                    _plain_loss(model, x, y).backward()
                    with torch.no_grad():
                        [p.sub_(p.grad, alpha=0.3) for p in model.parameters()]
                    optimizer.zero_grad()
                x, y, epoch = next(loader)
            began = time.time()
        loss = model(x, y) / ACCUMULATE
""",
        source,
    ),
    trained("_end()"),
)

ATTACKS = (
    Attack(
        name="stops_the_clocks",
        kind=Kind.CLOCK,
        tries="Makes every clock of the time module stand still, so that its loop never sees the end of the budget.",
        make=imported("""
import time
for _name in ("time", "perf_counter", "monotonic", "process_time", "thread_time"):
    setattr(time, _name, lambda: 1.0)
    setattr(time, _name + "_ns", lambda: 10**9)
"""),
    ),
    Attack(
        name="undercounts_its_work",
        kind=Kind.CLOCK,
        tries="Wraps the shim's counter so that it reports a tenth of the floating-point operations, and trains ten times as long.",
        make=imported("""
import prepare
for _value in list(vars(prepare).values()):
    if hasattr(_value, "on_request") and not isinstance(_value, type):
        def _little(plain=_value.on_request):
            told = plain()
            if told.get("counted"):
                told["counted"] = {n: (v if n == "tokens" else v // 10) for n, v in told["counted"].items()}
            return told
        _value.on_request = _little
"""),
        on="demo",
        budget=COUNTED,
        may=STOPPED | {Came.MARKED},
        margin=BY_CPU,
        cpu=MORE_CPU,
    ),
    Attack(
        name="trains_where_nothing_is_counted",
        kind=Kind.CLOCK,
        tries="Takes five more steps on every batch in a thread that the counter does not watch.",
        make=within_demo_step("""
    def _more():
        for _ in range(5):
            model(x, y).backward()
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad()
    import threading
    _thread = threading.Thread(target=_more)
    _thread.start()
    _thread.join()
"""),
        on="demo",
        budget=COUNTED,
        may=STOPPED | {Came.MARKED},
    ),
    overtime(
        "trains_before_its_first_batch",
        "Makes up text of its own and trains on it for half a minute before it asks for a batch at all.",
        both(
            built(f"x = y = torch.randint(vocab_size, (BATCH_SIZE, MAX_SEQ_LEN))\n{TRAIN}\n_train(30.0)\n"),
            trained(END),
        ),
    ),
    overtime(
        "works_in_its_warm_up",
        "Spends five seconds on thousands of steps with the first batch before it asks for the first charged one.",
        both(
            trained(END),
            within_step(
                f"    if steps == 2:\n        exec({TRAIN!r})\n        _train(5.0)\n        began = time.time()\n"
            ),
        ),
    ),
    overtime(
        "never_takes_a_step",
        "Updates its weights by hand: no optimizer step is ever reported, so that a warm-up counted in steps never ends.",
        both(
            lambda source: replaced(
                "    optimizer.step()\n",
                "    with torch.no_grad():\n        [p.sub_(p.grad, alpha=0.5) for p in model.parameters()]\n",
                source,
            ),
            lambda source: replaced(
                "while (elapsed := time.time() - began) < TIME_BUDGET:",
                "while (elapsed := min(time.time() - began, TIME_BUDGET)) <= TIME_BUDGET and _clock() - _began < 5.0:",
                source,
            ),
            trained(END),
        ),
    ),
    overtime(
        "trains_on_after_its_budget",
        "Goes on with kept batches for five seconds after the last one before it asks to be evaluated.",
        trained(f"{TRAIN}\n_train(5.0)\n{END}"),
    ),
    overtime(
        "trains_while_its_weights_are_read",
        "Overrides state_dict, which is called once training is over, and trains for five seconds within it.",
        trained(f"""
{TRAIN}
{END}
_state_dict = model.state_dict
def _late(*a, **k):
    global _did
    if not globals().get("_did"):
        _did = True
        _train(5.0)
        _end()
    return _state_dict(*a, **k)
model.state_dict = _late
"""),
    ),
    overtime(
        "stops_the_judge",
        "Stops the judge by a signal, trains for five seconds, and lets it go on.",
        trained(f"""
{KIN}
import os, signal
for _pid in kin():
    try:
        os.kill(_pid, signal.SIGSTOP)
    except OSError:
        pass
{TRAIN}
_train(5.0)
for _pid in kin():
    try:
        os.kill(_pid, signal.SIGCONT)
    except OSError:
        pass
{END}
"""),
    ),
    overtime(
        "wakes_up_by_an_alarm",
        "Arms a timer that interrupts whatever the shim waits for and trains within the handler, after the evaluation was asked for.",
        trained(f"""
{TRAIN}
import signal
{END}
def _handler(*_):
    signal.setitimer(signal.ITIMER_REAL, 0)
    _train(5.0)
    _end()
signal.signal(signal.SIGALRM, _handler)
signal.setitimer(signal.ITIMER_REAL, 0.002)
"""),
        may=STOPPED | {Came.MARKED},  # after its weights were handed over: then its twin is another model
    ),
    Attack(
        name="uses_every_grace_there_is",
        kind=Kind.CLOCK,
        tries="Makes its steps long, so that the grace of some steps is long too, goes on to the end of it, and on again while its weights are read.",
        make=GRACE,
        budget=SIX_SECONDS,
        warm_up=3,
        may=STOPPED | {Came.MARKED},
    ),
    Attack(
        name="takes_many_batches_for_a_step_of_its_warm_up",
        kind=Kind.CLOCK,
        tries="Takes eighty batches for the first of three uncharged steps and trains on them by hand, for no longer than a warm-up may take.",
        make=FREE,
        budget=ONE_SECOND,
        warm_up=3,
        may=STOPPED | {Came.MARKED},
    ),
)
