"""The actors of a campaign on Ray: one coordinator, one agent for each slot.

- On a Ray of its own (``cluster.address: local``) the actors end with the process that started them, which
  looks after the agents itself.
- On a cluster they are detached, that process may leave, and a third kind of actor, the reconciler, looks
  after the agents for as long as the campaign is not finished.
"""

import os
import time
from functools import partial
from typing import Any

from configs.errors import ConfigError
from configs.schema import Config
from coordinator.views.overview import Overview
from coordinator.views.status_page import PageState
from deploy.checks.keys import ENV_FILE
from deploy.swarm.cluster import NAMESPACE, actor, actor_name  # first: it sets Ray's environment
from deploy.swarm.fleet import Fleet, kill
from deploy.swarm.reconciler import close
from deploy.wiring import open_service

import coordinator.actor  # isort: skip
import deploy.swarm.reconciler  # isort: skip
import ray  # isort: skip
from ray.exceptions import RayError  # isort: skip

READY_SECONDS = 90.0
GOODBYE_SECONDS = 20.0
NAME_SECONDS = 20.0
"""For Ray to let go of the name of an actor that was ended."""


class Swarm:
    """A campaign's actors. Connect with ``connected`` first."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._local = config.cluster.address == "local"
        self._parent = os.getpid() if self._local else None
        self._secret_files = [str(ENV_FILE.absolute())]
        self._fleet = Fleet(config, self.coordinator_name, self._secret_files, self._parent)
        self._coordinator: Any = None
        self._reconciler: Any = None

    @property
    def coordinator_name(self) -> str:
        """Name of the coordinator's actor."""
        return actor_name("coordinator", self._config)

    @property
    def problems(self) -> dict[str, str]:
        """What a person has to fix, see ``Fleet.problems``; on a cluster as of the last ``reconcile``."""
        return self._fleet.problems

    # ------------------------------------------------------------------ start

    def start(self) -> None:
        """Start or find the coordinator, and see to it that agents are started while the campaign runs.
        Raises ConfigError when the campaign cannot be opened.
        """
        options: dict[str, Any] = {"namespace": NAMESPACE, "get_if_exists": True}
        if "head" in ray.cluster_resources():  # type: ignore[no-untyped-call]
            options["resources"] = {"head": 0.001}
        if not self._local:
            self._clear_finished()
        detached = {} if self._local else {"lifetime": "detached"}
        self._coordinator = coordinator.actor.remote_class(
            name=self.coordinator_name, **detached, **options
        ).remote(partial(open_service, self._config), self._parent)
        problem = ray.get(self._coordinator.ready.remote(), timeout=READY_SECONDS)
        if problem is not None:
            ray.kill(self._coordinator)
            raise ConfigError(problem[0], problem[1])
        if not self._local:
            minutes = self._config.campaign.session_minutes
            self._reconciler = deploy.swarm.reconciler.remote_class(
                name=actor_name("reconciler", self._config), **options
            ).remote(
                self._config,
                self.coordinator_name,
                self._secret_files,
                time.time() + minutes * 60 if minutes else None,
            )
        self.reconcile()

    def _clear_finished(self) -> None:
        """End what is left of a campaign that has finished, so that it can begin anew: a coordinator decides
        when it opens a campaign whether that goes on.
        """
        self._coordinator = actor(self.coordinator_name)
        overview = None if self._coordinator is None else self.look(0)
        if overview is not None and overview.page.state is PageState.FINISHED:
            self.end()
            deadline = time.monotonic() + NAME_SECONDS
            while actor(self.coordinator_name) is not None and time.monotonic() < deadline:
                time.sleep(0.1)

    def reconcile(self) -> None:
        """Start an agent on every slot that has none; on a cluster the reconciler does, and this asks it what
        a person has to fix.
        """
        if self._local:
            self._fleet.start_missing()
            self._fleet.look_for_problems()
            return
        try:
            problems = ray.get(self._reconciler.problems.remote(), timeout=10)
        except (RayError, ConnectionError):  # it is being started anew, or has ended with its campaign
            return
        self._fleet.problems.update(problems)

    def look_for_problems(self) -> None:
        """Hear from every agent what a person has to fix."""
        if self._local:
            self._fleet.look_for_problems()

    # ------------------------------------------------------------------ while it runs

    def look(self, shown: int) -> Overview | None:
        """The status page and rows after the first ``shown``; None while the coordinator is away."""
        try:
            overview: Overview = ray.get(self._coordinator.status.remote(shown), timeout=10)
        except (RayError, ConnectionError):
            return None
        return overview

    def over(self) -> bool:
        """Whether there is no coordinator any more, and nobody who would start it again."""
        return actor(self.coordinator_name) is None

    def drain(self, reason: str, now: bool = False) -> None:
        """Take no new work; ``now`` ends the open runs too."""
        self._coordinator.drain.remote(reason, now)

    def end(self) -> None:
        """Let every agent leave, close the campaign."""
        kill(actor(actor_name("reconciler", self._config)))
        self._fleet.end(GOODBYE_SECONDS)
        close(self._coordinator)
