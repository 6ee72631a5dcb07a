"""Attacks from run to run: the first leaves something wherever it can be written, the second, right after it,
takes it up.
"""

from tests.attacks.attack import FILES, UNCONFINED, Attack, Edit, Kind
from tests.attacks.edits import built
from tests.attacks.kin import SYSCALL

PLACES = """
import os, pathlib, site, sys
import torch, prepare
_cwd = pathlib.Path.cwd()
_shared = "tmp var/tmp dev/shm dev/mqueue run run/lock run/user/0 var/cache var/lib opt srv mnt etc usr/local root root/.cache".split()
_ours = [os.environ.get(name) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")]
_torch, _home = pathlib.Path(torch.__file__).parent, pathlib.Path.home()
_places = {pathlib.Path("/", name) for name in _shared} | {pathlib.Path(name) for name in _ours if name}
_places |= {_home, _home / ".cache", _home / ".local", _cwd, *list(_cwd.parents)[:4], pathlib.Path(sys.prefix), _torch, _torch / "__pycache__"}
_places |= {pathlib.Path(name) for name in sys.path + site.getsitepackages() if os.path.isdir(name)} | {pathlib.Path(prepare.__file__).parent}
_places |= {pathlib.Path(f"/tmp/torchinductor_{name}") for name in ("root", "nobody", str(os.getuid()))}
"""
PLANT_FILES = f"""
{PLACES}
for _place in _places:
    try:
        (_place / "autoswarm-@TOKEN@").write_text("planted")
    except OSError:
        pass
"""
FIND_FILES = f"""
{PLACES}
for _place in _places:
    if (_place / "autoswarm-@TOKEN@").exists():
        loot("a file of the last run in " + str(_place))
"""

KEYS = (
    SYSCALL
    + """
import platform
_add, _control = (248, 250) if platform.machine() == "x86_64" else (217, 219)
_rings = (-3, -4, -5)
"""
)
PLANT_KEYS = f"""
{KEYS}
for _ring in _rings:
    _key = syscall(_add, b"user", b"autoswarm-@TOKEN@", b"planted", 7, _ring)
    if _key >= 0:
        syscall(_control, 15, _key, 120)
        syscall(_control, 5, _key, 0x3F3F3F3F)
"""
FIND_KEYS = f"""
{KEYS}
for _ring in _rings:
    if syscall(_control, 10, _ring, b"user", b"autoswarm-@TOKEN@", 0) >= 0:
        loot(f"a key of the last run in ring {{_ring}}")
"""

NUMBER = 'int("@TOKEN8@", 16) & 0x7FFFFFFF'
PLANT_SYSV = f"""
{SYSCALL}
_libc.shmget({NUMBER}, 4096, 0o1666)
_libc.msgget({NUMBER}, 0o1666)
_libc.semget({NUMBER}, 1, 0o1666)
"""
FIND_SYSV = f"""
{SYSCALL}
for _get, _control, _size in (("shmget", "shmctl", (4096, 0)), ("msgget", "msgctl", (0,)), ("semget", "semctl", (1, 0))):
    _id = getattr(_libc, _get)({NUMBER}, *_size)
    if _id >= 0:
        loot(f"{{_get}}: what the last run left")
        getattr(_libc, _control)(_id, *((0, 0) if _get == "semctl" else (0, None)))
"""

PLANT_QUEUE = f"""
{SYSCALL}
_libc.mq_open(b"/autoswarm-@TOKEN@", 0o102, 0o666, None)
"""
FIND_QUEUE = f"""
{SYSCALL}
if _libc.mq_open(b"/autoswarm-@TOKEN@", 0o2, 0, None) >= 0:
    _libc.mq_unlink(b"/autoswarm-@TOKEN@")
    loot("a message queue of the last run")
"""

PLANT_SERVICE = """
import os, socket
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    import ctypes
    ctypes.CDLL(None).prctl(15, b"as@TOKEN8@", 0, 0, 0)
    try:
        _service = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        _service.bind("\\0autoswarm-left-@TOKEN@")
        _service.listen()
    except OSError:
        os._exit(0)
    time.sleep(60)
    os._exit(0)
time.sleep(0.3)
"""
FIND_SERVICE = """
import socket
try:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as _socket:
        _socket.connect("\\0autoswarm-left-@TOKEN@")
        loot("a service of the last run answers")
except OSError:
    pass
"""


def pair(name: str, tries: str, plant: Edit, find: Edit, *, openly: str = "", why: str = "") -> Attack:
    """Two runs."""
    return Attack(name=name, kind=Kind.LEFTOVERS, tries=tries, make=plant, then=find, open=why, openly=openly)


ATTACKS = (
    pair(
        "leaves_files",
        "Leaves a file in some thirty places: temporary folders, shared memory, homes, caches, the installation, everything above its own folder.",
        built(PLANT_FILES),
        built(FIND_FILES),
        openly=UNCONFINED,
        why=FILES,
    ),
    pair(
        "leaves_keys",
        "Leaves a key in the kernel's keyrings of session and user.",
        built(PLANT_KEYS),
        built(FIND_KEYS),
        openly="F",
        why="Nothing filters system calls there.",
    ),
    pair(
        "leaves_sysv_objects",
        "Leaves shared memory, a message queue and a semaphore of System V.",
        built(PLANT_SYSV),
        built(FIND_SYSV),
        openly="F",
        why="Nothing filters system calls there.",
    ),
    pair(
        "leaves_a_message_queue",
        "Leaves a POSIX message queue.",
        built(PLANT_QUEUE),
        built(FIND_QUEUE),
        openly="F",
        why="Nothing filters system calls there.",
    ),
    pair(
        "leaves_a_service",
        "Leaves a daemon that answers on an abstract socket.",
        built(PLANT_SERVICE),
        built(FIND_SERVICE),
    ),
)
