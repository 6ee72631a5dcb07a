"""Arms that cost money need a cap before anything starts, and a cap that is spent starts nothing."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from configs.errors import ConfigError
from configs.load import load
from configs.schema import Config
from coordinator.domain import Phase
from coordinator.rules import budget_cap, campaign
from coordinator.state.arm_events import CallSettled
from coordinator.state.events import CampaignDraining, CampaignResumed
from deploy.checks.money import paid_arms, require_cap
from deploy.cli.main import main
from tests.unit.swarm_of_rules import Swarm, rules

SHIPPED = ("llm", "three_models", "two_charters")
FREE = "models={openai/gpt-4o: {input_usd_per_million: 0, output_usd_per_million: 0}}"
DEAR = "models={openai/mine: {input_usd_per_million: 1, output_usd_per_million: 0}}"


def llm(model: str, api_base: str = "null") -> str:
    return f"arms=[{{name: a, proposer: llm, models: [{model}], api_base: '{api_base}'}}]".replace(
        "'null'", "null"
    )


def config(*words: str, files: tuple[str, ...] = ()) -> Config:
    return load(files, list(words), {}).config


@pytest.mark.parametrize(("words", "paid"), [
    ([], False),
    ([llm("openai/gpt-4o")], True),
    ([llm("anthropic/claude-of-tomorrow")], True),
    ([llm("openai/gpt-4o"), FREE], False),
    ([llm("openai/gpt-4o", "http://127.0.0.1:4000/v1")], True),
    ([llm("openai/mine", "http://127.0.0.1:8000/v1")], False),
    ([llm("openai/mine", "http://gpu-box:8000/v1")], False),
    ([llm("openai/mine", "http://10.1.2.3:8000")], False),
    ([llm("openai/mine", "http://[::1]:8000")], False),
    ([llm("openai/mine", "http://models.lan:8000")], False),
    ([llm("openai/mine", "https://api.example.com/v1")], True),
    ([llm("openai/mine", "http://127.0.0.1:8000/v1"), DEAR], True),
    ([llm("ollama/llama3")], False),
    ([llm("hosted_vllm/mine", "https://api.example.com/v1")], True),
    (["arms=[{name: a, proposer: command, template: claude-code}]"], True),
    (["arms=[{name: a, proposer: command, template: codex}]"], True),
    (["arms=[{name: a, proposer: command, command: [/opt/bin/aider, --yes]}]"], True),
    (["arms=[{name: a, proposer: command, command: [./mine.sh]}]"], False),
    (["arms=[{name: a, proposer: command, command: [./mine.sh, --amp]}]"], False),
    (["arms=[{name: a, proposer: command, command: [npx, -y, '@anthropic-ai/claude-code', -p]}]"], True),
    (["arms=[{name: a, proposer: command, command: [timeout, '300', gemini, -p]}]"], True),
    (["arms=[{name: a, proposer: command, template: shell, command: ['cat x | claude -p']}]"], True),
    (["arms=[{name: a, proposer: command, template: shell, command: ['python mine.py']}]"], False),
    (["arms=[{name: a, proposer: command, template: claude-code}]",
      "models={claude-code: {input_usd_per_million: 0, output_usd_per_million: 0}}"], False),
    (["arms=[{name: a}, {name: b, proposer: llm, models: [ollama/x, openai/gpt-4o]}]"], True),
])  # fmt: skip
def test_an_arm_is_paid_unless_it_is_free_by_configuration_or_a_server_of_one_s_own(
    words: list[str], paid: bool
) -> None:
    assert any(paid_arms(config(*words))) is paid
    if paid:
        with pytest.raises(ConfigError, match=r"costs money .* no cap is set") as caught:
            require_cap(config(*words))
        assert "money.cap_usd=DOLLARS" in caught.value.remedy
        assert "--no-cap" in caught.value.remedy
        require_cap(config(*words, "money.uncapped=true"))
    else:
        require_cap(config(*words))


@pytest.mark.parametrize(("words", "held"), [
    ([llm("openai/gpt-4o")], True),
    ([llm("anthropic/claude-of-tomorrow")], False),
    ([llm("openai/mine", "https://api.example.com/v1")], False),
    ([llm("openai/mine", "https://api.example.com/v1"), DEAR], True),
    ([llm("openai/mine", "http://127.0.0.1:8000/v1")], True),
    ([llm("hosted_vllm/mine", "https://api.example.com/v1")], False),
    ([llm("openai/gpt-4o, anthropic/claude-of-tomorrow")], False),
    ([llm("ollama/llama3")], True),
    (["arms=[{name: a, proposer: command, template: claude-code}]"], True),
])  # fmt: skip
def test_a_cap_that_cannot_hold_an_arm_does_not_let_it_start(words: list[str], held: bool) -> None:
    """Nobody knows what its model costs; the second of them may be asked, too."""
    capped = config(*words, "money.cap_usd=1")
    if held:
        require_cap(capped)
        return
    with pytest.raises(
        ConfigError, match=r"nobody knows what .* costs, so that money.cap_usd cannot"
    ) as caught:
        require_cap(capped)
    assert "0 is free" in caught.value.remedy
    require_cap(config(*words, "money.cap_usd=1", "money.uncapped=true"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_configurations_with_models_carry_a_cap(name: str) -> None:
    shipped = config(files=(name,))
    assert shipped.money.cap_usd > 0
    require_cap(shipped)
    with pytest.raises(ConfigError, match="costs money"):
        require_cap(config("money.cap_usd=0", files=(name,)))


def test_no_cap_takes_the_place_of_a_cap_wherever_it_was_set() -> None:
    """Only looked at: nothing is started."""
    line = ["run", "llm", "money.cap_usd=3", "--no-cap", "--dry-run"]
    result = CliRunner().invoke(main, line, prog_name="autoswarm", env={"ANTHROPIC_API_KEY": "planted"})
    assert result.exit_code == 0, result.stderr
    assert "when it is stopped" in result.stdout
    assert "3 USD" not in result.stdout


def test_a_run_without_a_cap_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["run", "llm", "money.cap_usd=0"], prog_name="autoswarm")
    assert result.exit_code == 3
    assert (
        "error: arm 'claude' costs money (anthropic/claude-sonnet-5-5), and no cap is set\n  do:"
        in result.stderr
    )
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- a cap that is spent


def spent(swarm: Swarm, usd: float, call: str = "c1") -> None:
    event = CallSettled(call=call, agent="a", arm="search", model="m", ordinal=1, cost_usd=usd, result="diff")
    swarm.commit([event])


def capped(usd: float) -> object:
    return rules(money=rules().money.__class__(cap_usd=usd))


@pytest.mark.parametrize("reason", ["stopped by `autoswarm stop`", "stopped by Ctrl-C", "campaign.max_hours"])
def test_a_campaign_that_goes_on_beyond_its_cap_has_ended_for_its_money_from_then_on(reason: str) -> None:
    swarm = Swarm(rules())
    spent(swarm, 5.0)
    swarm.commit(campaign.drain(swarm.state, reason))
    swarm.settle()
    assert (swarm.state.phase, swarm.state.capped) == (Phase.FINISHED, False)
    swarm.commit(campaign.begin(swarm.state, capped(4.0), swarm.now))  # type: ignore[arg-type]
    swarm.settle()
    assert (swarm.state.phase, swarm.state.capped) == (Phase.FINISHED, True)
    assert "money.cap_usd reached: 5.0000 of 4 USD are spent" in swarm.state.phase_reason
    assert swarm.replayed() == swarm.state


def test_once_it_is_said_it_is_not_said_again_and_more_money_goes_on() -> None:
    swarm = Swarm(capped(4.0))  # type: ignore[arg-type]
    spent(swarm, 5.0)
    swarm.settle()
    assert swarm.state.capped
    again = campaign.begin(swarm.state, capped(4.0), swarm.now)  # type: ignore[arg-type]
    assert not any(isinstance(event, CampaignDraining | CampaignResumed) for event in again)
    more = campaign.begin(swarm.state, capped(40.0), swarm.now)  # type: ignore[arg-type]
    assert any(isinstance(event, CampaignResumed) for event in more)
    assert budget_cap.spent_out(swarm.state, capped(40.0), 0.0, "a call") == ""  # type: ignore[arg-type]
