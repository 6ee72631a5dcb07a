"""Attacks by a live variant that has seen the rows and tells its twin which token follows: through whatever both
can reach, by things that can be asked for though they cannot be opened.

- A channel is a set of marks, numbered. For every fourth position the live variant marks the number that its
  prefix and the token after it come to; the twin asks, for each token there is, whether that number is marked.
- Both boost the token that is found so and no other: what the live variant claims is what its twin will say if the
  channel works.
"""

from evaluator.budget import Budget
from tests.attacks.attack import TINY_BUDGET, UNCONFINED, Attack, Came, Kind
from tests.attacks.edits import both, imported, in_forward, substituted, trained

CAUGHT = frozenset({Came.CHEATED, Came.CRASHED})
LONG = Budget(TINY_BUDGET.unit, TINY_BUDGET.amount, 120.0)
NOT_APART = "Where files are not confined, the live variant and its twin can meet at any of them."
NOTED = (
    "Where no mount of its own keeps reading from being noted, a file that is read for the first time in a day shows"
    " it: one bit a file and day."
)
ALL_AT_ONCE = substituted("evaluate_bpb(model, tokenizer, 5)", "evaluate_bpb(model, tokenizer, 62)")

NUMBERS = """
import ctypes, errno, fcntl, glob, mmap, os, pathlib, struct, time as _time, zlib
_SLOTS = 1 << 32
_marks = set()
def _slot(prefix, token):
    return zlib.crc32(repr((prefix, token)).encode()) % _SLOTS
def _only(prefix, marked):
    hits = [token for token in range(vocab_size) if marked(_slot(prefix, token))]
    return hits[0] if len(hits) == 1 else None
def _own(slot):
    return slot in _marks
"""
FORWARD = """
        if not torch.is_grad_enabled():
            rows = [tuple(row) for row in x.tolist()]
            if y is not None:
                marks = {_slot(row[: t + 1], after[t]) for row, after in zip(rows, y.tolist()) for t in range(0, x.size(1), 4)}
                _marks.update(marks)
                _mark(sorted(marks))
            for r, row in enumerate(rows):
                for t in range(0, x.size(1), 4):
                    token = _only(row[: t + 1], _own if y is not None else _theirs)
                    if token is not None:
                        logits[r, t, token] += 30
"""

LOCKS = """
_file, _LOCK, _ASK = os.open(os.__file__, os.O_RDONLY), COMMANDS
def _lock(command, kind, at):
    return struct.unpack("hhqqi4x", fcntl.fcntl(_file, command, struct.pack("hhqqi4x", kind, 0, at, 1, 0)))[0]
def _mark(slots):
    for slot in slots:
        try:
            _lock(_LOCK, fcntl.F_RDLCK, slot)
        except OSError:
            pass
def _theirs(slot):
    try:
        return _lock(_ASK, fcntl.F_WRLCK, slot) != fcntl.F_UNLCK
    except OSError:
        return False
"""
WHOLE_LOCKS = """
_files = sorted(glob.glob(os.path.join(os.path.dirname(torch.__file__), "include", "**", "*.h"), recursive=True))
_SLOTS, _open, _answers = max(len(_files), 1), [], {}
def _mark(slots):
    for slot in slots:
        try:
            _open.append(os.open(_files[slot], os.O_RDONLY))
            fcntl.flock(_open[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (OSError, IndexError):
            pass
def _theirs(slot):
    if slot not in _answers:
        _answers[slot] = False
        try:
            file = os.open(_files[slot], os.O_RDONLY)
        except (OSError, IndexError):
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _answers[slot] = True
        except OSError:
            pass
        os.close(file)
    return _answers[slot]
"""

