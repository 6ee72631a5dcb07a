"""The Grafana dashboard as code; ``make docs`` writes ``dashboard.json`` anew.

- It shows one campaign, and of its values one division: those of others do not compare.
- Rates are over ``$__rate_interval``, so any scrape interval works. Charts that only move when runs end,
  minutes apart, show totals instead.
"""

import json

from deploy.grafana.panels import (
    COLUMNS,
    DATASOURCE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Json,
    bars,
    colour,
    field_config,
    lines,
    mean,
    override,
    panel,
    placed,
    quantile,
    rate,
    select,
    stat,
    target,
)

SCHEMA_VERSION = 39
"""Of Grafana 11.0; later ones bring it up to date when they load it."""

# ---------------------------------------------------------------------- rows


def progress() -> list[Json]:
    """What came out so far."""
    sigma = select("noise_sigma_value", division=True)
    baseline = select("baseline_value", division=True)
    band = [
        override("baseline − σ$", custom_lineWidth=0, color=colour(GREY)),
        override(
            "baseline \\+ σ$",
            custom_lineWidth=0,
            color=colour(GREY),
            custom_fillBelowTo="baseline − σ",
            custom_fillOpacity=12,
        ),
        override("baseline$", color=colour(GREY), custom_lineStyle={"fill": "dash", "dash": [8, 8]}),
        override("best", color=colour(GREEN), custom_lineWidth=3),
    ]
    return [
        stat(
            "Best",
            "Value of the best commit, the mean of its runs.",
            select("best_value", division=True),
            hue=GREEN,
            decimals=5,
        ),
        stat(
            "Baseline",
            "Value of the unmodified surface, the mean of its runs.",
            baseline,
            hue=GREY,
            decimals=5,
        ),
        stat(
            "Improvement",
            "How much better the best is than the baseline; more is better whichever way the metric goes.",
            select("best_gain_value", division=True),
            hue=GREEN,
            decimals=5,
        ),
        stat(
            "Improvement in σ",
            "The improvement in standard deviations between runs of unchanged code: under 2 it may be"
            " chance.",
            f"{select('best_gain_value', division=True)} / ({sigma} > 0)",
            decimals=1,
        ),
        stat(
            "Since the last improvement",
            "Time since the best became the best. Long and experiments still finish: a plateau, try another"
            " program or another arm.",
            f"time() - {select('best_timestamp_seconds', division=True)}",
            "s",
            ORANGE,
        ),
        stat(
            "Experiments",
            "Experiments with their last verdict; the baseline of each division is one.",
            f"sum({select('experiments_finished_total')})",
            decimals=0,
        ),
        stat(
            "In the last hour",
            "Experiments that got their last verdict in the last hour. None while agents train: runs take"
            " longer, or nothing is decided.",
            f"sum(increase({select('experiments_finished_total', suffix='[1h]')}))",
            decimals=0,
        ),
        stat(
            "Agents",
            "Agents present. One that was not heard of for a lease's life counts as gone.",
            f"sum({select('agents')})",
            decimals=0,
        ),
        lines(
            "Best over time",
            "The staircase: each step is a merge. The band is one standard deviation of unchanged code around"
            " the baseline.",
            [
                target(select("best_value", division=True), "best"),
                target(baseline, "baseline"),
                target(f"{baseline} - {sigma}", "baseline − σ"),
                target(f"{baseline} + {sigma}", "baseline + σ"),
            ],
            overrides=band,
            lineInterpolation="stepAfter",
        ),
        bars(
            "Sizes of improvements",
            "How many merges made the best better by how much. A search that still pays has entries on the"
            " right.",
            f"sum by (le) ({select('improvement_value_bucket', division=True)})",
            "{{le}}",
            format="heatmap",
        ),
    ]


