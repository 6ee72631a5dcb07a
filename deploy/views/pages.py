"""What a person sees of a campaign: the status page, the leaderboard, an experiment, the closing summary.

- Views take the plain values of ``coordinator.views.status`` and return something rich can print; nothing
  here reads a disk or a clock.
- Titles, reasons and logs are texts of variants and models: they are shown as they are, never read as markup,
  and without control characters.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from coordinator.store.paths import Layout
from coordinator.views.status import Json
from deploy.views.best_so_far import Frame, Point, draw
from deploy.views.sanitize import one_line, sanitize

if TYPE_CHECKING:
    from deploy.checks.doctor import Check

DIGITS = 4
"""Decimals of a metric: σ of a real task is a few thousandths."""
LABEL = 11
"""Characters of a name: those of blocks below each other stand in one column."""
COLOURS = {
    "merged": "green",
    "rejected": "",
    "crashed": "red",
    "cheated": "magenta",
    "running": "cyan",
    "confirming": "cyan",
}
GRADES = {"ok": "green", "warn": "yellow", "fail": "red"}


def number(value: float | None, digits: int = DIGITS) -> str:
    """A value of the metric, or a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def percent(share: float | None) -> str:
    """A share, 0 to 1, or a dash."""
    return "–" if share is None else f"{share:.1%}"


def hours(number: float) -> str:
    """Hours to three digits, short ones too: a rehearsal's runs take seconds."""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def span(seconds: float) -> str:
    """A duration: ``42 s``, ``3 min 05 s``, ``2 h 07 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    return (
        f"{whole // 60} min {whole % 60:02d} s"
        if whole < 3600
        else f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    )


def moment(at: float | None) -> str:
    """A time, seconds since the epoch, in UTC to the second."""
    return "–" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def gain(status: Json, division: Json, value: float | None) -> float | None:
    """How much better than the division's baseline, in the metric's unit."""
    baseline = division["baseline"]["value"]
    if value is None or baseline is None:
        return None
    return float(baseline - value if status["metric"]["direction"] == "minimize" else value - baseline)


def in_sigmas(division: Json, difference: float | None) -> str:
    """A difference in standard deviations of unchanged code."""
    sigma = division["baseline"]["sigma"]
    return "–" if difference is None or not sigma else f"{difference / sigma:+.1f} σ"


def to_floor(division: Json, value: float | None) -> str:
    """What is left to the exact bound of the metric, where it is known."""
    floor = division["floor"]
    return "–" if floor is None or value is None else f"{abs(value - floor):.{DIGITS}f}"


# ---------------------------------------------------------------------- status


def status_page(status: Json) -> RenderableType:
    """One page about a campaign."""
    blocks: list[RenderableType] = [_headline(status), _facts(status)]
    blocks += [_division(status, division) for division in status["divisions"]]
    if any(arm["proposals"] for arm in status["arms"]):
        blocks.append(_arms(status["arms"]))
    if status["agents"]:
        blocks.append(_agents(status["agents"]))
    return Group(*blocks)


def _headline(status: Json) -> Text:
    line = Text(status["campaign"], style="bold")
    reason = f": {one_line(status['reason'])}" if status["reason"] else ""
    return line.append(f"  {status['state']}{reason}", style="not bold")


def _facts(status: Json) -> Table:
    metric, occupancy = status["metric"], status["occupancy"]
    lower = "lower" if metric["direction"] == "minimize" else "higher"
    return pairs(
        {
            "task": f"{status['task']}, {metric['name']}, {lower} is better",
            "started": f"{moment(status['started_at'])}, last event {moment(status['updated_at'])}",
            "experiments": _counts(status["experiments"]),
            "runs": _counts(status["runs"]),
            "refused": _counts(status["refusals"]),
            "trust": _trust(status),
            "occupancy": (
                f"{percent(occupancy['whole'])} of all slot time, {percent(occupancy['last_10_min'])} of the"
                " last 10 min"
            ),
            "spent": _spent(status["spend_usd"], status["spend"]),
            "models": _models(status["spend"]),
        }
    )


def usd(dollars: float | None) -> str:
    """Dollars to a hundredth of a cent, as calls cost less than one; or ``unpriced``."""
    return "unpriced" if dollars is None else f"{dollars:.4f} USD"


def _spent(total: float, spend: Json) -> str:
    cap = f" of {spend['cap_usd']:g} USD" if spend["cap_usd"] else ""
    aside = f", {usd(spend['reserved_usd'])} set aside" if spend["reserved_usd"] else ""
    parts = f"models {usd(spend['llm_usd'])}, slots {usd(spend['gpu_usd'])} for {spend['gpu_hours']:.2f} h"
    return f"{total:.4f}{cap or ' USD'} ({parts}){aside}"


def _models(spend: Json) -> str:
    if not spend["calls"]:
        return "no calls"
    unpriced = (
        f", {spend['unpriced_calls']} of them unpriced: not in the sum" if spend["unpriced_calls"] else ""
    )
    return (
        f"{spend['calls']} calls, {spend['prompt_tokens']} tokens in, {spend['completion_tokens']} out,"
        f" {span(spend['llm_seconds'])}{unpriced}"
    )


def _trust(status: Json) -> str:
    """What a merge needs here, and whether anybody's sandbox is short of it."""
    wanted = {
        "strict": "a merge needs a twin that agrees",
        "normal": "a merge without a twin is marked",
        "off": "nothing is audited",
    }
    trust = status["trust"]
    return f"{trust['mode']}: {wanted[trust['mode']]}" + (
        "; untrusted sandboxes are believed" if trust["allow_untrusted"] else ""
    )


