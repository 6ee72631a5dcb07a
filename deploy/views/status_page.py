"""The status page as people see it.

- Views take the values of ``coordinator.views`` and return something rich can print; nothing here reads a
  disk or a clock.
- Titles, reasons and logs are texts of variants and models: they are shown as they are, never read as markup,
  and without control characters.
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import asdict
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from coordinator.domain import Direction, Metric
from coordinator.rule_values.trust_rules import Mode
from coordinator.views.early_stop_view import EarlyStopView
from coordinator.views.record_line import RecordLine
from coordinator.views.status_page import (
    AgentView,
    ArmView,
    DivisionView,
    PairingView,
    SpendView,
    StatusPage,
    TrustView,
)
from deploy.views.arm_trouble import troubles
from deploy.views.sanitize import one_line
from deploy.views.tables import COLOURS, headed, pairs
from deploy.views.units import (
    by_rows,
    false_in_words,
    gain,
    hours,
    in_sigmas,
    moment,
    number,
    percent,
    record_in_words,
    span,
    to_floor,
    usd,
)

MOST_RECORDS = 3
"""Of a kind; `autoswarm records` lists all."""
NEEDED = {
    Mode.STRICT: "a merge needs a twin that agrees, or a measure outside its box",
    Mode.NORMAL: "a merge without a twin is marked",
    Mode.OFF: "nothing is audited",
}


def status_page(page: StatusPage) -> RenderableType:
    """One page about a campaign."""
    blocks: list[RenderableType] = [headline(page), _facts(page)]
    blocks += [_division(page.metric, division) for division in page.divisions]
    if any(arm.proposals for arm in page.arms):
        blocks.append(_arms(page.arms))
    blocks += [Text(line, style="red") for line in troubles(page).values()]
    if page.agents:
        blocks.append(_agents(page.agents))
    blocks += [Text(one_line(remark), style="yellow") for remark in page.spend.remarks]
    return Group(*blocks)


def headline(page: StatusPage) -> Text:
    """Name, state and why."""
    reason = f": {one_line(page.reason)}" if page.reason else ""
    remedy = f"\n  do: {one_line(page.remedy)}" if page.remedy else ""
    return Text(page.campaign, style="bold").append(f"  {page.state}{reason}{remedy}", style="not bold")


def _facts(page: StatusPage) -> Table:
    metric, occupancy = page.metric, page.occupancy
    lower = "lower" if metric.direction is Direction.MINIMIZE else "higher"
    return pairs(
        {
            "task": f"{page.task}, {metric.name}, {lower} is better",
            "started": f"{moment(page.started_at)}, last event {moment(page.updated_at)}",
            "experiments": _counts(asdict(page.experiments)),
            "runs": _counts(asdict(page.runs)),
            "refused": _counts(page.refusals),
            "trust": _trust(page.trust),
            "occupancy": (
                f"{percent(occupancy.whole)} of all slot time, {percent(occupancy.last_10_min)} of the"
                " last 10 min"
            ),
            "spent": _spent(page.spend_usd, page.spend),
            "models": _models(page.spend),
            **_records(page.records or ()),
            **({"metrics": page.metrics} if page.metrics else {}),
        }
    )


def _records(lines: Sequence[RecordLine]) -> dict[str, str]:
    """The last of them, those that certified something by themselves: nothing else is called that."""
    certified = [line for line in lines if line.certified][-MOST_RECORDS:]
    others = [line for line in lines if not line.certified][-MOST_RECORDS:]
    facts = {
        "certified": "; ".join(f"{record_in_words(line)}, {one_line(line.program)}" for line in certified),
        "records": "; ".join(f"{record_in_words(line)}, {one_line(line.program)}" for line in others),
    }
    return {name: fact for name, fact in facts.items() if fact}


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count) or "none"


def _spent(total: float, spend: SpendView) -> str:
    cap = f" of {spend.cap_usd:g} USD" if spend.cap_usd else ""
    aside = f", {usd(spend.reserved_usd)} set aside" if spend.reserved_usd else ""
    parts = f"models {usd(spend.llm_usd)}, slots {usd(spend.gpu_usd)} for {spend.gpu_hours:.2f} h"
    besides = f", and records {usd(spend.records_usd)}" if spend.records_usd else ""
    return f"{total:.4f}{cap or ' USD'} ({parts}){aside}{besides}"


def _models(spend: SpendView) -> str:
    if not spend.calls:
        return "no calls"
    unpriced = f", {spend.unpriced_calls} of them unpriced: not in the sum" if spend.unpriced_calls else ""
    estimated = f", {spend.estimated_calls} of them estimated" if spend.estimated_calls else ""
    return (
        f"{spend.calls} calls, {spend.prompt_tokens} tokens in, {spend.completion_tokens} out,"
        f" {span(spend.llm_seconds)}{unpriced}{estimated}"
    )


def _trust(trust: TrustView) -> str:
    """What a merge needs here, and whether anybody's sandbox is short of it."""
    believed = "; untrusted sandboxes are believed" if trust.allow_untrusted else ""
    return f"{trust.mode}: {NEEDED[trust.mode]}{believed}"


