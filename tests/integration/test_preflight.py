"""Whatever keeps a campaign from starting is refused alike by `run`, `run --dry-run` and `doctor`: the same
two lines, the same exit code, and nothing made.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import takewhile
from pathlib import Path

import pytest
from click.testing import CliRunner

from configs.errors import ConfigError
from configs.load import load
from coordinator.state.arm_events import CallSettled
from coordinator.state.events import CampaignFinished
from coordinator.store.journal import CampaignLock, Entry, Journal
from deploy.checks.check import Check
from deploy.checks.doctor import examine, first_problem
from deploy.checks.gpus import ask_driver
from deploy.checks.preflight import preflight
from deploy.cli.main import main
from deploy.exit_codes import report_error
from deploy.wiring import open_service
from tests.unit.test_task_folder import GOOD, keyed, task_folder

SIMULATED = ("trainer.kind=simulated",)
LLM = "arms=[{name: asks, proposer: llm, models: [anthropic/claude-sonnet-4-5]}]"
NO_MODELS = "arms=[{name: asks, proposer: llm}]"
COMMAND = "arms=[{name: coder, proposer: command, unconfined: true, command: [no-such-agent, '{prompt}']}]"
PLAYS = "arms=[{name: plays, proposer: scripted, files: [nosuch.py]}]"
CHARTER = "arms=[{name: asks, proposer: llm, models: [ollama/x], charter: nosuch.md}]"
KEYLESS = {"ANTHROPIC_API_KEY": None, "ANTHROPIC_AUTH_TOKEN": None}
NEEDY = """
from trainer.recipe import DataNeeds
def prepare(folder):
    raise AssertionError("nobody asked for it")
def needs(folder):
    return DataNeeds({needs})
"""
ROOT = Path(__file__).resolve().parents[2]
Words = tuple[str, ...]


class SetUp:
    """A folder with a way of breaking it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: list[Callable[[], None]] = []

    def words(self, *more: str) -> Words:
        """A campaign in this folder that could start, and what breaks it."""
        places = (f"campaigns_dir={self.folder / 'campaigns'}", f"data_dir={self.folder / 'data'}")
        return ("campaign.name=mine", *places, "coordinator.metrics_port=0", *more)

    def begun(self, *words: str) -> Path:
        """The same campaign, begun with these words and left. Returns its folder."""
        config = load([], self.words(*SIMULATED, *words), {}).config
        open_service(config).close()
        return self.folder / "campaigns" / "mine"

    def task(self, **files: str | None) -> str:
        surface = (ROOT / "tests" / "tasks" / "tiny" / "train.py").read_text(encoding="utf-8")
        return f"task.name={task_folder(self.folder / 'task', **{'train__py': surface} | files)}"

    def end(self) -> None:
        for undo in self.held:
            undo()


def another_budget(at: SetUp) -> Words:
    at.begun("task.size=full")
    return at.words(*SIMULATED, "task.size=ci")


def another_task(at: SetUp) -> Words:
    at.begun()
    return at.words(*SIMULATED, at.task())


def another_secret(at: SetUp) -> Words:
    at.begun("campaign.secret=one")
    return at.words(*SIMULATED, "campaign.secret=another")


def lost_secret(at: SetUp) -> Words:
    (at.begun() / "secret").unlink()
    return at.words(*SIMULATED)


def spent(at: SetUp) -> Words:
    folder = at.begun("money.cap_usd=1")
    call = CallSettled(call="c", agent="a", arm="search", model="m", ordinal=1, cost_usd=2.0)
    with closing(Journal.open(folder / "journal.db")) as journal:
        journal.append([Entry(1.0, call), Entry(2.0, CampaignFinished(reason="money.cap_usd reached"))])
    return at.words(*SIMULATED, "money.cap_usd=1")


def busy(at: SetUp) -> Words:
    at.held.append(CampaignLock(at.begun()).release)
    return at.words(*SIMULATED)


def damaged(at: SetUp) -> Words:
    (at.begun() / "journal.db").write_bytes(b"no database " * 1000)
    return at.words(*SIMULATED)


def damaged_repository(at: SetUp) -> Words:
    (at.begun() / "repo.git" / "packed-refs").write_text("nonsense\n", encoding="utf-8")
    return at.words(*SIMULATED)


def other_format(at: SetUp) -> Words:
    with (at.begun() / "repo.git" / "config").open("a", encoding="utf-8") as config:
        config.write("[extensions]\n\tobjectFormat = sha256\n")
    return at.words(*SIMULATED)


def nowhere_for_sockets(at: SetUp) -> Words:
    undo = pytest.MonkeyPatch()
    undo.setenv("RAY_TMPDIR", "/nowhere")
    at.held.append(undo.undo)
    return at.words(*SIMULATED)


