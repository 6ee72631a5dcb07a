"""Arms that give nothing: what is written down, when no arm can go on, and what people are shown."""

import io
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from coordinator.arm_notes import NOTE_CHARS, ArmNote, ArmReason
from coordinator.domain import Origin, Phase
from coordinator.rule_values.rule_set import ArmShare
from coordinator.rules import campaign
from coordinator.rules.proposing import idle_arms
from coordinator.rules.proposing.turns.arm_choice import arm_for
from coordinator.rules.slots import leases
from coordinator.state.arm_events import ArmNoted
from coordinator.state.encoding import decode, encode
from coordinator.state.events import CampaignDraining, CampaignFinished
from coordinator.views.arm_report import arms
from coordinator.views.gauges import MetricFamily, present
from coordinator.views.status import status
from coordinator.views.status_page import ArmTroubleView, StatusPage
from deploy.exit_codes import FAILURE, LIMIT, OK, UNTRIED
from deploy.views.arm_trouble import arm_troubles
from deploy.views.arms import arms_page
from deploy.views.live import Limits, Lines, Panel
from deploy.views.session_end import exit_code, last_words
from deploy.views.status_page import status_page
from tests.unit.swarm_of_rules import Swarm, rules
from tests.unit.test_views import Watch, printed, terminal

TWO = [ArmShare("model"), ArmShare("coder")]
UNPAID = ArmNote(
    arm="model",
    reason=ArmReason.PAYMENT,
    words="openai/x: Insufficient Balance",
    remedy="Pay in",
    stopped=True,
)
EMPTY = ArmNote(arm="model", reason=ArmReason.REPLY, words="openai/x: an empty answer")
PLAYED = ArmNote(arm="coder", reason=ArmReason.EXHAUSTED, words="all 3 files are played", stopped=True)
LOGGED_OUT = ArmNote(
    arm="coder", reason=ArmReason.LOGIN, words="claude: not logged in", remedy="Log in", stopped=True
)


def swarm(*agents: str, **changes: object) -> Swarm:
    swarm = Swarm(rules(**{"arms": TWO, **changes}))
    for agent in agents or ("a", "b"):
        swarm.join(agent)
    return swarm


def say(swarm: Swarm, agent: str, note: ArmNote, briefs: int = 1) -> list[object]:
    events = swarm.commit(idle_arms.note(swarm.state, agent, note, briefs))
    swarm.settle()
    return list(events)


def phase(swarm: Swarm) -> Phase:
    return swarm.state.phase


def leave(swarm: Swarm, agent: str) -> None:
    swarm.commit(leases.leave(swarm.state, agent, "away"))
    swarm.settle()


def measured(swarm: Swarm, agent: str = "a") -> None:
    while (run := swarm.lease(agent)) is not None:
        swarm.report(agent, run)


def page(swarm: Swarm, *, alive: bool = True) -> StatusPage:
    return status(swarm.state, swarm.now, alive=alive)


def trouble(swarm: Swarm, arm: str = "model", *, alive: bool = True) -> ArmTroubleView | None:
    view = next(one for one in page(swarm, alive=alive).arms if one.name == arm)
    return view.trouble if isinstance(view.trouble, ArmTroubleView) else None


# ---------------------------------------------------------------------- what is written down


def test_a_stopped_arm_is_written_down_once_for_each_agent_and_again_when_its_reason_changes() -> None:
    play = swarm()
    assert len(say(play, "a", UNPAID)) == 1
    assert say(play, "a", UNPAID) == []
    assert len(say(play, "b", UNPAID)) == 1
    assert len(say(play, "a", replace(UNPAID, reason=ArmReason.MODEL))) == 1


@pytest.mark.parametrize(("first", "due"), [(5, [5, 10, 20, 40, 80]), (1, [1, 2, 4, 8, 16, 32, 64]), (0, [])])
def test_an_arm_that_only_gives_nothing_is_written_down_ever_more_rarely(first: int, due: list[int]) -> None:
    play = swarm(arm_warning_briefs=first)
    assert [briefs for briefs in range(1, 100) if say(play, "a", EMPTY, briefs)] == due


def test_an_arm_that_is_not_of_the_campaign_is_not_written_down() -> None:
    assert say(swarm(), "a", replace(UNPAID, arm="stranger")) == []


def test_what_is_written_down_is_bounded_and_read_again() -> None:
    (event,) = say(swarm(), "a", replace(UNPAID, words="x" * 5000))
    assert isinstance(event, ArmNoted)
    assert len(event.words) == NOTE_CHARS
    assert decode(encode(event)) == event


def test_a_proposal_of_the_arm_ends_the_trouble_on_its_agent_and_a_silence_on_all() -> None:
    play = swarm(arms=[ArmShare("model")])
    say(play, "a", EMPTY, 5)
    say(play, "b", UNPAID)
    measured(play)
    play.think("a")
    assert [note.agent for note in play.state.troubles.of("model")] == ["b"]
    assert play.replayed().troubles == play.state.troubles