def decisions() -> list[Json]:
    """What was decided, and why things failed."""
    outcomes = [
        override("merged", color=colour(GREEN)),
        override("rejected", color=colour(GREY)),
        override("crashed", color=colour(ORANGE)),
        override("cheated", color=colour(RED)),
    ]
    return [
        lines(
            "Finished experiments",
            "Experiments with their last verdict, by state. Flat lines while agents train: nothing finishes.",
            [target(f"sum by (state) ({select('experiments_finished_total')})", "{{state}}")],
            overrides=outcomes,
            stacking={"mode": "normal", "group": "A"},
            fillOpacity=30,
            lineInterpolation="stepAfter",
        ),
        lines(
            "Open experiments",
            "Experiments without their last verdict, by state. Many confirming: the judge is busy with"
            " promising ones.",
            [target(select("experiments_open"), "{{state}}")],
            stacking={"mode": "normal", "group": "A"},
            fillOpacity=30,
            lineInterpolation="stepAfter",
        ),
        bars(
            "Verdicts",
            "Verdicts given so far; an experiment may get several.",
            select("verdicts_total"),
            "{{verdict}}",
        ),
        bars(
            "Outcomes of runs",
            "How runs ended so far. A lost run is made again and is nobody's fault.",
            select("runs_total"),
            "{{outcome}}",
        ),
        bars(
            "Failures", "What went wrong in runs that gave no value.", select("failures_total"), "{{reason}}"
        ),
        bars(
            "Proposals",
            "What became of proposals: accepted, or refused before any training, and why. Many duplicates:"
            " the proposer repeats itself.",
            select("proposals_total"),
            "{{result}}",
        ),
        bars(
            "Gain per GPU-hour by arm",
            "What an arm's merges made better, in the metric's unit, for an hour of slots. How sure that is:"
            " autoswarm arms.",
            f"sum by (arm) ({select('arm_gain_value')}) / (sum by (arm) ({select('arm_busy_seconds_total')})"
            " > 0) * 3600",
            "{{arm}}",
        ),
        lines(
            "Gain by arm",
            "What each arm's merges made better so far, in the metric's unit.",
            [target(select("arm_gain_value"), "{{arm}}")],
            lineInterpolation="stepAfter",
        ),
    ]


def trust() -> list[Json]:
    """Whether values can be believed."""
    return [
        bars(
            "Audits",
            "What checking a claimed value came to: a twin agreed, probes found nothing, a cheat was found,"
            " or nobody looked.",
            select("audits_total"),
            "{{result}}",
        ),
        bars(
            "Cheats",
            "What variants were caught at. Which ones, and with what evidence: autoswarm show ID.",
            select("cheats_total"),
            "{{kind}}",
        ),
        bars(
            "Sandboxes",
            "Agents by the sandbox of their runs. What is measured in D, E or F does not merge unless that is"
            " allowed.",
            f"sum by (tier) ({select('sandbox_tier_info')})",
            "{{tier}}",
        ),
    ]


def slots() -> list[Json]:
    """Who works, and who waits."""
    mappings = [
        {
            "type": "value",
            "options": {
                "0": {"text": "idle", "color": GREY, "index": 0},
                "1": {"text": "training", "color": GREEN, "index": 1},
            },
        }
    ]
    lanes = panel(
        "state-timeline",
        "Who trains",
        "One lane for each agent: training, idle, or gone where the lane is empty.",
        [target(select("agent_state", 'state="training"'), "{{agent}}")],
        fieldConfig=field_config("none", mappings=mappings, custom={"fillOpacity": 80, "lineWidth": 0}),
        options={
            "showValue": "never",
            "mergeValues": True,
            "rowHeight": 0.8,
            "legend": {"showLegend": True, "placement": "bottom"},
        },
    )
    return [
        lanes,
        lines(
            "Occupancy",
            "Share of the time slots existed in which a training ran on them, of the whole campaign and of"
            " the last ten minutes.",
            [target(select("occupancy_ratio"), "{{window}}")],
            "percentunit",
        ),
        lines(
            "Idle before a run",
            "Seconds a slot stood idle before a run: half of the runs and 95 of 100 began sooner. Minutes"
            " mean that nothing was proposed.",
            [
                target(quantile(0.5, "slot_gap_seconds"), "half"),
                target(quantile(0.95, "slot_gap_seconds"), "95 %"),
            ],
            "s",
        ),
        lines(
            "Training while a lease is held",
            "Share of finished leases in which a training ran; the rest is starting, reporting and what was"
            " lost.",
            [
                target(
                    f"sum by (division) ({rate('slot_busy_seconds_total')}) / sum by (division)"
                    f" ({rate('slot_held_seconds_total')})",
                    "{{division}}",
                )
            ],
            "percentunit",
        ),
        bars(
            "Progress of runs",
            "Share of its budget each open run has spent.",
            select("agent_progress_ratio"),
            "{{agent}}",
            "percentunit",
        ),
        panel(
            "table",
            "What agents own",
            "Agents present, their division and accelerator.",
            [
                target(
                    f"sum by (agent, division, gpu) ({select('agent_info')})",
                    format="table",
                    instant=True,
                    range=False,
                )
            ],
            fieldConfig=field_config("none"),
            options={"showHeader": True},
            transformations=[{"id": "organize", "options": {"excludeByName": {"Time": True, "Value": True}}}],
        ),
    ]


