"""The dashboard is made by deploy/grafana/dashboard.py, asks only for what the exporter has, and is well laid
out.
"""

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from configs.schema import CoordinatorConfig
from configs.yaml_files import read_yaml
from deploy.grafana import dashboard as dashboards
from tests.unit.dashboard_queries import COMMITTED, GRAFANA, charts, committed, filled, queries
from tests.unit.metered_swarm import MeteredSwarm, played

Labels = dict[str, set[str]]


@pytest.fixture(scope="module")
def exported() -> dict[str, Labels]:
    """Every label's values under every series name, of a played campaign with a run going on."""
    swarm = played()
    swarm.think("agent-00")
    swarm.lease("agent-00")
    swarm.tell()
    return exported_by(swarm)


def exported_by(swarm: MeteredSwarm) -> dict[str, Labels]:
    names: dict[str, Labels] = {}
    for family in text_string_to_metric_families(generate_latest(swarm.metrics.registry).decode()):
        for sample in family.samples:
            labels = names.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return names


def selectors(query: str) -> list[Any]:
    nodes: list[Any] = []

    def visit(node: object) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            nodes.append(node)
        elif isinstance(node, promql_parser.MatrixSelector):
            nodes.append(node.vector_selector)

    promql_parser.walk(promql_parser.parse(query), visit)
    return nodes


def box(panel: dict[str, Any]) -> tuple[int, int, int, int]:
    place = panel["gridPos"]
    return place["x"], place["y"], place["x"] + place["w"], place["y"] + place["h"]


def test_the_committed_dashboard_is_what_the_code_makes() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == dashboards.text(), "run `make docs`"


@pytest.mark.parametrize(("where", "query"), queries())
def test_every_series_asked_for_exists_under_its_labels(
    where: str, query: str, exported: dict[str, Labels]
) -> None:
    asked = selectors(filled(query, "test", "cpu"))
    assert asked
    for selector in asked:
        if selector.name == "up":  # Prometheus's own
            continue
        if selector.name.startswith("process_") and not Path("/proc/self/stat").exists():
            continue  # known of processes on Linux only
        assert selector.name in exported, f"{where}: nothing exports {selector.name}"
        labels = exported[selector.name]
        for matcher in selector.matchers.matchers:
            assert matcher.op == promql_parser.MatchOp.Equal, where
            assert matcher.value in labels.get(matcher.name, set()), (
                f"{where}: no {selector.name} has {matcher.name}={matcher.value}"
            )


@pytest.mark.parametrize(("where", "query"), queries())
def test_every_query_keeps_to_the_campaign_that_was_chosen(where: str, query: str) -> None:
    for selector in selectors(filled(query, "chosen", "cpu")):
        matched = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
        of_process = (
            selector.name.startswith("process_")
            and 'and on (job, instance) autoswarm_campaign_info{campaign="$campaign"}' in query
        )
        of_a_target = (
            selector.name == "up"
            and 'and on (job, instance) last_over_time(autoswarm_campaign_info{campaign="$campaign"}[1d])'
            in query
        )
        assert of_process or of_a_target or matched["campaign"] == "chosen", where


@pytest.mark.parametrize(("where", "query"), queries())
def test_rates_are_over_the_rate_interval(where: str, query: str) -> None:
    for window in re.findall(r"\brate\([^\[]*\[([^\]]*)\]", query):
        assert window == "$__rate_interval", where
    assert "irate" not in query


def test_a_variable_is_chosen_from_what_is_exported(exported: dict[str, Labels]) -> None:
    datasource, *others = committed()["templating"]["list"]
    assert (datasource["name"], datasource["type"]) == ("datasource", "datasource")
    assert [other["name"] for other in others] == ["campaign", "division"]
    for other in others:
        name, label = re.fullmatch(
            r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", other["query"]["query"]
        ).groups()  # type: ignore[union-attr]
        assert label in exported[name]


def test_every_panel_says_what_it_shows_and_asks_the_chosen_prometheus() -> None:
    for panel in charts():
        assert panel["description"].endswith("."), panel["title"]
        assert {part["datasource"]["uid"] for part in [panel, *panel["targets"]]} == {"${datasource}"}
        items = [target["refId"] for target in panel["targets"]]
        assert items == sorted(set(items))


def test_a_legend_names_labels_its_query_keeps(exported: dict[str, Labels]) -> None:
    for panel in charts():
        for target in panel["targets"]:
            query = filled(target["expr"], "test", "cpu")
            kept = re.findall(r"sum by \(([^)]*)\)", query)
            labels = set(kept[0].split(", ")) if kept else set(exported.get(selectors(query)[0].name, {}))
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= labels, panel["title"]


def test_ids_are_unique_and_titles_too() -> None:
    panels = committed()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels if panel["type"] == "row"}) == 7
    assert len({panel["title"] for panel in charts()}) == len(charts())


def test_panels_stay_on_the_grid_and_cover_nothing() -> None:
    boxes = [box(panel) for panel in committed()["panels"]]
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= 24
        assert 0 <= top < bottom
    for (left, top, right, bottom), (other_left, other_top, other_right, other_bottom) in combinations(
        boxes, 2
    ):
        assert right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top


def test_every_line_of_panels_fills_the_columns() -> None:
    widths: dict[int, int] = {}
    for panel in committed()["panels"]:
        widths[panel["gridPos"]["y"]] = widths.get(panel["gridPos"]["y"], 0) + panel["gridPos"]["w"]
    assert set(widths.values()) == {24}


def test_overrides_and_fills_name_series_of_their_panel() -> None:
    panel = next(panel for panel in charts() if panel["title"] == "Best over time")
    legends = [target["legendFormat"] for target in panel["targets"]]
    for override in panel["fieldConfig"]["overrides"]:
        pattern = override["matcher"]["options"].strip("/")
        assert len([legend for legend in legends if re.search(pattern, legend)]) == 1, pattern
        for wanted in override["properties"]:
            assert wanted["id"] != "custom.fillBelowTo" or wanted["value"] in legends


def test_prometheus_scrapes_the_port_metrics_are_served_on() -> None:
    (job,) = read_yaml(GRAFANA / "prometheus.yml")["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    default = CoordinatorConfig()
    assert target == f"{default.metrics_host}:{default.metrics_port}"


def test_grafana_is_provisioned_with_the_folder_the_dashboard_is_mounted_in() -> None:
    (provider,) = read_yaml(GRAFANA / "provisioning/dashboards/dashboards.yaml")["providers"]
    grafana = read_yaml(GRAFANA / "compose.yaml")["services"]["grafana"]
    mounted = [volume.split(":")[1] for volume in grafana["volumes"] if volume.startswith("./dashboard.json")]
    assert [path.rsplit("/", 1)[0] for path in mounted] == [provider["options"]["path"]]


def test_everything_compose_mounts_is_there() -> None:
    services = read_yaml(GRAFANA / "compose.yaml")["services"]
    sources = [volume.split(":")[0] for service in services.values() for volume in service["volumes"]]
    assert sources
    assert all((GRAFANA / source).exists() for source in sources)
