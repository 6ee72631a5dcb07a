"""docs/metrics.md holds the whole catalogue, word for word."""

import re
from pathlib import Path

import promql_parser
from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from configs.yaml_files import read_yaml
from tests.unit.dashboard_queries import GRAFANA, committed
from tests.unit.metered_swarm import MeteredSwarm, played

DOCS = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")


def families() -> list[Family]:
    swarm: MeteredSwarm = played()
    swarm.think("agent-00")
    swarm.lease("agent-00")
    exported = text_string_to_metric_families(generate_latest(swarm.metrics.registry).decode())
    return sorted(
        (family for family in exported if family.name.startswith("autoswarm_")),
        key=lambda family: family.name,
    )


def line(family: Family) -> str:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = {label for sample in family.samples for label in sample.labels} - {"campaign", "le"}
    return (
        f"| `{name}` | {family.type} | {', '.join(f'`{label}`' for label in sorted(labels))} |"
        f" {family.documentation} |"
    )


def test_the_catalogue_is_what_is_exported() -> None:
    wanted = "\n".join(["| name | type | labels | meaning |", "|---|---|---|---|", *map(line, families())])
    table = re.search(r"<!-- catalogue -->\n(.*)\n<!-- /catalogue -->", DOCS, re.DOTALL)
    assert table is not None
    assert table[1] == wanted


def alerts() -> dict[str, str]:
    """The shipped expressions by their alerts' names."""
    (group,) = read_yaml(GRAFANA / "alerts.yml")["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def test_every_alert_is_described_and_names_what_is_exported() -> None:
    names = {sample.name for family in families() for sample in family.samples} | {"up"}
    assert re.findall(r"^- \*\*(Autoswarm\w+)\*\*: ", DOCS, re.MULTILINE) == list(alerts())
    for expression in alerts().values():
        promql_parser.parse(expression)
        named = re.findall(r"\b(?:autoswarm_\w+|up)\b", expression)
        assert named
        assert set(named) <= names


def test_the_rows_of_the_dashboard_are_the_ones_described() -> None:
    rows = [panel["title"] for panel in committed()["panels"] if panel["type"] == "row"]
    assert re.findall(r"\*\*([^*]+)\*\*", DOCS.split("The dashboard's rows:")[1].split("\n\n")[0]) == rows
