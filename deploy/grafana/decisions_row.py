"""Row of the dashboard: what was decided, and why things failed."""

from deploy.grafana.panels import (
    GREEN,
    GREY,
    ORANGE,
    RED,
    Row,
    bars,
    colour,
    field_config,
    lines,
    override,
    panel,
    select,
    target,
)

OUTCOMES = [
    override("merged", color=colour(GREEN)),
    override("rejected", color=colour(GREY)),
    override("crashed", color=colour(ORANGE)),
    override("cheated", color=colour(RED)),
]

GIVES = [
    {
        "type": "value",
        "options": {
            "0": {"text": "gives ideas", "color": GREEN, "index": 0},
            "1": {"text": "gives nothing", "color": RED, "index": 1},
        },
    }
]

ROW = Row(
    "Decisions",
    [12, 12, 6, 6, 6, 6, 12, 12, 12, 12, 24],
    [
        lines(
            "Finished experiments",
            "Experiments with their last verdict, by state. Flat lines while agents train: nothing finishes.",
            [target(f"sum by (state) ({select('experiments_finished_total')})", "{{state}}")],
            overrides=OUTCOMES,
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
        panel(
            "state-timeline",
            "Arms that give nothing",
            "One lane for each arm: red while it is stopped, or gave nothing for many briefs in a row.",
            [target(f"sum by (arm) ({select('arm_stopped')})", "{{arm}}")],
            fieldConfig=field_config("none", mappings=GIVES, custom={"fillOpacity": 80, "lineWidth": 0}),
            options={
                "showValue": "never",
                "mergeValues": True,
                "rowHeight": 0.8,
                "legend": {"showLegend": True, "placement": "bottom"},
            },
        ),
        panel(
            "table",
            "Why arms give nothing",
            "The reason of each arm that gives nothing now; autoswarm arms says more, and what to do.",
            [
                target(
                    f"sum by (arm, reason) ({select('arm_stopped')})",
                    format="table",
                    instant=True,
                    range=False,
                )
            ],
            fieldConfig=field_config("none"),
            options={"showHeader": True},
            transformations=[
                {
                    "id": "filterByValue",
                    "options": {
                        "type": "include",
                        "match": "any",
                        "filters": [
                            {"fieldName": "Value", "config": {"id": "greater", "options": {"value": 0}}}
                        ],
                    },
                },
                {"id": "organize", "options": {"excludeByName": {"Time": True, "Value": True}}},
            ],
        ),
        lines(
            "Merges, and how many of them are expected to be false",
            "Merges between the baseline and the best, and how many of them are expected to be no better in"
            " truth, by noise alone.",
            [
                target(select("best_depth"), "{{division}}"),
                target(select("false_merges_expected"), "{{division}}, expected to be false"),
            ],
            lineInterpolation="stepAfter",
        ),
    ],
)
