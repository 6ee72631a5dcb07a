"""What arms did, earned and cost, as plain values ready for JSON. Pure. Gains are in the metric's unit,
shares are 0 to 1; intervals cover 90 %.

Gain, hours and what follows from them count experiments with their last verdict; proposals, refusals and runs
count at once.
"""

from collections import Counter

from msgspec import to_builtins

from coordinator.domain import Origin, State
from coordinator.state.arm_tally import ArmTally, Interval, difference, gain_per_dollar, gain_per_hour
from coordinator.state.campaign_rules import ArmShare
from coordinator.state.campaign_state import CampaignState
from coordinator.views.status import SCHEMA, Json, arm_names

RATES = ("gain_per_gpu_hour", "gain_per_usd")


def arms(state: CampaignState) -> Json:
    """Every arm of the configuration or the journal, each against every control."""
    rates = {name: _rates(state, name) for name in arm_names(state)}
    controls = [arm.name for arm in state.start.rules.arms if arm.control]
    return {
        "schema": SCHEMA,
        "campaign": state.start.campaign,
        "metric": {"name": state.metric.name, "direction": state.metric.direction.value},
        "arm_choice": state.start.rules.arm_choice.value,
        "arms": [
            _row(state, name) | to_builtins(rates[name]) | {"versus": _versus(name, rates, controls)}
            for name in rates
        ],
    }


def _row(state: CampaignState, name: str) -> Json:
    counts, tally = state.arms.get(name, Counter()), state.tallies.get(name, ArmTally())
    asked = counts.get("proposals", 0) + counts.get("refused", 0)
    return {
        "name": name,
        **_terms(next((arm for arm in state.start.rules.arms if arm.name == name), None)),
        **{
            what: counts.get(what, 0)
            for what in ("proposals", "refused", "runs", *(each.value for each in State if each.final))
        },
        "applied_rate": counts.get("proposals", 0) / asked if asked else None,
        "gain": tally.gain,
        "gpu_hours": tally.hours,
        "usd": state.spend.usd_of(name),
        "unpriced": state.spend.unpriced_of(name),
    }


def _terms(arm: ArmShare | None) -> Json:
    """What the configuration says of an arm; one that is only in the journal has no terms any more."""
    if arm is None:
        return {"control": False, "parent": Origin.BEST.value, "strategy": None, "weight": None}
    strategy = "rotate" if arm.rotate else arm.strategy.value
    return {"control": arm.control, "parent": arm.parent.value, "strategy": strategy, "weight": arm.weight}


def _rates(state: CampaignState, name: str) -> dict[str, Interval | None]:
    tally = state.tallies.get(name, ArmTally())
    merges = sum(each.merges for each in state.tallies.values())
    typical = sum(each.gain for each in state.tallies.values()) / merges if merges else 0.0
    dollars = 0.0 if state.spend.unpriced_of(name) else state.spend.usd_of(name)
    return dict(
        zip(RATES, (gain_per_hour(tally, typical), gain_per_dollar(tally, dollars, typical)), strict=True)
    )


def _versus(name: str, rates: dict[str, dict[str, Interval | None]], controls: list[str]) -> Json:
    """How much more the arm earns than each control, by what is known of both."""
    found: Json = {}
    for control in controls:
        pairs = {rate: (rates[name][rate], rates[control][rate]) for rate in RATES}
        if control != name:
            found[control] = {
                rate: to_builtins(difference(one, other)) if one and other else None
                for rate, (one, other) in pairs.items()
            }
    return found
