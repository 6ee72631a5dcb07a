"""The swarm's memory on a real disk: nobody repeats work, nothing is held by the dead, people have their
say.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from configs.charter import MAX_BYTES
from coordinator.domain import Refusal, State
from coordinator.protocol import Accepted, Brief, Proposal, Refused, Wait
from coordinator.rule_values.rule_set import ArmShare, Rules
from coordinator.service.charters import Charters
from coordinator.service.service import Service
from coordinator.state.campaign_state import CampaignState
from coordinator.store.inbox import Content, Hint, Idea, Inbox, Withdrawal
from coordinator.store.journal import Journal
from coordinator.store.paths import Layout
from coordinator.store.unit_of_work import TaskCard
from evaluator.result import Crashed, CrashKind
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

THINKER = rules(arms=[ArmShare("thinker", repairs=True)])


def brief_of(service: Service, agent: str = "a0") -> Brief:
    brief = service.brief(agent)
    assert isinstance(brief, Brief), brief
    return brief


def answer(brief: Brief, source: str, name: str = "p", **said: object) -> Proposal:
    proposal = Proposal(
        proposal=name,
        ordinal=brief.ordinal,
        arm=brief.arm,
        parent=brief.parent,
        source=source,
        title="an idea",
    )
    return msgspec.structs.replace(proposal, **said)


def replayed(folder: Path) -> CampaignState:
    state = CampaignState()
    journal = Journal.read(folder / "journal.db")
    for entry in journal.entries():
        state.apply(entry.event, entry.at)
    journal.close()
    return state


# ---------------------------------------------------------------------- no repeated work


def test_200_identical_answers_cost_one_run(tmp_path: Path) -> None:
    """Half of them differ in comments and layout only. Each refusal says what the one run gave."""
    with open_service(tmp_path / "demo", rules(ahead=9)) as service:
        measure_baseline(service)
        answers = []
        for number in range(200):
            deeper = SURFACE.replace("DEPTH = 4", "DEPTH = 8") + (
                f"# answer {number}\n" if number % 2 else ""
            )
            answers.append(service.propose("a0", answer(brief_of(service), deeper, f"p{number}")))
            if number == 99:
                train(service, "a0", 1.2)
        assert answers[0] == Accepted("e00001")
        refusals = [each for each in answers[1:] if isinstance(each, Refused)]
        assert len(refusals) == 199
        assert {(each.refusal, each.repeats) for each in refusals} == {(Refusal.DUPLICATE, "e00001")}
        earlier = [each.earlier for each in refusals if each.earlier is not None]
        assert [each.state for each in earlier] == [State.RUNNING] * 99 + [State.REJECTED] * 100
        assert (earlier[-1].value, earlier[-1].title) == (1.2, "an idea")
        assert isinstance(service.lease("a0"), Wait)
        assert len(service.state.runs) == 4 + 1


def test_two_agents_never_hold_the_same_variant(tmp_path: Path) -> None:
    """Both are briefed before either answers, and both answers come in one write."""
    with open_service(tmp_path / "demo") as service:
        measure_baseline(service)
        service.join(card("a1"))
        briefs = {agent: brief_of(service, agent) for agent in ("a0", "a1")}
        same = SURFACE.replace("DEPTH = 4", "DEPTH = 8")

        def call(agent: str) -> Callable[[Service], object]:
            return lambda it: it.propose(agent, answer(briefs[agent], same, f"of {agent}"))

        first, second = service.together([call("a0"), call("a1")])
        assert first == Accepted("e00001")
        assert isinstance(second, Refused)
        assert second.earlier is not None
        assert (second.earlier.experiment, second.earlier.state) == ("e00001", State.RUNNING)
        take(service, "a0")
        assert isinstance(service.lease("a1"), Wait)


@pytest.mark.parametrize("lookahead", [0, 4])
def test_an_agent_killed_while_it_thinks_holds_nothing_back(tmp_path: Path, lookahead: int) -> None:
    """1. a0 takes the one brief there is room for, to repair a crash. 2. It is never heard of again. 3. The
    same is asked of a1.
    """
    clock, before = Clock(), max(1, lookahead)
    with open_service(
        tmp_path / "demo",
        msgspec.structs.replace(THINKER, lookahead=lookahead, max_experiments=before + 1),
        clock,
    ) as service:
        measure_baseline(service)
        for number in range(before):
            service.propose("a0", answer(brief_of(service), f"STEP = {number}\n", f"p{number}"))
            train(service, "a0", Crashed(CrashKind.EXCEPTION, "ValueError: no") if number == 0 else 1.2)
        repair = brief_of(service).repair
        assert repair is not None
        assert (repair.experiment, repair.source) == ("e00001", "STEP = 0\n")
        service.join(card("a1"))
        assert isinstance(service.brief("a1"), Wait)
        clock.now += 61.0
        service.tick()
        service.join(card("a1"))
        assert brief_of(service, "a1").repair == repair


def test_a_program_stays_taken_while_its_run_changes_hands(tmp_path: Path) -> None:
    """A lease is lost; the run waits again, and its program is still nobody else's."""
    clock = Clock()
    with open_service(tmp_path / "demo", rules(ahead=9), clock) as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 8")
        take(service, "a0")
        clock.now += 61.0
        service.tick()
        service.join(card("a1"))
        assert isinstance(propose(service, "a1", "DEPTH = 4", "DEPTH = 8"), Refused)
        assert take(service, "a1").experiment == "e00001"


