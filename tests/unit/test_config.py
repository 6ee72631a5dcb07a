"""Loading configuration: what wins, where it came from, and what a person is told who mistyped it."""

from pathlib import Path

import pytest
import yaml

from configs.arms import KINDS
from configs.errors import ConfigError
from configs.load import kept_yaml, load, resolved_yaml
from configs.schema import Config
from configs.sources import SHIPPED
from configs.suggest import did_you_mean
from configs.tree import FIELDS
from configs.yaml_files import read_yaml

SHIPPED_FILES = sorted(path.name for path in SHIPPED.glob("*.yaml"))


def refusal(files: list[str | Path], overrides: list[str], environ: dict[str, str]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(files, overrides, environ)
    return caught.value


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_given_means_the_schema_s_defaults() -> None:
    loaded = load([], [], {})
    assert loaded.config == Config()
    assert set(loaded.origins.values()) == {"default"}


@pytest.mark.parametrize("name", SHIPPED_FILES)
def test_every_shipped_file_loads(name: str) -> None:
    assert f"configs/{name}" in load([name], [], {}).origins.values()


def test_the_shipped_default_names_every_key_and_changes_none() -> None:
    loaded = load(["default"], [], {})
    assert loaded.config == Config()
    assert loaded.origins == dict.fromkeys(FIELDS, "configs/default.yaml")


def test_the_demo_looks_ahead_by_at_least_two_proposals_a_slot() -> None:
    config = load(["demo"], [], {}).config
    assert config.campaign.lookahead >= 2 * config.slots.count


@pytest.mark.parametrize(("files", "environ", "overrides", "seed", "origin"), [
    ([], {}, [], 1, "default"),
    (["campaign: {seed: 2}"], {}, [], 2, "0.yaml"),
    (["campaign: {seed: 2}", "campaign: {seed: 3}"], {}, [], 3, "1.yaml"),
    (["campaign: {seed: 2}", "campaign: {name: x}"], {}, [], 2, "0.yaml"),
    (["campaign: {seed: 2}"], {"AUTOSWARM_CAMPAIGN__SEED": "4"}, [], 4, "AUTOSWARM_CAMPAIGN__SEED"),
    (["campaign: {seed: 2}"], {"AUTOSWARM_CAMPAIGN__SEED": "4"}, ["campaign.seed=5"], 5, "campaign.seed=5"),
    ([], {}, ["campaign.seed=5", "campaign.seed=6"], 6, "campaign.seed=6"),
    ([], {"AUTOSWARM_SEED": "4", "CAMPAIGN__SEED": "4", "autoswarm_campaign__seed": "4"}, [], 1, "default"),
    (["campaign:"], {}, [], 1, "default"),
    (["# nothing"], {}, [], 1, "default"),
    (["campaign.seed: 7"], {}, [], 7, "0.yaml"),
])  # fmt: skip
def test_the_last_one_wins(
    tmp_path: Path, files: list[str], environ: dict[str, str], overrides: list[str], seed: int, origin: str
) -> None:
    paths = []
    for number, text in enumerate(files):
        paths.append(tmp_path / f"{number}.yaml")
        paths[-1].write_text(text, encoding="utf-8")
    loaded = load(paths, overrides, environ)
    assert loaded.config.campaign.seed == seed
    assert loaded.origins["campaign.seed"].endswith(origin)


def test_a_later_file_leaves_the_other_keys_of_a_section_alone(tmp_path: Path) -> None:
    loaded = load(["demo", write(tmp_path, "slots: {cores: 2}")], [], {})
    assert (loaded.config.slots.count, loaded.config.slots.cores) == (2, 2)
    assert loaded.origins["slots.count"] == "configs/demo.yaml"


def test_a_list_is_replaced_whole(tmp_path: Path) -> None:
    loaded = load([write(tmp_path, "arms: [{name: a}, {name: b}]")], ["arms=[{name: c, weight: 2}]"], {})
    assert [(arm.name, arm.weight) for arm in loaded.config.arms] == [("c", 2.0)]


def test_floors_are_nobody_s_business_without_a_bandit() -> None:
    assert (
        load(
            [], ["campaign.arm_floor=1", "arms=[{name: a}, {name: b}]", "campaign.lookahead=2"], {}
        ).config.campaign.arm_floor
        == 1
    )


def test_a_file_with_a_folder_is_never_the_shipped_one(tmp_path: Path) -> None:
    assert "there is no configuration file" in str(refusal([tmp_path / "demo.yaml"], [], {}))
    assert "there is no configuration file" in str(refusal(["./demo.yaml"], [], {}))


@pytest.mark.parametrize(("override", "key", "value"), [
    ("campaign.name=2026", "name", "2026"),
    ("campaign.name=yes", "name", "yes"),
    ("campaign.name=2026-01-02", "name", "2026-01-02"),
    ("campaign.max_hours=1e-1", "max_hours", 0.1),
    ("campaign.charter=a=b.md", "charter", "a=b.md"),
])  # fmt: skip
def test_text_given_as_text_stays_text(override: str, key: str, value: object) -> None:
    assert getattr(load([], [override], {}).config.campaign, key) == value


def test_off_is_a_word_where_yaml_sees_a_boolean(tmp_path: Path) -> None:
    assert load([], ["trust.mode=off"], {}).config.trust.mode == "off"
    loaded = load([write(tmp_path, "trust: {mode: off}")], [], {})
    assert loaded.config.trust.mode == "off"
    assert load([write(tmp_path, resolved_yaml(loaded))], [], {}).config == loaded.config


def test_null_empties_what_may_be_empty() -> None:
    assert load(["demo"], ["task.size=null"], {}).config.task.size is None


@pytest.mark.parametrize(("text", "what", "remedy"), [
    ("campaign: {sead: 3}", "unknown key campaign.sead", "Did you mean campaign.seed?"),
    ("seed: 3", "unknown key seed", "Did you mean campaign.seed?"),
    ("campagne: {seed: 3}", "unknown key campagne", "Did you mean campaign?"),
    ("arms: [{name: a, wait: 2}]", "arm 'a': `wait` is no key of a search arm", "Did you mean `weight`?"),
    ("arms: [{name: a, models: [x]}]", "arm 'a': `models` is no key of a search arm",
    "It is a key of llm: say `proposer: llm`"),
    ("arms: [{name: a, models: []}]", "`models` is no key of a search arm", "or take it out"),
    ("arms: [{name: a, proposer: llm, files: [x]}]", "`files` is no key of an llm arm",
    "`proposer: scripted`"),
    ("arms: [{name: a, proposer: scripted, timeout: 3}]", "`timeout` is no key of a scripted arm",
    "It is a key of llm and command"),
    ("arms: [{name: a, proposer: llm, temprature: 1}]", "`temprature`", "Did you mean `temperature`?"),
    ("arms: [{name: a, xyz: 1}]", "`xyz` is no key", "Its keys are name, proposer, weight, parent, control."),
    ("arms: [{name: a}, {wind: 1}]", "arm number 2: `wind` is no key", "Its keys are name"),
    ("arms: [{nam: a}]", "arm number 1: `nam` is no key", "Did you mean `name`?"),
    ("arms: [{name: a, model: x}]", "`model` is no key", "Did you mean `models`, a key of llm?"),
    ("arms: [{name: a, proposer: llm, max_token: 1}]", "`max_token` is no key", "Did you mean `max_tokens`?"),
    ("arms: [{name: a, proposer: llm, programm: x}]", "`programm` is no key", "Did you mean `charter`?"),
    ("campaign: {prgram: x}", "unknown key campaign.prgram", "Did you mean campaign.charter?"),
    ("charter: x.md", "unknown key charter", "Did you mean campaign.charter?"),
    ("arms.models: [x]", "unknown key arms.models", "give it there"),
    ("models: {m/x: {at_once: many}}", "models.m/x.at_once is 'many'", "Most open calls"),
    ("models: {m/x: 3}", "models.m/x is 3", "Prices and limits"),
    ("arms: [{name: a, proposer: magic}]", "arm 'a': there is no proposer 'magic'",
    f"There are {', '.join(KINDS)}."),
    ("arms: [search]", "arms.0 is 'search'", "Correct it"),
    ("arms: [{name: a, proposer: llm, timeout: -1}]", "arms.0.timeout is -1 and should be greater than 0",
    "Seconds"),
    ("arms: [{weight: 2}]", "arms.0.name is missing", "Label of the arm."),
    ("arms: []", "arms is []", "Ways of proposing."),
    ("arms: [{name: person}]", "an arm is named 'person'", "autoswarm propose"),
    ("arms: [{name: transfer}]", "an arm is named 'transfer'", "another division"),
    ("arms: [{name: a}, {name: a}]", "two arms are named 'a'", "a name of its own"),
    ("campaign: {seed: many}", "campaign.seed is 'many' and should be a valid integer", "Seed of everything"),
    ("campaign: {seed: -1}", "campaign.seed is -1 and should be greater than or equal to 0",
    "Seed of everything"),
    ("campaign: {name: Big Name}", "campaign.name is 'Big Name' and should match pattern", "Folder under"),
    ("campaign: 3", "campaign is 3 and should be a section", "campaign.seed"),
    ("trainer: {kind: magic}", "trainer.kind is 'magic' and should be 'subprocess' or 'simulated'",
    "trains for real"),
    ("models: {openai/x: {input_usd_per_million: 1}}", "model openai/x has one of its two prices",
    "or neither"),
    ("models: {openai/x: {at_once: -1}}", "models.openai/x.at_once is -1", "Correct it"),
    ("money: {cap: 1}", "unknown key money.cap", "Did you mean money.cap_usd?"),
    ("money: {cap_usd: .inf}", "money.cap_usd is inf", "Most dollars"),
    ("money: {cap_usd: true}", "money.cap_usd is True and should be a number", "Most dollars"),
    ("slots: {count: false}", "slots.count is False and should be a number", "Agents on CPU slots"),
    ("arms: [{name: a, weight: true}]", "arms.0.weight is True and should be a number", "Share of"),
    ("models: {m/x: {input_usd_per_million: false, output_usd_per_million: 1}}",
    "models.m/x.input_usd_per_million is False and should be a number", "0 is free"),
    ("campaign: {max_hours: .inf}", "campaign.max_hours is inf and should be a finite number", "0 means no"),
    ("acceptance: {screen_z: .nan}", "acceptance.screen_z is nan and should be a finite", "Correct it"),
    ("campaigns_dir: ''", "campaigns_dir is '' and should not be empty", "Folder that holds"),
    ("task: {size: '  '}", "task.size is '  ' and should not be empty", "One of the sizes"),
    ("arms: [{name: a, proposer: llm, models: ['']}]", "arms.0.models.0 is '' and should not be empty",
    "litellm's names"),
    ("- a", "holds a list, not a mapping", "key: value"),
    ("a: [", "cannot read", "valid YAML"),
    ("a: 1\nb: [", "line 2: ", "valid YAML"),
    ("campaign:\n\tseed: 3", "line 2: a tab where YAML wants spaces", "Indent with spaces"),
    ("campaign: {seed: 1}\nslots: {count: 2}\ncampaign: {max_hours: 2}",
    "mine.yaml, line 3: the key 'campaign' is given twice, first on line 1", "would replace the first"),
    ("arms:\n- name: a\n  weight: 2\n  weight: 3", "line 4: the key 'weight' is given twice, first on line 3",
    "would replace"),
    ("slots: {count: 2, 'count': 3}", "line 1: the key 'count' is given twice, on the same line", "Keep one"),
    ("campaign.seed: 1\ncampaign: {seed: 2}", "campaign.seed is given twice", "Keep one of the two."),
    ("campaign: {max_hours: 10:00}", "max_hours is '10:00' and should be a valid number", "many hours"),
    ("campaign: {session_minutes: 1:30:00}", "campaign.session_minutes is '1:30:00'", "many minutes"),
    ("campaign: {seed: 2026-01-02}", "seed is '2026-01-02' and should be a valid integer", "Seed of"),
    ("campaign: {seed: [" + "[" * 5000, "it is nested too deeply", "valid YAML"),
    ("arms: &arms [*arms]", "arms.0", "Correct it"),
    ("a: !!python/object:os.system x", "line 1: could not determine a constructor", "valid YAML"),
    ("--- {}\n--- {}", "line 2: but found another document", "valid YAML"),
])  # fmt: skip
def test_a_wrong_file_is_refused_in_one_line_with_a_remedy(
    tmp_path: Path, text: str, what: str, remedy: str
) -> None:
    error = refusal([write(tmp_path, text)], [], {})
    assert what in str(error)
    assert "mine.yaml" in str(error)
    assert "\n" not in str(error)
    assert remedy in error.remedy


@pytest.mark.parametrize(("overrides", "environ", "what", "remedy"), [
    (["campaign.sead=3"], {}, "campaign.sead=…: unknown key campaign.sead", "Did you mean campaign.seed?"),
    (["campaign=3"], {}, "campaign is a section", "campaign.seed"),
    (["demo"], {}, "'demo' is not key=value", "campaign.seed=3"),
    (["campaign.arm_choice=bandit", "campaign.lookahead=2"], {}, "bandit with campaign.lookahead=2",
    "arm_choice=weights"),
    (["campaign.max_runs=9", "campaign.lookahead=2"], {}, "max_runs=9 with campaign.lookahead=2",
    "campaign.max_experiments"),
    (["campaign.arm_choice=bandit", "campaign.arm_floor=1", "arms=[{name: a}, {name: b}]"], {},
    "come to 200% of the briefs", "campaign.arm_floor"),
    (["campaign.arm_choice=bandit", "campaign.control_floor=.6",
    "arms=[{name: a, control: true}, {name: b, control: true}]"], {}, "120%", "Lower"),
    (["campaign.propose_in=[a10]"], {}, "propose_in=a10, and every slot is of division cpu", "Name cpu"),
    (["campaign.propose_in=[a10]", "slots.per_gpu=true", "slots.division=h100"], {}, "of division h100",
    "Name h100"),
    (["campaign.propose_in=[cpu]", "campaign.transfer=false"], {}, "=cpu with campaign.transfer=false",
    "transfer=true"),
    (["campaign.propose_in=[cpu]", "campaign.lookahead=4"], {}, "propose_in=cpu with campaign.lookahead=4",
    "lookahead=0"),
    (["coordinator.heartbeat=60"], {}, "is not shorter than coordinator.lease_ttl", "several heartbeats"),
    ([], {"AUTOSWARM_SLOTS__COUNTS": "3"}, "AUTOSWARM_SLOTS__COUNTS: unknown key slots.counts",
    "Did you mean slots.count?"),
    ([], {"AUTOSWARM_SLOTS__COUNT": "0"}, "AUTOSWARM_SLOTS__COUNT: slots.count is 0", "CPU slots"),
])  # fmt: skip
def test_a_wrong_key_elsewhere_is_refused_with_its_place(
    overrides: list[str], environ: dict[str, str], what: str, remedy: str
) -> None:
    error = refusal([], overrides, environ)
    assert what in str(error)
    assert remedy in error.remedy


@pytest.mark.parametrize(
    "name", ["AUTOSWARM_OPENAI__API_KEY", "AUTOSWARM_LLM__TOKEN", "AUTOSWARM_CAMPAIGN__SEEDS"]
)
def test_the_value_of_an_unknown_key_is_never_shown(name: str) -> None:
    error = refusal([], [], {name: "hunter2"})
    assert "hunter2" not in f"{error} {error.remedy} {error.__cause__}"


def test_a_secret_in_the_configuration_is_sent_to_the_environment(tmp_path: Path) -> None:
    error = refusal([write(tmp_path, "openai_api_key: hunter2")], [], {})
    assert "hunter2" not in str(error)
    assert ".env" in error.remedy


def test_an_unknown_file_names_the_nearest_and_all_shipped_ones() -> None:
    error = refusal(["dmeo"], [], {})
    assert "'dmeo'" in str(error)
    assert "Did you mean demo?" in error.remedy
    assert "gpu_node" in error.remedy


@pytest.mark.parametrize("files", [[], ["demo"], ["gpu_node"]])
def test_the_resolved_file_loads_to_the_same_configuration(tmp_path: Path, files: list[str]) -> None:
    first = load(files, ["campaign.max_hours=.5", "arms=[{name: a, proposer: scripted, files: [b.py]}]"], {})
    assert load([write(tmp_path, resolved_yaml(first))], [], {}).config == first.config


@pytest.mark.parametrize(("given", "kept"), [("hunter2", None), ("", "")])
def test_a_word_for_the_secret_is_not_in_the_file_beside_the_campaign(
    tmp_path: Path, given: str, kept: str | None
) -> None:
    text = kept_yaml(load([], [f'campaign.secret="{given}"', "campaign.name=hunt"], {}))
    assert "hunter2" not in text
    campaign = load([write(tmp_path, text)], [], {}).config.campaign
    assert (campaign.name, campaign.secret) == ("hunt", kept)


@pytest.mark.parametrize(("word", "nearest"), [("demmo", "demo"), ("gpu-node", "gpu_node"), ("x", None)])
def test_did_you_mean_finds_the_nearest_or_nothing(word: str, nearest: str | None) -> None:
    assert did_you_mean(word, ["demo", "gpu_node"]) == nearest


def test_an_unreadable_file_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="directory"):
        read_yaml(tmp_path)


