"""Row of the dashboard: whether values can be believed."""

from deploy.grafana.panels import Row, bars, select

ROW = Row(
    "Trust",
    [8, 8, 8],
    [
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
    ],
)
