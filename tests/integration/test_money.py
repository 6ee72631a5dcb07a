"""Money over a real journal, and over real HTTP through the real litellm: what is spent is card, capped, and
kept without secrets.
"""

import gzip
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event

import msgspec
import pytest
from click.testing import CliRunner, Result

from agents.loop import AgentLoop
from agents.permit_client import PermitClient
from agents.proposers.factory import make_proposers
from agents.spool import Spool
from configs.arms import Llm
from coordinator.domain import Phase
from coordinator.model_calls import UNKNOWN, CallRecord, CallRequest, Permit
from coordinator.protocol import AgentCard, Wait
from coordinator.rule_values.prices import ModelTerms, MoneyRules
from coordinator.rule_values.rule_set import ArmShare, Rules
from coordinator.service.service import Service
from coordinator.state.campaign_state import CampaignState
from coordinator.store.journal import Journal
from coordinator.store.paths import Layout
from coordinator.store.transcripts import MAX_BYTES, Said, Transcript, Transcripts, packed
from coordinator.store.unit_of_work import TaskCard
from deploy.cli.main import main
from evaluator.result import Measured, Progress, RunResult
from tests.integration.campaign_folder import AUDITED, Clock, card, open_service, propose, rules, take
from tests.integration.chat_server import Answer, ChatServer, chat_server, refused, said
from trainer.contract import RunOrder

MODEL = "openai/test"
PRICED = MoneyRules(models={MODEL: ModelTerms(input_usd=0.0, output_usd=1000.0)})
"""A thousandth of a dollar per token of an answer."""


def spent(folder: Path) -> CampaignState:
    """As the journal says."""
    state, journal = CampaignState(), Journal.read(folder / "journal.db")
    for entry in journal.entries():
        state.apply(entry.event, entry.at)
    journal.close()
    return state


def request(call: str = "c1", model: str = MODEL) -> CallRequest:
    """May cost 0.2 USD."""
    return CallRequest(call=call, arm="search", model=model, ordinal=1, prompt_tokens=100, max_tokens=200)


def record(call: str = "c1", tokens: int = 50) -> CallRecord:
    """Cost a thousandth of a dollar per token."""
    return CallRecord(
        call=call,
        arm="search",
        model=MODEL,
        ordinal=1,
        prompt_tokens=100,
        completion_tokens=tokens,
        cost_usd=None,
        seconds=1.0,
        result="diff",
    )


TRANSCRIPT = Transcript(messages=[Said("user", "go deeper")], answer="DEPTH = 6")


def opened(folder: Path, clock: Clock | None = None, **money: object) -> Service:
    service = open_service(folder, rules(money=msgspec.structs.replace(PRICED, **money)), clock)
    service.join(card("a0"))
    return service


# ---------------------------------------------------------------------- the service and its folder


def test_what_is_settled_is_on_the_disk_and_there_after_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with opened(folder) as service:
        assert service.permit("a0", request()) == Permit("c1")
        events = service.state.events
        service.settle("a0", record(), packed(TRANSCRIPT))
        service.settle("a0", record(), packed(Transcript(messages=[], answer="another")))
        assert service.state.events == events + 1
    with opened(folder) as service:
        assert service.state.spend.usd == pytest.approx(0.05)
        service.settle("a0", record(), None)
        assert service.state.spend.total.calls == 1
        assert spent(folder) == service.state
    assert Transcripts(Layout(folder).calls).read("c1") == TRANSCRIPT


def test_a_permit_writes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "demo", cap_usd=100.0) as service:
        before = (service.state.events, service.changes)
        for number in range(100):
            assert isinstance(service.permit("a0", request(f"c{number}")), Permit)
        assert (service.state.events, service.changes) == before
        assert service.status().spend.reserved_usd == pytest.approx(20.0)