def half_a_copy(at: SetUp) -> Words:
    folder = at.begun()
    journal = Journal.open(folder / "journal.db")
    shutil.copy(folder / "journal.db", folder / "copy")
    journal.close()
    (folder / "copy").replace(folder / "journal.db")
    return at.words(*SIMULATED)


def a_file_as(name: str) -> Callable[[SetUp], Words]:
    def broken(at: SetUp) -> Words:
        (at.folder / name).touch()
        return at.words()

    return broken


def tasked(more: str = "", **files: str | None) -> Callable[[SetUp], Words]:
    return lambda at: at.words(at.task(**files), *filter(None, [more]))


def worded(*words: str) -> Callable[[SetUp], Words]:
    return lambda at: at.words(*words)


BROKEN: dict[str, tuple[Callable[[SetUp], Words], str, int]] = {
    "no GPU": (worded("slots.per_gpu=true"), "this machine has no GPU to give", 3),
    "no GPU for a rehearsal": (worded(*SIMULATED, "slots.per_gpu=true"), "has no GPU to give", 3),
    "more slots than cores carry": (worded("slots.count=9999"), "slots.count is 9999, and this machine", 3),
    "a metrics address that is not ours": (
        worded(*SIMULATED, "coordinator.metrics_host=192.0.2.77", "coordinator.metrics_port=9464"),
        "port 9464 of 192.0.2.77 cannot be used",
        3,
    ),
    "a task that needs a GPU": (worded("task.name=gpt"), "needs a GPU, and slots.per_gpu is false", 3),
    "no price": (
        worded(*SIMULATED, LLM.replace("sonnet-4-5", "of-tomorrow"), "money.cap_usd=1"),
        "arm 'asks': nobody knows what anthropic/claude-of-tomorrow costs",
        3,
    ),
    "no cap": (
        worded(*SIMULATED, LLM),
        "arm 'asks' costs money (anthropic/claude-sonnet-4-5), and no cap is set",
        3,
    ),
    "no key": (worded(*SIMULATED, LLM, "money.cap_usd=5"), "arm 'asks' has no key: ANTHROPIC_API_KEY", 3),
    "no models": (worded(*SIMULATED, NO_MODELS), "arm 'asks' asks no model", 3),
    "no charter": (worded(*SIMULATED, CHARTER), "cannot read the charter 'nosuch.md'", 3),
    "no program": (worded(*SIMULATED, COMMAND), "arm 'coder': 'no-such-agent' is not on the PATH", 3),
    "no file to play": (worded(*SIMULATED, PLAYS), "nosuch.py", 3),
    "another budget": (another_budget, "mine: the campaign was started with another metric or budget", 3),
    "another task": (another_task, "campaign mine searches task demo, not mine", 3),
    "another secret": (another_secret, "campaign mine was started with another campaign.secret", 3),
    "a lost secret": (lost_secret, "campaign mine has lost its secret", 3),
    "a spent cap": (spent, "money.cap_usd reached: 2.0000 of 1 USD are spent", 5),
    "a busy campaign": (busy, "campaign mine is run by another coordinator", 3),
    "a damaged journal": (damaged, "cannot read the journal", 3),
    "a damaged repository": (damaged_repository, "mine/repo.git: unexpected line in", 3),
    "a repository of another format": (other_format, "in the format objectFormat = sha256, not sha1", 3),
    "nowhere for sockets": (nowhere_for_sockets, "RAY_TMPDIR /nowhere is not there", 3),
    "half a copy": (half_a_copy, "is a copy without its last part", 3),
    "a port that cannot be": (
        worded(*SIMULATED, "coordinator.metrics_port=9", "coordinator.metrics_host=192.0.2.1"),
        "port 9 of 192.0.2.1", 3,
    ),
    "an unknown task": (worded("task.name=dmeo"), "there is no task 'dmeo'", 3),
    "an unknown size": (worded("task.size=huge"), "task demo has no size 'huge'", 3),
    "an untrusted sandbox": (worded("trust.tier=F"), "what is measured there never merges", 3),
    "a file for campaigns": (a_file_as("campaigns"), "campaigns is not a folder", 3),
    "a file for data": (a_file_as("data"), "data is not a folder", 3),
    "no room": (tasked(recipe__py=NEEDY.format(needs="disk_bytes=1e18")), "the data of task mine needs", 3),
    "no network": (
        tasked(recipe__py=NEEDY.format(needs="5e6, 1e6, 'http://127.0.0.1:9'")),
        "the data of task mine is not here, and http://127.0.0.1:9 does not answer", 3,
    ),
    "a recipe that fails": (tasked(recipe__py=GOOD["recipe.py"] + "1 / 0\n"), "of task mine failed", 3),
    "no recipe": (tasked(recipe__py=None), "has no recipe.py", 3),
    "another metric": (
        tasked(task__yaml=keyed("metric: {name: val_accuracy, direction: maximize}")),
        "computes bits per byte", 3,
    ),
    "a surface that is refused": (tasked(train__py="import kernels\n"), "task mine would be refused", 3),
    "a package that is not here": (
        tasked(task__yaml=GOOD["task.yaml"] + "imports: [a_package_nobody_has]\n"),
        "offers variants the package a_package_nobody_has", 3,
    ),
    "no cluster there": (worded("cluster.address=127.0.0.1:9"), "no Ray cluster at 127.0.0.1:9", 3),
    "a wrong key": (worded("campaign.sede=3"), "unknown key campaign.sede", 3),
}  # fmt: skip