def audit_words(audit: Json | None) -> str:
    """``twin of 2048 positions, +0.0000 ± 0.0001, a leak of at most 0.0002``; empty without one."""
    if audit is None:
        return ""
    figures = f"{audit['correction']:+.{DIGITS}f} ± {audit['standard_error']:.{DIGITS}f}"
    return (
        f"{audit['kind']} of {audit['positions']} positions, {figures}, a leak of at most"
        f" {audit['leak_bound']:.{DIGITS}f}"
    )


def _division(status: Json, division: Json) -> Table:
    baseline, best = division["baseline"], division["best"]
    facts = {
        "division": division["name"],
        "baseline": (
            f"{number(baseline['value'])} over {baseline['runs']} runs, σ {number(baseline['sigma'])}"
        ),
    }
    if best:
        better = gain(status, division, best["value"])
        facts["best"] = (
            f"{number(best['value'])} over {best['runs']} runs, {one_line(best['title'])}"
            f" ({best['experiment']}, {best['commit'][:10]})"
        )
        facts["gain"] = f"{number(better)} = {in_sigmas(division, better)} in {division['merges']} merges"
    if division["floor"] is not None:
        facts["floor"] = (
            f"{number(division['floor'])}, {to_floor(division, (best or baseline)['value'])} away"
        )
    return pairs(facts)


def _agents(agents: Sequence[Json]) -> Table:
    table = headed("agent", "division", "sandbox", "state", "run", "of its budget")
    for agent in agents:
        share = percent(agent["progress"])
        table.add_row(
            Text(agent["id"]), agent["division"], agent["sandbox"], agent["state"], agent["run"] or "–", share
        )
    return table


def _arms(arms: Sequence[Json]) -> Table:
    table = headed(
        "arm", "proposals", "runs", "merged", "rejected", "crashed", "cheated", "gain", "GPU-hours"
    )
    for arm in arms:
        cheated = Text(str(arm["cheated"]), style=COLOURS["cheated"] if arm["cheated"] else "")
        counts = [str(arm[what]) for what in ("proposals", "runs", "merged", "rejected", "crashed")]
        table.add_row(Text(arm["name"]), *counts, cheated, number(arm["gain"]), hours(arm["gpu_hours"]))
    return table


# ---------------------------------------------------------------------- leaderboard


def leaderboard(status: Json, rows: Sequence[Json]) -> RenderableType:
    """Experiments, bests first. Distances and gains are to the floor and baseline of each row's own
    division.
    """
    if not rows:
        return Text("No experiment yet.")
    divisions = {division["name"]: division for division in status["divisions"]}
    several = len(divisions) > 1
    name = status["metric"]["name"]
    table = headed(
        "experiment",
        name,
        "gain",
        "to floor",
        "runs",
        "state",
        "sandbox",
        "audit",
        *(["division"] if several else []),
        "arm",
        "title",
    )
    for column in (1, 2, 3, 4):
        table.columns[column].justify = "right"
    for row in rows:
        division = divisions[row["division"]]
        figures = [
            number(row["value"]),
            in_sigmas(division, gain(status, division, row["value"])),
            to_floor(division, row["value"]),
            str(row["runs"]),
        ]
        where = [row["division"]] if several else []
        state = Text(row["state"], style=COLOURS.get(row["state"], ""))
        checked = [row["sandbox"] or "–", _audit(row["audit"])]
        table.add_row(
            row["experiment"],
            *figures,
            state,
            *checked,
            *where,
            row["arm"] or "–",
            Text(one_line(row["title"])),
        )
    return table