def test_another_life_of_an_agent_has_said_nothing_yet_and_the_same_life_still_says_it() -> None:
    play = swarm()
    say(play, "a", UNPAID)
    play.join("a", incarnation="1")
    assert trouble(play) is not None
    play.join("a", incarnation="2")
    assert trouble(play) is None


# ---------------------------------------------------------------------- no arm can go on


def stop_all(play: Swarm, *agents: str) -> None:
    for agent in agents:
        say(play, agent, UNPAID)
        say(play, agent, LOGGED_OUT)


def test_a_campaign_ends_soon_when_every_arm_is_stopped_for_every_agent() -> None:
    play = swarm()
    stop_all(play, "a")
    assert phase(play) is Phase.RUNNING
    stop_all(play, "b")
    assert (play.state.phase, play.state.failed) == (Phase.FINISHED, True)
    assert play.state.phase_reason == (
        "no arm can go on: model: openai/x: Insufficient Balance (Pay in);"
        " coder: claude: not logged in (Log in)"
    )


def test_an_agent_that_left_does_not_keep_it_from_ending() -> None:
    play = swarm()
    stop_all(play, "a")
    leave(play, "b")
    assert phase(play) is Phase.FINISHED


def test_a_run_that_is_open_is_finished_first() -> None:
    play = swarm("a")
    run = play.lease("a")
    assert run is not None
    stop_all(play, "a")
    assert (play.state.phase, play.state.failed) == (Phase.DRAINING, True)
    play.report("a", run)
    assert phase(play) is Phase.FINISHED
    assert play.state.failed


def test_what_was_proposed_is_tried_first() -> None:
    play = swarm("a")
    measured(play)
    assert play.think("a") is not None
    stop_all(play, "a")
    assert phase(play) is Phase.RUNNING
    measured(play)
    assert phase(play) is Phase.FINISHED


def test_one_arm_that_goes_on_is_enough() -> None:
    play = swarm("a")
    say(play, "a", UNPAID)
    say(play, "a", replace(EMPTY, arm="coder"), 80)
    assert phase(play) is Phase.RUNNING


def test_arms_that_played_all_they_had_end_nothing_but_one_of_them_saves_no_campaign() -> None:
    play = swarm("a", arms=[ArmShare("coder")])
    say(play, "a", PLAYED)
    assert phase(play) is Phase.RUNNING
    play = swarm("a")
    say(play, "a", PLAYED)
    say(play, "a", UNPAID)
    assert phase(play) is Phase.FINISHED


@pytest.mark.parametrize("lookahead", [0, 4])
def test_the_turn_of_a_stopped_arm_goes_to_one_that_may_answer_nobody_else_s(lookahead: int) -> None:
    """In order, too: the turn would never pass."""
    drawing = ArmShare("drawing", parent=Origin.BASELINE)
    play = swarm("a", arms=[ArmShare("model", 1000.0), drawing], ahead=50, lookahead=lookahead)
    measured(play)
    assert arm_for(play.state, 0).name == "model"
    say(play, "a", EMPTY, 5)
    assert arm_for(play.state, 0).name == "model"
    say(play, "a", UNPAID)
    assert arm_for(play.state, 0).name == "drawing"


def test_the_turn_stays_with_it_where_others_answer_in_its_place() -> None:
    play = swarm("a", arms=[ArmShare("model", 1000.0), ArmShare("coder")])
    measured(play)
    say(play, "a", UNPAID)
    assert arm_for(play.state, 0).name == "model"


def test_it_goes_on_at_the_next_start_with_agents_that_have_said_nothing() -> None:
    play = swarm("a")
    stop_all(play, "a")
    play.commit(campaign.begin(play.state, play.state.rules, play.now))
    play.join("a", incarnation="2")
    assert (play.state.phase, play.state.failed) == (Phase.RUNNING, False)


def test_journals_of_before_drain_without_failing() -> None:
    event = decode(b'{"event":"campaign_draining","reason":"x","capped":false}')
    assert event == CampaignDraining(reason="x")
    assert decode(encode(CampaignFinished(reason="x"))) == CampaignFinished(reason="x")


# ---------------------------------------------------------------------- what people are shown


def test_the_status_page_says_why_on_how_many_agents_and_since_when() -> None:
    play = swarm("a", "b", "c")
    at = play.now
    say(play, "a", UNPAID)
    say(play, "b", UNPAID, 2)
    assert trouble(play) == ArmTroubleView(
        reason=ArmReason.PAYMENT,
        stopped=True,
        briefs=2,
        agents=2,
        words="openai/x: Insufficient Balance",
        remedy="Pay in",
        since=at,
    )
    assert trouble(play, "coder") is None
    assert arm_troubles(page(play)) == {
        "model": "arm model is stopped on 2 of 3 agents: openai/x: Insufficient Balance. Pay in."
    }


def test_it_stands_after_the_end_when_nobody_is_there() -> None:
    play = swarm("a")
    stop_all(play, "a")
    leave(play, "a")
    assert trouble(play, alive=False) is not None
    assert "arm model is stopped: openai/x" in printed(status_page(page(play, alive=False)))
    assert "arm model is stopped: openai/x" in printed(arms_page(arms(play.state)))


