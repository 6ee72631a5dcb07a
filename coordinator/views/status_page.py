"""The status page as values: what one look at a campaign says. Schema 1; keys are only ever added.

- ``autoswarm status --json`` prints exactly this. ``autoswarm status --schema`` and
  ``docs/status.schema.json`` are its JSON Schema, made from the types and descriptions below.
- Every number says its unit: the metric's, seconds, hours, US dollars, tokens, a share from 0 to 1, or what
  it counts. Moments are seconds since the epoch.
"""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import UNSET, Struct, UnsetType

from coordinator.arm_notes import ArmReason
from coordinator.domain import Metric
from coordinator.rule_values.trust_rules import Mode
from coordinator.views.described import says
from coordinator.views.early_stop_view import EarlyStopView
from coordinator.views.false_merges import FalseMergesView
from coordinator.views.record_line import RecordLine
from coordinator.views.slot_view import SlotView
from coordinator.views.transfers_view import TransfersView
from coordinator.views.value_by_rows import RowsView

SCHEMA: Literal[1] = 1


class PageState(StrEnum):
    """State of a campaign as people see it."""

    RUNNING = "running"
    DRAINING = "draining"
    FINISHED = "finished"
    STOPPED = "stopped"
    """Not finished, and no coordinator works on it."""


class AgentState(StrEnum):
    """What an agent does."""

    IDLE = "idle"
    TRAINING = "training"
    LOST = "lost"
    """It does not answer, or went without a goodbye: its machine is gone, cut off, or was restarted."""
    GONE = "gone"
    """It left, or nobody works on the campaign."""


class BaselineView(Struct, frozen=True, kw_only=True):
    """The unmodified surface of a division."""

    value: Annotated[
        float | None, says("Mean of its runs, in the metric's unit; null until all of them are measured.")
    ]
    sigma: Annotated[
        float | None, says("Standard deviation between its runs, in the metric's unit; null until measured.")
    ]
    runs: Annotated[int, says("How many of its runs were measured.")]


class BestView(Struct, frozen=True, kw_only=True):
    """The best of a division."""

    experiment: Annotated[str, says("Id of its experiment.")]
    commit: Annotated[str, says("Commit that holds it, 40 hexadecimal digits.")]
    value: Annotated[float, says("Mean of its runs, in the metric's unit.")]
    sigma: Annotated[
        float | None,
        says("Standard deviation between runs of unchanged code, in the metric's unit; null when unknown."),
    ]
    runs: Annotated[int, says("How many runs its value is the mean of.")]
    title: Annotated[str, says("What is new in it, in the words of its proposer: untrusted text.")]
    rows: Annotated[
        RowsView | UnsetType,
        says("Its value by the rows it was measured on; absent without runs on rows that no screen saw."),
    ] = UNSET


class PairingView(Struct, frozen=True, kw_only=True):
    """Whether runs of different programs with the same seed are alike in a division."""

    correlation: Annotated[float, says("Of their values within programs, from -1 to 1.")]
    freedom: Annotated[int, says("Degrees of freedom that it rests on.")]
    taken_off: Annotated[
        bool, says("Whether what a seed does to the baseline is taken off other values, so that σ is less.")
    ]


class DivisionView(Struct, frozen=True, kw_only=True):
    """A hardware class: values compare only inside one."""

    name: Annotated[str, says("Its name.")]
    baseline: Annotated[BaselineView, says("Its unmodified surface.")]
    best: Annotated[BestView | None, says("Its best; null until the baseline is measured.")]
    floor: Annotated[
        float | None,
        says("Exact bound that no value passes, in the metric's unit; null when the task knows none."),
    ]
    merges: Annotated[int, says("How many merges lie between the baseline and the best.")]
    steps: Annotated[int, says("How many experiments the trunk has on top of the best, no certificate yet.")]
    trunk: Annotated[
        float | None,
        says("What the trunk is taken to be worth, in the metric's unit; null where it is the best."),
    ]
    pairing: Annotated[PairingView | UnsetType, says("Of runs with one seed; absent while too few.")] = UNSET
    doubtful: Annotated[str | UnsetType, says("Agent, set aside, that alone ran the best.")] = UNSET
    transfers: Annotated[TransfersView | UnsetType, says("Merges of others, tried here.")] = UNSET
    false_merges: Annotated[
        FalseMergesView | UnsetType,
        says("How many of its merges are expected to be no better in truth; absent before the first."),
    ] = UNSET
    early: Annotated[
        EarlyStopView | UnsetType,
        says("Early stops; absent where nobody is looked at and nobody was ended."),
    ] = UNSET


