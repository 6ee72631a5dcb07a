"""Where attacks are tried: a real trainer, a real judge, bait beside them, and a search afterwards for what
should be gone.

- Bait is a process of the same user with a secret in its environment, a private file, a service on loopback
  and two on unix sockets. Their names hold a token of this stage; attacks are told it, because a secret that
  is only hard to guess is none.
- What is found of an attack after its run is removed here, so that one attack never helps the next.
"""

import contextlib
import ctypes
import importlib.util
import os
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event

from msgspec import structs

from evaluator.audit_plan import AuditPlan
from evaluator.baseline_facts import BaselineFacts, facts_of, without_real_time
from evaluator.budget import Budget
from evaluator.judging.data import read_manifest, read_tokens, read_vocab, write_prepared
from evaluator.result import Measured, RunResult
from tests.attacks.attack import Attack, Came, Kind, Seen, came, read_loot
from tests.attacks.bait import Bait, bait_in
from tests.integration.judged import tiny_data, uncompiled
from trainer.contract import RunOrder, Slot
from trainer.run.result_file import LOG
from trainer.sandbox.probe import AUTO, probe
from trainer.subprocess_trainer import SubprocessTrainer
from trainer.task import Task
from trainer.task_loading import load_task

ROOT = Path(__file__).parents[2]
SURFACES = {
    "tiny": str(ROOT / "tests" / "tasks" / "tiny"),
    "upstream": str(ROOT / "tests" / "tasks" / "upstream"),
    "demo": "demo",
}
SEED = 5
LOG_BYTES = 4_000_000
LONGEST = 120.0
"""Seconds an honest run may take on a busy machine, however short an attack is kept."""
HONEST_TRIES = 3
"""A budget of one second leaves an honest run no room for a machine that stumbles: then it is made again.
Attacks get one try.
"""

AUDITED = AuditPlan(positions=2048, share=1.0, share_positions=2048, merge_below=1e9, mode="strict")
"""Every run is one that would be merged in strict mode: 1e9 bits per byte is above all values, and infinity is no JSON."""
UNAUDITED = AuditPlan(share=0.0)

CONFINED = (Kind.THEFT, Kind.ESCAPE, Kind.LEFTOVERS, Kind.FLOOD)
"""Attacks on what confines a run: whether their claims are audited changes nothing, and takes seconds."""

SCRATCH = "s"
"""Short names: a variant's own sockets lie deep in this folder, and their paths may have 107 characters."""
EVALUATION_LOG = "evaluation.log"
"""Name in the run's directory of what a variant wrote from its first validation row on."""
UNKNOWN = BaselineFacts()
"""As for a baseline itself."""

PLACES = (
    "",
    "tmp",
    "var/tmp",
    "dev/shm",
    "dev/mqueue",
    "run",
    "run/lock",
    "var/cache",
    "var/lib",
    "opt",
    "srv",
    "mnt",
    "etc",
    "usr/local",
)
"""Where attacks are known to leave files, besides homes, caches and the installation."""


