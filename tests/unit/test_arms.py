"""The configured arms become proposers, in their order."""

import importlib.util
import json
import pickle
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from agents.proposers.factory import make_proposers
from agents.proposers.llm.llm_proposer import LlmProposer
from agents.proposers.scripted import ScriptedProposer
from agents.proposers.search.search_proposer import SearchProposer
from configs.arms import Arm, CallsModels, Command, Llm, Scripted, Search
from configs.errors import ConfigError
from configs.load import load
from configs.sources import SHIPPED
from coordinator.domain import Origin, Strategy
from coordinator.rule_values.rule_set import ArmShare
from deploy.campaign_rules import share_of

SHIPPED_FILES = sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def test_each_arm_gets_its_proposer_in_order(tmp_path: Path) -> None:
    (tmp_path / "idea.py").write_text("A = 1\n", encoding="utf-8")
    arms = [
        Scripted(name="mine", files=[str(tmp_path / "idea.py")]),
        Search(name="control"),
    ]
    proposers = make_proposers(arms, {})
    assert list(proposers) == ["mine", "control"]
    assert isinstance(proposers["mine"], ScriptedProposer)
    assert isinstance(proposers["control"], SearchProposer)
    assert list(pickle.loads(pickle.dumps(proposers))) == ["mine", "control"]


def test_a_missing_file_is_a_configuration_error_with_a_remedy() -> None:
    with pytest.raises(ConfigError) as raised:
        make_proposers([Scripted(name="mine", files=["no/such/file.py"])], {})
    assert raised.value.remedy


def test_an_arm_of_a_language_model_can_be_sent_to_another_machine() -> None:
    arms = [Llm(name="thinker", models=["openai/test"], charter="default.md")]
    assert isinstance(pickle.loads(pickle.dumps(make_proposers(arms, {})["thinker"])), LlmProposer)


@pytest.mark.parametrize("arm", [
    Llm(name="thinker"),
    Llm(name="thinker", models=["openai/test"], charter="no/such/file.md"),
])  # fmt: skip
def test_an_arm_without_a_model_or_a_charter_is_a_configuration_error_with_a_remedy(arm: Llm) -> None:
    with pytest.raises(ConfigError) as raised:
        make_proposers([arm], {})
    assert raised.value.remedy


@pytest.mark.parametrize("name", SHIPPED_FILES)
def test_every_shipped_arm_becomes_a_proposer(name: str) -> None:
    config = load([name], [], {}).config
    assert list(make_proposers(config.arms, {}, config.campaign.charter)) == [arm.name for arm in config.arms]


def test_shipped_models_are_known_and_have_a_price() -> None:
    """Else what they cost would be unknown from the first call on."""
    spec = importlib.util.find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    prices = json.loads(
        (Path(spec.origin).parent / "model_prices_and_context_window_backup.json").read_text(encoding="utf-8")
    )
    models = {
        model
        for name in SHIPPED_FILES
        for arm in load([name], [], {}).config.arms
        if isinstance(arm, CallsModels)
        for model in arm.models
    }
    assert len(models) == 3
    for model in models:
        provider, _, plain = model.partition("/")
        price = prices.get(model) or prices[plain]
        assert (price["litellm_provider"], price["mode"]) == (provider, "chat")
        assert price["input_cost_per_token"] > 0


@pytest.mark.parametrize(("arm", "share"), [
    (Search(name="a", weight=2), ArmShare("a", 2.0)),
    (Scripted(name="a"), ArmShare("a")),
    (Llm(name="a", strategy="ablate"), ArmShare("a", strategy=Strategy.ABLATE, repairs=True)),
    (Command(name="a", strategy="rotate"), ArmShare("a", rotate=True, repairs=True)),
    (Search(name="a", parent="baseline", control=True), ArmShare("a", parent=Origin.BASELINE,
    control=True)),
])  # fmt: skip
def test_the_rules_know_of_an_arm_what_the_configuration_says(arm: Arm, share: ArmShare) -> None:
    assert share_of(arm) == share


def test_every_strategy_of_the_configuration_is_one_of_the_rules() -> None:
    assert set(get_args(Llm.model_fields["strategy"].annotation)) == {*Strategy, "rotate"}


def test_rules_of_an_older_journal_are_those_of_an_arm_with_nothing_special() -> None:
    old = msgspec.json.decode(b'{"name": "search", "weight": 1.0}', type=ArmShare)
    assert old == share_of(Search(name="search"))


def test_an_arm_without_a_charter_takes_the_campaign_s() -> None:
    with pytest.raises(ConfigError, match=r"campaign-s\.md"):
        make_proposers([Llm(name="thinker", models=["openai/test"])], {}, "campaign-s.md")
