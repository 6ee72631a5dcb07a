"""What a dry run says a campaign will cost, from the configuration alone."""

import pytest

from agents.proposers.llm.prompt import PROMPT_TOKENS
from configs.load import load
from configs.schema import Config
from deploy.checks.money import ANSWER_TOKENS
from deploy.cli.cost_estimate import costs
from deploy.rules_from_config import money_of
from evaluator.budget import Budget, Unit

TIMED = Budget(Unit.SECONDS, 300.0, 900.0)
COUNTED = Budget(Unit.FLOPS, 1e11, 60.0)
MODEL = "arms=[{name: thinker, proposer: llm, models: [openai/x, openai/y]}, {name: search}]"
PRICES = "models={openai/x: {input_usd_per_million: 2, output_usd_per_million: 10}}"


def said(budget: Budget, *words: str) -> dict[str, str]:
    config: Config = load([], list(words), {}).config
    return costs(config, money_of(config), budget)


@pytest.mark.parametrize(("budget", "words", "pace"), [
    (TIMED, ["slots.per_gpu=true"], "at most 12 runs an hour on each GPU"),
    (TIMED, ["slots.count=4"], "at most 48 runs an hour on 4 slots"),
    (COUNTED, ["slots.count=2"],
    "at least 120 runs an hour on 2 slots; more on a quick machine, as the budget is in flops"),
])  # fmt: skip
def test_the_pace_comes_from_the_budget_and_the_slots(budget: Budget, words: list[str], pace: str) -> None:
    assert said(budget, *words)["pace"] == pace


def test_slots_cost_by_the_hour_and_a_run_sets_aside_its_wall_cap() -> None:
    assert (
        said(TIMED, "money.gpu_hour_usd=2.5", "slots.count=4")["slots cost"]
        == "10.0000 USD an hour on 4 slots; a run sets aside 0.6250 USD"
    )
    assert said(TIMED)["slots cost"] == "nothing: money.gpu_hour_usd is 0"


def test_a_proposal_costs_what_the_table_says_of_its_first_model() -> None:
    usd = (PROMPT_TOKENS * 2 + ANSWER_TOKENS * 10) / 1e6
    assert said(TIMED, MODEL, PRICES)["models cost"].startswith(
        f"thinker: about {usd:.4f} USD a proposal of openai/x"
    )


@pytest.mark.parametrize(("words", "answer"), [
    ([MODEL], "thinker: unpriced, as openai/x is neither in `models` nor on litellm's list"),
    ([MODEL, "models={openai/x: {at_once: 3}}"], "thinker: unpriced, as openai/x"),
    (["arms=[{name: a, proposer: llm, models: [openai/gpt-4o-2099]}]"], "a: unpriced"),
    (["arms=[{name: a, proposer: llm, models: [openai/gpt-4o]}]"], "a: about 0.0475 USD a proposal"),
    ([MODEL, "models={openai/x: {input_usd_per_million: 0, output_usd_per_million: 0}}"],
    "thinker: about 0.0000 USD"),
    (["arms=[{name: agent, proposer: command, template: claude-code}]"],
    "agent: what its command says it spent"),
    (["arms=[{name: a, proposer: llm}]"], "a: it names no model"),
    ([], "nothing: no arm asks a model"),
])  # fmt: skip
def test_what_is_not_known_is_said(words: list[str], answer: str) -> None:
    assert said(TIMED, *words)["models cost"].startswith(answer)


@pytest.mark.parametrize(("budget", "words", "dollars"), [
    (TIMED, [MODEL, PRICES], "at most 0.5040 USD an hour on 2 slots, at 24 proposals an hour"),
    (TIMED, [MODEL, PRICES, "slots.per_gpu=true", "money.gpu_hour_usd=2.5"],
    "at most 2.7520 USD an hour on each GPU, at 12 proposals an hour"),
    (TIMED, [MODEL, PRICES, "money.cap_usd=5.04"],
    "at most 0.5040 USD an hour on 2 slots, at 24 proposals an hour; money.cap_usd lasts about 10.0 h"),
    (COUNTED, [MODEL, PRICES], "at least 2.5200 USD an hour on 2 slots, at 120 proposals an hour"),
    (Budget(Unit.VIRTUAL_SECONDS, 3.0, 60.0), [MODEL, PRICES], "about 50.4000 USD an hour on 2 slots"),
    (TIMED, [MODEL], "at most 0.0000 USD an hour on 2 slots, at 24 proposals an hour, and what thinker costs:"
    " unpriced"),
    (TIMED, [], "at most 0.0000 USD an hour on 2 slots, at 24 proposals an hour"),
])  # fmt: skip
def test_dollars_by_the_hour_are_those_of_models_and_slots_together(
    budget: Budget, words: list[str], dollars: str
) -> None:
    """A proposal costs 0.042 USD, and every second is of the arm that costs something."""
    assert said(budget, *words)["dollars"].startswith(dollars)


def test_an_hour_of_a_listed_model_is_its_price_times_the_proposals_of_an_hour() -> None:
    words = said(TIMED, "arms=[{name: a, proposer: llm, models: [anthropic/claude-sonnet-5-5]}]")["dollars"]
    usd = 24 * (PROMPT_TOKENS * 2 + ANSWER_TOKENS * 10) / 1e6
    assert words == f"at most {usd:.4f} USD an hour on 2 slots, at 24 proposals an hour"
