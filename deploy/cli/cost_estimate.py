"""What a campaign will cost, before it runs: for `run --dry-run`. Rough on purpose, from the configuration
alone.
"""

from configs.arms import CallsModels, CostsMoney
from configs.schema import Config
from coordinator.rule_values.prices import HOUR, MoneyRules
from deploy.views.units import usd
from evaluator.budget import Budget, Unit

PROMPT_TOKENS = 11_000
"""Of a brief with a program of 26 kB: what a prompt is trimmed to."""
ANSWER_TOKENS = 2_000
"""Of an answer that changes some lines, with some thought before it. ``max_tokens`` is what is set aside for
one.
"""


def costs(config: Config, money: MoneyRules, budget: Budget) -> dict[str, str]:
    """Runs an hour, dollars of slots, dollars of models: in words."""
    return {
        "pace": _pace(config, budget),
        "slots cost": _slots(config, money, budget),
        "models cost": _models(config, money),
    }


def _where(config: Config) -> tuple[int, str]:
    """How many slots, and what they are called. How many GPUs there are is known when Ray runs."""
    return (
        (1, "on each GPU") if config.slots.per_gpu else (config.slots.count, f"on {config.slots.count} slots")
    )


def _pace(config: Config, budget: Budget) -> str:
    slots, where = _where(config)
    if budget.unit is Unit.SECONDS:
        return f"at most {slots * HOUR / budget.amount:.0f} runs an hour {where}"
    return (
        f"at least {slots * HOUR / budget.wall_cap:.0f} runs an hour {where}; more on a quick machine, as the"
        f" budget is in {budget.unit}"
    )


def _slots(config: Config, money: MoneyRules, budget: Budget) -> str:
    if not money.gpu_hour_usd:
        return "nothing: money.gpu_hour_usd is 0"
    slots, where = _where(config)
    return (
        f"{usd(slots * money.gpu_hour_usd)} an hour {where}; a run sets aside"
        f" {usd(money.slot_usd(budget.wall_cap))}"
    )


def _models(config: Config, money: MoneyRules) -> str:
    estimates = [_arm(arm, money) for arm in config.arms if isinstance(arm, CostsMoney)]
    return "; ".join(estimates) or "nothing: no arm asks a model"


def _arm(arm: CostsMoney, money: MoneyRules) -> str:
    if not isinstance(arm, CallsModels):
        return (
            f"{arm.name}: what its {arm.proposer} says it spent; one that says nothing is unpriced, and no"
            " cap holds it"
        )
    if not arm.models:
        return f"{arm.name}: it names no model"
    model = arm.models[0]
    cost = money.listed(model, PROMPT_TOKENS, ANSWER_TOKENS)
    if cost is None:
        return f"{arm.name}: no price known for {model} in `models`; litellm's list is asked with each call"
    return (
        f"{arm.name}: about {usd(cost)} a proposal of {model} ({PROMPT_TOKENS} tokens in, {ANSWER_TOKENS}"
        " out)"
    )
