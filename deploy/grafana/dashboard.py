"""The Grafana dashboard as code; ``make docs`` writes ``dashboard.json`` anew.

- It shows one campaign, and of its values one division: those of others do not compare.
- Rates are over ``$__rate_interval``, so any scrape interval works. Charts that only move when runs end,
  minutes apart, show totals instead.
"""

import json

from deploy.grafana import (
    coordinator_row,
    decisions_row,
    money_row,
    phases_row,
    progress_row,
    slots_row,
    trust_row,
)
from deploy.grafana.panels import COLUMNS, DATASOURCE, GREEN, Json, placed, select

SCHEMA_VERSION = 39
"""Of Grafana 11.0; later ones bring it up to date when they load it."""

ROWS = (
    progress_row.ROW,
    decisions_row.ROW,
    trust_row.ROW,
    slots_row.ROW,
    money_row.ROW,
    phases_row.ROW,
    coordinator_row.ROW,
)


def all_panels() -> list[Json]:
    """Rows and panels in their places, numbered."""
    out: list[Json] = []
    top = 0
    for row in ROWS:
        out.append(
            {
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
            }
        )
        panels, top = placed(row.panels, row.widths, top + 1)
        out += panels
    return [{"id": number, **panel} for number, panel in enumerate(out, start=1)]


def variables() -> list[Json]:
    """What is chosen at the top: the Prometheus, the campaign, the division."""
    return [
        {
            "name": "datasource",
            "label": "Prometheus",
            "type": "datasource",
            "query": "prometheus",
            "current": {},
        },
        _variable("campaign", "label_values(autoswarm_campaign_info, campaign)"),
        _variable("division", 'label_values(autoswarm_best_depth{campaign="$campaign"}, division)'),
    ]


def _variable(name: str, query: str) -> Json:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": False,
        "includeAll": False,
        "current": {},
    }


def dashboard() -> Json:
    """The dashboard as Grafana reads it."""
    merges = {
        "name": "Merges",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": GREEN,
        "expr": f"changes({select('best_depth', division=True, suffix='[$__interval]')}) > 0",
        "titleFormat": "merge",
    }
    return {
        "uid": "autoswarm",
        "title": "autoswarm",
        "description": "One campaign: its progress, decisions, slots and coordinator.",
        "tags": ["autoswarm"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": variables()},
        "annotations": {"list": [merges]},
        "panels": all_panels(),
    }


def text() -> str:
    """The file's text."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"
