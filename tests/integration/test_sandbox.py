"""Every tier this machine has, asked for what it promises, by surfaces that try every way out they know."""

import json
import os
import platform
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from evaluator.result import Crashed, Measured, Outcome, RunResult
from tests.integration.judged import BUDGET, TINY, tiny_data, uncompiled
from tests.integration.standin import HONEST, TASK, an_order, log_of, standin_trainer, train
from trainer.contract import RunOrder, Slot
from trainer.process.cgroups import offered
from trainer.sandbox.limits import PROCESSES
from trainer.sandbox.probe import choose, probe
from trainer.sandbox.tier import SandboxError, Tier
from trainer.subprocess_trainer import SubprocessTrainer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there are no sandboxes but on Linux")

FINDINGS = {finding.tier: finding for finding in probe()}
PRISONER = (Path(__file__).parent / "surfaces" / "prisoner.py").read_text()


def having(*tiers: Tier) -> list[Any]:
    """Those of ``tiers`` that work here; the others are skipped with the reason."""
    return [
        pytest.param(
            tier,
            marks=(
                ()
                if FINDINGS[tier].works
                else pytest.mark.skip(f"{FINDINGS[tier].why}; {FINDINGS[tier].remedy}")
            ),
        )
        for tier in tiers
    ]


CALLS = {
    *(
        "ptrace",
        "process_vm_readv",
        "process_vm_writev",
        "pidfd_open",
        "pidfd_getfd",
        "io_uring",
        "keyring",
        "add_key",
        "shared memory",
    ),
    *(
        "message queue",
        "semaphores",
        "posix queue",
        "unshare",
        "clone into a namespace",
        "clone3",
        "mount",
        "open_by_handle_at",
        "bpf",
        "perf",
    ),
    *("userfaultfd", "module", "a call of tomorrow", "personality", "terminal input", "limits of another"),
}
MARKS = {
    *("flock", "lock of a process", "lock of a file description", "lease", "notice of a change"),
    *("hint on a file", "flags of a file", "cached pages", "cached pages of a file", "cached names"),
    *("read of what is cached", "pages pushed out", "pages moved"),
}
"""What would tell the next program something about a file that both may read."""
CALLS |= MARKS
NETWORK = {"tcp", "udp", "netlink", "abstract socket", "socket with a path", "turned pair"}
FILES = {
    "read data",
    "read beside",
    "read tmp",
    "list root",
    "list home",
    "list tmp",
    "write data",
    "write beside",
}
PRIVILEGES = {"capabilities", "privileges", "descriptors"}
OTHERS = {"environment of another", "names of others", "signal", "priority of another"}
OWN = {"list root", "list tmp", "list home", "write data", "write beside"}
"""What A has copies of, empty, in a root and a /tmp of the variant's own; the folders that lead to its home
and its Python are there again.
"""
PLACES = {"write tmp", "write var", "write shm"}

CLOSED = {
    Tier.A: CALLS | NETWORK | FILES - OWN | PRIVILEGES | OTHERS | {"write var"},
    Tier.B: CALLS | NETWORK | FILES | PRIVILEGES | OTHERS | PLACES,
    Tier.C: CALLS | NETWORK | FILES | PRIVILEGES | OTHERS | PLACES,
    Tier.B_MINUS: CALLS | NETWORK | FILES | PRIVILEGES | OTHERS | PLACES,
    Tier.C_MINUS: CALLS | NETWORK | FILES | PRIVILEGES | OTHERS - {"signal"} | PLACES,
    Tier.D: CALLS | NETWORK | PRIVILEGES | OTHERS - {"names of others"},
    Tier.E: CALLS | NETWORK | PRIVILEGES | {"priority of another"},
}
"""What each tier promises."""


LOCKS = """
import os, sqlite3, sys
from filelock import FileLock, SoftFileLock
from prepare import batch, evaluate
batch()
home = os.environ["HOME"]
for kind in (FileLock, SoftFileLock):
    with kind(os.path.join(home, kind.__name__), timeout=5):
        pass
for mode in ("delete", "wal"):
    path = os.path.join(home, mode + ".db")
    for number in range(2):
        with sqlite3.connect(path) as base:
            base.execute("pragma journal_mode=" + mode)
            base.execute("create table if not exists t (n integer)")
            base.execute("insert into t values (?)", (number,))
        base.close()
    assert sqlite3.connect(path).execute("select count(*) from t").fetchone() == (2,)
print("LOCKED")
evaluate(1.0)
"""


