"""What has to be in the environment before anything imports ray or litellm, and tests that run by themselves.

- Without these variables ``ray.init`` turns token authentication on by itself half-way, reports usage, and
  litellm fetches a price map over the network.
- A test marked ``alone`` measures time, or takes what a machine has one of: it runs while no other test does.
  In a run with several workers it waits for theirs to end and makes them wait for its own; all such tests
  come last.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
os.environ |= {"RAY_worker_niceness": "0", "RAY_worker_oom_score_adjustment": "0"}  # else workers come last
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ.pop("COLUMNS", None)  # a worker of xdist is told a terminal's width, and has none

LOCKS = "autoswarm_locks"
"""Name under which a worker is told the folder of the locks that all workers share."""


class Turns:
    """Locks of one run of the tests, in a folder of their own that goes with it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="autoswarm-tests-")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker that is about to start where they are."""
        node.workerinput[LOCKS] = self._folder.name

    def pytest_unconfigure(self) -> None:
        """Remove them."""
        self._folder.cleanup()


def pytest_configure(config: pytest.Config) -> None:
    """Make the locks where the tests are handed out, before any worker starts."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Turns())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put those that run alone last."""
    items.sort(key=_alone)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Run a test once it is its turn. What it waits for that is not part of its time."""
    folder = getattr(item.config, "workerinput", {}).get(LOCKS)
    if folder is None:
        return (yield)
    with _turn(Path(folder), _alone(item)):
        return (yield)


def _alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


@contextmanager
def _turn(folder: Path, alone: bool) -> Iterator[None]:
    """Hold a turn among other tests, or the only one. Whoever waits for the only one keeps the gate, so that
    no other test begins meanwhile.
    """
    with (folder / "gate").open("w") as gate, (folder / "turn").open("w") as turn:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(turn, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(turn, fcntl.LOCK_UN)  # also where a process that the test forked still has it open


@pytest.fixture(scope="session")
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for prepared data that all workers share: what one of them has made, the others find."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if hasattr(request.config, "workerinput") else own) / "prepared"
    folder.mkdir(exist_ok=True)
    return folder
