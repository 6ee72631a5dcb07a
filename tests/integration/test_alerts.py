"""The shipped alerts, tried by Prometheus's own tool on series as a campaign exports them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.dashboard_queries import GRAFANA

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian package prometheus)"
)
WHERE = 'job="autoswarm",instance="head:9464"'
OF = f'campaign="night",{WHERE}'
RUNNING = {
    f'autoswarm_campaign_state{{{OF},state="running"}}': "1x40",
    f'autoswarm_campaign_state{{{OF},state="finished"}}': "0x40",
    f"up{{{WHERE}}}": "1x40",
    f'autoswarm_runs_total{{{OF},outcome="measured"}}': "0+1x40",
    f'autoswarm_runs_total{{{OF},outcome="crashed"}}': "0x40",
}
"""A sample a minute, forty minutes long."""


def promtool(*words: str | Path) -> None:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def fires(folder: Path, series: dict[str, str], alert: str, *, at: str, fired: bool) -> None:
    """Raises AssertionError unless the alert fires then, or does not."""
    test = {
        "rule_files": [str(GRAFANA / "alerts.yml")],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f'count by (alertname) (ALERTS{{alertname="{alert}",alertstate="firing"}})',
                        "eval_time": at,
                        "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1}] * fired,
                    }
                ],
            }
        ],
    }
    path = folder / "test.yml"
    path.write_text(json.dumps(test), encoding="utf-8")
    promtool("test", "rules", path)


ALERTS = [
    "AutoswarmCoordinatorGone",
    "AutoswarmArmStopped",
    "AutoswarmSlotSetAside",
    "AutoswarmNothingFinishes",
    "AutoswarmNothingImproves",
    "AutoswarmSlotsWait",
    "AutoswarmAgentLost",
    "AutoswarmMostRunsFail",
    "AutoswarmCheat",
    "AutoswarmMoneyNearlySpent",
    "AutoswarmUnpricedCalls",
    "AutoswarmJournalSlow",
]
CASES: dict[str, tuple[dict[str, str], str]] = {
    "a coordinator that fell over": (
        {
            f'autoswarm_campaign_state{{{OF},state="finished"}}': "0x20 stale",
            f"up{{{WHERE}}}": "1x20 0x20",
        },
        "AutoswarmCoordinatorGone",
    ),
    "an arm without money": (
        {f'autoswarm_arm_stopped{{{OF},arm="model",reason="payment"}}': "0x20 1x20"},
        "AutoswarmArmStopped",
    ),
    "a slot that is off": (
        {f'autoswarm_agent_set_aside{{{OF},agent="a0",division="cpu"}}': "0x20 1x20"},
        "AutoswarmSlotSetAside",
    ),
    "nothing finishes": (
        {f'autoswarm_runs_total{{{OF},outcome="measured"}}': "7x40"},
        "AutoswarmNothingFinishes",
    ),
    "a plateau": (
        {f'autoswarm_best_timestamp_seconds{{{OF},division="cpu"}}': "-30000x40"},
        "AutoswarmNothingImproves",
    ),
    "slots that wait": ({f'autoswarm_occupancy_ratio{{{OF},window="10m"}}': "0.5x40"}, "AutoswarmSlotsWait"),
    "a lost agent": ({f'autoswarm_agents{{{OF},state="lost"}}': "1x40"}, "AutoswarmAgentLost"),
    "crashes": ({f'autoswarm_runs_total{{{OF},outcome="crashed"}}': "0+2x40"}, "AutoswarmMostRunsFail"),
    "a cheat": ({f'autoswarm_runs_total{{{OF},outcome="cheated"}}': "0x20 1x20"}, "AutoswarmCheat"),
    "money": (
        {
            f"autoswarm_cap_usd{{{OF}}}": "10x40",
            f'autoswarm_llm_spent_usd{{{OF},arm="model",model="m"}}': "6x40",
            f'autoswarm_gpu_spent_usd{{{OF},arm="model"}}': "3x40",
        },
        "AutoswarmMoneyNearlySpent",
    ),
    "calls without a price": (
        {f'autoswarm_llm_unpriced_calls{{{OF},arm="model",model="m"}}': "1x40"},
        "AutoswarmUnpricedCalls",
    ),
    "a slow disk": (
        {
            f'autoswarm_journal_delay_seconds_bucket{{{OF},le="1.0"}}': "0+1x40",
            f'autoswarm_journal_delay_seconds_bucket{{{OF},le="2.5"}}': "0+9x40",
            f'autoswarm_journal_delay_seconds_bucket{{{OF},le="+Inf"}}': "0+9x40",
        },
        "AutoswarmJournalSlow",
    ),
}


def test_promtool_takes_the_rules_and_the_configuration_that_names_them() -> None:
    promtool("check", "rules", "--lint=all", GRAFANA / "alerts.yml")
    promtool("check", "config", GRAFANA / "prometheus.yml")
    assert "alerts.yml" in (GRAFANA / "prometheus.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("alert", ALERTS)
def test_no_alert_fires_while_all_is_well(alert: str, tmp_path: Path) -> None:
    well = {
        f'autoswarm_arm_stopped{{{OF},arm="played",reason="exhausted"}}': "1x40",
        f'autoswarm_best_timestamp_seconds{{{OF},division="cpu"}}': "0x40",
        f"autoswarm_cap_usd{{{OF}}}": "0x40",
        f'autoswarm_llm_spent_usd{{{OF},arm="model",model="m"}}': "6x40",
    }
    fires(tmp_path, RUNNING | well, alert, at="39m", fired=False)


@pytest.mark.parametrize("case", CASES)
def test_an_alert_fires_for_what_it_is_about(case: str, tmp_path: Path) -> None:
    series, alert = CASES[case]
    fires(tmp_path, RUNNING | series, alert, at="39m", fired=True)


def test_a_coordinator_that_has_finished_and_gone_is_no_alert(tmp_path: Path) -> None:
    ended = {
        f'autoswarm_campaign_state{{{OF},state="finished"}}': "0x19 1 stale",
        f'autoswarm_campaign_state{{{OF},state="running"}}': "1x19 0 stale",
        f"up{{{WHERE}}}": "1x20 0x20",
    }
    fires(tmp_path, RUNNING | ended, "AutoswarmCoordinatorGone", at="39m", fired=False)


def test_a_campaign_that_has_just_begun_is_given_time(tmp_path: Path) -> None:
    begun = {
        f'autoswarm_campaign_state{{{OF},state="running"}}': "_x25 1x15",
        f'autoswarm_runs_total{{{OF},outcome="measured"}}': "_x25 0x15",
    }
    fires(tmp_path, RUNNING | begun, "AutoswarmNothingFinishes", at="39m", fired=False)


def test_every_shipped_alert_is_tried() -> None:
    text = (GRAFANA / "alerts.yml").read_text(encoding="utf-8")
    assert [line.split(": ")[1] for line in text.splitlines() if "- alert: " in line] == ALERTS
    assert {alert for _, alert in CASES.values()} == set(ALERTS)
