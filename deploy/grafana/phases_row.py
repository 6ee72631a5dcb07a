"""Row of the dashboard: where the time of a run goes."""

from deploy.grafana.panels import Row, bars, lines, mean, quantile, select, target

TRAIN = select("phase_duration_seconds_bucket", 'phase="train"')

ROW = Row(
    "Time by phase",
    [8, 8, 8],
    [
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
            f"sum by (le) ({TRAIN})",
            "{{le}}",
            format="heatmap",
        ),
    ],
)