def _audit(audit: Json | None) -> str:
    return "–" if audit is None else f"{audit['kind']} {audit['positions']}"


def picture(status: Json, division: Json, points: Iterable[Json], width: int = 78) -> Text:
    """The staircase of one division. points: of ``coordinator.views.status.staircase``."""
    frame = Frame(
        metric=status["metric"]["name"],
        minimize=status["metric"]["direction"] == "minimize",
        baseline=division["baseline"]["value"],
        floor=division["floor"],
        sigma=division["baseline"]["sigma"],
        width=width,
    )
    return Text(draw([Point(point["value"], point["merged"]) for point in points], frame), no_wrap=True)


# ---------------------------------------------------------------------- one experiment


def experiment(page: Json, runs: Layout) -> RenderableType:
    """Everything about one experiment: what, verdict, runs, story."""
    title = Text(f"{page['experiment']}  {one_line(page['title'])}", style="bold")
    facts = {
        "state": (
            page["state"]
            + (f", {page['verdict']}" if page["verdict"] else "")
            + (f": {one_line(page['reason'])}" if page["reason"] else "")
        ),
        "value": (
            f"{number(page['value'])} over {page['runs']} runs"
            + (f", spread {number(page['spread'])}" if page["spread"] is not None else "")
        ),
        "audit": audit_words(page["audit"]),
        "open": page["open"],
        "commit": page["commit"],
        "parent": page["parent"] or "–",
        "by": f"{page['agent'] or '–'}, arm {page['arm'] or '–'}, division {page['division']}",
        "time": f"{moment(page['started_at'])} to {moment(page['finished_at'])}",
        "hypothesis": one_line(page["hypothesis"]),
        "repairs": page["repairs"] or "",
        "repaired by": page["repaired"] or "",
        "settings": ", ".join(
            f"{one_line(key)} = {one_line(value)}" for key, value in page["settings"].items()
        ),
        "logs": str(runs.runs / f"{page['experiment']}.*"),
    }
    story = Text("\n".join(f"  {_when(line)}" for line in page["story"]), style="dim")
    calls = [calls_table(page["calls"])] if page["calls"] else []
    runs_of = page["all_runs"]
    known = {key: value for key, value in facts.items() if value}
    return Group(title, pairs(known), _runs(runs_of), _checks(runs_of), *calls, story, *_last_words(runs_of))


def _runs(runs: Sequence[Json]) -> Table:
    table = headed("run", "purpose", "outcome", "seconds", "steps", "seed", "counts")
    for run in runs:
        seconds = f"{run['seconds']['total']:.1f}" if run["seconds"] else "–"
        steps = "–" if run["steps"] is None else str(run["steps"])
        counts = "yes" if run["counts"] else "no, other parent"
        table.add_row(
            run["run"], run["purpose"], _outcome(run["outcome"]), seconds, steps, str(run["seed"]), counts
        )
    return table


def calls_table(rows: Sequence[Json]) -> Table:
    """Calls of models."""
    table = headed("call", "arm", "model", "turn", "in", "out", "cost", "time", "result")
    for row in rows:
        tokens = [f"{row['prompt_tokens']} tokens", f"{row['completion_tokens']} tokens"]
        figures = [
            str(row["turn"] + 1),
            *tokens,
            usd(row["cost_usd"]),
            f"{row['seconds']:.1f} s",
            row["result"].replace("_", " "),
        ]
        table.add_row(row["call"][:12], Text(row["arm"]), Text(row["model"]), *figures)
    return table


def _checks(runs: Sequence[Json]) -> Table:
    """Why each value can be believed: sandbox, the judge's clock, and the audit in the metric's unit."""
    table = headed("run", "sandbox", "clock", "audit", "n", "correction ± s.e.", "95 % bound", "largest")
    for run in runs:
        if run["sandbox"] is None:
            continue
        clock = f"{run['seconds']['train']:.1f} s"
        table.add_row(run["run"], run["sandbox"], clock, *_audit_figures(run["audit"]))
    return table