@contextmanager
def surroundings(folder: Path) -> Iterator[None]:
    """A folder of its own, without a key."""
    before, kept = Path.cwd(), {name: os.environ.pop(name, None) for name in KEYLESS}
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.update({name: value for name, value in kept.items() if value is not None})


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner(env=KEYLESS).invoke(main, ["run", *words], catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def _quick(words: Words) -> list[Check]:
    checks = examine(load([], words, {}).config)
    return list(takewhile(lambda check: check.name != "machine", checks))


def doctored(words: Words, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """What `doctor` ends with, without its looks at torch and Ray, which take seconds."""
    try:
        problem = first_problem(_quick(words))
    except ConfigError as error:
        problem = error
    assert problem is not None
    capsys.readouterr()
    code = report_error(problem, verbose=False)
    return code, capsys.readouterr().err


@pytest.mark.parametrize("name", BROKEN)
def test_what_run_refuses_its_dry_run_and_the_doctor_refuse_in_the_same_words(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "no GPU" in name and ask_driver().gpus:
        pytest.skip("this machine has GPUs")
    broken, what, code = BROKEN[name]
    at = SetUp(tmp_path)
    try:
        words = broken(at)
        before = set(tmp_path.rglob("*"))
        with surroundings(tmp_path):
            really, dry = run(*words), run(*words, "--dry-run")
            told = doctored(words, capsys)
    finally:
        at.end()
    assert really == dry == (told[0], "", told[1])
    assert really[0] == code
    first, second = really[2].splitlines()
    assert first.startswith("error: ")
    assert what in first
    assert second.startswith("  do: ")
    new = {path.name for path in set(tmp_path.rglob("*")) - before if "__pycache__" not in path.parts}
    assert new <= {"journal.db-shm", "journal.db-wal"}


def test_the_doctor_ends_as_run_would_and_lists_everything_that_is_in_the_way(tmp_path: Path) -> None:
    at = SetUp(tmp_path)
    words = at.words("task.name=gpt", COMMAND, "trust.tier=F")
    with surroundings(tmp_path):
        really = run(*words)
        result = CliRunner(env=KEYLESS).invoke(main, ["doctor", *words, "--json"])
    assert result.exit_code == really[0] == 3
    assert result.stderr.splitlines()[-2:] == really[2].splitlines()
    page = json.loads(result.stdout)
    assert not page["ok"]
    failed = {check["name"] for check in page["checks"] if check["grade"] == "fail"}
    assert {"gpus", "programs", "sandbox"} <= failed


def test_a_problem_that_others_repeat_is_said_once(tmp_path: Path) -> None:
    config = load([], SetUp(tmp_path).words("task.name=nosuch"), {}).config
    problems = [str(asked.problem) for asked in preflight(config) if asked.problem]
    assert problems == ["there is no task 'nosuch'"]


def test_a_good_set_up_is_refused_by_nobody(tmp_path: Path) -> None:
    at = SetUp(tmp_path)
    at.begun()
    for words in (at.words(*SIMULATED), at.words("campaign.name=other")):
        assert [asked.name for asked in preflight(load([], words, {}).config) if asked.problem] == []
        code, page, _ = run(*words, "--dry-run")
        assert code == 0
        assert "campaign" in page


def test_raising_a_spent_cap_lets_the_campaign_go_on(tmp_path: Path) -> None:
    at = SetUp(tmp_path)
    words = spent(at)
    config = load([], [*words, "money.cap_usd=3"], {}).config
    assert [asked.name for asked in preflight(config) if asked.problem] == []


@pytest.mark.parametrize("part", ["runs", "spool", "logs", "inbox"])
@pytest.mark.parametrize("name", ["journal.db", "campaign.lock", "config.yaml", "results.tsv", "metrics.url"])
def test_what_lies_in_the_place_of_a_part_is_refused_before_a_start(
    tmp_path: Path, part: str, name: str
) -> None:
    folder = tmp_path / "campaigns" / "mine"
    folder.mkdir(parents=True)
    words = [*SetUp(tmp_path).words(*SIMULATED), "slots.count=1"]
    for made, path in ((False, folder / part), (True, folder / name)):
        path.mkdir() if made else path.write_text("mine")
        result = CliRunner().invoke(main, ["run", "--dry-run", "demo", *words])
        assert (result.exit_code, str(path) in result.stderr) == (3, True)
        path.rmdir() if made else path.unlink()
