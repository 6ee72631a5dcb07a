"""The service on a real disk: journal, git and results.tsv after whatever happens."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

import coordinator.store.journal_database as journal_module
from configs.errors import ConfigError
from coordinator.arm_notes import ArmNote, ArmReason
from coordinator.domain import Direction, Metric, Phase, Purpose, Refusal, State
from coordinator.protocol import Accepted, Refused, Wait
from coordinator.rules.lookups import UnknownAgentError
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import VerdictGiven
from coordinator.state.lifecycle import InvalidTransition
from coordinator.store.journal import CampaignBusyError, Entry, Journal, locked
from coordinator.store.paths import Layout
from coordinator.views.leaderboard import rows
from coordinator.views.status_page import PageState
from evaluator.result import Crashed, CrashKind, Limit, Lost, Measured, Progress, Seconds, TimedOut
from tests.integration.campaign_folder import (
    SURFACE,
    Clock,
    card,
    measure_baseline,
    open_service,
    propose,
    result,
    rules,
    take,
    train,
)
from tests.unit.swarm_of_rules import RULES


def git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder / "repo.git"), *words], check=True, capture_output=True, text=True
    ).stdout.strip()


def replayed(folder: Path) -> CampaignState:
    state = CampaignState()
    journal = Journal.read(folder / "journal.db")
    for entry in journal.entries():
        state.apply(entry.event, entry.at)
    journal.close()
    return state


def test_a_variant_that_is_better_twice_becomes_the_best(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder) as service:
        measure_baseline(service)
        assert propose(service, "a0", "DEPTH = 4", "DEPTH = 2") == Accepted("e00001")
        assert train(service, "a0", 0.95).purpose is Purpose.SCREEN
        assert train(service, "a0", 0.96).purpose is Purpose.CONFIRM
        best = service.state.divisions["cpu"].best
        assert best is not None
        assert (best.experiment, best.runs) == ("e00001", 2)
        assert best.value == pytest.approx(0.955)
        assert git(folder, "rev-parse", "best/cpu") == best.commit
        assert "DEPTH = 2" in git(folder, "show", "best/cpu:train.py")
        trailers = git(folder, "show", "-s", "--format=%(trailers:only)", "best/cpu")
        assert {"Metric: val_bpb", "Value: 0.955000", "Runs: 2", "Experiment: e00001"} <= set(
            trailers.splitlines()
        )
    rows = (folder / "results.tsv").read_text().splitlines()
    assert rows[0] == "commit\tval_bpb\tmemory_gb\tstatus\tdescription"
    assert [row.split("\t")[3] for row in rows[1:]] == ["keep", "keep"]


def test_a_screen_that_is_worse_costs_one_run(tmp_path: Path) -> None:
    with open_service(tmp_path / "demo") as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 8")
        train(service, "a0", 1.2)
        assert service.state.experiments["e00001"].state is State.REJECTED
        assert isinstance(service.lease("a0"), Wait)


def test_everything_is_there_again_after_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder) as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        train(service, "a0", 0.95)
        lease = take(service, "a0")
        before = (folder / "results.tsv").read_text()
    with open_service(folder) as service:
        assert replayed(folder) == service.state
        assert (folder / "results.tsv").read_text() == before
        with pytest.raises(UnknownAgentError):
            service.heartbeat("a0", lease.token, Progress())
        service.join(card("a0"))
        assert service.heartbeat("a0", lease.token, Progress(share=0.5)).valid
        assert take(service, "a0") == lease
        assert service.report("a0", lease.token, result(lease, Measured(0.95))).counted
        assert service.state.experiments["e00001"].state is State.MERGED


def test_a_second_coordinator_is_turned_away_until_the_first_has_gone(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder):
        assert locked(folder)
        with pytest.raises(CampaignBusyError, match="run by another coordinator"):
            open_service(folder)
    assert not locked(folder)
    open_service(folder).close()


def test_a_late_report_is_kept_and_decides_nothing(tmp_path: Path) -> None:
    """1. a0 takes a run. 2. Nobody hears of it for a lease's life. 3. a1 makes the run. 4. a0 reports after
    all.
    """
    clock = Clock()
    with open_service(tmp_path / "demo", clock=clock) as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        old = take(service, "a0")
        clock.now += 120.0
        service.tick()
        service.join(card("a1"))
        new = take(service, "a1")
        assert new.run == old.run
        assert new.token > old.token
        service.report("a1", new.token, result(new, Measured(1.2)), 0.0)
        assert not service.report("a0", old.token, result(old, Measured(0.1)), 0.0).counted
        assert service.state.experiments["e00001"].state is State.REJECTED
        assert service.state.experiments["e00001"].values == [1.2]
        with pytest.raises(UnknownAgentError):
            service.lease("a0")


def test_repeating_any_call_changes_nothing(tmp_path: Path) -> None:
    with open_service(tmp_path / "demo") as service:
        measure_baseline(service)
        brief = service.brief("a0")
        first = propose(service, "a0", "DEPTH = 4", "DEPTH = 2", name="p1")
        assert brief
        service.brief("a0")
        assert service.state.proposals["p1"] == "e00001"
        lease = take(service, "a0")
        assert take(service, "a0") == lease
        answer = service.report("a0", lease.token, result(lease, Measured(0.95)), 0.0)
        events = service.state.events
        again = service.report("a0", lease.token, result(lease, Measured(0.95)), 0.0)
        assert (first, answer.counted, again.counted, service.state.events) == (
            Accepted("e00001"),
            True,
            False,
            events,
        )


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        ("DEPTH = 4", "DEPTH = 4  # as before", Refusal.NO_OP),
        ("DEPTH = 4", "DEPTH = (", Refusal.DOES_NOT_COMPILE),
        ("DEPTH = 4", "DEPTH = 4\nX = '" + "x" * 300_000 + "'", Refusal.TOO_LARGE),
    ],
)
def test_a_proposal_that_cannot_win_costs_no_training(
    tmp_path: Path, old: str, new: str, refusal: Refusal
) -> None:
    with open_service(tmp_path / "demo") as service:
        measure_baseline(service)
        answer = propose(service, "a0", old, new, name="p")
        assert isinstance(answer, Refused)
        assert answer.refusal is refusal
        assert isinstance(service.lease("a0"), Wait)


def test_the_same_program_is_refused_with_the_experiment_that_tried_it(tmp_path: Path) -> None:
    with open_service(tmp_path / "demo", rules(ahead=2)) as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        answer = propose(service, "a0", "DEPTH = 4", "DEPTH = 2  # again", name="p2")
        assert isinstance(answer, Refused)
        assert (answer.refusal, answer.repeats) == (Refusal.DUPLICATE, "e00001")


def test_a_stale_proposal_is_rebased_before_it_costs_a_run(tmp_path: Path) -> None:
    """1. Two edits of different lines are proposed on the baseline. 2. The first merges. 3. The second is
    leased: on the new best.
    """
    folder = tmp_path / "demo"
    with open_service(folder, rules(ahead=2)) as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        propose(service, "a0", "LEARNING_RATE = 0.01", "LEARNING_RATE = 0.02")
        train(service, "a0", 0.95)
        train(service, "a0", 0.95)
        lease = take(service, "a0")
        assert "DEPTH = 2" in lease.source
        assert "LEARNING_RATE = 0.02" in lease.source
        best = service.state.divisions["cpu"].best
        assert best is not None
        assert service.state.experiments["e00002"].parent == best.commit
        assert (
            git(folder, "rev-parse", "refs/experiments/e00002") == service.state.experiments["e00002"].commit
        )


def test_a_stale_proposal_on_the_same_line_is_rejected_without_a_run(tmp_path: Path) -> None:
    with open_service(tmp_path / "demo", rules(ahead=2)) as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        propose(service, "a0", "DEPTH = 4", "DEPTH = 3")
        train(service, "a0", 0.95)
        train(service, "a0", 0.95)
        assert isinstance(service.lease("a0"), Wait)
        experiment = service.state.experiments["e00002"]
        assert (experiment.state, [run for run in experiment.runs if run.result]) == (State.REJECTED, [])


def test_a_winner_on_a_stale_parent_is_measured_again_on_the_best(tmp_path: Path) -> None:
    """1. Two agents train two edits of the baseline. 2. The first merges. 3. The second also wins: it is
    rebased and retested, twice, and merges.
    """
    with open_service(tmp_path / "demo", rules(ahead=2)) as service:
        measure_baseline(service)
        service.join(card("a1"))
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        propose(service, "a1", "LEARNING_RATE = 0.01", "LEARNING_RATE = 0.02")
        first, second = take(service, "a0"), take(service, "a1")
        service.report("a0", first.token, result(first, Measured(0.95)), 0.0)
        train(service, "a0", 0.95)
        service.report("a1", second.token, result(second, Measured(0.90)), 0.0)
        retest = take(service, "a1")
        assert retest.purpose is Purpose.RETEST
        assert "DEPTH = 2" in retest.source
        service.report("a1", retest.token, result(retest, Measured(0.85)), 0.0)
        train(service, "a1", 0.85)
        best = service.state.divisions["cpu"].best
        assert best is not None
        assert best.experiment == "e00002"
        assert best.value == pytest.approx(0.85)


def test_a_crash_ends_its_experiment_only(tmp_path: Path) -> None:
    with open_service(tmp_path / "demo") as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        train(service, "a0", Crashed(CrashKind.OUT_OF_MEMORY, "MemoryError"))
        assert service.state.experiments["e00001"].state is State.CRASHED
        propose(service, "a0", "DEPTH = 4", "DEPTH = 3")
        assert train(service, "a0", 1.1).experiment == "e00002"


def test_a_baseline_that_crashes_ends_the_campaign_as_failed(tmp_path: Path) -> None:
    with open_service(tmp_path / "demo") as service:
        service.join(card("a0"))
        train(service, "a0", Crashed(CrashKind.EXCEPTION, "ImportError: no module"))
        assert service.state.failed
        answer = service.lease("a0")
        assert isinstance(answer, Wait)
        assert answer.stop


def test_a_campaign_without_a_baseline_measures_another_when_it_is_started_again(tmp_path: Path) -> None:
    """1. The baseline is timed out on a machine that is far too slow: the campaign ends and says what to do.
    2. Started again with more time it measures another one, and its first proposal is an experiment.
    """
    with open_service(tmp_path / "demo") as service:
        service.join(card("a0"))
        lease = take(service, "a0")
        slow = replace(
            result(lease, TimedOut(Limit.WALL_CAP, 60.0)), seconds=Seconds(2, 58, 0, 60), spent=1e8
        )
        service.report("a0", lease.token, slow, 0.0)
        page = service.status()
        assert (page.failed, page.state) == (True, PageState.FINISHED)
        assert page.reason == "the baseline of cpu gave no value: timed out at its wall cap after 60.0 s"
        assert page.remedy.startswith("Give a run more time (task.wall_cap=116004)")
    more = replace(RULES.budget, wall_cap=7200.0)
    with open_service(tmp_path / "demo", rules(budget=more)) as service:
        assert (service.status().failed, service.status().remedy) == (False, "")
        service.join(card("a0", "2"))
        assert take(service, "a0").budget == more
        for value in (0.99, 1.0, 1.0, 1.01):
            train(service, "a0", value)
        assert isinstance(propose(service, "a0", "DEPTH = 4", "DEPTH = 5"), Accepted)
        assert [row.experiment for row in rows(service.state)][:2] == ["baseline-cpu-2", "baseline-cpu"]
    with open_service(tmp_path / "demo", rules(budget=more)) as service:
        service.state.validate()
        assert service.state.divisions["cpu"].baseline == "baseline-cpu-2"


def test_a_lease_says_how_long_its_run_may_take_on_this_machine(tmp_path: Path) -> None:
    """A baseline that would have needed 110 s gets 220; ten times what it then took is for the others."""
    clock = Clock()
    with open_service(tmp_path / "demo", clock=clock) as service:
        service.join(card("a0"))
        lease = take(service, "a0")
        assert lease.budget == RULES.budget
        half = replace(
            result(lease, TimedOut(Limit.WALL_CAP, 60.0)), seconds=Seconds(10, 50, 0, 60), spent=5e10
        )
        service.report("a0", lease.token, half, 0.0)
        again = take(service, "a0")
        assert (again.run, again.budget.wall_cap) == (lease.run, 220.0)
        for _ in range(4):
            lease = take(service, "a0")
            measured = replace(result(lease, Measured(1.0 + lease.seed % 3 / 100)), finished_at=110.0)
            clock.now += 110.0
            service.report("a0", lease.token, measured, 0.0)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 5")
        assert take(service, "a0").budget == replace(RULES.budget, wall_cap=1100.0)


def test_a_lost_run_is_made_again_and_nothing_is_charged(tmp_path: Path) -> None:
    with open_service(tmp_path / "demo") as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        lease = take(service, "a0")
        service.report("a0", lease.token, result(lease, Lost("the supervisor died")), 0.0)
        again = take(service, "a0")
        assert (again.run, again.seed) == (lease.run, lease.seed)
        assert service.state.outcomes["lost"] == 1


def test_a_run_that_is_lost_again_and_again_counts_as_crashed(tmp_path: Path) -> None:
    with open_service(tmp_path / "demo", rules(max_attempts=3)) as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        for _ in range(3):
            lease = take(service, "a0")
            service.report("a0", lease.token, result(lease, Lost("the machine fell over")), 0.0)
        assert service.state.experiments["e00001"].state is State.CRASHED


def test_refs_that_were_lost_or_moved_are_put_right_at_start(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder) as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        train(service, "a0", 0.95)
        train(service, "a0", 0.95)
        best = service.state.divisions["cpu"].best
        root = service.state.start.commit
    assert best is not None
    git(folder, "update-ref", "refs/heads/best/cpu", root)
    git(folder, "update-ref", "-d", "refs/experiments/e00001")
    git(folder, "update-ref", "refs/experiments/e99999", root)
    (folder / "repo.git" / "refs" / "heads" / "best" / "cpu.lock").touch()
    (folder / "results.tsv").write_text("half a li")
    with open_service(folder):
        assert git(folder, "rev-parse", "best/cpu") == best.commit
        assert len(git(folder, "for-each-ref", "refs/experiments").splitlines()) == 2
        assert len((folder / "results.tsv").read_text().splitlines()) == 3


def test_a_repository_that_lost_everything_is_made_anew_from_the_journal(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder, rules(ahead=2)) as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        propose(service, "a0", "LEARNING_RATE = 0.01", "LEARNING_RATE = 0.02")
        for value in (0.95, 0.95, 0.90, 0.90):
            train(service, "a0", value)
        refs = git(folder, "for-each-ref")
    subprocess.run(["rm", "-r", str(folder / "repo.git")], check=True)
    with open_service(folder):
        assert git(folder, "for-each-ref") == refs
        git(folder, "fsck", "--strict")


def test_another_metric_or_task_is_another_campaign(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    open_service(folder).close()
    with pytest.raises(ConfigError, match="another metric or budget"):
        open_service(folder, rules(metric=Metric("accuracy", Direction.MAXIMIZE)))
    open_service(folder, rules(max_experiments=99)).close()
    assert replayed(folder).start.rules.max_experiments == 99


def test_a_folder_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot write in") as caught:
        open_service(tmp_path / "file" / "demo")
    assert "campaigns_dir" in caught.value.remedy


def test_an_event_that_does_not_fit_tells_its_experiments_story(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder) as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        train(service, "a0", 1.5)
        verdict = service.state.experiments["e00001"].verdict
    assert verdict
    journal = Journal.open(Layout(folder).journal)
    journal.append([Entry(1.0, VerdictGiven(experiment="e00001", verdict=verdict, reason="again"))])
    journal.close()
    with pytest.raises(InvalidTransition, match="rejected → rejected is no step") as caught:
        open_service(folder)
    assert [line.split()[1] for line in caught.value.story][:2] == ["experiment_proposed", "run_queued"]
    assert not locked(folder)


def test_the_journal_can_only_grow(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    open_service(folder).close()
    with (
        sqlite3.connect(folder / "journal.db") as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute("DELETE FROM events")
    connection.close()


FULL_DISK = """
import resource, sys
from pathlib import Path
from configs.errors import ConfigError
from tests.integration.campaign_folder import measure_baseline, open_service, propose, take
folder = Path(sys.argv[1])
service = open_service(folder)
measure_baseline(service)
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = (folder / "journal.db-wal").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
before = service.state.events
try:
    propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