@contextmanager
def neighbours(folder: Path) -> Iterator[dict[str, Any]]:
    """Things of this machine that a variant must not get at, and what to ask it for."""
    data = folder / "secret.txt"
    data.write_text("the validation text")
    beside = folder.parent / f"{folder.name}-beside.txt"
    common = Path(f"/tmp/autoswarm-test-{os.getpid()}.txt")  # noqa: S108 - a place open to all
    with ExitStack() as stack:
        for path in (beside, common):
            path.write_text("PLANTED")
            path.chmod(0o666)
            stack.callback(path.unlink)
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        names = {name: f"autoswarm-{name}-{os.getpid()}" for name in ("abstract", "datagram")}
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind("\0" + names["abstract"])
        abstract.listen()
        datagram = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        datagram.bind("\0" + names["datagram"])
        with_path = stack.enter_context(socket.socket(socket.AF_UNIX))
        named = common.with_suffix(".sock")
        with_path.bind(str(named))
        stack.callback(named.unlink)
        named.chmod(0o777)  # so that nothing but the sandbox is in the way
        with_path.listen()
        victim = stack.enter_context(subprocess.Popen(["sleep", "600"], env={"TOKEN": "PLANTED"}))
        stack.callback(victim.kill)
        yield {
            "read": {"data": str(data), "beside": str(beside), "tmp": str(common)},
            "list": {"root": "/", "home": str(Path.home()), "tmp": "/tmp"},  # noqa: S108 it is looked at
            "write": (
                {"data": str(data), "beside": str(beside)}
                | {name: str(path) for name, path in marks().items()}
            ),
            "port": tcp.getsockname()[1],
            "abstract": names["abstract"],
            "abstract datagram": names["datagram"],
            "socket": str(named),
            "pid": victim.pid,
        }


def marks() -> dict[str, Path]:
    """Files a variant tries to leave where every user may write."""
    places = {"tmp": "/tmp", "var": "/var/tmp", "shm": "/dev/shm"}  # noqa: S108 they are looked at
    return {name: Path(folder, f"autoswarm-left-{os.getpid()}") for name, folder in places.items()}


def prisoner(asked: dict[str, Any]) -> str:
    return PRISONER.replace("ASKED = {}", f"ASKED = {asked!r}")


def run(folder: Path, tier: str, source: str = HONEST, name: str = "r1") -> tuple[RunResult, str]:
    """A run in a tier by the stand-in judge, and its log."""
    order = an_order(folder, source, run=name)
    result = train(standin_trainer(folder, sandbox=tier), order)
    return result, log_of(order)


@pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the surface knows system calls by their numbers on x86-64"
)
@pytest.mark.parametrize("tier", having(*CLOSED))
def test_a_tier_keeps_what_it_promises(tier: Tier, tmp_path: Path) -> None:
    try:
        with neighbours(tmp_path) as asked:
            result, log = run(tmp_path, tier, prisoner(asked))
            touched = [
                path
                for path in asked["write"].values()
                if "left behind" in (Path(path).read_text() if Path(path).exists() else "")
            ]
        assert result.outcome == Measured(1.0), log
        assert not touched or tier in (Tier.D, Tier.E)
        assert result.sandbox == tier
        answer = json.loads(
            next(line for line in log.splitlines() if line.startswith("PRISONER")).partition(" ")[2]
        )
        assert set(answer["opened"]) & CLOSED[tier] == set()
        if tier not in (Tier.C, Tier.C_MINUS, Tier.E) and os.geteuid() == 0:
            assert answer["uid"] >= 2**30
            assert not [path for path in marks().values() if path.exists()]
    finally:
        for path in marks().values():
            path.unlink(missing_ok=True)


@pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the surface knows system calls by their numbers on x86-64"
)
def test_the_ways_out_are_open_where_nothing_confines(tmp_path: Path) -> None:
    """Else the test above would be content with a surface that cannot do anything anywhere."""
    try:
        with neighbours(tmp_path) as asked:
            _, log = run(tmp_path, Tier.F, prisoner(asked))
        answer = json.loads(
            next(line for line in log.splitlines() if line.startswith("PRISONER")).partition(" ")[2]
        )
        assert set(answer["opened"]) >= (
            NETWORK
            | FILES
            | OTHERS
            | PLACES
            | {"ptrace", "keyring", "shared memory", "unshare", "clone3", "perf"}
            | MARKS
        ) - {"write data"}
    finally:
        for path in marks().values():
            path.unlink(missing_ok=True)


@pytest.mark.parametrize("tier", having(*CLOSED))
def test_programs_that_lock_their_files_go_on(tier: Tier, tmp_path: Path) -> None:
    result, log = run(tmp_path, tier, LOCKS)
    assert (result.outcome, log) == (Measured(1.0), "LOCKED\n")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("tiny") / "data"
    tiny_data(data)
    return data


def judged(data: Path, folder: Path, tier: str, source: str = TINY) -> RunResult:
    """A run by the real judge, with torch."""
    trainer = SubprocessTrainer(TASK, data, Slot("test"), 1_000_000, sandbox=tier)
    return train(
        trainer,
        RunOrder(
            run="r1",
            source=uncompiled(source),
            seed=3,
            budget=structs.replace(BUDGET, wall_cap=110.0),
            directory=folder / tier,
        ),
    )


