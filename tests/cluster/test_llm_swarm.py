"""A whole swarm, as a person starts it, whose arms ask models over HTTP: models that refuse, talk, repeat
themselves, go down for a while.
"""

import gzip
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import RunReported
from coordinator.store.journal import Journal
from coordinator.store.paths import Layout
from deploy.bench.intervals import Busy, Window, occupancy
from deploy.bench.scenario import trainings
from evaluator.result import Measured, RunResult
from tests.chaos.swarm_process import SwarmProcess, swarm_process
from tests.integration.chat_server import ChatServer, chat_server, moving, refused, said

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

KEY = "sk-planted-93c1e07b5ad2"
SIMULATED = ("trainer.kind=simulated", "acceptance.baseline_runs=2")
NO_MERGE = ("acceptance.policy=confirm", "acceptance.z=1000")
PARROT = (
    "TITLE: the one idea\n\n<<<<<<< SEARCH\nimport torch.nn as nn\n=======\nimport torch.nn as nn\n\nIDEA ="
    " 1\n>>>>>>> REPLACE\n"
)


def arm(name: str, server: ChatServer) -> str:
    """An arm whose model has its name."""
    return f"{{name: {name}, proposer: llm, models: [openai/{name}], api_base: '{server.base}'}}"


def holding(folder: Path, secret: bytes) -> list[str]:
    """Files below ``folder`` that hold ``secret``, compressed or not, and git repositories one of whose
    objects does.
    """
    places = [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and secret in content(path)
    ]
    for head in folder.rglob("HEAD"):
        words = [
            "git",
            "--git-dir",
            str(head.parent),
            "cat-file",
            "--batch-all-objects",
            "--batch",
            "--unordered",
        ]
        objects = subprocess.run(words, capture_output=True, check=True).stdout
        assert objects.count(b"\n") > 10
        places += [str(head.parent)] * (secret in objects)
    return places


