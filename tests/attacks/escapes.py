"""Attacks on the run itself: outlive it, kill or confuse who watches it, make its folder impossible or
dangerous to remove.
"""

from evaluator.budget import Budget
from tests.attacks.attack import TINY_BUDGET, Attack, Came, Kind
from tests.attacks.edits import built, printed, trained
from tests.attacks.kin import KIN, SYSCALL

SHORT = Budget(TINY_BUDGET.unit, TINY_BUDGET.amount, 12.0)
NAMED = """
import ctypes
def _name():
    ctypes.CDLL(None).prctl(15, b"as@TOKEN8@", 0, 0, 0)
"""
"""``_name()`` gives a process the name by which the stage looks for it."""

UNTRUSTED = (
    "In an untrusted tier the supervisor is a process of the same user and can be killed like any other."
)


def attempt(name: str, tries: str, text: str, *, openly: str = "", why: str = "") -> Attack:
    """Tries something before training and goes on honestly."""
    return Attack(name=name, kind=Kind.ESCAPE, tries=tries, make=built(text), open=why, openly=openly)


ATTACKS = (
    attempt(
        "leaves_daemons",
        "Forks twice, with sessions of their own and the signals to end ignored, so that processes outlive the run.",
        NAMED
        + """
import os, signal
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            _name()
            os.chdir("/")
            for _number in (1, 2, 15):
                signal.signal(_number, signal.SIG_IGN)
            time.sleep(120)
        os._exit(0)
    os.wait()
""",
    ),
    attempt(
        "hops_from_pid_to_pid",
        "A daemon that forks and lets its parent die without end, so that whoever kills it is always late.",
        NAMED
        + """
import os
if os.fork() == 0:
    os.setsid()
    _name()
    _until = time.monotonic() + 30
    while time.monotonic() < _until:
        if os.fork():
            os._exit(0)
        time.sleep(0.01)
    os._exit(0)
""",
    ),
    attempt(
        "kills_its_judge",
        "Kills every process of its run that it can reach: judge, supervisor and guard.",
        KIN
        + """
import os
for _pid in kin():
    try:
        os.kill(_pid, 9)
    except OSError:
        pass
""",
        openly="C C- D E F",
        why="A process of the same user can be killed where nothing hides it; the run is lost, and one that is lost too often counts as crashed.",
    ),
    attempt(
        "enters_another_namespace",
        "Enters the namespaces of process 1 and of its parent, and mounts something over the data.",
        SYSCALL
        + """
import os
for _pid in (1, os.getppid()):
    for _space in ("user", "mnt", "pid", "net", "ipc"):
        try:
            _fd = os.open(f"/proc/{_pid}/ns/{_space}", os.O_RDONLY)
            _same = os.fstat(_fd).st_ino == os.stat(f"/proc/self/ns/{_space}").st_ino
            if not _same and _libc.setns(_fd, 0) == 0:
                loot(f"namespace {_space} of {_pid}")
        except OSError:
            pass
if _libc.mount(b"none", b"/mnt", b"tmpfs", 0, None) == 0:
    _libc.umount(b"/mnt")
    loot("it may mount")
""",
        openly="F",
        why="Where nothing confines and the swarm runs as root, so does the variant.",
    ),
    attempt(
        "makes_its_files_immutable",
        "Makes files that cannot be removed: without permissions, immutable, in a folder nobody may enter, under names nobody can print.",
        """
import fcntl, os, struct
_folder = os.path.join(os.getcwd(), "autoswarm-@TOKEN@")
os.makedirs(os.path.join(_folder, "deep" * 40, "\\udcff\\n"), exist_ok=True)
open(os.path.join(_folder, "file"), "w").write("x")
for _path in (os.path.join(_folder, "file"), _folder):
    try:
        with open(_path) if os.path.isfile(_path) else os.fdopen(os.open(_path, os.O_RDONLY)) as _file:
            fcntl.ioctl(_file, 0x40086602, struct.pack("l", 0x10))
    except OSError:
        pass
try:
    os.chmod(os.path.join(_folder, "deep" * 40), 0)
    os.chmod(_folder, 0)
except OSError:
    pass
""",
        openly="C C- D E F",
        why="A swarm that runs as root without a user of its own for variants lets them use what only root may do to files.",
    ),
    attempt(
        "leaves_links_to_what_is_not_its_own",
        "Leaves links to a folder of somebody else where the run's folder is cleaned up, and puts one in the place of its own.",
        """
import os
for _name in ("tmp", "cache", "train.py", "prepare.py", "autoswarm-@TOKEN@"):
    try:
        _path = os.path.join(os.getcwd(), _name)
        if os.path.isdir(_path):
            os.rename(_path, _path + ".away")
        elif os.path.exists(_path):
            os.unlink(_path)
        os.symlink(os.path.dirname("@BAIT_FILE@"), _path)
    except OSError:
        pass
""",
    ),
    Attack(
        name="sends_garbage",
        kind=Kind.ESCAPE,
        tries="Writes what is no message to the judge's socket.",
        make=trained("import os\nos.write(int(os.environ['AUTOSWARM_JUDGE_FD']), b'\\xff' * 4096)"),
        may=frozenset({Came.CRASHED}),
    ),
    Attack(
        name="sends_huge_frames",
        kind=Kind.ESCAPE,
        tries="Announces a message of four gigabytes, and sends as much of it as it can in a second.",
        make=trained("""
import os
_fd = int(os.environ["AUTOSWARM_JUDGE_FD"])
os.set_blocking(_fd, False)
_until = time.monotonic() + 1
while time.monotonic() < _until:
    _long = b'{"type":"losses","dtype":"float32","shape":[' + b"9," * 60000 + b"9]}"
    for _message in (b"\\x02\\0\\0\\0\\xff\\xff\\xff\\xff{}", _long, b"[" * 100000):
        try:
            os.write(_fd, _message)
        except OSError:
            pass
os.set_blocking(_fd, True)
"""),
    ),
    Attack(
        name="never_answers",
        kind=Kind.ESCAPE,
        tries="Asks to be evaluated and then says nothing more.",
        make=trained("type(model).forward = lambda self, *a, **k: [time.sleep(1) for _ in range(3600)]"),
        budget=SHORT,
        may=frozenset({Came.TIMED_OUT, Came.CRASHED}),
    ),
    Attack(
        name="cannot_be_told_to_end",
        kind=Kind.ESCAPE,
        tries="Ignores every signal, closes its socket and spins.",
        make=trained("""
import os, signal
for _number in range(1, 65):
    try:
        signal.signal(_number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
os.close(int(os.environ["AUTOSWARM_JUDGE_FD"]))
while True:
    time.sleep(0.01)
"""),
        budget=SHORT,
        may=frozenset({Came.TIMED_OUT, Came.CRASHED}),
    ),
    Attack(
        name="lingers_after_its_number",
        kind=Kind.ESCAPE,
        tries="Has its number, forks, and stays for as long as it is let.",
        make=printed(
            NAMED + "import os\nif os.fork() == 0:\n    _name()\n    os.setsid()\n    time.sleep(120)\n"
        ),
    ),
)