class Stage:
    """One tier, one folder, one set of bait. sandbox: letter of the tier to force, or AUTO for the best there
    is.
    """

    def __init__(self, folder: Path, sandbox: str, bait: Bait, data: "Data") -> None:
        self._folder = folder
        self._sandbox = sandbox
        self._bait = bait
        self._data = data
        self._honest: dict[tuple[str, Budget, int], RunResult] = {}
        self._count = 0

    def attack(self, attack: Attack) -> tuple[Came, Seen]:
        """Try an attack and read what came of it."""
        honest = self.honest(attack.on, attack.budget, attack.warm_up)
        sight = self.run(attack.make(source_of(attack.on)), attack)
        if attack.then and not (sight.loot or sight.left):
            sight = self.run(attack.then(source_of(attack.on)), attack)
        return came(sight, honest, attack.margin, attack.cpu), sight

    def honest(self, on: str, budget: Budget, warm_up: int = 0) -> RunResult:
        """The unmodified surface under the same conditions."""
        ample = structs.replace(budget, wall_cap=max(budget.wall_cap, LONGEST))
        key = (on, ample, warm_up)
        tries = 0
        while tries < HONEST_TRIES and not (
            key in self._honest and isinstance(self._honest[key].outcome, Measured)
        ):
            self._honest[key] = self.train(source_of(on), on, ample, warm_up)[0]
            tries += 1
        return self._honest[key]

    def run(self, source: str, attack: Attack) -> Seen:
        """One run of a hostile source."""
        honest = self.honest(attack.on, attack.budget, attack.warm_up)
        plan = UNAUDITED if attack.kind in CONFINED else AUDITED
        facts = baseline_facts(honest, attack.in_order)
        result, log = self.train(
            self._bait.named_in(source), attack.on, attack.budget, attack.warm_up, plan, facts
        )
        left = [*self._processes(), *self._files(), *self._bait.carried_by(result, log)]
        if not attack.then:
            left += self._segments()
        if not self._bait.is_whole():
            left.append("the bait is gone")
        loot = read_loot(log + self.said_while_it_was_evaluated())
        return Seen(result=result, loot=loot, left=left, audited=plan is AUDITED)

    def said_while_it_was_evaluated(self) -> str:
        """What the last run wrote once it was shown validation rows, which nobody but people is given."""
        path = self._folder / "runs" / f"r{self._count}" / EVALUATION_LOG
        return f"\n{path.read_text(errors='replace')}" if path.exists() else ""

    def train(
        self,
        source: str,
        on: str,
        budget: Budget,
        warm_up: int = 0,
        audit: AuditPlan = AUDITED,
        baseline: BaselineFacts = UNKNOWN,
        blocks: tuple[int, ...] = (0,),
    ) -> tuple[RunResult, str]:
        """Train and audit a source; its result and its log. baseline: what the judge is told an honest run
        takes on this machine.
        """
        self._count += 1
        order = RunOrder(
            run=f"r{self._count}",
            source=uncompiled(source) if on == "demo" else source,
            seed=SEED,
            budget=budget,
            directory=self._folder / "runs" / f"r{self._count}",
            audit=audit,
            baseline=baseline,
            blocks=blocks,
        )
        scratch = self._folder / SCRATCH
        scratch.mkdir(exist_ok=True)
        trainer = make_trainer(load_task(SURFACES[on]), self._own_data(on, warm_up), scratch, self._sandbox)
        result = trainer.train(order, lambda _: None, Event())
        return result, (order.directory / LOG).read_text(errors="replace")

    def _own_data(self, on: str, warm_up: int) -> Path:
        """A copy of the data in this stage's folder, where the token is in its path: an attack that finds it
        can tell it is the right one.
        """
        place = self._folder / f"{on}-{warm_up}"
        if not place.exists():
            shutil.copytree(self._data.of(on, warm_up), place)
        return place

    def _processes(self) -> list[str]:
        """Processes that an attack named and that are still there; ended here."""
        living = []
        for path in Path("/proc").glob("[0-9]*/comm"):
            with contextlib.suppress(OSError):
                if path.read_text().strip() == f"as{self._bait.token[:8]}":
                    living.append(f"process {path.parent.name}")
                    os.kill(int(path.parent.name), 9)
        return living

    def _segments(self) -> list[str]:
        """System V shared memory whose key is made from the token; removed here. Attacks in two runs clean up
        themselves.
        """
        libc = ctypes.CDLL(None)
        segment = libc.shmget(int(self._bait.token[:8], 16) & 0x7FFFFFFE, 0, 0)
        if segment < 0:
            return []
        libc.shmctl(segment, 0, None)  # IPC_RMID
        return ["shared memory"]

    def _files(self) -> list[str]:
        """Files that carry the token; removed here."""
        home = Path.home()
        places = {Path("/", place) for place in PLACES} | {
            home,
            home / ".cache",
            home / ".local",
            Path(sys.prefix),
            *_installed("torch"),
            *(folder / "__pycache__" for folder in _installed("torch")),
        }
        places |= {
            Path(sys.base_prefix),
            *map(Path, site.getsitepackages([sys.base_prefix])),
            *Path("/", "tmp").glob("torchinductor_*"),
        }
        places |= {Path(place) for place in sys.path if Path(place).is_dir()} | {
            self._folder,
            *(self._folder / SCRATCH).glob("**/"),
        }
        left = [
            path
            for place in places
            if os.access(place, os.R_OK)
            for path in place.glob(f"autoswarm-{self._bait.token}*")
        ]
        left += list((self._folder / SCRATCH).iterdir())
        for path in left:
            remove(path)
        return [f"file {path}" for path in left]


