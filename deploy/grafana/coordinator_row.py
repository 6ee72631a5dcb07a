"""Row of the dashboard: whether the one process that decides keeps up."""

from deploy.grafana.panels import GREEN, ORANGE, RED, Row, lines, quantile, rate, select, stat, target

ANSWERS = [
    {
        "type": "value",
        "options": {
            "0": {"text": "gone", "color": RED, "index": 0},
            "1": {"text": "yes", "color": GREEN, "index": 1},
        },
    }
]
HERE = f"and on (job, instance) {select('campaign_info')}"
ROW = Row(
    "Coordinator",
    [8, 8, 8, 4, 4, 4, 3, 3, 3, 3],
    [
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
        stat(
            "Answers",
            "Whether the coordinator answered the last scrape, of a campaign that did within a day. 0 when it"
            " is gone: it has finished, as its last State says, or it fell over.",
            f"up and on (job, instance) last_over_time({select('campaign_info', suffix='[1d]')})",
            mappings=ANSWERS,
        ),
        stat(
            "State",
            "Running, draining (open runs finish, nothing new begins) or finished.",
            f"{select('campaign_state')} == 1",
            legend="{{state}}",
            text_mode="name",
        ),
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
            f"process_resident_memory_bytes {HERE}",
            "bytes",
        ),
        stat(
            "CPU",
            "Cores the coordinator's process uses.",
            f"rate(process_cpu_seconds_total[$__rate_interval]) {HERE}",
            "percentunit",
        ),
    ],
)
