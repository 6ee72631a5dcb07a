"""Values that are right one by one and cannot hold together."""

import re
from collections.abc import Mapping

from configs.arms import RunsProgram
from configs.errors import ConfigError
from configs.reserved import COMBINED, PERSON, SIMPLER, TRANSFER
from configs.schema import Config, ModelConfig


def refuse_contradictions(config: Config, origins: Mapping[str, str]) -> None:
    """Raises ConfigError for the first. origins: of every dotted key."""
    _refuse_names(config, origins["arms"])
    _refuse_limits(config)
    _refuse_arm_choice(config)
    _refuse_idle_divisions(config)
    _refuse_environment(config, origins["arms"])
    _refuse_half_a_price(config, origins["models"])
    coordinator = config.coordinator
    if coordinator.heartbeat >= coordinator.lease_ttl:
        what = (
            f"coordinator.heartbeat ({coordinator.heartbeat:g} s) is not shorter than coordinator.lease_ttl"
            f" ({coordinator.lease_ttl:g} s)"
        )
        raise ConfigError(what, "Every lease would be lost. Let the lease live for several heartbeats.")


def _refuse_names(config: Config, origin: str) -> None:
    names = [arm.name for arm in config.arms]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(
            f"{origin}: two arms are named {twice!r}",
            "Give every arm a name of its own: results are compared by it.",
        )
    if PERSON in names:
        raise ConfigError(
            f"{origin}: an arm is named {PERSON!r}",
            "Give it another name: that is the arm of `autoswarm propose`.",
        )
    if COMBINED in names:
        raise ConfigError(
            f"{origin}: an arm is named {COMBINED!r}",
            "Give it another name: that is the arm of acceptance.combine.",
        )
    if SIMPLER in names:
        raise ConfigError(
            f"{origin}: an arm is named {SIMPLER!r}",
            "Give it another name: that is the arm of `autoswarm ablate --merge`.",
        )
    if TRANSFER in names:
        raise ConfigError(
            f"{origin}: an arm is named {TRANSFER!r}",
            "Give it another name: that is the arm of merges that are tried in another division.",
        )


def _refuse_limits(config: Config) -> None:
    campaign = config.campaign
    if campaign.max_runs and campaign.lookahead:
        raise ConfigError(
            f"campaign.max_runs={campaign.max_runs} with campaign.lookahead={campaign.lookahead}: how many"
            " runs a campaign has made depends on how fast slots are",
            "With a lookahead the same seed must give the same verdicts: take campaign.max_experiments, or"
            " lookahead=0.",
        )


def _refuse_arm_choice(config: Config) -> None:
    campaign = config.campaign
    if campaign.arm_choice != "bandit":
        return
    if campaign.lookahead:
        raise ConfigError(
            f"campaign.arm_choice=bandit with campaign.lookahead={campaign.lookahead}: what arms cost depends"
            " on how fast slots are",
            "With a lookahead the same seed must give the same verdicts: take arm_choice=weights, or"
            " lookahead=0.",
        )
    floors = sum(
        max(campaign.arm_floor, campaign.control_floor) if arm.control else campaign.arm_floor
        for arm in config.arms
    )
    if floors > 1:
        what = f"the least shares of {len(config.arms)} arms come to {floors:.0%} of the briefs"
        raise ConfigError(what, "Lower campaign.arm_floor or campaign.control_floor, or take arms out.")


def _refuse_idle_divisions(config: Config) -> None:
    campaign, slots = config.campaign, config.slots
    if not campaign.propose_in:
        return
    only = slots.division or ("" if slots.per_gpu else "cpu")
    if only and only not in campaign.propose_in:
        raise ConfigError(
            f"campaign.propose_in={', '.join(campaign.propose_in)}, and every slot is of division {only}:"
            " nobody would propose",
            f"Name {only}, or leave campaign.propose_in out.",
        )
    if campaign.transfer and not campaign.lookahead:
        return
    off = f"lookahead={campaign.lookahead}" if campaign.lookahead else "transfer=false"
    names = ", ".join(campaign.propose_in)
    raise ConfigError(
        f"campaign.propose_in={names} with campaign.{off}: the other divisions would have nothing to do",
        "They measure what is transferred to them. Take campaign.transfer=true and lookahead=0, or leave"
        " propose_in out.",
    )


def _refuse_environment(config: Config, origin: str) -> None:
    """What programs are given of the environment: values in place of names, which are not shown, and Ray's
    own.
    """
    for arm in config.arms:
        names = arm.env if isinstance(arm, RunsProgram) else []
        where = f"{origin}: env of arm {arm.name!r}"
        if not all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) for name in names):
            raise ConfigError(
                f"{where} holds something that is no variable's name",
                "Write names alone; their values come from the environment.",
            )
        if any(name.upper().startswith("RAY_") for name in names):
            raise ConfigError(
                f"{where} hands on a variable of Ray's",
                "Leave it out: with it a command could join the cluster.",
            )


def _refuse_half_a_price(config: Config, origin: str) -> None:
    half = next((name for name, model in config.models.items() if _is_half_priced(model)), None)
    if half is not None:
        raise ConfigError(
            f"{origin}: model {half} has one of its two prices",
            "Give input_usd_per_million and output_usd_per_million, or neither. 0 is free.",
        )


def _is_half_priced(model: ModelConfig) -> bool:
    return (model.input_usd_per_million is None) != (model.output_usd_per_million is None)
