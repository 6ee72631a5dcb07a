"""The detached actor that keeps a campaign's agents on a cluster, so that nobody has to watch it.

- It starts an agent on every slot that has none, also of nodes that join or come back later, and says which
  agents are gone with their node.
- A finished campaign frees every slot within seconds; then coordinator and reconciler end, too. They stay for
  as long as whoever watches the campaign needs to see its end.
- It remembers nothing that matters: killed, Ray starts it again, and it goes on from what it finds.
"""

import logging
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from configs.schema import Config
from coordinator.views.status_page import PageState
from deploy.swarm.cluster import actor, actor_name  # first: it sets Ray's environment
from deploy.swarm.duty import Duty, duty
from deploy.swarm.fleet import Fleet, kill

import ray  # isort: skip
from ray.exceptions import RayError  # isort: skip

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""Between two looks."""
ANSWER_SECONDS = 10.0
GOODBYE_SECONDS = 8.0
"""For the agents of a finished campaign to leave; what they had to say is said by then."""
SHOW_SECONDS = 12.0
"""From a campaign's end to that of its coordinator: longer than viewers, and most programs that scrape its
metrics, take between two looks, and less than half a minute with the goodbye.
"""
REVIVE_SECONDS = 30.0
"""Between two tries to have a coordinator started anew that could not open its campaign."""
NO_ROWS = 1 << 62
"""Experiments that a look at the campaign does not want to hear of."""


class ReconcilerServer:
    """One for each campaign."""

    def __init__(
        self, config: Config, coordinator: str, secret_files: Sequence[str], until: float | None
    ) -> None:
        """coordinator: name of its actor. secret_files: see ``Fleet``. until: when this start is over, in
        seconds since the epoch; None for never.
        """
        self._coordinator = coordinator
        self._minutes = config.campaign.session_minutes
        self._until = until
        self._fleet = Fleet(config, coordinator, secret_files)
        self._own = actor_name("reconciler", config)
        self._there = self._opened = time.monotonic()
        self._ended: float | None = None
        self._problems: dict[str, str] = {}
        threading.Thread(target=self._keep, name="reconciler", daemon=True).start()

    def problems(self) -> dict[str, str]:
        """What a person has to fix; see ``Fleet.problems``."""
        return self._problems

    def pid(self) -> int:
        """Number of its process."""
        return os.getpid()

    def _keep(self) -> None:
        logged = ""
        while True:
            try:
                self._step()
                logged = ""
            except Exception as error:  # the outermost loop: it goes on for as long as the campaign does
                if repr(error) != logged:
                    log.exception("a look at the cluster failed, will try again")
                logged = repr(error)
            time.sleep(LOOK_SECONDS)

    def _step(self) -> None:
        coordinator = actor(self._coordinator)
        state = None if coordinator is None else self._look(coordinator)
        now = time.monotonic()
        if coordinator is not None:
            self._there = now
        match duty(state, now - self._there, self._left()):
            case Duty.START:
                self._start(coordinator)
            case Duty.DRAIN:
                reason = f"campaign.session_minutes reached: {self._minutes:g} min; run it again to go on"
                coordinator.drain.remote(reason, False)
            case Duty.END:
                self._end(coordinator)
            case Duty.WAIT:
                pass

    def _left(self) -> float:
        return float("inf") if self._until is None else self._until - time.time()

    def _look(self, coordinator: Any) -> PageState | None:
        """How the campaign stands. One that could not be opened where it was started anew is tried again: a
        process before it may have held it.
        """
        try:
            state: PageState = ray.get(coordinator.status.remote(NO_ROWS), timeout=ANSWER_SECONDS).page.state
        except (RayError, ConnectionError):
            self._revive(coordinator)
            return None
        self._opened = time.monotonic()
        return state

    def _revive(self, coordinator: Any) -> None:
        if time.monotonic() - self._opened < REVIVE_SECONDS:
            return
        self._opened = time.monotonic()
        try:
            problem = ray.get(coordinator.ready.remote(), timeout=ANSWER_SECONDS)
        except (RayError, ConnectionError):
            return
        if problem is not None:
            log.warning("the campaign is opened once more", extra={"error": problem[0]})
            kill(coordinator, again=True)

    def _start(self, coordinator: Any) -> None:
        self._ended = None
        gone = self._fleet.start_missing()
        if gone:
            coordinator.lose.remote(gone, "its machine is gone")
        self._fleet.look_for_problems()
        self._problems = dict(self._fleet.problems)

    def _end(self, coordinator: Any) -> None:
        if self._ended is None:
            self._ended = time.monotonic()
        self._fleet.end(GOODBYE_SECONDS)
        if coordinator is not None:
            time.sleep(max(0.0, self._ended + SHOW_SECONDS - time.monotonic()))
            close(coordinator)
        kill(actor(self._own))


def close(coordinator: Any) -> None:
    """Close a campaign and end its coordinator; its files are whole at every instant."""
    with suppress(RayError, ConnectionError):
        ray.get(coordinator.close.remote(), timeout=ANSWER_SECONDS)
    kill(coordinator)


def remote_class(**options: Any) -> Any:
    """The actor class: detached, restarted for ever, no CPU of its own, answering while it waits."""
    return ray.remote(ReconcilerServer).options(
        num_cpus=0, max_restarts=-1, max_task_retries=-1, max_concurrency=4, lifetime="detached", **options
    )
