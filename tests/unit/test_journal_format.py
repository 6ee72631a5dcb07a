"""The journal's format: names of events and of their fields never change, or old campaigns could not be
opened.

A field may be added, with a default. It may have another name in Python: then ``field(name=...)`` keeps this
one.
"""

import types
import typing
from collections.abc import Iterator
from enum import Enum
from typing import Any

import msgspec

from coordinator.state.events import AnyEvent
from evaluator.policies.any_policy import KINDS

KEYS = {
    "CampaignStarted": "event campaign task surface commit digest rules secret_digest",
    "Rules": (
        "metric budget seed arms policy trust early_stop_at early_stop_audit baseline_runs lookahead "
        "max_experiments max_runs max_hours max_attempts history ahead money arm_choice arm_floor "
        "control_floor plateau retry_after_moves combine simpler_margin val_blocks arm_warning_briefs "
        "transfer propose_in check_every set_aside"
    ),
    "Metric": "name direction",
    "Budget": "unit amount wall_cap",
    "ArmShare": "name weight parent strategy rotate control mends",
    "Naive": "kind refresh_every refresh_to",
    "MinDelta": "kind refresh_every refresh_to min_delta",
    "Confirm": "kind confirm_runs z screen_z refresh_every refresh_to",
    "Sequential": "kind runs refresh_every refresh_to screens z screen_z",
    "Race": "kind runs refresh_every refresh_to screens early_z z screen_z",
    "Strict": "kind runs refresh_every refresh_to screens alpha drop_z",
    "Trunk": "kind still steps runs early_z z first_z drop_z shrink stack_z refresh_every refresh_to",
    "TrustRules": "mode audit_positions audit_share audit_share_positions allow_untrusted",
    "MoneyRules": "cap_usd gpu_hour_usd models",
    "ModelTerms": "input_usd output_usd at_once",
    "RulesChanged": "event rules",
    "EpochBegan": "event epoch",
    "AgentJoined": "event card",
    "AgentCard": "agent incarnation division node gpu cores sandbox",
    "AgentLeft": "event agent reason lost",
    "DivisionOpened": "event division experiment",
    "ExperimentProposed": (
        "event experiment ordinal division arm agent proposal parent commit digest title hypothesis "
        "settings calls origin repairs moves combines transfers"
    ),
    "PairRefused": "event division pair reason",
    "ProposalRefused": (
        "event agent arm proposal division refusal reason known title settings repairs transfers"
    ),
    "RunQueued": "event run experiment purpose seed block offset seed_offset",
    "RunLeased": "event run experiment agent incarnation token",
    "Token": "epoch counter",
    "RunLost": "event run experiment token reason charged killed needs",
    "RunReported": "event run experiment token result gap",
    "RunResult": (
        "run outcome seed seconds floor sandbox audit early spent steps cpu peak_memory log_bytes tail "
        "details started_at finished_at"
    ),
    "Measured": "type value",
    "Crashed": "type kind message",
    "TimedOut": "type limit seconds why",
    "Cheated": "type kind evidence",
    "EndedEarly": "type why estimate",
    "EarlyLook": "plan loss",
    "StopPlan": "at bar ends chance head at_zero per_loss",
    "Lost": "type reason killed",
    "Seconds": "startup train evaluate total",
    "Audit": "kind positions correction standard_error leak_bound largest",
    "CpuSeconds": "startup train evaluate counted",
    "LateReport": "event run experiment token result",
    "WentStale": "event experiment",
    "Rebased": "event experiment parent commit digest",
    "VerdictGiven": "event experiment verdict reason value commit grounds estimate due",
    "Grounds": "runs tier audit marks",
    "Settled": "event experiment",
    "CallSettled": (
        "event call agent arm model ordinal turn prompt_tokens completion_tokens cost_usd seconds result "
        "estimated answered_by"
    ),
    "ArmNoted": "event agent arm reason words remedy stopped briefs",
    "SlotSetAside": "event agent test reason best_value best_runs doubtful",
    "HintGiven": "event hint text",
    "HintsWithdrawn": "event",
    "CampaignDraining": "event reason capped failed",
    "CampaignFinished": "event reason failed",
    "CampaignResumed": "event",
}
"""Keys of everything the journal holds, in the order of their fields, by the name of its struct in Python."""


def structs_of(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """The structs a type is made of, without theirs."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    for part in typing.get_args(kind):
        yield from structs_of(part)


def reached() -> dict[str, type[msgspec.Struct]]:
    """Every struct that an event may hold, the events included."""
    structs, todo = {}, [*structs_of(AnyEvent)]
    while todo:
        struct = todo.pop()
        if struct.__name__ not in structs:
            structs[struct.__name__] = struct
            todo += [part for kind in typing.get_type_hints(struct).values() for part in structs_of(kind)]
    return structs


def filled(kind: Any) -> Any:
    """A value of a type, with every optional part of it there."""
    arguments = typing.get_args(kind)
    match typing.get_origin(kind):
        case typing.Union | types.UnionType:
            return filled(arguments[0])
        case origin if origin is list:
            return [filled(arguments[0])]
        case origin if origin is dict:
            return {"key": filled(arguments[1])}
    if issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind)
        return kind(**{name: filled(hints[name]) for name in kind.__struct_fields__})
    if issubclass(kind, Enum):
        return next(iter(kind))
    return "text" if kind is str else kind(1)


def test_every_event_and_what_it_holds_has_the_keys_it_always_had() -> None:
    written = {
        name: " ".join(msgspec.json.decode(msgspec.json.encode(filled(struct))))
        for name, struct in reached().items()
    }
    policies = {kind.__name__ for kind in KINDS.values()}
    assert {name for name in written if name not in policies} == {
        name for name in KEYS if name not in policies
    }
    for name, keys in KEYS.items():
        assert written[name] == keys or (name in policies and written[name].startswith(keys)), name


def test_the_name_of_an_event_is_the_one_it_always_had() -> None:
    tags = {str(event.__struct_config__.tag): event.__name__ for event in structs_of(AnyEvent)}
    assert {tag: "".join(map(str.capitalize, tag.split("_"))) for tag in tags} == tags
