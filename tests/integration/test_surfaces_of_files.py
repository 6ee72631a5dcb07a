"""A campaign whose surface is several files: the real service with SQLite and git."""

import shutil
from pathlib import Path

import pytest
from msgspec import structs

from configs.errors import ConfigError
from coordinator.domain import Refusal, State
from coordinator.protocol import Accepted, Lease, Refused
from coordinator.service.service import Service
from coordinator.store.git_command import run_git
from coordinator.store.inbox import Inbox
from coordinator.store.paths import Layout
from coordinator.store.repository import Repository
from coordinator.store.unit_of_work import TaskCard
from deploy.campaigns.diff import compare
from deploy.campaigns.inbox_items import leave_idea
from deploy.wiring import card_of
from evaluator.bundle import pack, unpack
from evaluator.result import Measured
from tests.integration.campaign_folder import Clock, card, measure_baseline, propose, result, rules
from trainer.task_loading import load_task

FILES = {
    "Makefile": "all: main.c\n\tcc $$(cat flags.txt) main.c\n",
    "flags.txt": "-O2\n-march=native\n",
    "src/kernel.py": "TILE = 16\n",
}
TASK = TaskCard("build", "surface.txt", pack(FILES), patterns=("Makefile", "flags.txt", "src/**/*.py"))


def opened(folder: Path, task: TaskCard = TASK) -> Service:
    return Service(Layout(folder), task, rules(), clock=Clock(), secret="")


def value(source: str) -> float:
    """What a surface measures: every one of two edits makes it better."""
    return 1.0 - 0.2 * ("-O3" in source) - 0.3 * ("TILE = 32" in source)


def test_edits_of_two_files_merge_and_a_clone_shows_the_files(tmp_path: Path) -> None:
    service, layout = opened(tmp_path / "night"), Layout(tmp_path / "night")
    measure_baseline(service)
    service.join(card("a1"))
    assert isinstance(propose(service, "a0", "-O2", "-O3"), Accepted)
    assert isinstance(propose(service, "a1", "TILE = 16", "TILE = 32"), Accepted)
    for _ in range(8):
        for agent in ("a0", "a1"):
            if isinstance(lease := service.lease(agent), Lease):
                measured = Measured(value(lease.source))
                service.report(agent, lease.token, result(lease, measured), 0.01)
    assert all(one.state is State.MERGED for one in service.state.experiments.values())
    best = service.state.divisions["cpu"].best
    assert best is not None
    assert shown(layout, best.commit, "flags.txt") == "-O3\n-march=native\n"
    assert shown(layout, best.commit, "src/kernel.py") == "TILE = 32\n"
    assert set(unpack(shown(layout, best.commit, "surface.txt"))) == set(FILES)
    service.close()


def shown(layout: Layout, commit: str, path: str) -> str:
    return run_git(layout.repository, "show", f"{commit}:{path}").decode()


def test_a_commit_holds_the_files_as_they_are_and_git_finds_no_fault_in_it(tmp_path: Path) -> None:
    service, layout = opened(tmp_path / "night"), Layout(tmp_path / "night")
    commit = service.state.start.commit
    listed = run_git(layout.repository, "ls-tree", "-r", "--name-only", commit).decode().split()
    assert sorted(listed) == sorted([*FILES, "surface.txt"])
    assert {path: shown(layout, commit, path) for path in FILES} == FILES
    run_git(layout.repository, "fsck", "--strict")
    service.close()
    assert Repository(layout.repository, "surface.txt").source(commit) == TASK.source


def test_a_repository_that_is_lost_is_made_again_with_the_same_commits(tmp_path: Path) -> None:
    service, layout = opened(tmp_path / "night"), Layout(tmp_path / "night")
    measure_baseline(service)
    assert isinstance(propose(service, "a0", "-O2", "-O3"), Accepted)
    service.close()
    before = run_git(layout.repository, "for-each-ref")
    shutil.rmtree(layout.repository)
    opened(tmp_path / "night").close()
    assert run_git(layout.repository, "for-each-ref") == before


def test_a_file_outside_the_task_s_patterns_costs_no_slot(tmp_path: Path) -> None:
    service = opened(tmp_path / "night")
    measure_baseline(service)
    flags = "=== file: flags.txt ==="
    answer = propose(service, "a0", flags, f"=== file: build.sh ===\nid\n{flags}")
    assert isinstance(answer, Refused)
    assert (answer.refusal, "build.sh" in answer.reason) == (Refusal.OUTSIDE_SURFACE, True)
    service.close()


def test_a_task_whose_own_files_are_not_of_its_patterns_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"flags\.txt is not of the surface"):
        opened(tmp_path / "night", TaskCard("build", "surface.txt", pack(FILES), patterns=("Makefile",)))


# ------------------------------------------------------------- a person's variants, and what is shown

GUESS = """\
name: guess
title: A guess
surface: [Makefile, flags.txt, "src/**/*.py"]
judge: {kind: command, run: {command: make}, outputs: [out], measure: {command: cat out}}
metric: {name: seconds, direction: minimize}
sizes: {full: {unit: seconds, amount: 3, wall_cap: 40}}
default_size: full
"""


def laid_out(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def test_a_folder_is_proposed_and_its_difference_shown_by_file(tmp_path: Path) -> None:
    task = load_task(str(laid_out(tmp_path / "task", {"task.yaml": GUESS, **FILES})))
    card_of_it = card_of(task)
    assert (card_of_it.surface, card_of_it.patterns) == ("surface", tuple(task.patterns))
    assert unpack(card_of_it.source) == FILES
    layout = Layout(tmp_path / "night")
    service = opened(layout.folder, structs.replace(card_of_it, name=str(task.folder)))
    measure_baseline(service)
    edited = {**FILES, "flags.txt": "-O3\n", "src/more.py": "X = 1\n"}
    variant = laid_out(tmp_path / "variant", {**edited, "notes.txt": "mine\n", "src/__pycache__/x.py": "\n"})
    assert leave_idea(layout, variant, "faster", "", 0.0).state == "waiting"
    service.tick()
    difference = compare(layout, service.state, "e00001", None).diff.splitlines()
    service.close()
    assert [line.split()[:2] for line in difference if line.startswith(("---", "+++"))] == [
        ["---", "a/flags.txt"],
        ["+++", "b/flags.txt"],
        ["---", "/dev/null"],
        ["+++", "b/src/more.py"],
    ]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"Makefile": "all:\n", "src/a.py": ""}, "flags.txt is gone"),
        ({"Makefile": "all:\n", "flags.txt": "", "src/a.py": "x = = 1\n"}, "src/a.py, line 1"),
        ({}, "cannot read"),
    ],
)
def test_a_folder_that_would_be_refused_is_not_left_behind(
    tmp_path: Path, files: dict[str, str], why: str
) -> None:
    task = load_task(str(laid_out(tmp_path / "task", {"task.yaml": GUESS, **FILES})))
    layout = Layout(tmp_path / "night")
    opened(layout.folder, structs.replace(card_of(task), name=str(task.folder))).close()
    (tmp_path / "variant").mkdir()
    with pytest.raises(ConfigError, match=why):
        leave_idea(layout, laid_out(tmp_path / "variant", files), "an idea", "", 0.0)
    assert not list(Inbox(layout.inbox).waiting())