class ExperimentCounts(Struct, frozen=True, kw_only=True):
    """How many experiments are in each state. The baseline of a division counts as one."""

    queued: Annotated[int, says("Experiments that wait for a slot.")]
    running: Annotated[int, says("Experiments whose first run is under way.")]
    measured: Annotated[int, says("Experiments with a value, before their verdict.")]
    confirming: Annotated[int, says("Experiments that are run again before they may merge.")]
    stale: Annotated[int, says("Experiments whose parent is no longer the best.")]
    merged: Annotated[int, says("Experiments that became the best.")]
    rejected: Annotated[int, says("Experiments that were no better.")]
    crashed: Annotated[int, says("Experiments that failed.")]
    cheated: Annotated[int, says("Experiments in which the judge found a cheat.")]
    stepped: Annotated[int, says("Experiments that are steps of a trunk, without a certificate yet.")]
    rolled_back: Annotated[int, says("Experiments that were steps of a trunk whose certificate failed.")]


class RunCounts(Struct, frozen=True, kw_only=True):
    """How many runs ended, by outcome."""

    measured: Annotated[int, says("Runs that gave a value.")]
    crashed: Annotated[int, says("Runs that failed.")]
    timed_out: Annotated[int, says("Runs that were ended at a limit of time.")]
    cheated: Annotated[int, says("Runs in which the judge found a cheat.")]
    ended_early: Annotated[int, says("Runs that were ended where they were looked at.")]
    lost: Annotated[int, says("Runs whose lease was lost; they are made again.")]


class ArmTroubleView(Struct, frozen=True, kw_only=True):
    """Why an arm gives nothing."""

    reason: Annotated[ArmReason, says("The kind of reason, one of a closed list.")]
    stopped: Annotated[
        bool, says("Whether it gives nothing more until a person acts, or for ever; else it may pass.")
    ]
    briefs: Annotated[int, says("Briefs in a row for which it gave nothing, when that was last said.")]
    agents: Annotated[int, says("Agents that say so.")]
    words: Annotated[str, says("What is wrong, in one line; it may hold a provider's words.")]
    remedy: Annotated[str, says("What to do; empty where it may pass by itself.")]
    since: Annotated[float, says("When it was first said, in seconds since the epoch.")]


class ArmView(Struct, frozen=True, kw_only=True):
    """What came of an arm."""

    name: Annotated[str, says("Its name.")]
    proposals: Annotated[int, says("Proposals that were accepted.")]
    refused: Annotated[int, says("Proposals that were refused for a fault of their own.")]
    runs: Annotated[int, says("Runs of its experiments that ended.")]
    merged: Annotated[int, says("Its experiments that became the best.")]
    rejected: Annotated[int, says("Its experiments that were no better.")]
    crashed: Annotated[int, says("Its experiments that failed.")]
    cheated: Annotated[int, says("Its experiments in which the judge found a cheat.")]
    rolled_back: Annotated[int, says("Its experiments that were steps of a trunk whose certificate failed.")]
    gain: Annotated[float, says("How much better its merges made the best, in the metric's unit.")]
    gpu_hours: Annotated[float, says("Hours for which runs of its finished experiments kept slots busy.")]
    trouble: Annotated[
        ArmTroubleView | UnsetType, says("Why it gives nothing; absent while it gives something.")
    ] = UNSET


class TrustView(Struct, frozen=True, kw_only=True):
    """What a merge needs."""

    mode: Annotated[Mode, says("How much of an audit a merge needs.")]
    allow_untrusted: Annotated[bool, says("Whether what was measured in sandboxes D, E, F may merge.")]


class AgentView(Struct, frozen=True, kw_only=True):
    """An agent, present or gone."""

    id: Annotated[str, says("Its name.")]
    state: Annotated[AgentState, says("What it does now.")]
    run: Annotated[str | None, says("Id of the run it holds a lease on, or null.")]
    division: Annotated[str, says("Division of its slot.")]
    gpu: Annotated[str, says("Accelerator it owns; empty on a CPU slot.")]
    sandbox: Annotated[
        str, says("Sandbox of its runs: A, B, C, B-, C-, D, E, F, simulated, or none when unknown.")
    ]
    progress: Annotated[
        float | None, says("Share of its run's budget that is spent, 0 to 1; null when unknown.")
    ]
    losses: Annotated[int, says("Runs it lost one after the other since its last result.")]
    why_lost: Annotated[str, says("Why the last of them was lost; empty where none was.")]
    slot: Annotated[SlotView | UnsetType, says("Its slot beside others, by common runs.")] = UNSET


class OccupancyView(Struct, frozen=True, kw_only=True):
    """How busy the slots are."""

    whole: Annotated[
        float | None,
        says("Share, 0 to 1, of all the time slots existed in which a training ran; null before any."),
    ]
    last_10_min: Annotated[
        float | None, says("The same share, 0 to 1, of the last ten minutes; null before any.")
    ]