@pytest.fixture(scope="module")
def unconfined(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return judged(tiny, tmp_path_factory.mktemp("unconfined"), Tier.F).outcome


@pytest.mark.parametrize("tier", having(*CLOSED))
def test_an_honest_variant_has_the_same_value_in_every_tier(
    tier: Tier, tiny: Path, unconfined: Outcome, tmp_path: Path
) -> None:
    assert isinstance(unconfined, Measured)
    result = judged(tiny, tmp_path, tier)
    assert (result.outcome, result.sandbox) == (unconfined, tier), result.tail


BOMB = f"""
import os, time
from prepare import batch, evaluate
batch()
alive = 0
try:
    while alive < {3 * PROCESSES}:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        alive += 1
except OSError:
    pass
os.write(1, b"BOMB %d\\n" % alive)  # at once, or what ends it could cut the line
if alive == {3 * PROCESSES}:
    time.sleep(5)
evaluate(1.0)
"""


@pytest.mark.parametrize("tier", having(*Tier))
def test_a_fork_bomb_is_bounded(tier: Tier, tmp_path: Path) -> None:
    result, log = run(tmp_path, tier, BOMB)
    counted = [int(line.split()[1]) for line in log.splitlines() if line.startswith("BOMB")]
    if choose(tier).own_uid or "pids" in offered().controllers:
        assert counted
        assert counted[0] < PROCESSES
    else:
        assert isinstance(result.outcome, Crashed)
        assert "processes and threads" in result.outcome.message


CRASH = "from prepare import batch\nbatch()\nimport os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"


@pytest.mark.parametrize("tier", having(Tier.A, Tier.B, Tier.F))
def test_a_signal_that_ends_a_variant_is_told_as_it_was(tier: Tier, tmp_path: Path) -> None:
    result, _ = run(tmp_path, tier, CRASH)
    assert isinstance(result.outcome, Crashed)
    assert "SIGSEGV" in result.outcome.message


HOG = (
    "from prepare import batch, evaluate\nimport time\nbatch()\nhold = b'x' *"
    " 300_000_000\ntime.sleep(2.5)\nevaluate(1.0)\n"
)


@pytest.mark.parametrize("tier", having(Tier.A, Tier.B, Tier.F))
def test_the_memory_a_variant_used_is_known(tier: Tier, tmp_path: Path) -> None:
    result, _ = run(tmp_path, tier, HOG)
    assert 300_000_000 < result.peak_memory < 600_000_000


SHARED = """
import os, time
from prepare import batch, evaluate
batch()
hold = b"x" * 200_000_000
workers = []
for _ in range(6):
    if (pid := os.fork()) == 0:
        time.sleep(60)
    workers.append(pid)
time.sleep(2.5)
evaluate(1.0)
"""


@pytest.mark.parametrize("tier", having(Tier.A, Tier.B, Tier.F))
def test_pages_that_processes_share_are_counted_once(tier: Tier, tmp_path: Path) -> None:
    result, _ = run(tmp_path, tier, SHARED)
    assert isinstance(result.outcome, Measured)
    assert 200_000_000 < result.peak_memory < 400_000_000


OWN_SECONDS = 10_000_000 + os.getpid()
"""What this process's daemons sleep, so that they are not taken for those of tests that run beside."""

DAEMON = f"""
import os, time
from prepare import batch, evaluate
batch()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/bin/sleep", ["sleep", "{OWN_SECONDS}"])
    os._exit(0)
os.wait()
time.sleep(0.2)
evaluate(1.0)
"""


@pytest.mark.parametrize("tier", having(Tier.A, Tier.B, Tier.C, Tier.F))
def test_no_process_outlives_its_run(tier: Tier, tmp_path: Path) -> None:
    before = living()
    result, _ = run(tmp_path, tier, DAEMON)
    assert isinstance(result.outcome, Measured)
    assert not [pid for pid in living() - before if f"sleep {OWN_SECONDS}" in command_of(pid)]
    assert not list((tmp_path / "scratch").iterdir())


def living() -> set[int]:
    return {int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()}


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:  # it ended
        return ""


OWN_MARK = f"autoswarm-mark-{os.getpid()}"
MARK = f"""
import os
from prepare import batch, evaluate
batch()
found = []
for folder in ("/tmp", "/var/tmp", "/dev/shm", os.path.expanduser("~"), os.environ["TMPDIR"], \
os.environ["XDG_CACHE_HOME"]):
    try:
        found += [folder for name in os.listdir(folder) if name.startswith("{OWN_MARK}")]
        os.mkdir(folder + "/{OWN_MARK}-folder", 0o700)
        open(folder + "/{OWN_MARK}-folder/file", "w").close()
        os.symlink("/etc", folder + "/{OWN_MARK}-link")
        open(folder + "/{OWN_MARK}", "w").close()
    except OSError:
        pass
print("MARKS", found)
evaluate(1.0)
"""


@pytest.mark.parametrize("tier", having(Tier.A, Tier.B, Tier.C, Tier.B_MINUS, Tier.C_MINUS, Tier.D))
def test_no_file_of_a_run_is_there_for_the_next(tier: Tier, tmp_path: Path) -> None:
    if tier is Tier.D and os.geteuid() != 0:
        pytest.skip("D has a uid of its own as root only")
    logs = [run(tmp_path, tier, MARK, name)[1] for name in ("first", "second")]
    assert ["MARKS []" in log for log in logs] == [True, True]
    places = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - what is looked for is a mark left there
    assert not [path for place in places for path in Path(place).glob(f"{OWN_MARK}*")]


def test_a_tier_that_does_not_exist_is_refused_with_what_to_do() -> None:
    with pytest.raises(SandboxError, match="no sandbox tier 'Z'") as raised:
        choose("Z")
    assert "auto" in raised.value.remedy


@pytest.mark.alone
def test_probing_takes_a_moment() -> None:
    """In seconds of a processor, its own and its children's: the machine may be busy."""
    before = os.times()
    probe()
    after = os.times()
    assert sum(after[:4]) - sum(before[:4]) < 0.3


@pytest.mark.alone
@pytest.mark.parametrize("tier", having(Tier.A, Tier.B, Tier.C))
def test_entering_a_sandbox_takes_a_tenth_of_a_second_at_most(tier: Tier, tmp_path: Path) -> None:
    def startup(kind: Tier, name: str) -> float:
        return run(tmp_path, kind, name=name)[0].seconds.startup

    bare = statistics.median(startup(Tier.F, f"bare-{turn}") for turn in range(3))
    assert min(startup(tier, f"confined-{turn}") for turn in range(3)) - bare < 0.1