def test_a_call_of_an_agent_that_died_is_given_up_at_its_estimate(tmp_path: Path) -> None:
    clock = Clock()
    with opened(tmp_path / "demo", clock) as service:
        service.permit("a0", request())
        clock.now += 350.0
        service.tick()
        assert service.state.spend.usd == 0.0
        clock.now += 20.0
        service.tick()
        assert service.state.spend.usd == pytest.approx(0.2)
        assert service.state.spend.calls["c1"].result == UNKNOWN
        assert service.status().spend.reserved_usd == 0.0
        service.settle("a0", record(), None)
        assert service.state.spend.usd == pytest.approx(0.05)


@pytest.mark.parametrize(
    "gone", [lambda service: service.join(card("a0", "2")), lambda service: service.leave("a0", "drained")]
)
def test_a_call_of_an_agent_that_went_makes_room_at_once(
    tmp_path: Path, gone: Callable[[Service], object]
) -> None:
    with opened(
        tmp_path / "demo", models={MODEL: ModelTerms(input_usd=0.0, output_usd=1000.0, at_once=1)}
    ) as service:
        service.join(card("a1"))
        service.permit("a0", request("c1"))
        service.join(card("a0"))
        assert isinstance(service.permit("a1", request("c2")), Wait)
        gone(service)
        assert service.state.spend.usd == pytest.approx(0.2)
        assert service.permit("a1", request("c2")) == Permit("c2")
        service.settle("a0", record("c1"), None)
        assert service.state.spend.usd == pytest.approx(0.05)