class ModelSpend(Struct, frozen=True, kw_only=True):
    """Calls of one model by one arm."""

    arm: Annotated[str, says("Name of the arm.")]
    model: Annotated[str, says("Name of the model.")]
    calls: Annotated[int, says("Calls that came to their end.")]
    unpriced: Annotated[int, says("Calls without a known price; they are not in llm_usd.")]
    estimated: Annotated[int, says("Calls whose tokens or dollars are an estimate; they are in llm_usd.")]
    prompt_tokens: Annotated[int, says("Tokens of prompts.")]
    completion_tokens: Annotated[int, says("Tokens of answers.")]
    llm_usd: Annotated[float, says("US dollars of the calls.")]
    llm_seconds: Annotated[float, says("Seconds waited for the answers.")]


class SlotSpend(Struct, frozen=True, kw_only=True):
    """Slots while trainings of one arm ran on them."""

    arm: Annotated[str, says("Name of the arm; empty for baselines.")]
    gpu_hours: Annotated[float, says("Hours for which trainings held slots.")]
    gpu_usd: Annotated[float, says("US dollars of these hours.")]


class SpendView(Struct, frozen=True, kw_only=True):
    """What was spent, and what may be."""

    llm_usd: Annotated[float, says("US dollars of calls of models, without unpriced ones.")]
    gpu_usd: Annotated[float, says("US dollars of slots while trainings ran on them.")]
    reserved_usd: Annotated[float, says("US dollars set aside for open calls and runs.")]
    cap_usd: Annotated[float, says("US dollars that the campaign may cost; 0 means no cap.")]
    capped: Annotated[bool, says("Whether the campaign ended because its cap is spent.")]
    calls: Annotated[int, says("Calls of models that came to their end.")]
    unpriced_calls: Annotated[int, says("Calls without a known price; they are in no sum of dollars.")]
    estimated_calls: Annotated[
        int, says("Calls whose tokens or dollars are an estimate, as their provider did not say them.")
    ]
    prompt_tokens: Annotated[int, says("Tokens of prompts.")]
    completion_tokens: Annotated[int, says("Tokens of answers.")]
    llm_seconds: Annotated[float, says("Seconds waited for answers of models.")]
    gpu_hours: Annotated[float, says("Hours for which trainings held slots.")]
    models: Annotated[list[ModelSpend], says("Calls by arm and model.")]
    slots: Annotated[list[SlotSpend], says("Slots by arm.")]
    records_usd: Annotated[
        float | UnsetType, says("US dollars of records' runs, besides; absent without records.")
    ] = UNSET
    remarks: Annotated[list[str], says("What a person should know of the calls, a line each.")]


class StatusPage(Struct, frozen=True, kw_only=True):
    """How a campaign stands."""

    schema: Annotated[Literal[1], says("Version of this page; keys are only ever added.")]
    campaign: Annotated[str, says("Name of the campaign.")]
    state: Annotated[PageState, says("Whether it runs; stopped: not finished, and nobody works on it.")]
    reason: Annotated[str, says("Why it drains or has finished; empty while it runs.")]
    failed: Annotated[bool, says("Whether it ended because it could not go on.")]
    remedy: Annotated[str, says("What to do about that; empty where it did not.")]
    task: Annotated[str, says("Name of the task it searches.")]
    metric: Annotated[Metric, says("Name of the metric, and whether it is to be minimized or maximized.")]
    divisions: Annotated[list[DivisionView], says("Divisions, in the order in which they opened.")]
    experiments: Annotated[ExperimentCounts, says("Experiments by state.")]
    runs: Annotated[RunCounts, says("Runs that ended, by outcome.")]
    verdicts: Annotated[
        dict[str, int], says("Verdicts given so far, by verdict; an experiment may get several.")
    ]
    refusals: Annotated[dict[str, int], says("Proposals refused so far, by reason.")]
    arms: Annotated[list[ArmView], says("Arms of the configuration, then those that were there before.")]
    trust: Annotated[TrustView, says("What a merge needs.")]
    agents: Annotated[list[AgentView], says("Agents by name, those that are gone too.")]
    occupancy: Annotated[OccupancyView, says("How busy the slots are.")]
    spend_usd: Annotated[float, says("US dollars of models and slots together, without unpriced calls.")]
    spend: Annotated[SpendView, says("The same in detail.")]
    started_at: Annotated[float, says("When it started, in seconds since the epoch.")]
    updated_at: Annotated[float, says("When its last event was, in seconds since the epoch.")]
    metrics: Annotated[
        str, says("Address its metrics are served at; empty while nobody works on it, or where none are.")
    ]
    records: Annotated[
        list[RecordLine] | UnsetType, says("What certify and verify measured, oldest first; absent without.")
    ] = UNSET