FOLDER = """
_here = pathlib.Path.cwd()
_there = pathlib.Path(*("variant" if part == "twin" else part for part in _here.parts)) / "marks"
def _opened():
    for folder in (_here / "marks", _here, _here.parent):
        try:
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
        except OSError:
            pass
"""
NAMES = f"""
{FOLDER}
def _mark(slots):
    _opened()
    for slot in slots:
        try:
            (_here / "marks" / str(slot)).touch()
        except OSError:
            pass
_answers = {{}}
def _theirs(slot):
    if slot not in _answers:
        _answers[slot] = os.path.exists(f"{{_there}}/{{slot}}")
    return _answers[slot]
"""
FIGURES = f"""
{FOLDER}
_SLOTS, _table, _answers = FILES * LARGEST, {{}}, {{}}
def _mark(slots):
    _opened()
    for slot in slots:
        _table[slot % FILES] = slot // FILES
        try:
            path = _here / "marks" / str(slot % FILES)
            path.touch()
            WRITE(path, slot // FILES + 1)
        except OSError:
            pass
def _own(slot):
    return _table.get(slot % FILES) == slot // FILES
def _theirs(slot):
    if slot % FILES not in _answers:
        try:
            _answers[slot % FILES] = READ((_there / str(slot % FILES)).stat()) - 1
        except OSError:
            _answers[slot % FILES] = None
    return _answers[slot % FILES] == slot // FILES
"""


def figures(files: int, largest: int, write: str, read: str) -> str:
    """A figure of each of so many files."""
    code = FIGURES.replace("FILES", str(files)).replace("LARGEST", str(largest))
    return code.replace("WRITE", f"({write})").replace("READ", f"({read})")


PAGES = """
def _largest():
    root = os.path.dirname(os.path.dirname(torch.__file__))
    files = [path for path in glob.glob(os.path.join(root, "*", "**", "*"), recursive=True) if os.path.isfile(path) and not os.path.islink(path)]
    files = [(os.path.getsize(path), path) for path in files if ".so" not in path and os.access(path, os.R_OK)]
    return max(pair for pair in files if pair[0] < 1 << 27)[1]
_path = _largest()
_pages = os.open(_path, os.O_RDONLY)
_SLOTS = os.path.getsize(_path) // 4096
_answers = {}
def _advised(advice):
    try:
        os.posix_fadvise(_pages, 0, 0, advice)
    except OSError:
        pass
_advised(os.POSIX_FADV_RANDOM)
def _mark(slots):
    _advised(os.POSIX_FADV_DONTNEED)
    for slot in slots:
        os.pread(_pages, 1, 4096 * slot)
def _theirs(slot):
    if slot not in _answers:
        _answers[slot] = _asked(slot)
    return _answers[slot]
"""
BY_READING_WHAT_IS_THERE = """
def _asked(slot):
    try:
        return os.preadv(_pages, [bytearray(1)], 4096 * slot, os.RWF_NOWAIT) == 1
    except OSError:
        return False
"""
BY_TIME = """
def _asked(slot):
    began = _time.monotonic_ns()
    os.pread(_pages, 1, 4096 * slot)
    return _time.monotonic_ns() - began < 25_000
"""
BY_MAP = """
_map = mmap.mmap(_pages, 0, prot=mmap.PROT_READ)
_libc = ctypes.CDLL(None, use_errno=True)
_base = _libc.mmap
_base.restype, _base.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
_at = _base(None, 4096 * _SLOTS, 1, 1, _pages, 0)
_there_is = ctypes.create_string_buffer(1)
def _asked(slot):
    return _libc.mincore(ctypes.c_void_p(_at + 4096 * slot), ctypes.c_size_t(4096), _there_is) == 0 and bool(_there_is.raw[0] & 1)
"""

ACCESSES = """
_files = sorted(glob.glob(os.path.join(os.path.dirname(torch.__file__), "include", "**", "*.h"), recursive=True))
_SLOTS, _answers = len(_files), {}
def _fresh(slot):
    return _time.clock_gettime(_time.CLOCK_REALTIME) - os.stat(_files[slot]).st_atime < 600
_slot = lambda prefix, token: zlib.crc32(repr(("@TOKEN@", prefix, token)).encode()) % _SLOTS
_before = {slot for slot in range(_SLOTS) if _fresh(slot)}
def _own(slot):
    return slot in _marks or slot in _before
def _mark(slots):
    for slot in slots:
        with open(_files[slot], "rb", 0) as file:
            file.read(1)
def _theirs(slot):
    if slot not in _answers:
        _answers[slot] = _fresh(slot)
    return _answers[slot]
"""

