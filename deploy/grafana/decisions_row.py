"""Row of the dashboard: what was decided, and why things failed."""

from deploy.grafana.panels import GREEN, GREY, ORANGE, RED, Row, bars, colour, lines, override, select, target

OUTCOMES = [
    override("merged", color=colour(GREEN)),
    override("rejected", color=colour(GREY)),
    override("crashed", color=colour(ORANGE)),
    override("cheated", color=colour(RED)),
]

ROW = Row(
    "Decisions",
    [12, 12, 6, 6, 6, 6, 12, 12],
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
    ],
)