def test_what_is_wrong_in_an_override_is_said_without_its_values() -> None:
    arm = "{name: coder, proposer: command, command: [x], env: [KEY=sk-live-123456]}"
    for arms in (f"arms=[{arm}]", f"arms=[{arm}, {arm}]"):
        error = refusal([], [arms], {})
        assert "sk-live" not in f"{error} {error.remedy}"


@pytest.mark.parametrize("key", ["api_key", "openai_api_key", "key", "token", "secret", "password"])
def test_a_secret_is_sent_to_the_environment_however_near_its_name_is_to_a_key(key: str) -> None:
    for override in (
        f"arms=[{{name: a, proposer: llm, {key}: sk-1}}]",
        f"models.{key}=sk-1",
        f"{'cluster' if key == 'secret' else 'campaign'}.{key}=sk-1",
        f"{key}=sk-1",
    ):
        assert "environment" in refusal([], [override], {}).remedy, override


def test_the_campaign_s_own_secret_is_a_key_and_is_not_shown_where_it_is_wrong(tmp_path: Path) -> None:
    assert load([], ["campaign.secret=12"], {}).config.campaign.secret == "12"  # noqa: S105
    error = refusal([write(tmp_path, "campaign: {secret: [hunter2]}")], [], {})
    assert "campaign.secret" in str(error)
    assert "hunter2" not in f"{error} {error.remedy}"
    assert "Did you mean campaign.secret?" in refusal([], ["campaign.secert=x"], {}).remedy


