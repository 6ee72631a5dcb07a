"""Attacks by sheer quantity. Bounded, so that the machine they are tried on survives where nothing else would
bound them.
"""

from evaluator.budget import Budget
from tests.attacks.attack import FILES, TINY_BUDGET, UNCONFINED, Attack, Kind
from tests.attacks.edits import built, trained
from tests.attacks.escapes import NAMED

LONG = Budget(TINY_BUDGET.unit, TINY_BUDGET.amount, 60.0)


def flood(name: str, tries: str, text: str, openly: str = "", why: str = "") -> Attack:
    """Floods, then goes on honestly."""
    return Attack(
        name=name, kind=Kind.FLOOD, tries=tries, make=built(text), budget=LONG, open=why, openly=openly
    )


ATTACKS = (
    Attack(
        name="prints_a_gigabyte",
        kind=Kind.FLOOD,
        tries="Prints a gigabyte in lines of a megabyte.",
        make=trained("_line = 'x' * 999_999\nfor _ in range(1000):\n    print(_line)"),
        budget=LONG,
    ),
    flood(
        "forks_without_end",
        "Forks in all directions, up to 512 processes.",
        NAMED
        + """
import os
_born = 0
for _ in range(9):
    try:
        if os.fork() == 0:
            _name()
            _born += 1
    except OSError:
        break
if _born:
    time.sleep(60)
    os._exit(0)
""",
    ),
    flood(
        "takes_all_memory",
        "Takes three gigabytes and writes to every page, in the process and in its temporary folder.",
        """
_held = []
try:
    for _ in range(12):
        _held.append(bytearray(b"x") * (256 << 20))
except MemoryError:
    pass
del _held
""",
    ),
    flood(
        "fills_the_disk",
        "Writes up to half a gigabyte into every folder it may write to.",
        """
import os
for _place in {"/tmp", "/dev/shm", "/var/tmp", os.getcwd(), os.environ.get("TMPDIR", "/tmp"), os.path.expanduser("~")}:
    try:
        with open(os.path.join(_place, "autoswarm-@TOKEN@"), "wb") as _file:
            for _ in range(32):
                _file.write(b"x" * (16 << 20))
    except OSError:
        pass
""",
        openly=UNCONFINED,
        why=FILES,
    ),
    flood(
        "opens_everything",
        "Opens pipes, sockets and files until it is told no, and starts two hundred threads.",
        """
import os, socket, threading
_open = []
try:
    for _ in range(20_000):
        _open += [*os.pipe(), socket.socketpair()]
except OSError:
    pass
for _each in _open:
    os.close(_each) if isinstance(_each, int) else [end.close() for end in _each]
for _ in range(200):
    try:
        threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
    except RuntimeError:
        break
""",
    ),
    flood(
        "asks_a_hundred_thousand_times",
        "Sends requests without waiting for answers until the judge's queue is full.",
        """
import json, os, struct
_fd = int(os.environ["AUTOSWARM_JUDGE_FD"])
os.set_blocking(_fd, False)
_header = json.dumps({"type": "next_batch", "rows": 8, "length": MAX_SEQ_LEN, "steps": 0, "counted": None}).encode()
for _ in range(100_000):
    try:
        os.write(_fd, struct.pack("<II", len(_header), 0) + _header)
    except OSError:
        break
os.set_blocking(_fd, True)
""",
    ),
)