def _division(metric: Metric, division: DivisionView) -> Table:
    baseline, best = division.baseline, division.best
    facts = {
        "division": division.name,
        "baseline": f"{number(baseline.value)} over {baseline.runs} runs, σ {number(baseline.sigma)}",
    }
    if best:
        better = gain(metric, division, best.value)
        facts["best"] = (
            f"{number(best.value)} over {best.runs} runs, {one_line(best.title)}"
            f" ({best.experiment}, {best.commit[:10]})"
        )
        if rows := by_rows(best.rows):
            facts["rows"] = rows
        facts["gain"] = (
            f"{number(better)} = {in_sigmas(division, better)} on base, in {division.merges} merges"
        )
    if division.pairing:
        facts["seeds"] = _seeds(division.pairing)
    if division.false_merges:
        facts["false"] = false_in_words(division.false_merges)
    if division.steps:
        facts["trunk"] = (
            f"{number(division.trunk)} as it is taken to be worth, {division.steps}"
            f" step{'s' if division.steps > 1 else ''} without a certificate"
        )
    if isinstance(division.early, EarlyStopView):
        facts["early stop"] = _early(division.early)
    if division.transfers:
        only = "" if division.transfers.proposes else "; nobody proposes here (campaign.propose_in)"
        merged = f"{division.transfers.merged} of them merged here"
        facts["transfers"] = f"{division.transfers.tried} from other divisions, {merged}{only}"
    if division.floor is not None:
        reached = best.value if best else baseline.value
        facts["floor"] = f"{number(division.floor)}, {to_floor(division, reached)} away"
    return pairs(facts)


def _seeds(pairing: PairingView) -> str:
    """Whether seeds do the same to every program, and what follows."""
    alike = f"runs of one seed correlate {pairing.correlation:.2f} over {pairing.freedom + 1} repeats"
    return f"{alike}: {'taken off, σ is what is left' if pairing.taken_off else 'not taken off'}"


def _early(early: EarlyStopView) -> str:
    """``at 40 %: 12 ended, about 0.4 h saved; 2 audited, 0 of them better; over 3.05 by 54 runs``."""
    audited = f"{early.audited} audited, {early.better} of them better"
    now = f"nobody is ended now: {one_line(early.off)}" if early.off else f"by {early.runs} runs"
    bar = f"over {early.bar:.4g} " if early.bar is not None and not early.off else ""
    saved = f"{early.ended} ended, about {early.saved_hours:.2g} h saved"
    return f"at {early.at:.0%}: {saved}; {audited}; {bar}{now}"


def _agents(agents: Sequence[AgentView]) -> Table:
    table = headed(
        "agent", "division", "sandbox", "state", "run", "of its budget", drop=("sandbox", "division")
    )
    for agent in agents:
        share = percent(agent.progress)
        table.add_row(Text(agent.id), agent.division, agent.sandbox, agent.state, agent.run or "–", share)
    return table


def _arms(arms: Sequence[ArmView]) -> Table:
    table = headed(
        *("arm", "proposals", "runs", "merged", "rejected", "crashed", "cheated", "gain", "GPU-hours"),
        drop=("proposals", "runs", "cheated", "crashed", "GPU-hours"),
    )
    for arm in arms:
        cheated = Text(str(arm.cheated), style=COLOURS["cheated"] if arm.cheated else "")
        counts = map(str, (arm.proposals, arm.runs, arm.merged, arm.rejected, arm.crashed))
        table.add_row(Text(arm.name), *counts, cheated, number(arm.gain), hours(arm.gpu_hours))
    return table