def test_what_a_variant_moved_is_learned_from_its_text(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder) as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 8")
        train(service, "a0", 1.2)
        assert service.state.experiments["e00001"].constant_changes == {"DEPTH": "up"}
        assert brief_of(service).lessons == ["DEPTH up: 1 lost"]
        assert replayed(folder) == service.state


def test_a_crash_is_offered_once_while_the_coordinator_lives(tmp_path: Path) -> None:
    with open_service(tmp_path / "demo", THINKER) as service:
        measure_baseline(service)
        service.propose("a0", answer(brief_of(service), "STEP = 1\n"))
        lease = take(service, "a0")
        crashed = msgspec.structs.replace(result(lease, Crashed(CrashKind.DIVERGED)), tail="nan\n")
        service.report("a0", lease.token, crashed, 0.0)
        repair = brief_of(service).repair
        assert repair is not None
        assert repair.tail == "nan"
        assert brief_of(service).repair is None
        service.propose("a0", answer(brief_of(service), "STEP = 2\n", "p2", repairs="e00001"))
        assert service.state.experiments["e00002"].repairs == "e00001"


# ---------------------------------------------------------------------- what people leave


def leave(folder: Path, *contents: Content) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    return [Inbox(Layout(folder).inbox).leave(content) for content in contents]


def items(folder: Path) -> list[str]:
    return sorted(path.suffix for path in Layout(folder).inbox.iterdir())


def test_a_hint_left_while_it_runs_is_told_with_the_next_brief(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder) as service:
        measure_baseline(service)
        assert brief_of(service).hints == []
        leave(folder, Hint("look at the warm-up"), Hint("and leave the optimiser"))
        service.tick()
        assert brief_of(service).hints == ["look at the warm-up", "and leave the optimiser"]
        assert items(folder) == []
        leave(folder, Withdrawal(), Hint("start afresh"))
        service.tick()
        assert brief_of(service).hints == ["start afresh"]
        assert replayed(folder) == service.state


def test_a_hint_left_while_nothing_runs_waits_for_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    open_service(folder).close()
    leave(folder, Hint("look at the warm-up"))
    with open_service(folder) as service:
        service.tick()
        assert service.state.hints.newest == ["look at the warm-up"]
    with open_service(folder) as service:
        assert service.state.hints.newest == ["look at the warm-up"]


def test_an_item_that_comes_twice_is_taken_once(tmp_path: Path) -> None:
    """As after a kill between the journal's write and the item's removal."""
    folder = tmp_path / "demo"
    with open_service(folder) as service:
        measure_baseline(service)
        names = leave(folder, Hint("once"), Idea("wider", SURFACE.replace("64", "96")))
        kept = {name: (Layout(folder).inbox / f"{name}.json").read_bytes() for name in names}
        for _ in range(2):
            for name, body in kept.items():
                (Layout(folder).inbox / f"{name}.json").write_bytes(body)
            service.tick()
        assert service.state.hints.newest == ["once"]
        assert list(service.state.experiments) == ["baseline-cpu", "e00001"]