def money() -> list[Json]:
    """What it costs."""
    return [
        stat(
            "Spent",
            "Dollars of models and slots together; unpriced calls are not in it.",
            f"(sum({select('llm_spent_usd')}) or vector(0)) + (sum({select('gpu_spent_usd')}) or vector(0))",
            "currencyUSD",
            decimals=2,
        ),
        stat(
            "Cap",
            "Dollars the campaign may cost; 0 means no cap.",
            select("cap_usd"),
            "currencyUSD",
            GREY,
            decimals=2,
        ),
        stat(
            "Set aside",
            "Dollars that open calls and runs may cost at most.",
            select("reserved_usd"),
            "currencyUSD",
            GREY,
            decimals=2,
        ),
        stat(
            "Unpriced calls",
            "Calls that used tokens and have no known price: give their model one in the configuration.",
            f"sum({select('llm_unpriced_calls')})",
            hue=ORANGE,
            decimals=0,
        ),
        lines(
            "Dollars by arm",
            "Dollars so far of models and of slots, by arm; a baseline's slots have no arm.",
            [
                target(f"sum by (arm) ({select('llm_spent_usd')})", "{{arm}}, models"),
                target(f"sum by (arm) ({select('gpu_spent_usd')})", "{{arm}}, slots"),
            ],
            "currencyUSD",
        ),
        lines(
            "Seconds of calls",
            "Half of the calls of each model came to their end sooner. More than a training takes: slots wait"
            " for it.",
            [target(quantile(0.5, "llm_call_duration_seconds", "model"), "{{model}}")],
            "s",
        ),
        bars(
            "Calls",
            "Calls of models by arm.",
            f"sum by (arm, model) ({select('llm_calls_total')})",
            "{{arm}}, {{model}}",
        ),
        bars(
            "Tokens",
            "Tokens so far, of prompts and of answers.",
            f"sum by (kind) ({select('llm_tokens_total')})",
            "{{kind}}",
        ),
    ]


def phases() -> list[Json]:
    """Where the time of a run goes."""
    train = select("phase_duration_seconds_bucket", 'phase="train"')
    return [
        lines(
            "Mean seconds by phase",
            "A run's startup, training and evaluation, mean of the runs that ended. Training should fill the"
            " budget, the rest be short.",
            [target(mean("phase_duration_seconds", "phase"), "{{phase}}")],
            "s",
            stacking={"mode": "normal", "group": "A"},
            fillOpacity=30,
        ),
        lines(
            "Slowest runs by phase",
            "95 of 100 runs took less time for the phase.",
            [target(quantile(0.95, "phase_duration_seconds", "phase"), "{{phase}}")],
            "s",
        ),
        bars(
            "Seconds of training",
            "How many runs trained for how long. Short ones are crashes or out of budget early; ones past the"
            " budget's edge are suspect.",
            f"sum by (le) ({train})",
            "{{le}}",
            format="heatmap",
        ),
    ]