def baseline_facts(honest: RunResult, in_order: bool) -> BaselineFacts:
    """What a campaign would tell the judge of that run of the unmodified surface."""
    facts = facts_of([honest])
    return without_real_time(facts) if in_order else facts


def _installed(package: str) -> list[Path]:
    """Folders of an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    return [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []


def make_trainer(task: Task, data: Path, scratch: Path, sandbox: str) -> SubprocessTrainer:
    """The real trainer, in the tier asked for."""
    return SubprocessTrainer(task, data, Slot("test"), LOG_BYTES, scratch=scratch, sandbox=sandbox)


def source_of(on: str) -> str:
    """The honest surface."""
    return load_task(SURFACES[on]).source


def remove(path: Path) -> None:
    """Remove what an attack left, also what it made immutable."""
    if chattr := shutil.which("chattr"):
        subprocess.run([chattr, "-R", "-i", str(path)], check=False, capture_output=True)
    if path.is_dir() and not path.is_symlink():
        path.chmod(0o700)
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


class Data:
    """The tasks' prepared data, made once. A warm-up of its own for the tiny task costs nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[str, int], Path] = {}

    def of(self, on: str, warm_up: int = 0) -> Path:
        """The prepared folder."""
        if (on, warm_up) not in self._made:
            self._made[on, warm_up] = (
                load_task("demo").prepare(self._folder) if on == "demo" else self._tiny(warm_up)
            )
        return self._made[on, warm_up]

    def _tiny(self, warm_up: int) -> Path:
        folder = self._folder / f"tiny-{warm_up}"
        plain = tiny_data(folder, floor=None)  # as most tasks: nothing but the audit stands in the way
        if warm_up:
            train, val = read_tokens(folder, "train").copy(), read_tokens(folder, "val").copy()
            write_prepared(
                folder,
                task=plain.task,
                bos=plain.bos,
                max_seq_len=plain.max_seq_len,
                eval_tokens=plain.eval_tokens,
                vocabulary=plain.vocabulary,
                train=train,
                val=val,
                vocab=read_vocab(folder),
                uncharged_steps=warm_up,
            )
            assert read_manifest(folder).uncharged_steps == warm_up
        return folder


@contextlib.contextmanager
def staged(sandbox: str = AUTO, data: Data | None = None) -> Iterator[Stage]:
    """A stage in a temporary folder whose path holds the bait's token, so that attacks can tell it from their
    neighbours'.
    """
    with (
        tempfile.TemporaryDirectory(prefix="as-") as temporary,
        bait_in(Path(temporary)) as bait,
    ):
        Path(temporary).chmod(0o711)  # as where an agent makes its scratch: no tier has to build a way to it
        folder = Path(temporary) / bait.token
        folder.mkdir()
        yield Stage(folder, sandbox, bait, data or Data(folder / "data"))


def tiers_here() -> tuple[list[str], list[str]]:
    """Letters of the tiers this machine offers, best first, and of those it lacks."""
    findings = probe()
    return [finding.tier.value for finding in findings if finding.works], [
        finding.tier.value for finding in findings if not finding.works
    ]
