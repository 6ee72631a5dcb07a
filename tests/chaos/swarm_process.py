"""A swarm started by a person's command, and what the machine shows of it from outside."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from coordinator.state.campaign_state import CampaignState
from coordinator.store.journal import Journal

ROOT = Path(__file__).parents[2]
TASK = ROOT / "tests" / "tasks" / "tiny"


class SwarmProcess:
    """`autoswarm run` on the tiny task in a folder of its own. marker: a folder that only its processes have
    in their environment.
    """

    def __init__(self, folder: Path, experiments: int, *more: str, **environment: str) -> None:
        self.folder = folder
        self.campaign = folder / "campaigns" / "chaos"
        self._scratch = folder / "tmp"
        self._scratch.mkdir(exist_ok=True)
        self._words = [
            "demo",
            "campaign.name=chaos",
            f"campaign.max_experiments={experiments}",
            "campaign.session_minutes=5",
            f"campaigns_dir={folder / 'campaigns'}",
            f"data_dir={folder / 'data'}",
            f"task.name={TASK}",
            "task.size=full",
            "coordinator.metrics_port=0",
            "coordinator.heartbeat=1",
            "coordinator.lease_ttl=15",
            *more,
        ]
        self._environment = {"TMPDIR": str(self._scratch), "AUTOSWARM_CHAOS_MARK": str(folder)} | environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = os.environ | self._environment
        with (self.folder / "driver.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy.cli.main", "run", *self._words],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ended(self) -> bool:
        """Whether the command has come to its end."""
        return self.process is not None and self.process.poll() is not None

    def wait(self, seconds: float) -> int:
        assert self.process is not None
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds:g} s: {self.said()}") from None

    def said(self) -> str:
        return (self.folder / "driver.log").read_text(errors="replace")[-3000:]

    def processes(self) -> list[psutil.Process]:
        """Every living process that carries our mark."""
        living = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if (
                    process.environ().get("AUTOSWARM_CHAOS_MARK") == str(self.folder)
                    and process.status() != psutil.STATUS_ZOMBIE
                ):
                    living.append(process)
        return living

    def named(self, words: str) -> list[psutil.Process]:
        """Those of our processes whose command line holds these words."""
        living = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if words in " ".join(process.cmdline()):
                    living.append(process)
        return living

    def run_processes(self) -> list[psutil.Process]:
        """Processes whose working directory lies in a run's scratch folder: a variant has a clean environment
        and no mark.
        """
        living = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.cwd().startswith(str(self._scratch)) and process.status() != psutil.STATUS_ZOMBIE:
                    living.append(process)
        return living

    def state(self) -> CampaignState:
        """What the journal says now."""
        state = CampaignState()
        journal = Journal.read(self.campaign / "journal.db")
        for entry in journal.entries():
            state.apply(entry.event, entry.at)
        journal.close()
        return state

    def fates(self) -> dict[str, tuple[str, str, float | None]]:
        """What became of every experiment."""
        return {
            name: (experiment.title, experiment.state.value, experiment.value)
            for name, experiment in self.state().experiments.items()
        }

    def finished(self) -> int:
        """Experiments with a last verdict, 0 before the journal is there."""
        return len(self.state().finished) if (self.campaign / "journal.db").exists() else 0

    def until(self, what: str, seconds: float, true: object) -> None:
        """Wait until ``true()``."""
        deadline = time.monotonic() + seconds
        assert callable(true)
        while not true():
            assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s: {self.said()}"
            time.sleep(0.1)


@contextlib.contextmanager
def swarm_process(folder: Path, experiments: int, *more: str, **environment: str) -> Iterator[SwarmProcess]:
    """Whatever happens, nothing of it is left."""
    swarm = SwarmProcess(folder, experiments, *more, **environment)
    try:
        yield swarm
    finally:
        for process in [*swarm.processes(), *swarm.run_processes()]:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        if swarm.process is not None:
            swarm.process.wait(10)