def content(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def proposals(state: CampaignState) -> Counter[str]:
    """Experiments by arm."""
    return Counter(experiment.arm for experiment in state.experiments.values() if not experiment.baseline)


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


class Told:
    """What is left of a swarm that has ended: its state, what it said, and every file it wrote."""

    def __init__(self, swarm: SwarmProcess, ray: Path) -> None:
        self.state = swarm.state()
        self.said = (swarm.folder / "driver.log").read_text(errors="replace")
        self.logs = "\n".join(path.read_text() for path in (swarm.campaign / "logs").glob("*.log"))
        self.holding = [*holding(swarm.folder, KEY.encode()), *holding(ray, KEY.encode())]
        self.ray_files = sum(path.is_file() for path in ray.rglob("*"))


@pytest.fixture(scope="module")
def mixed(server: ChatServer, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """In step, where one arm that hangs would hold up every other; no merge, so that every brief shows the
    same program.
    """
    server.minds = {
        "locked": lambda _: refused(401, f"Incorrect API key provided: {KEY}"),
        "talker": lambda _: said(f"Deeper would be better. My key is {KEY}."),
        "parrot": lambda _: said(PARROT.replace("the one idea", f"the one idea {KEY}"), delay=0.1),
        "thinker": moving(0.1),
    }
    arms = ", ".join([*(arm(name, server) for name in server.minds), "{name: control}"])
    more = [*SIMULATED, "trainer.simulated_seconds=1", *NO_MERGE, f"arms=[{arms}]"]
    with TemporaryDirectory(prefix="ray-", dir="/tmp") as ray:
        folder = tmp_path_factory.mktemp("mixed")
        with swarm_process(folder, 16, *more, OPENAI_API_KEY=KEY, RAY_TMPDIR=ray) as swarm:
            swarm.start()
            assert swarm.wait(240) == 0, swarm.said()
            return Told(swarm, Path(ray))


def test_a_refused_key_stops_that_arm_with_a_message_and_the_others_go_on(mixed: Told) -> None:
    counts = proposals(mixed.state)
    assert counts["locked"] == 0
    assert min(counts["thinker"], counts["control"]) >= 2
    lines = [line for line in mixed.said.splitlines() if "arm locked is stopped" in line]
    assert lines, mixed.said
    assert all("Incorrect API key" in line and "Set the provider's key" in line for line in lines)
    assert "arm is stopped" in mixed.logs


def test_a_model_that_only_talks_never_reaches_a_slot(mixed: Told, server: ChatServer) -> None:
    assert server.asked("talker") >= 3
    assert proposals(mixed.state)["talker"] == 0
    assert all(
        "Deeper would be better" not in experiment.title for experiment in mixed.state.experiments.values()
    )


def test_a_model_that_repeats_itself_costs_one_run_and_the_others_go_on(
    mixed: Told, server: ChatServer
) -> None:
    assert server.asked("parrot") >= 2
    counts = proposals(mixed.state)
    assert counts["parrot"] == 1
    assert counts.total() == 16
    digests = [experiment.digest for experiment in mixed.state.experiments.values()]
    assert len(set(digests)) == len(digests)


def test_the_key_is_on_no_disk_although_every_agent_has_it_and_models_say_it(
    mixed: Told, server: ChatServer
) -> None:
    assert f"Bearer {KEY}" in server.keys
    assert mixed.ray_files > 10
    assert "one idea [redacted]" in "".join(
        experiment.title for experiment in mixed.state.experiments.values()
    )
    assert mixed.holding == []


def test_the_key_is_not_in_the_environment_of_a_run(server: ChatServer, tmp_path: Path) -> None:
    spying = "import time\n\nimport os\nprint('environment:', sorted(os.environ.items()), flush=True)\n"
    server.minds = {
        "spy": lambda _: said(
            f"TITLE: look round\n\n<<<<<<< SEARCH\nimport time\n=======\n{spying}>>>>>>> REPLACE\n"
        )
    }
    more = ["acceptance.baseline_runs=2", f"arms=[{arm('spy', server)}]"]
    with swarm_process(tmp_path, 1, *more, OPENAI_API_KEY=KEY) as swarm:
        swarm.start()
        assert swarm.wait(240) == 0, swarm.said()
        logs = [path.read_text(errors="replace") for path in swarm.campaign.glob("runs/e00001.*/train.log")]
    assert logs
    assert all("environment:" in log and "AUTOSWARM_JUDGE_FD" in log for log in logs)
    assert holding(tmp_path, KEY.encode()) == []


@pytest.mark.alone
def test_an_endpoint_that_is_down_for_a_while_costs_no_experiment_and_no_slot(
    server: ChatServer, tmp_path: Path
) -> None:
    server.minds = {"model": moving(0.5)}
    arms = f"arms=[{arm('model', server)}, {{name: other}}]"
    more = [*SIMULATED, "trainer.simulated_seconds=5", "campaign.lookahead=0", "slots.count=4", arms]
    with swarm_process(tmp_path, 0, *more, OPENAI_API_KEY=KEY) as swarm:
        swarm.start()
        swarm.until(
            "the model's first results", 150, lambda: swarm.finished() and finished(swarm, "model") >= 2
        )
        server.down, asked, window = True, server.asked("model"), Window(time.time(), time.time() + 35.0)
        time.sleep(window.seconds)
        refused_calls = server.asked("model") - asked
        server.down, before = False, proposals(swarm.state())["model"]
        swarm.until("the model to be back", 60, lambda: proposals(swarm.state())["model"] > before)
        open_runs = [
            Busy(run.agent or "", run.leased_at, time.time())
            for run in swarm.state().runs.values()
            if run.agent and run.result is None
        ]
        done = [*trainings(Layout(swarm.campaign)), *open_runs]
        results = reported(swarm)
    assert refused_calls >= 4
    assert occupancy(done, 4, window) >= 0.9
    assert all(isinstance(result.outcome, Measured) for result in results)


def finished(swarm: SwarmProcess, name: str) -> int:
    state = swarm.state()
    return sum(state.experiments[done].arm == name for done in state.finished)


def reported(swarm: SwarmProcess) -> list[RunResult]:
    journal = Journal.read(swarm.campaign / "journal.db")
    try:
        return [entry.event.result for entry in journal.entries() if isinstance(entry.event, RunReported)]
    finally:
        journal.close()
