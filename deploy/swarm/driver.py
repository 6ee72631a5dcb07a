"""From a configuration to the end of its campaign: start the swarm, show what happens, drain it."""

import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from configs.load import Loaded, kept_yaml
from configs.schema import Config
from coordinator.views.overview import Overview
from coordinator.views.status_page import PageState
from deploy.absolute_paths import rooted
from deploy.checks.gpus import no_gpu
from deploy.checks.proposers_here import unknown_divisions
from deploy.exit_codes import FAILURE, HUNG_UP, INTERRUPTED, OK, TERMINATED
from deploy.sandboxes import decided
from deploy.swarm.cluster import connected, places  # first: it sets Ray's environment
from deploy.swarm.swarm import Swarm
from deploy.views.live import View
from deploy.views.session_end import exit_code, last_words
from deploy.wiring import layout_of
from trainer.task_loading import load_task

LOOK_SECONDS = 0.5
RECONCILE_SECONDS = 5.0


CODES = {signal.SIGHUP: HUNG_UP, signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}


class Signals:
    """First Ctrl-C drains, the second ends the runs, the third leaves at once. SIGTERM ends the runs, and so
    does SIGHUP, which comes when the terminal is closed; under nohup it is ignored.
    """

    def __init__(self) -> None:
        self.count = 0
        self.code = 0

    def __enter__(self) -> "Signals":
        self._before = {number: signal.getsignal(number) for number in CODES}
        if self._before[signal.SIGHUP] == signal.SIG_IGN:
            del self._before[signal.SIGHUP]
        self._terminals = [number for number in range(3) if os.isatty(number)]
        self.listen()
        return self

    def listen(self) -> None:
        """Take them; once more where somebody else has taken one meanwhile."""
        for number in self._before:
            signal.signal(number, self._take)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1 if number == signal.SIGINT else 2
        self.code = CODES[signal.Signals(number)]
        if number == signal.SIGHUP:
            self._leave_terminal()
        if self.count >= 3:
            raise KeyboardInterrupt

    def _leave_terminal(self) -> None:
        """It has gone, and whatever is written to it fails."""
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in self._terminals:
            os.dup2(nothing, number)
        os.close(nothing)


def run_campaign(loaded: Loaded, view: View) -> int:
    """Start or resume the campaign and watch it until it ends; the exit code. Raises ConfigError."""
    config = decided(rooted(loaded.config))
    layout = layout_of(config)
    with Signals() as signals, connected(config):
        signals.listen()  # Ray took SIGTERM for itself
        if config.cluster.address == "local":
            require_slots(config)
            require_proposers(config)
            prepare_data(config)
        swarm = Swarm(config)
        swarm.start()
        layout.config.write_text(kept_yaml(loaded), encoding="utf-8")
        driver = Driver(swarm, config, view, signals)
        try:
            return driver.watch()
        finally:
            view.close()
            for line in driver.last_words:
                _tell(line)
            if config.cluster.address == "local":
                swarm.end()


def require_slots(config: Config) -> None:
    """Raises ConfigError when no agent could ever live here."""
    if not any(True for _ in places(config)):
        raise no_gpu("Ray sees none")


def require_proposers(config: Config) -> None:
    """Raises ConfigError where a division that is to propose has no slot on this machine."""
    if problem := unknown_divisions(config, {place.order.division for place in places(config)}):
        raise problem


def prepare_data(config: Config) -> None:
    """Make the task's data where trainings need it. Raises ConfigError."""
    if config.trainer.kind == "subprocess":
        task = load_task(config.task.name)
        task.prepare(Path(config.data_dir), _tell)


class Driver:
    """Whoever watches a campaign. It may leave a cluster's, which goes on and ends without it."""

    def __init__(self, swarm: Swarm, config: Config, view: View, signals: Signals) -> None:
        self._swarm = swarm
        self._config = config
        self._on_cluster = config.cluster.address != "local"
        self._view = view
        self._signals = signals
        self._rows = 0
        self._steps: set[str] = set()
        """Steps of trunks that were shown."""
        self._taken = 0
        self._warned: set[str] = set()
        self._worked = False
        """Whether the campaign was not finished at some look."""
        self._tried = 0
        self.last_words: list[str] = []
        """What is wrong and what to do, for a campaign that came to nothing."""
        minutes = config.campaign.session_minutes
        self._reconciled = time.monotonic()
        self._limit = self._reconciled + minutes * 60 if minutes else float("inf")

    def watch(self) -> int:
        """Show what happens until the campaign is finished, or until Ctrl-C on a cluster; the exit code."""
        while True:
            overview = self._swarm.look(self._rows)
            if overview is None and self._on_cluster and self._swarm.over():
                _tell("the campaign has ended; `autoswarm status` shows how")
                return self._signals.code
            if overview is not None:
                self._show(overview)
                if overview.page.state is PageState.FINISHED:
                    return self._ended(overview)
            if self._signals.count > self._taken:
                self._taken = self._signals.count
                if self._on_cluster:
                    _tell(
                        "detached; the campaign goes on. `autoswarm status` shows it, `autoswarm stop` ends"
                        " it."
                    )
                    return OK
                self._swarm.drain("stopped by Ctrl-C", now=self._taken > 1)
            self._keep_time()
            time.sleep(LOOK_SECONDS)

    def _show(self, overview: Overview) -> None:
        self._rows += len(overview.rows)
        self._worked |= overview.page.state is not PageState.FINISHED
        self._tried = max(self._tried, overview.tried)
        steps = [row for row in overview.trunk if row.experiment not in self._steps]
        self._steps.update(row.experiment for row in steps)
        self._view.update(overview.page, [*overview.rows, *steps])
        for remark in overview.page.spend.remarks:
            self._warn(remark, remark)
        self._warn(overview.trouble, overview.trouble)
        port = self._config.coordinator.metrics_port
        if overview.page.metrics and f":{port}/" not in overview.page.metrics:
            self._warn("metrics", f"port {port} is in use; metrics are at {overview.page.metrics}")

    def _ended(self, overview: Overview) -> int:
        self._swarm.look_for_problems()
        self._tell_problems()
        code = exit_code(overview.page, self._signals.code, self._worked and not self._tried)
        self.last_words = last_words(overview.page, code)
        return FAILURE if overview.trouble else code

    def _keep_time(self) -> None:
        """Drain at the limit of this start; now and then start agents that are missing."""
        now = time.monotonic()
        if now > self._limit:
            self._limit = float("inf")
            minutes = f"{self._config.campaign.session_minutes:g} min"
            self._swarm.drain(f"campaign.session_minutes reached: {minutes}; run it again to go on")
        if now - self._reconciled > RECONCILE_SECONDS:
            self._reconciled = now
            self._swarm.reconcile()
            self._tell_problems()

    def _tell_problems(self) -> None:
        for name, problem in self._swarm.problems.items():
            self._warn(name, f"{name}: {problem}")

    def _warn(self, what: str, words: str) -> None:
        """Once for each thing that a person has to fix."""
        if what and what not in self._warned:
            self._warned.add(what)
            self._view.warn(words)


def _tell(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201 - progress
