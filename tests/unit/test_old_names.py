"""Names of the version before: taken once more, with a warning."""

import re
from pathlib import Path

import pytest

from configs.arms import Llm, Search
from configs.errors import ConfigError
from configs.load import Loaded, load, resolved_yaml
from configs.policy_knobs import KNOBS
from evaluator.policies.any_policy import KINDS

ENVIRONMENT = {"AUTOSWARM_CAMPAIGN__PROGRAM": "mine.md"}
SAVED = """\
campaign: {name: night, program: bold.md}
arms:
- {name: tpe, proposer: search, files: [], models: [], program: null, api_base: null, temperature: null,
   max_tokens: 16000, timeout: 300.0, template: null, command: [], env: [], weight: 2.0, strategy: free,
   parent: best, control: true}
- {name: thinker, proposer: llm, files: [], models: [openai/x], program: bold.md, api_base: null,
   temperature: null, max_tokens: 900, timeout: 30.0, template: null, command: [], env: [], weight: 1.0,
   strategy: tune, parent: best, control: false}
"""
"""As the version before wrote it beside a campaign."""


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("text", "overrides", "environ", "place"), [
    ("campaign: {program: mine.md}", [], {}, "mine.yaml: campaign.program"),
    ("campaign.program: mine.md", [], {}, "mine.yaml: campaign.program"),
    ("", ["campaign.program=mine.md"], {}, "campaign.program=…: campaign.program"),
    ("", [], ENVIRONMENT, "AUTOSWARM_CAMPAIGN__PROGRAM: campaign.program"),
])  # fmt: skip
def test_the_charter_s_old_key_works_with_one_line_of_warning(
    tmp_path: Path, text: str, overrides: list[str], environ: dict[str, str], place: str
) -> None:
    loaded = load([written(tmp_path, text)], overrides, environ)
    assert loaded.config.campaign.charter == "mine.md"
    (line,) = loaded.warnings
    assert line.startswith("warning: the key `program` is called `charter` now")
    assert place in line
    assert "\n" not in line


def test_the_old_key_of_an_arm_works_too_and_one_line_warns_of_all() -> None:
    arms = "arms=[{name: a, proposer: llm, program: bold.md}, {name: b, proposer: command, charter: x.md}]"
    loaded = load([], [arms, "campaign.program=mine.md"], {})
    assert [getattr(arm, "charter", None) for arm in loaded.config.arms] == ["bold.md", "x.md"]
    (line,) = loaded.warnings
    assert "program of arm 'a'" in line
    assert "campaign.program=…" in line
    assert "'b'" not in line


@pytest.mark.parametrize(("text", "policy"), [
    ("", "trunk"),
    ("acceptance: {baseline_runs: 4, confirm_runs: 1, z: 2.0, screen_z: 0.0}", "confirm"),
    ("acceptance: {screen_z: 1.0}", "confirm"),
    ("acceptance: {z: 2.0, confirm_runs: null}", "trunk"),
    ("acceptance: {policy: race, screen_z: 1.0}", "race"),
    ("acceptance: {policy: trunk, confirm_runs: 2}", "trunk"),
])  # fmt: skip
def test_knobs_of_the_only_policy_there_was_mean_that_one(tmp_path: Path, text: str, policy: str) -> None:
    loaded = load([written(tmp_path, text)], [], {})
    assert loaded.config.acceptance.policy == policy
    assert load([], ["acceptance.policy=strict"], {}).config.acceptance.policy == "strict"
    if policy == "confirm":
        assert loaded.origins["acceptance.policy"].endswith("mine.yaml"), "config show says where it is from"


def test_knobs_of_a_file_do_not_hold_under_another_policy_that_is_named_later(tmp_path: Path) -> None:
    file = written(tmp_path, "acceptance: {policy: trunk, still: 3, first_z: 4, baseline_runs: 6}")
    other = load([file], ["acceptance.policy=race", "acceptance.runs=2"], {}).config.acceptance
    assert (other.policy, other.still, other.first_z, other.runs, other.baseline_runs) == (
        "race",
        None,
        None,
        2,
        6,
    )
    same = load([file], ["acceptance.policy=trunk", "acceptance.runs=2"], {}).config.acceptance
    assert (same.still, same.first_z, same.runs) == (3, 4, 2)
    meant = load(["demo"], ["acceptance.confirm_runs=2"], {}).config.acceptance
    assert (meant.policy, meant.confirm_runs, meant.steps) == ("confirm", 2, None)
    assert load(["demo"], ["acceptance.policy=confirm"], {}).config.acceptance.steps is None
    assert {key.partition(".")[2] for key in KNOBS} == {
        name for kind in KINDS.values() for name in kind.__struct_fields__ if name != "screens"
    }


def test_the_last_one_wins_whatever_it_is_called(tmp_path: Path) -> None:
    file = written(tmp_path, "campaign: {program: old.md}")
    assert load([file], ["campaign.charter=new.md"], {}).config.campaign.charter == "new.md"
    file = written(tmp_path, "campaign: {charter: new.md}")
    assert load([file], [], ENVIRONMENT).config.campaign.charter == "mine.md"


@pytest.mark.parametrize(("text", "overrides", "environ"), [
    ("campaign: {program: a.md, charter: b.md}", [], {}),
    ("", ["campaign.program=a.md", "campaign.charter=b.md"], {}),
    ("", [], ENVIRONMENT | {"AUTOSWARM_CAMPAIGN__CHARTER": "b.md"}),
    ("arms: [{name: a, proposer: llm, program: a.md, charter: b.md}]", [], {}),
])  # fmt: skip
def test_both_names_at_one_place_are_an_error(
    tmp_path: Path, text: str, overrides: list[str], environ: dict[str, str]
) -> None:
    with pytest.raises(
        ConfigError, match=r"both (campaign\.)?program and (campaign\.)?charter are given"
    ) as error:
        load([written(tmp_path, text)], overrides, environ)
    assert "Keep" in error.value.remedy


def test_the_old_key_is_no_key_where_there_is_no_charter() -> None:
    with pytest.raises(ConfigError, match="`charter` is no key of a search arm"):
        load([], ["arms=[{name: a, program: x.md}]"], {})


def test_what_the_version_before_saved_beside_a_campaign_loads(tmp_path: Path) -> None:
    loaded: Loaded = load([written(tmp_path, SAVED)], [], {})
    tpe, thinker = loaded.config.arms
    assert loaded.config.campaign.charter == "bold.md"
    assert tpe == Search(name="tpe", weight=2.0, control=True)
    assert thinker == Llm(
        name="thinker",
        models=["openai/x"],
        charter="bold.md",
        strategy="tune",
        max_tokens=900,
        timeout=30.0,
    )
    (line,) = loaded.warnings
    assert "arm 'thinker'" in line
    assert "arm 'tpe'" not in line
    again = load([written(tmp_path, resolved_yaml(loaded))], [], {})
    assert (again.config, again.warnings) == (loaded.config, ())


def test_a_saved_arm_may_lack_some_of_the_keys_that_there_were(tmp_path: Path) -> None:
    """An older version had fewer, and a person may have taken lines out."""
    older = re.sub(r"\b(strategy|parent|control): \w+,?\s*", "", SAVED)
    arms = load([written(tmp_path, older)], [], {}).config.arms
    assert [arm.proposer for arm in arms] == ["search", "llm"]


def test_a_renamed_shipped_file_is_named_with_what_goes_on_with_its_campaign() -> None:
    with pytest.raises(ConfigError, match="'two_programs' is called 'two_charters' now") as error:
        load(["two_programs"], [], {})
    assert "campaign.name=two-programs" in error.value.remedy
