"""The committed dashboard's queries, as Prometheus would be asked."""

import json
from pathlib import Path
from typing import Any

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
COMMITTED = GRAFANA / "dashboard.json"


def committed() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(COMMITTED.read_text(encoding="utf-8"))
    return loaded


def charts() -> list[dict[str, Any]]:
    """Every panel but the rows."""
    return [panel for panel in committed()["panels"] if panel["type"] != "row"]


def queries() -> list[tuple[str, str]]:
    """Where each query stands, and its text."""
    asked = [(panel["title"], target["expr"]) for panel in charts() for target in panel["targets"]]
    return asked + [(note["name"], note["expr"]) for note in committed()["annotations"]["list"]]


def filled(query: str, campaign: str, division: str, interval: str = "1m") -> str:
    """The query with the dashboard's variables put in."""
    values = {
        "$__rate_interval": interval,
        "$__interval": interval,
        "$campaign": campaign,
        "$division": division,
    }
    for name, value in values.items():
        query = query.replace(name, value)
    return query