def test_an_agent_that_is_gone_does_not_speak_for_those_that_are_there() -> None:
    play = swarm()
    say(play, "a", UNPAID)
    leave(play, "a")
    assert trouble(play) is None


def test_an_arm_that_only_gives_nothing_says_for_how_many_briefs() -> None:
    play = swarm()
    say(play, "a", EMPTY, 5)
    assert arm_troubles(page(play)) == {
        "model": "arm model gave nothing for 5 briefs in a row: openai/x: an empty answer"
    }
    say(play, "a", PLAYED)
    say(play, "b", PLAYED)
    assert arm_troubles(page(play))["coder"] == "arm coder has no more ideas: all 3 files are played"


def families(play: Swarm) -> dict[str, MetricFamily]:
    return {family.name: family for family in present(page(play))}


def test_metrics_name_every_reason_of_every_arm_at_0_and_the_one_that_is_so_at_1() -> None:
    play = swarm()
    stopped = dict(families(play)["arm_stopped"].samples)
    assert stopped == {(arm, reason.value): 0.0 for arm in ("model", "coder") for reason in ArmReason}
    say(play, "a", UNPAID)
    say(play, "a", replace(EMPTY, arm="coder"), 5)
    after = dict(families(play)["arm_stopped"].samples)
    assert {key for key, number in after.items() if number} == {("model", "payment"), ("coder", "reply")}
    assert families(play)["arm_briefs_without_result"].samples == [(("model",), 1), (("coder",), 5)]


@pytest.mark.parametrize("in_panel", [False, True])
def test_the_terminal_shows_it_while_it_is_so_and_at_the_end(in_panel: bool) -> None:
    play = swarm("a")
    stream, console = terminal()
    view = Panel(Limits(), console, Watch()) if in_panel else Lines(Limits(), stream, Watch())
    say(play, "a", replace(UNPAID, words="wrong\n\x1b[31mkey"))
    view.update(page(play), [])
    shown = stream.getvalue()
    assert shown.count("warning: arm model is stopped: wrong") == 1
    view.close()
    assert "warning: arm model is stopped: wrong" in stream.getvalue()[len(shown) :]
    assert "\x1b[31mkey" not in stream.getvalue()


def test_a_log_has_a_line_when_it_begins_and_one_when_it_is_over() -> None:
    play, stream = swarm("a", arms=[ArmShare("model")]), io.StringIO()
    view = Lines(Limits(), stream, Watch())
    measured(play)
    say(play, "a", EMPTY, 5)
    for _ in range(3):
        view.update(page(play), [])
    play.think("a")
    for _ in range(3):
        view.update(page(play), [])
    view.close()
    assert stream.getvalue().splitlines() == [
        "warning: arm model gave nothing for 5 briefs in a row: openai/x: an empty answer",
        "arm model gives ideas again",
    ]


# ---------------------------------------------------------------------- how a start ends


def stopped(play: Swarm) -> None:
    stop_all(play, "a")


def silent(play: Swarm) -> None:
    say(play, "a", EMPTY, 5)
    play.commit([CampaignDraining(reason="campaign.session_minutes reached: 1 min")])
    play.settle()


def slow(play: Swarm) -> None:
    play.commit([CampaignDraining(reason="campaign.session_minutes reached: 1 min")])
    play.settle()


def capped(play: Swarm) -> None:
    play.commit([CampaignDraining(reason="the money is spent", capped=True)])
    play.settle()


@pytest.mark.parametrize(
    ("happens", "by_signal", "untried", "code"),
    [
        (stopped, 0, True, FAILURE),
        (stopped, 0, False, FAILURE),
        (silent, 0, True, UNTRIED),
        (silent, 0, False, OK),
        (slow, 0, True, UNTRIED),
        (slow, 130, True, 130),
        (capped, 0, True, LIMIT),
    ],
)
def test_a_start_that_tried_nothing_does_not_end_with_0(
    happens: Callable[[Swarm], None], by_signal: int, untried: bool, code: int
) -> None:
    play = swarm("a")
    happens(play)
    assert exit_code(page(play), by_signal, untried) == code


@pytest.mark.parametrize(
    ("happens", "code", "what", "to_do"),
    [
        (stopped, FAILURE, "error: no arm can go on: model: openai/x", "  do: Pay in; Log in."),
        (
            silent,
            UNTRIED,
            "error: no experiment was tried: campaign.session_minutes",
            "  do: `autoswarm arms`",
        ),
        (slow, UNTRIED, "error: no experiment was tried: campaign.session_minutes", "  do: Give it longer"),
    ],
)
def test_its_last_words_are_one_line_what_and_one_line_what_to_do(
    happens: Callable[[Swarm], None], code: int, what: str, to_do: str
) -> None:
    play = swarm("a")
    happens(play)
    first, second = last_words(page(play), code)
    assert first.startswith(what)
    assert second.startswith(to_do)


def test_a_start_that_came_to_something_has_no_last_words() -> None:
    play = swarm("a")
    slow(play)
    assert last_words(page(play), OK) == []
