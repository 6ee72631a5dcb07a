"""Rules of money: what may begin under the cap, what a call costs, and when there is nothing left. Pure.

- The cap is one, over models and slots. A call sets aside what it may cost at most; a run the price of its
  wall cap. What would go beyond the cap waits until something that is set aside was settled for less, and
  where even that could not make room, the campaign ends.
- So the cap is overshot only by what nobody could know before: a call without a known price, a tokeniser that
  counts differently.
"""

from typing import Protocol

from msgspec.structs import replace

from coordinator.domain import Phase
from coordinator.model_calls import CALL_RESULTS, NAME_CHARS, UNKNOWN, CallRecord, CallRequest, Permit
from coordinator.protocol import Wait
from coordinator.rule_values.rule_set import Rules
from coordinator.rules.wall_caps import wall_cap
from coordinator.state.arm_events import CallSettled
from coordinator.state.campaign_state import CampaignState
from coordinator.state.events import AnyEvent, CampaignDraining

ROUNDING = 1e-9
"""Dollars that sums of small prices may be off by."""


class CallsUnderWay(Protocol):
    """Calls that were permitted and are not settled; ``coordinator.service.open_calls`` remembers them."""

    @property
    def usd(self) -> float:
        """Dollars set aside for them."""

    def __contains__(self, call: str) -> bool: ...

    def of_model(self, model: str) -> int:
        """How many are of the model."""


def run_usd(rules: Rules, seconds: float | None = None) -> float:
    """Dollars set aside for a run: its wall cap, at the price of a slot. seconds: what that is; None takes
    the budget's own.
    """
    return rules.money.slot_usd(rules.budget.wall_cap if seconds is None else seconds)


def next_run_usd(state: CampaignState, rules: Rules) -> float:
    """Dollars that the cheapest of the runs that go first in their divisions may cost."""
    first = [one.next_run for one in state.divisions.values() if one.queued]
    caps = [wall_cap(state, state.runs[name]) for name in first]
    return run_usd(rules, min(caps, default=None))


def reserved_usd(state: CampaignState, calls_usd: float) -> float:
    """Dollars set aside: for open calls, as given, and for the runs that are leased."""
    leased = [state.runs[agent.run] for agent in state.agents.values() if agent.run is not None]
    return calls_usd + sum((run_usd(state.rules, wall_cap(state, run)) for run in leased), 0.0)


def fits(state: CampaignState, usd: float, calls_usd: float) -> bool:
    """Whether something that may cost ``usd`` can begin now."""
    cap_usd = state.rules.money.cap_usd
    return not cap_usd or state.spend.usd + reserved_usd(state, calls_usd) + usd <= cap_usd + ROUNDING


def spent_out(state: CampaignState, rules: Rules, usd: float, what: str) -> str:
    """Why nothing that may cost ``usd`` can ever begin again under these rules; empty while it can. what: it
    is, in words.
    """
    cap_usd, spent = rules.money.cap_usd, state.spend.usd
    if not cap_usd or (spent + usd <= cap_usd + ROUNDING and spent < cap_usd - ROUNDING):
        return ""
    return (
        f"money.cap_usd reached: {spent:.4f} of {cap_usd:g} USD are spent, and {what} may cost {usd:.4f} USD"
    )


def cap(state: CampaignState, reason: str) -> list[AnyEvent]:
    """The money is spent: take no new work."""
    return [CampaignDraining(reason=reason, capped=True)] if state.phase is Phase.RUNNING else []


def estimate(state: CampaignState, request: CallRequest) -> float | None:
    """The most a call may cost, in dollars; None where no price is known."""
    return state.rules.money.cost(
        request.model, request.prompt_tokens, request.max_tokens, request.estimate_usd
    )


def permit(state: CampaignState, request: CallRequest, open_calls: CallsUnderWay) -> Permit | Wait:
    """Whether a call may begin. ``Wait`` while its model has as many open calls as it may, or while what is
    set aside leaves no room; with ``stop`` when the campaign takes no new work or its money is spent.
    """
    if request.call in open_calls:
        return Permit(request.call)
    if state.phase is not Phase.RUNNING:
        return Wait(state.phase_reason, stop=True)
    usd = estimate(state, request) or 0.0
    if why := spent_out(state, state.rules, usd, f"a call of {request.model}"):
        return Wait(why, stop=True)
    most = state.rules.money.at_once(request.model)
    if 0 < most <= open_calls.of_model(request.model):
        return Wait(f"{request.model} has {most} open calls, as many as models.at_once allows")
    if not fits(state, usd, open_calls.usd):
        return Wait("what open calls and runs may cost leaves no room under money.cap_usd")
    return Permit(request.call)


def settle(state: CampaignState, agent: str, record: CallRecord) -> list[AnyEvent]:
    """Take in what came of a call. A repeated record returns []; one that comes after its call was given up
    replaces the guess.
    """
    event = _settled(state, agent, record)
    return [event] if event else []


def give_up(state: CampaignState, agent: str, request: CallRequest, usd: float | None) -> list[AnyEvent]:
    """Settle a call whose agent never sent a record: at its estimate, for its provider may well charge it.

    usd: what was set aside for it, None where no price is known.
    """
    record = CallRecord(
        call=request.call, arm=request.arm, model=request.model, ordinal=request.ordinal, result=UNKNOWN
    )
    event = _settled(state, agent, record)
    return [replace(event, cost_usd=usd, estimated=True)] if event else []


def _settled(state: CampaignState, agent: str, record: CallRecord) -> CallSettled | None:
    guessed = state.spend.guessed(record.call)
    if record.call in state.spend.calls and not guessed:
        return None
    result = record.result if record.result in CALL_RESULTS else UNKNOWN
    if guessed and result == UNKNOWN:
        return None
    prompt, completion = max(0, record.prompt_tokens), max(0, record.completion_tokens)
    return CallSettled(
        call=record.call,
        agent=agent,
        arm=record.arm,
        model=record.model,
        ordinal=record.ordinal,
        turn=record.turn,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost_usd=state.rules.money.cost(record.model, prompt, completion, record.cost_usd),
        seconds=max(0.0, record.seconds),
        result=result,
        estimated=record.estimated,
        answered_by=record.answered_by[:NAME_CHARS],
    )
