"""Row of the dashboard: what came out so far."""

from deploy.grafana.panels import (
    GREEN,
    GREY,
    ORANGE,
    Row,
    bars,
    colour,
    lines,
    override,
    select,
    stat,
    target,
)

SIGMA = select("noise_sigma_value", division=True)
BASELINE = select("baseline_value", division=True)
BAND = [
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

ROW = Row(
    "Progress",
    [3] * 8 + [16, 8],
    [
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
            BASELINE,
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
            f"{select('best_gain_value', division=True)} / ({SIGMA} > 0)",
            decimals=1,
        ),
        stat(
            "Since the last improvement",
            "Time since the best became the best. Long and experiments still finish: a plateau, try another"
            " charter or another arm.",
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
            "The best so far: each step is a merge. The band is one standard deviation of unchanged code"
            " around the baseline.",
            [
                target(select("best_value", division=True), "best"),
                target(BASELINE, "baseline"),
                target(f"{BASELINE} - {SIGMA}", "baseline − σ"),
                target(f"{BASELINE} + {SIGMA}", "baseline + σ"),
            ],
            overrides=BAND,
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
    ],
)