def test_words_are_words_and_numbers_are_as_people_write_them(tmp_path: Path) -> None:
    text = """
campaign: {name: on, max_hours: 1e1, seed: 010, charter: 2026-01-02}
trust: {mode: off, allow_untrusted: yes}
slots: {per_gpu: no, division: 10:30}
arms: [{name: no, control: on}, {name: y}]
"""
    config = load([write(tmp_path, text)], [], {}).config
    assert (config.campaign.name, config.campaign.max_hours, config.campaign.seed) == ("on", 10.0, 10)
    assert (config.campaign.charter, config.slots.division) == ("2026-01-02", "10:30")
    assert (config.trust.mode, config.trust.allow_untrusted, config.slots.per_gpu) == ("off", True, False)
    assert [(arm.name, arm.control) for arm in config.arms] == [("no", True), ("y", False)]


def test_words_mean_the_same_on_the_command_line_and_in_the_environment() -> None:
    overrides = ["trust.mode=off", "trust.allow_untrusted=on", "slots.per_gpu=no", "slots.division=10:30"]
    config = load([], overrides, {"AUTOSWARM_CAMPAIGN__NAME": "off"}).config
    assert (config.trust.mode, config.trust.allow_untrusted, config.slots.per_gpu) == ("off", True, False)
    assert (config.slots.division, config.campaign.name) == ("10:30", "off")