except (ConfigError, OSError) as error:
    print("refused", service.state.events == before, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(propose(service, "a0", "DEPTH = 4", "DEPTH = 2"))
"""


def test_a_full_disk_refuses_the_call_and_loses_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "demo")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.splitlines()[0].startswith("refused True")
    assert done.stdout.splitlines()[-1] == "Accepted(experiment='e00001')"
    assert len(replayed(tmp_path / "demo").experiments) == 2


def test_an_arm_that_gives_nothing_is_known_after_a_restart_too_and_ends_the_campaign(tmp_path: Path) -> None:
    clock = Clock()
    empty = ArmNote(arm="search", reason=ArmReason.REPLY, words="an empty answer")
    stopped = ArmNote(
        arm="search", reason=ArmReason.PAYMENT, words="no credits", remedy="Pay in", stopped=True
    )
    with open_service(tmp_path, clock=clock) as service:
        for agent in ("a0", "a1"):
            service.join(card(agent))
        measure_baseline(service)
        for number in range(1, 4):
            service.note_arms("a0", number, [empty])
            service.note_arms("a1", number, [empty])
            service.note_arms("a1", number, [empty])  # said again
        assert [note.briefs for note in service.state.troubles.of("search")] == [5]
        assert service.overview().tried == 0
    with open_service(tmp_path, clock=clock) as service:
        assert [note.briefs for note in service.state.troubles.of("search")] == [5]
        service.join(card("a0"))
        service.note_arms("a0", 4, [stopped])
        assert (service.state.phase, service.state.failed) == (Phase.FINISHED, True)
        assert service.state.phase_reason == "no arm can go on: search: no credits (Pay in)"


def test_a_request_to_stop_drains_the_campaign_and_the_next_start_resumes_it(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder) as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        lease = take(service, "a0")
        Layout(folder).stop_request.write_text("now")
        service.tick()
        assert service.heartbeat("a0", lease.token, Progress()).stop
        service.release("a0", lease.token, "told to stop")
        assert service.status().state == "finished"
        Layout(folder).stop_request.write_text("drain")
    with open_service(folder) as service:
        service.tick()
        service.join(card("a0"))
        assert take(service, "a0").run == lease.run


def test_the_surface_of_the_campaign_is_the_one_it_began_with(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    open_service(folder).close()
    with open_service(folder, source=SURFACE + "X = 1\n") as service:
        service.join(card("a0"))
        assert take(service, "a0").source == SURFACE


def test_a_digest_is_the_same_in_every_process() -> None:
    """A journal outlives the process that wrote it, and the order of a set does not."""
    asked = (
        'from coordinator.variants.source import digest; print(digest(\'f = lambda x: x in {1.5, "a", "b",'
        ' "c", ("d", "e")}\'))'
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", asked],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(answers) == 1


def test_a_journal_is_there_only_when_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks while it is made sees none; what a killed start left half made is made anew."""
    path = tmp_path / "journal.db"
    path.with_name("journal.db.new").write_bytes(b"half of one")
    there: list[bool] = []
    migrate = journal_module._migrate

    def watched(connection: sqlite3.Connection) -> None:
        there.append(path.exists())
        migrate(connection)

    monkeypatch.setattr(journal_module, "_migrate", watched)
    Journal.open(path).close()
    assert there == [False, True]
    assert list(Journal.read(path).entries()) == []
    assert not path.with_name("journal.db.new").exists()


def test_runs_of_agents_that_are_gone_with_their_machine_are_queued_at_once(tmp_path: Path) -> None:
    """1. Two agents train. 2. The machine of one is gone; unknown names do no harm. 3. Its run is the next
    one to be leased, and its late report decides nothing.
    """
    with open_service(tmp_path) as service:
        for agent in ("a1", "a2"):
            service.join(card(agent))
        held, other = take(service, "a1"), take(service, "a2")
        service.lose(["a1", "nobody"], "its machine is gone")
        states = {agent.id: agent.state.value for agent in service.status().agents}
        assert states == {"a1": "lost", "a2": "training"}
        with pytest.raises(UnknownAgentError):
            service.lease("a1")
        service.report("a2", other.token, result(other, Measured(2.0)))
        assert take(service, "a2").run == held.run
        assert not service.report("a1", held.token, result(held, Measured(1.0))).counted
