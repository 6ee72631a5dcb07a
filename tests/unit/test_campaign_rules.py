"""The configuration as rules: field by field, by name."""

import msgspec
import pytest
from msgspec import Struct

from configs.errors import ConfigError
from configs.schema import AcceptanceConfig, Config
from coordinator.rule_values.prices import ModelTerms, MoneyRules
from coordinator.rule_values.rule_set import Rules
from coordinator.rule_values.trust_rules import Mode, TrustRules
from deploy.rules_from_config import filled, policy_of, rules_of
from evaluator.policies.any_policy import KINDS
from evaluator.policies.one_step import Confirm
from evaluator.policies.several_runs import Race
from evaluator.policies.trunk import Trunk
from trainer.task_loading import load_task


class Knobs(Struct, frozen=True):
    z: float
    more: int = msgspec.field(default=1, name="old_name")


def test_every_rule_comes_from_the_configuration() -> None:
    tree = {
        "campaign": {"seed": 7, "lookahead": 3, "plateau": 9, "max_hours": 2, "arm_floor": 0.01},
        "acceptance": {"policy": "confirm", "z": 3, "confirm_runs": 2, "screen_z": 1, "baseline_runs": 5},
        "trust": {"mode": "off", "audit_share": 0.5},
        "money": {"cap_usd": 8},
        "models": {"a/b": {"input_usd_per_million": 1, "output_usd_per_million": 2, "at_once": 3}},
        "coordinator": {"history": 11, "max_attempts": 2},
        "memory": {"retry_after_moves": 1},
    }
    rules = rules_of(Config.model_validate(tree), load_task("demo"))
    assert rules.policy == Confirm(confirm_runs=2, z=3.0, screen_z=1.0)
    assert (rules.trust.mode, rules.trust.audit_share) == (Mode.OFF, 0.5)
    terms = ModelTerms(input_usd=1.0, output_usd=2.0, at_once=3)
    assert rules.money == MoneyRules(cap_usd=8.0, models={"a/b": terms})
    assert (rules.seed, rules.lookahead, rules.plateau, rules.max_hours, rules.arm_floor) == (
        7,
        3,
        9,
        2.0,
        0.01,
    )
    assert (rules.history, rules.max_attempts, rules.retry_after_moves, rules.baseline_runs) == (11, 2, 1, 5)
    assert msgspec.json.decode(msgspec.json.encode(rules), type=Rules) == rules


def test_a_policy_has_its_own_knobs_and_no_others() -> None:
    assert policy_of(Config()) == Trunk()
    for kind, policy in KINDS.items():
        section = AcceptanceConfig.model_validate({"policy": kind})
        assert policy_of(Config(acceptance=section)) == policy()
        knobs = set(policy.__struct_fields__) - {"screens"}
        assert knobs <= set(AcceptanceConfig.model_fields), kind
    chosen = AcceptanceConfig(policy="race", runs=6, z=1.5)
    assert policy_of(Config(acceptance=chosen)) == Race(runs=6, z=1.5)
    with pytest.raises(ConfigError, match=r"still is no knob of acceptance.policy=race") as caught:
        policy_of(Config(acceptance=AcceptanceConfig(policy="race", still=3)))
    assert "take trunk" in caught.value.remedy


def test_a_field_under_another_name_in_journals_is_filled_by_its_own() -> None:
    assert filled(Knobs, AcceptanceConfig(z=4), more=2) == Knobs(z=4.0, more=2)


def test_a_field_that_nobody_configures_is_an_error_not_a_default() -> None:
    with pytest.raises(LookupError, match="'more'"):
        filled(Knobs, AcceptanceConfig())


@pytest.mark.parametrize("kind", [TrustRules, MoneyRules])
def test_default_rules_are_those_of_the_default_configuration_s_types(kind: type[Struct]) -> None:
    config = Config()
    assert filled(kind, config.acceptance, config.trust, config.money, models={})


def test_the_wall_cap_is_the_tasks_or_the_configurations() -> None:
    task = load_task("demo")
    assert rules_of(Config(), task).budget == task.budget(None)
    wider = rules_of(Config.model_validate({"task": {"size": "ci", "wall_cap": 600}}), task).budget
    assert wider == msgspec.structs.replace(task.budget("ci"), wall_cap=600.0)
    with pytest.raises(ValueError, match="wall_cap"):
        Config.model_validate({"task": {"wall_cap": 0}})
