"""Row of the dashboard: who works, and who waits."""

from deploy.grafana.panels import (
    GREEN,
    GREY,
    RED,
    Row,
    bars,
    field_config,
    lines,
    panel,
    quantile,
    rate,
    select,
    target,
)

STATES = [
    {
        "type": "value",
        "options": {
            "0": {"text": "idle", "color": GREY, "index": 0},
            "1": {"text": "training", "color": GREEN, "index": 1},
            "2": {"text": "lost", "color": RED, "index": 2},
        },
    }
]


def _in_state(state: str) -> str:
    condition = f'state="{state}"'
    return f"sum by (agent) ({select('agent_state', condition)})"


LANES = panel(
    "state-timeline",
    "Who trains",
    "One lane for each agent: training, idle, lost, or gone where the lane is empty.",
    [target(f"{_in_state('training')} + 2 * {_in_state('lost')}", "{{agent}}")],
    fieldConfig=field_config("none", mappings=STATES, custom={"fillOpacity": 80, "lineWidth": 0}),
    options={
        "showValue": "never",
        "mergeValues": True,
        "rowHeight": 0.8,
        "legend": {"showLegend": True, "placement": "bottom"},
    },
)

ROW = Row(
    "Agents and slots",
    [24, 8, 8, 8, 12, 12],
    [
        LANES,
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
    ],
)
