"""What people are shown of calls that no number says: estimates, truncated answers, models by other names."""

from coordinator.rules import budget_cap
from coordinator.state.arm_events import CallSettled
from coordinator.state.tallies.spend import MOST_NAMES
from coordinator.views.experiment_page import call_row
from coordinator.views.status import spend, status
from deploy.views import calls_page
from deploy.views.status_page import status_page
from tests.unit.swarm_of_rules import Swarm, rules
from tests.unit.test_money import request
from tests.unit.test_views import printed


def call(number: int, **facts: object) -> CallSettled:
    event = {"call": f"c{number}", "agent": "a", "arm": "search", "model": "openai/x", "ordinal": 1}
    return CallSettled(**event | {"prompt_tokens": 10, "completion_tokens": 5, "cost_usd": 0.5} | facts)  # type: ignore[arg-type]


def test_a_truncated_answer_is_remarked_once_with_the_remedy() -> None:
    swarm = Swarm(rules())
    swarm.commit([call(number, result="truncated") for number in range(5)])
    (remark,) = spend(swarm.state, 0.0).remarks
    assert remark.startswith("arm search: an answer of openai/x was truncated at max_tokens")
    assert "Raise max_tokens of this arm" in remark
    assert swarm.replayed() == swarm.state


def test_other_models_are_remarked_and_however_many_names_there_are_few_are_kept() -> None:
    swarm = Swarm(rules())
    swarm.commit([call(number, answered_by=f"gpt-{number}\x1b[2J") for number in range(100)])
    (remark,) = spend(swarm.state, 0.0).remarks
    assert "openai/x was asked and 'gpt-0" in remark
    assert "\x1b" not in remark
    assert len(swarm.state.spend.answered_by["search", "openai/x"]) == MOST_NAMES


def test_pages_say_what_is_estimated_and_what_is_remarked() -> None:
    swarm = Swarm(rules())
    swarm.commit([call(1, estimated=True), call(2, answered_by="gpt-4o\n[b]x[/]")])
    page = printed(status_page(status(swarm.state, swarm.now, alive=True)))
    assert "2 calls, 20 tokens in, 10 out" in page
    assert "1 of them estimated" in page
    assert "openai/x was asked and 'gpt-4o" in page
    rows = [call_row(event) for event in swarm.state.spend.calls.values()]
    assert printed(calls_page.table(rows)).count("0.5000 USD estimated") == 1
    assert "5 out, estimated: its provider did not say" in printed(calls_page.page(rows[0], None))
    assert "openai/x, answered as gpt-4o [b]x[/]" in printed(calls_page.page(rows[1], None))


def test_a_call_that_nobody_settles_is_an_estimate_until_its_record_comes() -> None:
    swarm = Swarm(rules())
    swarm.commit(budget_cap.give_up(swarm.state, "a", request(), 0.11))
    assert spend(swarm.state, 0.0).estimated_calls == 1
    swarm.commit([call(1)])
    assert spend(swarm.state, 0.0).estimated_calls == 0
