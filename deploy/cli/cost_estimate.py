"""What a campaign will cost, before it runs: for `run --dry-run`. Rough on purpose, from the configuration
and litellm's price list alone.
"""

from agents.proposers.llm.prompt import PROMPT_TOKENS
from configs.arms import CallsModels, CostsMoney
from configs.schema import Config
from coordinator.rule_values.prices import HOUR, MoneyRules
from deploy.checks.money import ANSWER_TOKENS, proposal_usd
from deploy.views.units import usd
from evaluator.budget import Budget, Unit


def costs(config: Config, money: MoneyRules, budget: Budget) -> dict[str, str]:
    """Runs an hour, dollars of slots, dollars of models, and both together by the hour: in words."""
    return {
        "pace": _pace(config, budget),
        "slots cost": _slots(config, money, budget),
        "models cost": _models(config),
        "dollars": _hourly(config, money, budget),
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


def _runs(config: Config, budget: Budget) -> tuple[float, str]:
    """Runs an hour that dollars are reckoned with, and how sure that is. A virtual second takes about one."""
    slots = _where(config)[0]
    if budget.unit is Unit.FLOPS:
        return slots * HOUR / budget.wall_cap, "at least"
    return slots * HOUR / budget.amount, "at most" if budget.unit is Unit.SECONDS else "about"


def _slots(config: Config, money: MoneyRules, budget: Budget) -> str:
    if not money.gpu_hour_usd:
        return "nothing: money.gpu_hour_usd is 0"
    slots, where = _where(config)
    return (
        f"{usd(slots * money.gpu_hour_usd)} an hour {where}; a run sets aside"
        f" {usd(money.slot_usd(budget.wall_cap))}"
    )


def _models(config: Config) -> str:
    estimates = [_arm(arm, config) for arm in config.arms if isinstance(arm, CostsMoney)]
    return "; ".join(estimates) or "nothing: no arm asks a model"


def _arm(arm: CostsMoney, config: Config) -> str:
    if not isinstance(arm, CallsModels):
        return (
            f"{arm.name}: what its {arm.proposer} says it spent; one that says nothing is unpriced, and no"
            " cap holds it"
        )
    if not arm.models:
        return f"{arm.name}: it names no model"
    model = arm.models[0]
    cost = proposal_usd(model, config.models)
    if cost is None:
        return (
            f"{arm.name}: unpriced, as {model} is neither in `models` nor on litellm's list; no cap holds it"
        )
    return (
        f"{arm.name}: about {usd(cost)} a proposal of {model} ({PROMPT_TOKENS} tokens in, {ANSWER_TOKENS}"
        " out)"
    )


def _hourly(config: Config, money: MoneyRules, budget: Budget) -> str:
    """Every run may be of a new proposal; an arm gets its share of them."""
    (runs, sure), (slots, where) = _runs(config, budget), _where(config)
    weights = sum(arm.weight for arm in config.arms)
    shares = [(arm, arm.weight / weights) for arm in config.arms if isinstance(arm, CostsMoney)]
    prices = [(_first_usd(arm, config), share) for arm, share in shares]
    models = sum(price * share for price, share in prices if price is not None) * runs
    unpriced = [arm.name for (arm, _), (price, _) in zip(shares, prices, strict=True) if price is None]
    total = models + slots * money.gpu_hour_usd
    words = f"{sure} {usd(total)} an hour {where}, at {runs:.0f} proposals an hour"
    words += f", and what {', '.join(unpriced)} costs: unpriced" if unpriced else ""
    lasts = f"; money.cap_usd lasts about {money.cap_usd / total:.1f} h" if money.cap_usd and total else ""
    return words + lasts


def _first_usd(arm: CostsMoney, config: Config) -> float | None:
    """Dollars of a proposal of its first model; None where nobody can say."""
    if not isinstance(arm, CallsModels) or not arm.models:
        return None
    return proposal_usd(arm.models[0], config.models)
