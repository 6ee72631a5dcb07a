"""What the configuration says as the coordinator's rules.

Fields are filled by their names: a new knob of the acceptance policy, of trust or of the campaign is a key in
``configs/schema.py``, its line in ``configs/default.yaml`` and a field of the same name where it is used.
"""

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from configs.arms import Arm, ReadsCharter, Repairs
from configs.errors import ConfigError
from configs.schema import Config
from configs.section import Section
from coordinator.domain import Direction, Metric, Origin, Strategy
from coordinator.rule_values.prices import ModelTerms, MoneyRules
from coordinator.rule_values.rule_set import ArmShare, Rules
from coordinator.rule_values.trust_rules import TrustRules
from evaluator.policies.any_policy import KINDS, AnyPolicy
from evaluator.policies.trunk import Trunk
from trainer.task import Task

AnyRules = TypeVar("AnyRules", bound=Struct)

NO_KNOBS = frozenset(
    {
        *("policy", "baseline_runs", "combine", "accept_simpler", "simpler_margin"),
        *("early_stop_at", "early_stop_audit"),
    }
)
"""Keys of ``acceptance`` that are no knobs of a policy."""
NO_KEYS = frozenset({"ahead"})
"""Fields that nobody configures: their defaults hold."""


def rules_of(config: Config, task: Task) -> Rules:
    """What the campaign's decisions depend on. An untrusted sandbox is not believed where nobody has decided
    yet whether that is needed (``deploy.sandboxes.decided``).
    """
    return filled(
        Rules,
        config.campaign,
        config.acceptance,
        config.coordinator,
        config.memory,
        config.slots,
        metric=Metric(task.metric.name, Direction(task.metric.direction)),
        budget=task.budget(config.task.size, config.task.wall_cap),
        arms=[share_of(arm) for arm in config.arms],
        policy=policy_of(config),
        trust=filled(TrustRules, config.trust, allow_untrusted=config.trust.allow_untrusted is True),
        money=money_of(config),
        val_blocks=blocks_of(config, task),
    )


def policy_of(config: Config) -> AnyPolicy:
    """The policy with its knobs as configured. Raises ConfigError for a knob of another one."""
    section, kind = config.acceptance, KINDS[config.acceptance.policy]
    given = {
        name: value
        for name in type(section).model_fields
        if name not in NO_KNOBS and (value := getattr(section, name)) is not None
    }
    knobs = [name for name in kind.__struct_fields__ if name in type(section).model_fields]
    foreign = next((name for name in given if name not in knobs), None)
    if foreign is not None:
        others = [name for name, other in KINDS.items() if foreign in other.__struct_fields__]
        raise ConfigError(
            f"acceptance.{foreign} is no knob of acceptance.policy={section.policy}",
            f"Leave it out, or take {' or '.join(others)}; {section.policy} has {', '.join(knobs)}.",
        )
    return kind(**given)


def blocks_of(config: Config, task: Task) -> int:
    """Blocks of validation rows that runs can be evaluated on: a simulation has no rows."""
    return task.val_blocks if config.trainer.kind == "subprocess" else 1


def rows_in_words(config: Config, task: Task) -> str:
    """Which validation rows screens see, and which a merge rests on."""
    if config.trainer.kind != "subprocess":
        return "none: a simulation has no rows"
    if task.val_blocks == 1:
        return f"one block: task {task.name} confirms on the rows that its screens chose by"
    if not on_fresh_rows(policy_of(config)):
        return "a merge rests on the rows of its screen, as one run decides"
    return f"{task.val_blocks} blocks: screens see the first, a merge rests on the second"


def on_fresh_rows(policy: AnyPolicy) -> bool:
    """Whether its merges rest on other runs than the one that chose the variant."""
    return isinstance(policy, Trunk) or policy.runs_wanted() > 1


def filled(kind: type[AnyRules], *sections: Section, **own: Any) -> AnyRules:
    """A value of ``kind``: each field is that of ``own``, or the key of the same name in the first of the
    sections that has it. Raises LookupError for a field that nobody says anything of.
    """
    names = [field.name for field in msgspec.structs.fields(kind) if field.name not in NO_KEYS]
    wire = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
    values = {wire[name]: own[name] if name in own else _key(name, sections) for name in names}
    return msgspec.convert(values, kind)


def share_of(arm: Arm) -> ArmShare:
    """An arm as the rules know it."""
    strategy = arm.strategy if isinstance(arm, ReadsCharter) else Strategy.FREE
    rotates = strategy == "rotate"
    return ArmShare(
        name=arm.name,
        weight=arm.weight,
        parent=Origin(arm.parent),
        strategy=Strategy.FREE if rotates else Strategy(strategy),
        rotate=rotates,
        control=arm.control,
        repairs=isinstance(arm, Repairs),
    )


def money_of(config: Config) -> MoneyRules:
    """What work may cost."""
    models = {
        name: ModelTerms(
            input_usd=model.input_usd_per_million,
            output_usd=model.output_usd_per_million,
            at_once=model.at_once,
        )
        for name, model in config.models.items()
    }
    return filled(MoneyRules, config.money, models=models)


def _key(name: str, sections: tuple[Section, ...]) -> Any:
    for section in sections:
        if name in type(section).model_fields:
            return getattr(section, name)
    raise LookupError(f"no section of the configuration has a key {name!r}")
