"""From the words of a command line, and a configuration or a campaign, to what is simulated."""

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from configs.errors import ConfigError
from configs.schema import Config
from coordinator.rule_values.rule_set import Rules
from deploy.rules_from_config import rules_of
from deploy.simulate.effect_model import EffectModel, shaped_model
from deploy.simulate.likeness import Likeness
from deploy.simulate.measuring import EARLY_NOISE, Conditions
from deploy.simulate.named_policies import named_policy, rules_apart
from deploy.simulate.odd_slots import with_odd_slot
from deploy.simulate.request import Request
from deploy.simulate.swarm_scenario import THINKING
from deploy.simulate.virtual_slot import Slot
from evaluator.policies.any_policy import AnyPolicy
from trainer.task_loading import load_task

SIGMA = (0.001,)
RUNS = (125,)


class Options(Struct, frozen=True, kw_only=True):
    """Options of the command, as they were given."""

    policy: str | None = None
    compare: str | None = None
    """Names with commas between them, the reference first."""
    slots: int | None = None
    division: tuple[tuple[str, int], ...] = ()
    """Names and slots."""
    carries: float | None = None
    """Share of changes that do the same in every division."""
    runs: tuple[int, ...] | None = None
    hours: float | None = None
    repetitions: int = 20
    sigma: tuple[float, ...] | None = None
    known_sigma: bool = False
    correlation: float = 0.0
    early_noise: float = EARLY_NOISE
    """In the metric's unit."""
    """Of the noise of two runs with the same seed."""
    real: float | None = None
    """Share of the proposals that try a real idea."""
    null: float | None = None
    """Share of those that change nothing."""
    thinking: float | None = None
    """Minutes."""
    seed: int = 1
    workers: int | None = None
    odd_slot: str | None = None
    """Of the last slot, see ``odd_slots``."""


def request_of(config: Config, options: Options) -> Request:
    """What is to be simulated by a configuration. Raises ConfigError."""
    rules = rules_of(config, load_task(config.task.name))
    return Request(
        rules=rules,
        policies=_policies(rules.policy, options),
        changes=_changes(rules, options),
        model=_shares(shaped_model(), options),
        conditions=_conditions(Conditions(), rules, options),
        sigmas=options.sigma or SIGMA,
        slots=_slots(options, config.slots.count),
        runs=_runs(options),
        hours=options.hours or 0.0,
        thinking=THINKING if options.thinking is None else options.thinking,
        repetitions=options.repetitions,
        seed=options.seed,
    )


def request_like(rules: Rules, like: Likeness, options: Options) -> Request:
    """What is to be simulated like a campaign. rules: the campaign's. Raises ConfigError."""
    conditions = Conditions(start=like.start, minutes=like.minutes or Conditions().minutes)
    return Request(
        rules=rules,
        policies=_policies(rules.policy, options),
        changes=_changes(rules, options),
        model=_shares(like.model, options),
        conditions=_conditions(conditions, rules, options),
        sigmas=options.sigma or (like.sigma,),
        slots=_slots(options, like.slots),
        runs=_runs(options),
        hours=options.hours or 0.0,
        thinking=like.thinking if options.thinking is None else options.thinking,
        repetitions=options.repetitions,
        seed=options.seed,
    )


def likeness_in_words(campaign: str, like: Likeness) -> str:
    """What was made out of a campaign's journal, in a line."""
    model = like.model
    largest = model.gains[0] if model.gains else 0.0
    return (
        f"like {campaign}, {like.division}: start {like.start:.5f}, σ {like.sigma:.2g} by {like.repeats}"
        f" repeats; of {like.variants} variants {model.real:.0%} try an idea (largest {largest:.2g}), "
        f"{model.null:.0%} change nothing, the rest harms ({model.harm:.2g} at the median)"
    )


def _conditions(conditions: Conditions, rules: Rules, options: Options) -> Conditions:
    exactly = rules.baseline_runs if options.known_sigma else 0
    return replace(
        conditions,
        correlation=options.correlation,
        early_noise=options.early_noise,
        known_sigma=exactly,
    )


def _shares(model: EffectModel, options: Options) -> EffectModel:
    """The model with other shares of proposals, and of what carries over, where they are wanted."""
    real = model.real if options.real is None else options.real
    null = model.null if options.null is None else options.null
    if real + null > 1:
        why = f"--real and --null are shares of all proposals, together {real + null:g} of 1"
        raise ConfigError(why, "Give both, at most 1 together: what is left harms.")
    carries = model.carries if options.carries is None else options.carries
    return replace(model, real=real, null=null, carries=carries)


def _slots(options: Options, usual: int) -> tuple[Slot, ...]:
    slots = _sound_slots(options, usual)
    return with_odd_slot(slots, options.odd_slot) if options.odd_slot is not None else slots


def _runs(options: Options) -> tuple[int, ...]:
    if options.hours and options.runs:
        raise ConfigError("both --runs and --hours are given", "Give the one that is to end a campaign.")
    return (0,) if options.hours else options.runs or RUNS


def _sound_slots(options: Options, usual: int) -> tuple[Slot, ...]:
    if options.slots and options.division:
        raise ConfigError("both --slots and --division are given", "Say the slots of each --division alone.")
    if not options.division:
        return (Slot(),) * (options.slots or usual)
    names = [name for name, _ in options.division]
    if len(set(names)) < len(names):
        raise ConfigError(f"a --division is given twice: {', '.join(names)}", "Name each once.")
    return tuple(Slot(division=name) for name, slots in options.division for _ in range(slots))


def _names(options: Options, configured: str) -> list[str]:
    words = options.compare or options.policy or configured
    return [*map(str.strip, words.split(","))]


def _changes(rules: Rules, options: Options) -> dict[str, dict[str, Any]]:
    changes = {name: rules_apart(name)[1] for name in _names(options, "")}
    divisions = [name for name, _ in options.division]
    proposing = {name: change["propose_in"] for name, change in changes.items() if "propose_in" in change}
    for where, names in {"campaign.propose_in": rules.propose_in, **proposing}.items():
        unknown = [name for name in names if name not in divisions]
        if unknown:
            there = f"Those of --division: {', '.join(divisions)}" if divisions else "Say them by --division"
            raise ConfigError(
                f"{where}: there is no division {unknown[0]!r}", f"{there}. Write A+B for two in --compare."
            )
    return changes


def _policies(configured: AnyPolicy, options: Options) -> dict[str, AnyPolicy]:
    if options.policy and options.compare:
        raise ConfigError("both --policy and --compare are given", "Name every policy under --compare.")
    names = _names(options, str(configured.__struct_config__.tag))
    return {name: named_policy(rules_apart(name)[0], configured) for name in names}
