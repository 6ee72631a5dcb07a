"""The configured arms become proposers, in their order."""

import pickle
from pathlib import Path

import pytest

from agents.proposers.arms import make_proposers
from agents.proposers.llm import LlmProposer
from agents.proposers.scripted import ScriptedProposer
from agents.proposers.search import SearchProposer
from configs.load import ConfigError
from configs.schema import ArmConfig


def test_each_arm_gets_its_proposer_in_order(tmp_path: Path) -> None:
    (tmp_path / "idea.py").write_text("A = 1\n", encoding="utf-8")
    arms = [ArmConfig(name="mine", proposer="scripted", files=[str(tmp_path / "idea.py")]), ArmConfig(name="control")]
    proposers = make_proposers(arms, {})
    assert list(proposers) == ["mine", "control"]
    assert isinstance(proposers["mine"], ScriptedProposer)
    assert isinstance(proposers["control"], SearchProposer)
    assert list(pickle.loads(pickle.dumps(proposers))) == ["mine", "control"]


def test_a_missing_file_is_a_configuration_error_with_a_remedy() -> None:
    with pytest.raises(ConfigError) as raised:
        make_proposers([ArmConfig(name="mine", proposer="scripted", files=["no/such/file.py"])], {})
    assert raised.value.remedy


def test_an_arm_of_a_language_model_can_be_sent_to_another_machine() -> None:
    arms = [ArmConfig(name="thinker", proposer="llm", models=["openai/test"], program="default.md")]
    assert isinstance(pickle.loads(pickle.dumps(make_proposers(arms, {})["thinker"])), LlmProposer)


@pytest.mark.parametrize("arm", [
    ArmConfig(name="thinker", proposer="llm"),
    ArmConfig(name="thinker", proposer="llm", models=["openai/test"], program="no/such/file.md"),
])  # fmt: skip
def test_an_arm_without_a_model_or_a_charter_is_a_configuration_error_with_a_remedy(arm: ArmConfig) -> None:
    with pytest.raises(ConfigError) as raised:
        make_proposers([arm], {})
    assert raised.value.remedy


def test_an_arm_without_a_charter_takes_the_campaign_s() -> None:
    with pytest.raises(ConfigError, match=r"campaign-s\.md"):
        make_proposers([ArmConfig(name="thinker", proposer="llm", models=["openai/test"])], {}, "campaign-s.md")