def coordinator() -> list[Json]:
    """Whether the one process that decides keeps up."""
    here = f"and on (job, instance) {select('campaign_info')}"
    state = stat(
        "State",
        "Running, draining (open runs finish, nothing new begins) or finished.",
        f"{select('campaign_state')} == 1",
        legend="{{state}}",
    )
    state["options"]["textMode"] = "name"
    return [
        lines(
            "Events",
            "Events written to the journal, per second.",
            [target(f"sum by (event) ({rate('journal_events_total')}) > 0", "{{event}}")],
            "cps",
        ),
        lines(
            "From decision to disk",
            "Seconds until what was decided is in the journal: half, and 99 of 100. A slow or full disk shows"
            " here first.",
            [
                target(quantile(0.5, "journal_delay_seconds"), "half"),
                target(quantile(0.99, "journal_delay_seconds"), "99 %"),
            ],
            "s",
        ),
        lines(
            "Wait for the status page",
            "Seconds the last scrape waited for the coordinator: it answers one call at a time, so this is"
            " how busy it is.",
            [target(select("snapshot_duration_seconds"), "scrape")],
            "s",
        ),
        state,
        stat(
            "Starts",
            "Times the coordinator started. More than you did: it was killed or fell over; its log says"
            " which.",
            select("journal_events_total", 'event="epoch_began"'),
            decimals=0,
        ),
        stat(
            "Late reports",
            "Results that came after their lease was lost: kept, but they decide nothing. Many: raise"
            " coordinator.lease_ttl.",
            select("journal_events_total", 'event="late_report"'),
            hue=ORANGE,
            decimals=0,
        ),
        stat(
            "Lost leases",
            "Runs taken back from agents that went or fell silent, and made again.",
            select("journal_events_total", 'event="run_lost"'),
            hue=ORANGE,
            decimals=0,
        ),
        stat(
            "Memory",
            "Resident memory of the coordinator's process.",
            f"process_resident_memory_bytes {here}",
            "bytes",
        ),
        stat(
            "CPU",
            "Cores the coordinator's process uses.",
            f"rate(process_cpu_seconds_total[$__rate_interval]) {here}",
            "percentunit",
        ),
    ]


# ---------------------------------------------------------------------- the whole

ROWS = {
    "Progress": (progress, [3] * 8 + [16, 8]),
    "Decisions": (decisions, [12, 12, 6, 6, 6, 6, 12, 12]),
    "Trust": (trust, [8, 8, 8]),
    "Agents and slots": (slots, [24, 8, 8, 8, 12, 12]),
    "Money": (money, [6, 6, 6, 6, 6, 6, 6, 6]),
    "Time by phase": (phases, [8, 8, 8]),
    "Coordinator": (coordinator, [8, 8, 8, 4, 4, 4, 4, 4, 4]),
}
"""Rows of the dashboard: what makes their panels, and the panels' widths in columns."""


def all_panels() -> list[Json]:
    """Rows and panels in their places, numbered."""
    out: list[Json] = []
    top = 0
    for title, (make, widths) in ROWS.items():
        out.append(
            {
                "type": "row",
                "title": title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
            }
        )
        panels, top = placed(make(), widths, top + 1)
        out += panels
    return [{"id": number, **each} for number, each in enumerate(out, start=1)]


def variables() -> list[Json]:
    """What is chosen at the top: the Prometheus, the campaign, the division."""
    return [
        {
            "name": "datasource",
            "label": "Prometheus",
            "type": "datasource",
            "query": "prometheus",
            "current": {},
        },
        _variable("campaign", "label_values(autoswarm_campaign_info, campaign)"),
        _variable("division", 'label_values(autoswarm_best_depth{campaign="$campaign"}, division)'),
    ]


def _variable(name: str, query: str) -> Json:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": False,
        "includeAll": False,
        "current": {},
    }


def dashboard() -> Json:
    """The dashboard as Grafana reads it."""
    merges = {
        "name": "Merges",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": GREEN,
        "expr": f"changes({select('best_depth', division=True, suffix='[$__interval]')}) > 0",
        "titleFormat": "merge",
    }
    return {
        "uid": "autoswarm",
        "title": "autoswarm",
        "description": "One campaign: its progress, decisions, slots and coordinator.",
        "tags": ["autoswarm"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": variables()},
        "annotations": {"list": [merges]},
        "panels": all_panels(),
    }


def text() -> str:
    """The file's text."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"