def test_what_cannot_be_read_is_put_aside_and_the_rest_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "demo"
    with open_service(folder) as service:
        leave(folder, Hint("good"))
        (Layout(folder).inbox / "0.json").write_text('{"type": "order"}')
        (Layout(folder).inbox / "1.json").write_text("x" * 1_000_001)
        for _ in range(2):
            service.tick()
        assert service.state.hints.newest == ["good"]
        assert items(folder) == [".unreadable", ".unreadable"]
        assert [record.name for record in caplog.records].count("coordinator.store.inbox") == 2


def test_a_person_s_variant_is_an_experiment_of_its_own_arm_on_the_best(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder, rules(lookahead=2)) as service:
        name, unfit, same = leave(
            folder, Idea("deeper", "STEP = 1\n"), Idea("broken", "def"), Idea("again", "STEP = 1  # again\n")
        )
        service.tick()
        assert items(folder) == [".json"] * 3, "nobody has joined: there is nowhere to try it"
        measure_baseline(service)
        service.tick()
        assert items(folder) == []
        experiment = service.state.experiments[service.state.proposals[name]]
        best = service.state.divisions["cpu"].best
        assert best is not None
        assert (experiment.arm, experiment.title, experiment.parent, experiment.agent) == (
            "person",
            "deeper",
            best.commit,
            "",
        )
        assert service.state.hints.answers[unfit].refusal is Refusal.DOES_NOT_COMPILE
        assert service.state.hints.answers[same].repeats == "e00001"
        assert (service.state.refused, service.state.turned_away) == (0, []), (
            "agents' briefs do not depend on what people are refused"
        )
        train(service, "a0", 0.9)
        train(service, "a0", 0.9)
        assert service.state.experiments["e00001"].state is State.MERGED
        assert replayed(folder) == service.state


def test_a_person_s_variant_waits_while_no_work_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder) as service:
        measure_baseline(service)
        service.drain("enough")
        leave(folder, Idea("deeper", "STEP = 1\n"), Hint("told all the same"))
        service.tick()
        assert items(folder) == [".json"]
    with open_service(folder) as service:
        service.join(card("a0"))
        service.tick()
        assert list(service.state.proposals.values()) == ["e00001"]


# ---------------------------------------------------------------------- the charter


def opened_with(folder: Path, wanted: Rules, charters: Charters) -> Service:
    task = TaskCard("demo", "train.py", SURFACE)
    return Service(Layout(folder), task, wanted, clock=Clock(), charters=charters, secret="")


def write(path: Path, text: str) -> None:
    """Each write has a time of its own, however coarse the file system's clock."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(before + 10**9, before + 10**9))


def test_an_edit_of_a_charter_takes_effect_at_the_next_brief(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    charter = tmp_path / "mine.md"
    write(charter, "Go deeper.")
    with opened_with(tmp_path / "demo", THINKER, Charters({"thinker": str(charter)})) as service:
        measure_baseline(service)
        told = [brief_of(service).charter]
        write(charter, "Go wider!!")
        told.append(brief_of(service).charter)
        write(charter, "x" * (MAX_BYTES + 1))
        told += [brief_of(service).charter for _ in range(3)]
        charter.unlink()
        told += [brief_of(service).charter for _ in range(3)]
        assert told == ["Go deeper.", *["Go wider!!"] * 7]
        warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
        assert len(warnings) == 2, "once for the long one, once for the missing one"
        write(charter, "Go on.")
        assert brief_of(service).charter == "Go on."


def test_every_arm_is_told_its_own_charter_and_the_others_none(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.md").write_text(f"Charter {name}.")
    charters = Charters({name: str(tmp_path / f"{name}.md") for name in ("a", "b")})
    assert [charters.text(arm) for arm in ("a", "b", "search")] == ["Charter a.", "Charter b.", ""]