def test_anchors_and_merges_are_as_everywhere(tmp_path: Path) -> None:
    text = "arms:\n- &one {name: a, weight: 2}\n- {<<: *one, name: b}\n- {<<: *one, name: c, weight: 3}\n"
    arms = load([write(tmp_path, text)], [], {}).config.arms
    assert [(arm.name, arm.weight) for arm in arms] == [("a", 2), ("b", 2), ("c", 3)]


WORDS = ["1e5", "10:00", "on", "null", "010", "2026-01-02", "~", "1_0", "0x10", "=", "<<"]


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_written_so_that_it_is_read_as_the_same(tmp_path: Path, word: str) -> None:
    loaded = load([], [f"slots.division='{word}'"], {})
    assert loaded.config.slots.division == word
    written = resolved_yaml(loaded)
    assert load([write(tmp_path, written)], [], {}).config == loaded.config
    assert yaml.safe_load(written)["slots"]["division"] == word  # older versions read it alike


def test_a_broken_file_is_named_without_a_word_of_it(tmp_path: Path) -> None:
    error = refusal([write(tmp_path, "campaign: {charter: sk-secret-word")], [], {})
    assert "sk-secret-word" not in f"{error} {error.remedy}"


@pytest.mark.parametrize(
    "override", ["arms=[{name: a, name: b}]", "arms=[{name: a}", "models={a: {at_once: 1}"]
)
def test_a_list_or_mapping_given_as_text_is_refused_by_name(override: str) -> None:
    error = refusal([], [override], {})
    assert str(error).replace("cannot read ", "").startswith(f"{override.partition('=')[0]}=…, line 1: ")


def test_two_variables_for_one_key_are_refused() -> None:
    error = refusal([], [], {"AUTOSWARM_CAMPAIGN__SEED": "1", "AUTOSWARM_campaign__seed": "2"})
    assert "campaign.seed is given twice" in str(error)
    assert "AUTOSWARM_campaign__seed" in str(error)


@pytest.mark.parametrize("value", ["!!bool maybe", "!!timestamp 2001", "!!int x"])
def test_a_tag_that_its_value_does_not_obey_is_refused(tmp_path: Path, value: str) -> None:
    error = refusal([write(tmp_path, f"campaign: {{seed: {value}}}\n")], [], {})
    assert "cannot read" in str(error)
    refusal([], [f"campaign.seed={value}"], {})
