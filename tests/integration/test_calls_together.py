"""Calls that share one write to the disk: each is answered as if it were alone."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from configs.errors import ConfigError
from coordinator.actor import CoordinatorServer
from coordinator.protocol import Accepted, Ack, Lease, Wait
from coordinator.rules import campaign
from coordinator.rules.lookups import UnknownAgentError
from coordinator.service.service import Service
from coordinator.state.campaign_state import CampaignState
from coordinator.store.journal import Journal
from evaluator.result import Measured
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
)

Call = Callable[[Service], object]


def on_disk(folder: Path) -> CampaignState:
    state, journal = CampaignState(), Journal.read(folder / "journal.db")
    for entry in journal.entries():
        state.apply(entry.event, entry.at)
    journal.close()
    return state


def joining(agent: str) -> Call:
    return lambda service: service.join(card(agent))


def torn(service: Service) -> None:
    """A call that fails in the middle of its change."""
    with service.transaction() as unit:
        unit.commit(campaign.join(unit.state, card("torn")))
        raise RuntimeError("in the middle")


def test_calls_made_together_are_one_change_and_all_on_the_disk(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder) as service:
        measure_baseline(service)
        before = service.changes
        answers = service.together(
            [
                joining("a1"),
                joining("a2"),
                lambda each: propose(each, "a0", "DEPTH = 4", "DEPTH = 2"),
                lambda each: each.lease("a1"),
            ]
        )
        assert service.changes == before + 1
        assert answers[2] == Accepted("e00001")
        assert isinstance(answers[3], Lease)
        assert on_disk(folder) == service.state


def test_many_reports_together_give_the_verdicts_they_give_alone(tmp_path: Path) -> None:
    agents = [f"a{number}" for number in range(6)]

    def played(folder: Path, at_once: bool) -> list[tuple[str, str]]:
        with open_service(folder, rules(), Clock()) as service:
            measure_baseline(service)
            held = []
            for number, agent in enumerate(agents):
                service.join(card(agent))
                propose(service, agent, "DEPTH = 4", f"DEPTH = {number + 5}")
                held.append((agent, take(service, agent)))
            calls = [
                partial(Service.report, agent=agent, token=lease.token, result=result(lease, Measured(1.2)))
                for agent, lease in held
            ]
            answers = service.together(calls) if at_once else [call(service) for call in calls]
            assert answers == [Ack(counted=True)] * len(agents)
            return [(each.experiment, each.state.value) for each in service.state.experiments.values()]

    assert played(tmp_path / "one", at_once=True) == played(tmp_path / "two", at_once=False)


def test_a_call_that_is_refused_leaves_the_others_alone(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder) as service:
        before = service.changes
        first, refused, last = service.together(
            [joining("a1"), lambda each: each.lease("nobody"), joining("a2")]
        )
        assert isinstance(refused, UnknownAgentError)
        assert first.campaign == last.campaign == "demo"
        assert service.changes == before + 1
        assert on_disk(folder).agents.keys() == {"a1", "a2"}


def test_a_call_that_fails_in_the_middle_of_its_change_leaves_no_trace_of_itself_only(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder) as service:
        first, failed, last = service.together([joining("a1"), torn, joining("a2")])
        assert isinstance(failed, RuntimeError)
        assert first.campaign == last.campaign == "demo"
        assert service.state.agents.keys() == {"a1", "a2"}
        assert on_disk(folder) == service.state


def test_a_change_begun_alone_and_not_finished_leaves_no_trace(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with open_service(folder) as service:
        with pytest.raises(RuntimeError, match="in the middle"):
            torn(service)
        assert "torn" not in service.state.agents
        assert on_disk(folder) == service.state


def test_the_actor_answers_everybody_who_asks_at_once(tmp_path: Path) -> None:
    """1. Thirty agents join while the first one's write is under way. 2. All are answered, with far fewer
    writes than calls.
    """

    async def play() -> tuple[list[object], int]:
        server = CoordinatorServer(lambda: open_service(tmp_path / "demo"))
        assert await server.ready() is None
        answers: list[object] = await asyncio.gather(
            *(server.join_campaign(card(f"a{number}")) for number in range(30))
        )
        writes = await server._ask(lambda service: service.changes)
        await server.close()
        return answers, writes

    answers, writes = asyncio.run(play())
    assert len(answers) == 30
    assert writes <= 10
    assert len(on_disk(tmp_path / "demo").agents) == 30


def test_an_agent_that_waits_is_answered_as_soon_as_there_is_a_run(tmp_path: Path) -> None:
    """1. a1 asks for a run; there is none. 2. a0 proposes. 3. a1 has the run long before its timeout
    ends.
    """

    async def play() -> object:
        server = CoordinatorServer(lambda: _with_baseline(tmp_path / "demo"))
        await server.join_campaign(card("a1"))
        waiting = asyncio.ensure_future(server.lease("a1", timeout=60.0))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await server._ask(lambda service: propose(service, "a0", "DEPTH = 4", "DEPTH = 2"))
        answer = await asyncio.wait_for(waiting, 10.0)
        await server.close()
        return answer

    assert isinstance(asyncio.run(play()), Lease)


def test_a_failed_call_is_told_to_its_caller_only(tmp_path: Path) -> None:
    async def play() -> list[object]:
        server = CoordinatorServer(lambda: _with_baseline(tmp_path / "demo"))
        answers = await asyncio.gather(
            server.lease("nobody", 0.0), server.lease("a0", 0.0), server._ask(torn), return_exceptions=True
        )
        await server.close()
        return list(answers)

    unknown, waits, failed = asyncio.run(play())
    assert isinstance(unknown, UnknownAgentError)
    assert isinstance(waits, Wait)
    assert isinstance(failed, RuntimeError)


def test_a_campaign_that_could_not_be_opened_says_so_to_whoever_asks() -> None:
    def opener() -> Service:
        raise ConfigError("no", "do")

    async def play() -> None:
        server = CoordinatorServer(opener)
        assert await server.ready() == ("no", "do", 0)
        with pytest.raises(ConnectionError, match="not open"):
            await server.lease("a0", 0.0)

    asyncio.run(play())


def _with_baseline(folder: Path) -> Service:
    service = open_service(folder, source=SURFACE)
    measure_baseline(service)
    return service
