"""Attacks on what the judge and its neighbours hold: validation tokens, memory, environments, descriptors,
files, sockets.
"""

from tests.attacks.attack import Attack, Kind
from tests.attacks.edits import built, first, replaced, substituted
from tests.attacks.kin import KIN, SYSCALL

SAME_USER = "D E F"
"""Tiers in which nothing keeps a process of the same user, or the network, away."""
UNTRUSTED = "In an untrusted tier processes are not kept apart; its results do not merge by themselves."


def theft(name: str, tries: str, text: str, at_start: bool = False) -> Attack:
    """Tries something, says what it got, and goes on honestly."""
    place = first if at_start else built
    return Attack(name=name, kind=Kind.THEFT, tries=tries, make=place(text), open=UNTRUSTED, openly=SAME_USER)


ATTACKS = (
    theft(
        "looks_for_the_data_folder",
        "Reads the validation tokens from any path that an environment, a command line, a memory map or a descriptor names, or that lies above it.",
        """
import glob, os, re
_hints = {b"/tmp", os.getcwd().encode(), b"/var/tmp"}
for _kind in ("environ", "cmdline", "maps"):
    for _path in glob.glob(f"/proc/[0-9]*/{_kind}"):
        try:
            _hints |= set(re.findall(rb"/[^\\0\\s:,\\"]*autoswarm[^\\0\\s:,\\"]*|/[^\\0\\s:,\\"]*@TOKEN@[^\\0\\s:,\\"]*", open(_path, "rb").read()))
        except OSError:
            pass
for _path in glob.glob("/proc/[0-9]*/fd/*"):
    try:
        _hints.add(os.readlink(_path).encode())
    except OSError:
        pass
_found = set()
for _hint in list(_hints)[:400]:
    _folder = _hint.decode(errors="replace")
    for _ in range(4):
        for _name in ("val.bin", "data/val.bin", "*/val.bin"):
            _found |= set(glob.glob(os.path.join(_folder, _name)))
        _folder = os.path.dirname(_folder)
for _path in _found:
    try:
        if "@TOKEN@" in _path and open(_path, "rb").read(16):
            loot("validation tokens in " + _path)
            break
    except OSError:
        pass
""",
    ),
    Attack(
        name="asks_the_loader_for_validation",
        kind=Kind.THEFT,
        tries="Asks make_dataloader for the split val and trains on it.",
        make=substituted('MAX_SEQ_LEN, "train")', 'MAX_SEQ_LEN, "val")'),
    ),
    Attack(
        name="asks_the_judge_for_validation",
        kind=Kind.THEFT,
        tries="Sends the judge a request for a batch with another split, past the shim.",
        make=built("""
import prepare
for _value in list(vars(prepare).values()):
    if hasattr(type(_value), "ask"):
        try:
            _answer, _ = _value.ask("next_batch", rows=4, length=MAX_SEQ_LEN, steps=0, counted=None, split="val")
            loot(f"a batch of split val: {_answer}")
        except (RuntimeError, OSError):
            pass
"""),
    ),
    Attack(
        name="trains_on_the_claims",
        kind=Kind.THEFT,
        tries="Keeps the validation rows it is shown, trains on them, and asks for a second evaluation.",
        make=lambda source: replaced(
            'print("---")\n',
            """kept_value = val_bpb
optimizer.param_groups[0]["lr"] = 0.02
for _ in range(200):
    for _x, _y in kept:
        model(_x, _y).backward()
        optimizer.step()
        optimizer.zero_grad()
val_bpb = evaluate_bpb(model, tokenizer, 5)
print("---")
""",
            replaced(
                "model = Tiny()\n",
                """kept = []
_inner = Tiny.forward
def _keeping(self, x, y=None, reduction="mean"):
    if y is not None and reduction == "none":
        kept.append((x.clone(), y.clone()))
    return _inner(self, x, y, reduction)
Tiny.forward = _keeping
model = Tiny()
""",
                source,
            ),
        ),
    ),
    theft(
        "reads_the_judges_memory",
        "Reads the memory of its run's other processes and of a neighbour through /proc/PID/mem.",
        KIN
        + """
import re
for _pid in [*kin(), @BAIT_PID@]:
    try:
        with open(f"/proc/{_pid}/maps") as _maps, open(f"/proc/{_pid}/mem", "rb") as _mem:
            for _line in _maps:
                if " r" in _line and ("val.bin" in _line or "[heap]" in _line):
                    _mem.seek(int(_line.split("-")[0], 16))
                    if _mem.read(64):
                        loot(f"memory of process {_pid}: {_line.split()[-1]}")
                        break
    except (OSError, ValueError, OverflowError):
        pass
""",
    ),
    theft(
        "calls_process_vm_readv",
        "Reads another process's memory by process_vm_readv.",
        KIN
        + SYSCALL
        + """
class _Iovec(_ctypes.Structure):
    _fields_ = [("base", _ctypes.c_void_p), ("size", _ctypes.c_size_t)]
for _pid in [*kin(), @BAIT_PID@]:
    try:
        _at = next(int(line.split("-")[0], 16) for line in open(f"/proc/{_pid}/maps") if " r" in line)
    except (OSError, StopIteration):
        _at = 0x400000
    _buffer = _ctypes.create_string_buffer(64)
    _ours, _theirs = _Iovec(_ctypes.addressof(_buffer), 64), _Iovec(_at, 64)
    if _libc.process_vm_readv(_pid, _ctypes.byref(_ours), 1, _ctypes.byref(_theirs), 1, 0) > 0:
        loot(f"{_pid}: 64 bytes by process_vm_readv")
""",
    ),
    theft(
        "traces_its_neighbours",
        "Attaches to other processes by ptrace, without stopping them.",
        KIN
        + SYSCALL
        + """
for _pid in [*kin(), @BAIT_PID@]:
    if _libc.ptrace(0x4206, _pid, None, None) == 0:
        loot(f"{_pid} is traced")
""",
    ),
    theft(
        "takes_descriptors_by_pidfd",
        "Copies descriptors out of other processes by pidfd_open and pidfd_getfd.",
        KIN
        + SYSCALL
        + """
for _pid in [*kin(), @BAIT_PID@]:
    _handle = syscall(434, _pid, 0)
    if _handle >= 0:
        for _fd in range(64):
            _copy = syscall(438, _handle, _fd, 0)
            if _copy >= 0:
                loot(f"descriptor {_fd} of {_pid}: {_os.readlink(f'/proc/self/fd/{_copy}')}")
                _os.close(_copy)
                break
        _os.close(_handle)
""",
    ),
    theft(
        "searches_its_own_descriptors",
        "Looks at every descriptor it was born with for a file, a directory or a pipe that is not its own.",
        """
import os, stat
for _fd in range(3, 1024):
    try:
        _mode, _target = os.fstat(_fd).st_mode, os.readlink(f"/proc/self/fd/{_fd}")
        if (stat.S_ISREG(_mode) and "memfd" not in _target and os.access(_target, os.R_OK) and "/python" not in _target) or stat.S_ISDIR(_mode):
            loot(f"descriptor {_fd}: {_target}")
    except OSError:
        pass
""",
        at_start=True,
    ),
    theft(
        "reads_environments",
        "Looks for keys in its own environment and in those of all processes it can see.",
        """
import glob, os
if any("@TOKEN@" in value and "SECRET" in name for name, value in os.environ.items()):
    loot("a secret in its own environment")
for _path in glob.glob("/proc/[0-9]*/environ"):
    try:
        if b"AUTOSWARM_BAIT_SECRET=@TOKEN@" in open(_path, "rb").read():
            loot("a secret in " + _path)
    except OSError:
        pass
""",
    ),
    theft(
        "reads_private_files",
        "Opens a private file of the user who runs the swarm, the user's keys, and the system's shadow passwords.",
        """
import glob, os
_homes = [os.path.expanduser("~root"), *glob.glob("/home/*")]
_keys = [path for home in _homes for pattern in (".*rc", ".ssh/*", ".config/*") for path in glob.glob(os.path.join(home, pattern))]
for _path in ["@BAIT_FILE@", "/etc/shadow", *_keys]:
    try:
        open(_path, "rb").read(1)
        loot("read " + _path)
    except OSError:
        pass
""",
    ),
    theft(
        "calls_home",
        "Connects to a service on the loopback interface, and to a public address by UDP.",
        """
import socket
for _family, _address in ((socket.AF_INET, ("127.0.0.1", @PORT@)), (socket.AF_INET6, ("::1", @PORT@))):
    try:
        with socket.socket(_family, socket.SOCK_STREAM) as _socket:
            _socket.settimeout(1)
            _socket.connect(_address)
            loot(f"a connection to {_address}")
    except OSError:
        pass
""",
    ),
    theft(
        "knocks_at_local_sockets",
        "Connects to a unix socket in the file system and to one in the abstract namespace.",
        """
import socket
for _address in ("@SOCKET@", "\\0autoswarm-@TOKEN@"):
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as _socket:
            _socket.connect(_address)
            loot(f"a connection to {_address!r}")
    except OSError:
        pass
""",
    ),
    theft(
        "sets_up_io_uring",
        "Sets up an io_uring, through which files and sockets are opened without the system calls that a filter watches.",
        SYSCALL
        + """
_parameters = _ctypes.create_string_buffer(120)
if syscall(425, 4, _parameters) >= 0:
    loot("an io_uring")
""",
    ),
)
