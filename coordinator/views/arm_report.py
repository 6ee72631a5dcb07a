"""What arms did, earned and cost. Pure. Gains are in the metric's unit, shares are 0 to 1; intervals cover
90 %.

Gain, hours and what follows from them count experiments with their last verdict; proposals, refusals and runs
count at once.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from coordinator.domain import ArmChoice, Metric, Origin, State
from coordinator.rule_values.rule_set import ArmShare
from coordinator.state.campaign_state import CampaignState
from coordinator.state.tallies.arm_tally import ArmTally, Interval, difference, gain_per_dollar, gain_per_hour
from coordinator.views.status import arm_names, arm_trouble
from coordinator.views.status_page import SCHEMA, ArmTroubleView


class Rates(Struct, frozen=True, kw_only=True):
    """Gain for what it cost, or a difference of two such; None where too little is known."""

    gain_per_gpu_hour: Interval | None
    gain_per_usd: Interval | None


class ArmRow(Struct, frozen=True, kw_only=True):
    """One arm."""

    name: str
    control: bool
    parent: Origin
    """What its variants are made from."""
    strategy: str | None
    """What kind of idea it is asked for; None for an arm that the configuration no longer has."""
    weight: float | None
    """Its share of the briefs, relative to the other arms'; None for one the configuration no longer has."""
    proposals: int
    refused: int
    """Proposals refused for a fault of their own."""
    runs: int
    merged: int
    rejected: int
    crashed: int
    cheated: int
    rolled_back: int
    applied_rate: float | None
    """Share of its proposals that were accepted, 0 to 1."""
    gain: float
    """How much better its merges made the best, in the metric's unit."""
    gpu_hours: float
    usd: float
    """US dollars of models and slots, without unpriced calls."""
    unpriced: int
    """Calls without a known price."""
    gain_per_gpu_hour: Interval | None
    gain_per_usd: Interval | None
    versus: dict[str, Rates]
    """By control: how much more the arm earns than it."""
    trouble: ArmTroubleView | UnsetType = UNSET
    """Why it gives nothing; absent while it gives something."""


class ArmReport(Struct, frozen=True, kw_only=True):
    """All arms of a campaign."""

    schema: Literal[1]
    campaign: str
    metric: Metric
    arm_choice: ArmChoice
    arms: list[ArmRow]


def arms(state: CampaignState) -> ArmReport:
    """Every arm of the configuration or the journal, each against every control."""
    rates = {name: _rates(state, name) for name in arm_names(state)}
    controls = [arm.name for arm in state.start.rules.arms if arm.control]
    return ArmReport(
        schema=SCHEMA,
        campaign=state.start.campaign,
        metric=state.metric,
        arm_choice=state.start.rules.arm_choice,
        arms=[_row(state, name, own, _versus(name, rates, controls)) for name, own in rates.items()],
    )


def _row(state: CampaignState, name: str, rates: Rates, versus: dict[str, Rates]) -> ArmRow:
    terms = next((arm for arm in state.start.rules.arms if arm.name == name), None)
    counts, tally = state.arms.get(name, Counter()), state.tallies.get(name, ArmTally())
    asked = counts["proposals"] + counts["refused"]
    return ArmRow(
        name=name,
        control=terms is not None and terms.control,
        parent=terms.parent if terms else Origin.BEST,
        strategy=_strategy(terms) if terms else None,
        weight=terms.weight if terms else None,
        proposals=counts["proposals"],
        refused=counts["refused"],
        runs=counts["runs"],
        **{final.value: counts[final.value] for final in State if final.final},
        applied_rate=counts["proposals"] / asked if asked else None,
        gain=tally.gain,
        gpu_hours=tally.hours,
        usd=state.spend.usd_of(name),
        unpriced=state.spend.unpriced_of(name),
        gain_per_gpu_hour=rates.gain_per_gpu_hour,
        gain_per_usd=rates.gain_per_usd,
        versus=versus,
        trouble=arm_trouble(state, name),
    )


def _strategy(arm: ArmShare) -> str:
    return "rotate" if arm.rotate else arm.strategy.value


def _rates(state: CampaignState, name: str) -> Rates:
    tally = state.tallies.get(name, ArmTally())
    merges = sum(one.merges for one in state.tallies.values())
    typical = sum(one.gain for one in state.tallies.values()) / merges if merges else 0.0
    dollars = 0.0 if state.spend.unpriced_of(name) else state.spend.usd_of(name)
    return Rates(
        gain_per_gpu_hour=gain_per_hour(tally, typical),
        gain_per_usd=gain_per_dollar(tally, dollars, typical),
    )


def _versus(name: str, rates: Mapping[str, Rates], controls: Sequence[str]) -> dict[str, Rates]:
    """How much more the arm earns than each control, by what is known of both."""
    own = rates[name]
    return {
        control: Rates(
            gain_per_gpu_hour=_more(own.gain_per_gpu_hour, rates[control].gain_per_gpu_hour),
            gain_per_usd=_more(own.gain_per_usd, rates[control].gain_per_usd),
        )
        for control in controls
        if control != name
    }


def _more(one: Interval | None, other: Interval | None) -> Interval | None:
    return difference(one, other) if one and other else None