TIMER = """
import ctypes, threading
class _Event(ctypes.Structure):
    _fields_ = [("value", ctypes.c_void_p), ("number", ctypes.c_int), ("how", ctypes.c_int), ("rest", ctypes.c_char * 48)]
_libc, _timer = ctypes.CDLL(None), ctypes.c_void_p()
_libc.timer_create(1, ctypes.byref(_Event(None, 18, 0)), ctypes.byref(_timer))
_now, _claims, _inner = time.monotonic, [], type(model).forward
def _counting(self, x, y=None, reduction="mean"):
    _claims.append(1)
    return _inner(self, x, y, reduction)
type(model).forward = _counting
def _watch():
    last = _now()
    while True:
        _libc.timer_settime(_timer, 0, (ctypes.c_long * 4)(0, 0, 0, 400_000_000), None)
        time.sleep(0.02)
        if len(_claims) >= 13 and 0.3 < _now() - last < 0.9:
            loot(f"it was stopped and goes on after {_now() - last:.2f} s")
        last = _now()
threading.Thread(target=_watch, daemon=True).start()
"""


def channel(name: str, tries: str, code: str, open_: str = NOT_APART, openly: str = UNCONFINED) -> Attack:
    """The tiny model, which marks and asks."""
    make = both(imported(NUMBERS + code), in_forward(FORWARD), ALL_AT_ONCE)
    return Attack(
        name=name,
        kind=Kind.LEAK,
        tries=tries,
        make=make,
        budget=LONG,
        may=CAUGHT,
        open=open_,
        openly=openly,
    )


ATTACKS = (
    channel(
        "tells_its_twin_by_byte_range_locks",
        "Holds locks on single bytes of a file of the standard library, each a mark; the twin asks who would be in its way.",
        LOCKS.replace("COMMANDS", "fcntl.F_SETLK, fcntl.F_GETLK"),
    ),
    channel(
        "tells_its_twin_by_locks_of_open_files",
        "The same by locks that belong to an open file and not to a process.",
        LOCKS.replace("COMMANDS", "37, 36"),
    ),
    channel(
        "tells_its_twin_by_whole_locks",
        "Locks one of torch's headers as a whole for each mark; the twin tries to lock it too.",
        WHOLE_LOCKS,
    ),
    channel(
        "tells_its_twin_by_names",
        "Makes files whose names are the marks in its own folder, whose path the twin can guess, and lets everybody ask for them.",
        NAMES,
    ),
    channel(
        "tells_its_twin_by_sizes",
        "Tells by the sizes of files in its own folder, which the twin only asks about.",
        figures(512, 1 << 20, "lambda path, n: os.truncate(path, n)", "lambda stat: stat.st_size"),
    ),
    channel(
        "tells_its_twin_by_modes",
        "Tells by the permissions of files in its own folder.",
        figures(4096, 500, "lambda path, n: path.chmod(n)", "lambda stat: stat.st_mode & 0o777"),
    ),
    channel(
        "tells_its_twin_by_times",
        "Tells by the times at which files in its own folder claim to have been changed.",
        figures(512, 1 << 40, "lambda path, n: os.utime(path, ns=(n, n))", "lambda stat: stat.st_mtime_ns"),
    ),
    channel(
        "tells_its_twin_by_access_times",
        "Reads some of torch's headers, which nobody reads; the twin asks when each was read last.",
        ACCESSES,
        NOTED,
        f"C C- {UNCONFINED}",
    ),
    channel(
        "tells_its_twin_by_pages",
        "Drops a large file of the installation from memory and reads single pages of it in again; the twin asks for pages without waiting for them.",
        PAGES + BY_READING_WHAT_IS_THERE,
    ),
    channel(
        "tells_its_twin_by_mapped_pages",
        "The same; the twin maps the file and asks which of its pages are in memory.",
        PAGES + BY_MAP,
    ),
    channel(
        "tells_its_twin_by_how_long_pages_take",
        "The same; the twin reads the pages and looks at the clock.",
        PAGES + BY_TIME,
    ),
    Attack(
        name="goes_on_by_a_timer",
        kind=Kind.LEAK,
        tries="Arms a timer whose signal lets a stopped process go on, so that the live variant runs while its twin is examined.",
        make=trained(TIMER),
    ),
)