def _audit_figures(audit: Json | None) -> list[str]:
    if audit is None:
        return ["none", "–", "–", "–", "–"]
    correction = (  # an honest one is a billionth or a thousandth, as the hardware goes
        f"{audit['correction']:+.1e} ± {audit['standard_error']:.1e}"
    )
    return [
        audit["kind"],
        str(audit["positions"]),
        correction,
        f"{audit['leak_bound']:.1e}",
        f"{audit['largest']:.1e} nat",
    ]


def _outcome(outcome: Json | None) -> str:
    """``measured 2.1034``, ``crashed out_of_memory``: the class and its first field."""
    if outcome is None:
        return "–"
    kind, *fields = outcome.values()
    first = f"{fields[0]:.{DIGITS}f}" if isinstance(fields[0], float) else one_line(str(fields[0]))
    return f"{kind} {first}"


def _last_words(runs: Sequence[Json]) -> list[RenderableType]:
    """The end of the log of the last run that was not measured."""
    failed = [run for run in runs if run["outcome"] and run["outcome"]["type"] != "measured" and run["tail"]]
    return (
        [
            Text(
                f"the end of the log of {failed[-1]['run']}:\n{sanitize(failed[-1]['tail']).rstrip()}",
                style="dim",
            )
        ]
        if failed
        else []
    )


def _when(line: str) -> str:
    at, _, what = line.partition(" ")
    return f"{moment(float(at))}  {what}"


# ---------------------------------------------------------------------- the end


def closing(
    status: Json, rows: Sequence[Json], stairs: dict[str, list[Json]], layout: Layout, width: int = 78
) -> RenderableType:
    """What a campaign leaves: leaderboard, staircase of each division, and where everything lies."""
    blocks: list[RenderableType] = [leaderboard(status, rows), Text()]
    for division in status["divisions"]:
        blocks += [picture(status, division, stairs.get(division["name"], []), width), Text()]
    return Group(*blocks, _headline(status), _places(status, layout))


def _places(status: Json, layout: Layout) -> Table:
    branches = ", ".join(f"best/{division['name']}" for division in status["divisions"] if division["best"])
    return pairs(
        {
            "journal": str(layout.journal),
            "repository": f"{layout.repository}" + (f", branch {branches}" if branches else ""),
            "runs": f"{layout.runs} (log and result of each)",
            "results": str(layout.results),
            "configuration": str(layout.config),
            "next": f"autoswarm show best -c {layout.name} · autoswarm diff baseline best -c {layout.name}",
        }
    )


# ---------------------------------------------------------------------- outside campaigns


def trial(found: Json, tail: str) -> RenderableType:
    """The result of one variant tried once. tail: the end of its log, shown when it was not measured."""
    seconds = ", ".join(f"{phase} {each:.1f} s" for phase, each in found["seconds"].items())
    facts = {
        "outcome": found["outcome"],
        "value": number(found["value"]),
        "reason": one_line(found["reason"]),
    }
    facts |= {
        "floor": "" if found["floor"] is None else number(found["floor"]),
        "time": seconds,
        "sandbox": found["sandbox"],
        "audit": audit_words(found["audit"]),
        "seed": str(found["seed"]),
    }
    last = [Text(sanitize(tail).rstrip(), style="dim")] if tail and found["outcome"] != "measured" else []
    return Group(pairs({key: value for key, value in facts.items() if value}), *last)


def checklist(checks: "Sequence[Check]") -> RenderableType:
    """What the doctor found, what to do below each."""
    table = headed("", "check", "found")
    table.columns[0].min_width, table.columns[1].min_width, table.columns[2].no_wrap = 4, 12, False
    for check in checks:
        table.add_row(Text(check.grade.value, style=GRADES[check.grade.value]), check.name, Text(check.what))
        if check.remedy:
            table.add_row("", "", Text(f"→ {check.remedy}"))
    return table


# ---------------------------------------------------------------------- parts


def pairs(facts: dict[str, str]) -> Table:
    """Names and values, a line each."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True, min_width=LABEL)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, Text(value))
    return table


def headed(*columns: str) -> Table:
    """A table without lines: names of columns above, none of them broken."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=name != "title", overflow="fold")
    return table


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count) or "none"