def test_calls_that_are_open_at_the_end_count_at_their_estimates(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with opened(folder) as service:
        service.permit("a0", request())
    assert spent(folder).spend.usd == pytest.approx(0.2)


def test_a_call_settled_with_the_next_coordinator_counts(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    opened(folder).close()
    with open_service(folder, rules(money=PRICED)) as service:
        service.settle("a0", record(), packed(TRANSCRIPT))
        assert service.state.spend.usd == pytest.approx(0.05)


def test_at_the_cap_there_is_no_new_work_and_open_runs_finish(tmp_path: Path) -> None:
    with opened(tmp_path / "demo", cap_usd=0.3) as service:
        lease = take(service, "a0")
        service.permit("a0", request())
        service.settle("a0", record(tokens=150), None)
        answer = service.permit("a0", request("c2"))
        assert isinstance(answer, Wait)
        assert answer.stop
        assert (service.state.phase, service.state.capped) == (Phase.DRAINING, True)
        brief = service.brief("a0")
        assert isinstance(brief, Wait)
        service.report(
            "a0",
            lease.token,
            RunResult(run=lease.run, outcome=Measured(1.0), seed=lease.seed, started_at=0.0, finished_at=4.0),
        )
        assert service.state.phase is Phase.FINISHED
        refused_lease = service.lease("a0")
        assert isinstance(refused_lease, Wait)
        assert refused_lease.stop
        page = service.status()
        assert (page.spend.capped, page.spend.cap_usd) == (True, 0.3)
        assert page.spend_usd == pytest.approx(0.15)


@pytest.mark.parametrize("name", ["../../escape", "a/b", "", ".", "x" * 101, "a\x00b"])
def test_no_name_of_a_call_leaves_the_folder(tmp_path: Path, name: str) -> None:
    kept = Transcripts(tmp_path / "calls")
    kept.keep(name, packed(TRANSCRIPT))
    assert kept.read(name) is None
    assert list(tmp_path.rglob("*.gz")) == []


def test_a_transcript_that_cannot_be_kept_costs_no_money_and_no_call(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with opened(folder) as service:
        (folder / "calls").write_text("in the way")
        service.settle("a0", record("c1"), packed(TRANSCRIPT))
        (folder / "calls").unlink()
        service.settle("a0", record("c2"), b"x" * (MAX_BYTES + 1))
        assert service.state.spend.total.calls == 2
    assert Transcripts(folder / "calls").read("c2") is None


DAMAGED = {
    "empty": b"",
    "not packed": b"{}",
    "half a text": gzip.compress(b"{"),
    "no text": gzip.compress(b"\xff"),
    "cut short": packed(TRANSCRIPT)[:-9],
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_transcript_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c1.json.gz").write_bytes(content)
    assert Transcripts(tmp_path).read("c1") is None


def test_people_see_spend_calls_and_what_was_said(tmp_path: Path) -> None:
    with opened(tmp_path / "demo", cap_usd=100.0) as service:
        for value in (1.0, 1.01, 0.99, 1.0):
            lease = take(service, "a0")
            result = RunResult(
                run=lease.run,
                outcome=Measured(value),
                seed=1,
                sandbox="A",
                audit=AUDITED,
                started_at=0.0,
                finished_at=4.0,
            )
            service.report("a0", lease.token, result)
        service.settle("a0", record("aa11"), packed(TRANSCRIPT))
        service.settle(
            "a0",
            msgspec.structs.replace(record("bb22"), model="openai/odd"),
            packed(Transcript(messages=[], answer="no \x1b[2J [b]edit[/]")),
        )
        brief = service.brief("a0")
        assert propose(service, "a0", "DEPTH = 4", "DEPTH = 6", calls=["aa11"])
        assert brief

    def said(*words: str) -> str:
        result = CliRunner().invoke(main, [*words, "--campaigns", str(tmp_path)], prog_name="autoswarm")
        assert result.exit_code == 0, result.stderr
        assert "\x1b" not in result.stdout
        return result.stdout

    page = json.loads(said("status", "--json"))
    assert page["spend_usd"] == pytest.approx(0.05)
    expected = {
        "llm_usd": 0.05,
        "gpu_usd": 0.0,
        "reserved_usd": 0.0,
        "cap_usd": 100.0,
        "unpriced_calls": 1,
        "calls": 2,
    }
    assert {key: page["spend"][key] for key in expected} == pytest.approx(expected)
    words = said("status")
    assert "0.0500 of 100 USD" in words
    assert "1 of them unpriced" in words
    (call,) = json.loads(said("show", "e00001", "--json"))["calls"]
    assert (call["call"], call["model"], call["cost_usd"], call["seconds"]) == (
        "aa11",
        MODEL,
        pytest.approx(0.05),
        1.0,
    )
    assert "0.0500 USD" in said("show", "e00001")
    assert [each["call"] for each in json.loads(said("calls", "--json"))["calls"]] == ["aa11", "bb22"]
    assert "unpriced" in said("calls")
    assert "go deeper" in said("calls", "aa")
    assert "[b]edit[/]" in said("calls", "bb22")
    assert json.loads(said("calls", "aa11", "--json"))["exchange"]["answer"] == "DEPTH = 6"
    assert CliRunner().invoke(main, ["calls", "zz", "--campaigns", str(tmp_path)]).exit_code == 4


def test_a_start_beyond_the_cap_ends_with_5_before_anything_runs_and_says_how_to_go_on(
    tmp_path: Path,
) -> None:
    with opened(tmp_path / "demo") as service:
        service.settle("a0", record(), None)
        service.drain("stopped by `autoswarm stop`")
    begun = spent(tmp_path / "demo").events

    def run(*words: str) -> Result:
        line = ["run", "demo", "campaign.name=demo", f"campaigns_dir={tmp_path}", *words]
        return CliRunner().invoke(main, line, prog_name="autoswarm")

    result = run("money.cap_usd=0.04")
    assert result.exit_code == 5
    assert "money.cap_usd reached: 0.0500 of 0.04 USD are spent" in result.stderr
    assert "do: Go on with money.cap_usd=MORE" in result.stderr
    assert spent(tmp_path / "demo").events == begun
    with opened(tmp_path / "demo", cap_usd=0.04) as service:
        service.tick()
        assert (service.state.phase, service.state.capped) == (Phase.FINISHED, True)
        assert "money.cap_usd reached" in service.status().reason


# ---------------------------------------------------------------------- agents, litellm and HTTP

KEY = "sk-planted-9f1c2ab7d3e8"
OTHER = "planted-password-of-a-database"
SOURCE = (
    "from prepare import evaluate_bpb, make_dataloader\n\nDEPTH = 4\nevaluate_bpb(make_dataloader(DEPTH))\n"
)


@pytest.fixture(scope="module")
def running() -> Iterator[ChatServer]:
    with pytest.MonkeyPatch.context() as patch, chat_server() as server:
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.setenv("DATABASE_PASSWORD", OTHER)
        yield server


def edit(depth: int) -> str:
    return f"TITLE: depth {depth}\n\n<<<<<<< SEARCH\nDEPTH = 4\n=======\nDEPTH = {depth}\n>>>>>>> REPLACE\n"


def edits(number: int, delay: float = 0.0) -> list[Answer]:
    """Answers that are all different programs."""
    return [said(edit(100 + each), delay=delay) for each in range(number)]


class LevelTrainer:
    """Everything is as good as the baseline, so the parent stays what it is."""

    def train(self, order: RunOrder, progress: Callable[[Progress], None], cancel: Event) -> RunResult:  # noqa: ARG002 - it is over at once
        value = 1.0 + 0.01 * (order.seed % 3)
        return RunResult(
            run=order.run,
            outcome=Measured(value),
            seed=order.seed,
            sandbox="A",
            audit=AUDITED,
            started_at=1.0,
            finished_at=1.2,
        )


class Swarm:
    """Agents on threads around a real service, with proposers as a start would make them."""

    def __init__(
        self,
        folder: Path,
        server: ChatServer,
        wanted: Rules,
        agents: int = 2,
        models: Sequence[str] = (MODEL,),
    ) -> None:
        wanted = msgspec.structs.replace(wanted, arms=[ArmShare("thinker")])
        task = TaskCard("demo", "train.py", SOURCE, ("prepare",))
        self.service = Service(Layout(folder), task, wanted, secret="")
        arm = Llm(name="thinker", models=list(models), api_base=server.base, max_tokens=200)
        self.loops = []
        for number in range(agents):
            agent = f"a{number}"
            permits = PermitClient(agent)
            proposers = make_proposers([arm], {}, permits=permits)
            card = AgentCard(agent=agent, incarnation="1", division="cpu", sandbox="A")
            self.loops.append(
                AgentLoop(
                    card,
                    self.service,
                    LevelTrainer(),
                    proposers,
                    Spool(folder / "spool" / agent),
                    folder / "runs",
                    permits=permits,
                )
            )

    def __enter__(self) -> "Swarm":
        for loop in self.loops:
            loop.start()
        return self

    def __exit__(self, *_: object) -> None:
        for loop in self.loops:
            loop.stop()
        assert all(loop.join(20.0) for loop in self.loops)
        self.service.close()

    def until(self, true: Callable[[CampaignState], bool], seconds: float = 60.0) -> None:
        pause = Event()
        for _ in range(int(seconds / 0.02)):
            self.service.tick()
            if true(self.service.state):
                return
            pause.wait(0.02)
        raise AssertionError(f"not within {seconds:g} s: {self.service.status()}")


def finished(state: CampaignState) -> bool:
    return state.phase is Phase.FINISHED


def test_a_cap_holds_over_two_agents_and_leaves_a_clean_state(tmp_path: Path, running: ChatServer) -> None:
    running.play(*edits(100))
    folder = tmp_path / "demo"
    with Swarm(folder, running, rules(money=msgspec.structs.replace(PRICED, cap_usd=1.0))) as swarm:
        swarm.until(finished)
        state = swarm.service.state
        assert state.capped
        assert not any(agent.run for agent in state.agents.values())
        assert swarm.service.status().spend.reserved_usd == 0.0
    state = spent(folder)
    assert 0.8 < state.spend.usd <= 1.0
    assert len(running.requests) == state.spend.total.calls
    assert all(experiment.calls for experiment in state.experiments.values() if not experiment.baseline)
    assert {each.result for each in state.spend.calls.values()} == {"blocks"}


def test_one_cap_holds_for_models_and_slots_together(tmp_path: Path, running: ChatServer) -> None:
    running.play(*edits(100))
    money = msgspec.structs.replace(PRICED, cap_usd=3.0, gpu_hour_usd=60.0)
    with Swarm(tmp_path / "demo", running, rules(money=money)) as swarm:
        swarm.until(finished)
        state = swarm.service.state
        assert state.capped
        assert state.spend.total.llm_usd > 0.1
        assert state.spend.slots.gpu_usd == pytest.approx(state.spend.slots.gpu_seconds / 60)
        assert state.spend.slots.gpu_usd > 0
        assert 1.9 < state.spend.usd <= 3.0


def test_a_model_without_a_price_is_counted_as_unpriced_and_never_as_free(
    tmp_path: Path, running: ChatServer
) -> None:
    running.play(*edits(100))
    with Swarm(
        tmp_path / "demo", running, rules(money=MoneyRules(cap_usd=1.0), max_experiments=3), agents=1
    ) as swarm:
        swarm.until(finished)
        spend = swarm.service.status().spend
    assert spend.unpriced_calls == spend.calls >= 3
    assert (spend.llm_usd, spend.capped) == (0.0, False)
    assert spend.completion_tokens > 100


def test_a_model_that_litellm_knows_is_priced_by_its_list(tmp_path: Path, running: ChatServer) -> None:
    running.play(*edits(100))
    models = ["openai/gpt-4o-mini"]
    with Swarm(tmp_path / "demo", running, rules(max_experiments=1), agents=1, models=models) as swarm:
        swarm.until(finished)
        spend = swarm.service.state.spend
    assert spend.total.unpriced == 0
    assert 1e-5 < spend.total.llm_usd / spend.total.calls < 1e-3


def test_a_model_never_has_more_open_calls_than_it_may_over_all_agents(
    tmp_path: Path, running: ChatServer
) -> None:
    terms = {MODEL: ModelTerms(input_usd=0.0, output_usd=0.0, at_once=1)}
    running.play(*edits(100, delay=0.1))
    with Swarm(
        tmp_path / "one", running, rules(money=MoneyRules(models=terms), max_experiments=8, ahead=4), agents=3
    ) as swarm:
        swarm.until(finished)
    assert running.most_open == 1
    running.play(*edits(100, delay=0.1))
    with Swarm(tmp_path / "all", running, rules(max_experiments=8, ahead=4), agents=3) as swarm:
        swarm.until(finished)
    assert running.most_open > 1


def test_no_secret_of_the_environment_is_in_anything_kept(tmp_path: Path, running: ChatServer) -> None:
    running.play(
        refused(500, f"your key {KEY} is fine"),
        said(f"The password is {OTHER}, the key {KEY}."),
        *[said(f"{edit(7)}\n{OTHER}"), *edits(20)],
    )
    folder = tmp_path / "demo"
    with Swarm(folder, running, rules(money=PRICED, max_experiments=3), agents=1) as swarm:
        swarm.until(finished)
    assert running.keys[0] == f"Bearer {KEY}"
    kept = [gzip.decompress(path.read_bytes()) for path in (folder / "calls").iterdir()]
    state = spent(folder)
    assert len(kept) == len(state.spend.calls) >= 5
    assert {"server", "no_edit", "blocks"} <= {each.result for each in state.spend.calls.values()}
    everything = [*kept, *(path.read_bytes() for path in folder.rglob("*") if path.is_file())]
    for planted in (KEY, OTHER):
        assert os.environ["OPENAI_API_KEY"] == KEY
        assert not any(planted.encode() in each for each in everything)
    assert any(b"[redacted]" in each for each in kept)
