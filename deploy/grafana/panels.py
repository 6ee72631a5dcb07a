"""Parts of a Grafana dashboard as plain values: queries, panels, and their places on the grid.

What Grafana 11 and later read, with nothing to install. Every panel takes a description; every query asks for
one campaign.
"""

from typing import Any

from msgspec import Struct

Json = dict[str, Any]

COLUMNS = 24
STAT_HEIGHT = 4
CHART_HEIGHT = 8
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

GREEN, BLUE, ORANGE, RED, GREY = "green", "blue", "orange", "red", "#8e8e8e"


class Row(Struct, frozen=True):
    """A row of the dashboard."""

    title: str
    widths: list[int]
    """Of its panels, in columns."""
    panels: list[Json]
    """Without their places."""


# ---------------------------------------------------------------------- queries


def select(name: str, *conditions: str, division: bool = False, suffix: str = "") -> str:
    """Series of the campaign: ``autoswarm_<name>`` under more label conditions."""
    chosen = ['campaign="$campaign"', *(['division="$division"'] if division else []), *conditions]
    return f"autoswarm_{name}{{{','.join(chosen)}}}{suffix}"


def rate(name: str, *conditions: str) -> str:
    """Growth per second of a counter."""
    return f"rate({select(name, *conditions, suffix='[$__rate_interval]')})"


def quantile(share: float, name: str, by: str = "") -> str:
    """A quantile of a histogram, over the last rate interval."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) ({rate(f'{name}_bucket')}))"


def mean(name: str, by: str) -> str:
    """Mean of a histogram, over the last rate interval."""
    return f"sum by ({by}) ({rate(f'{name}_sum')}) / sum by ({by}) ({rate(f'{name}_count')})"


# ---------------------------------------------------------------------- panels


def target(expression: str, legend: str = "", **more: Any) -> Json:
    """A query. legend: how its series are called, ``{{label}}`` for a label's value."""
    return {"datasource": DATASOURCE, "expr": expression, "legendFormat": legend, "refId": "", **more}


def panel(kind: str, title: str, description: str, targets: list[Json], **more: Any) -> Json:
    """A panel without its place and id."""
    lettered = [{**query, "refId": chr(ord("A") + number)} for number, query in enumerate(targets)]
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": lettered,
        **more,
    }


def field_config(unit: str, overrides: list[Json] | None = None, **defaults: Any) -> Json:
    """How values are written. unit: Grafana's id of it."""
    return {
        "defaults": {"unit": unit, "color": {"mode": "palette-classic"}, **defaults},
        "overrides": overrides or [],
    }


def override(series: str, **properties: Any) -> Json:
    """Draw one series otherwise. Underscores in names stand for dots."""
    values = [{"id": name.replace("_", "."), "value": value} for name, value in properties.items()]
    return {"matcher": {"id": "byRegexp", "options": f"/^{series}/"}, "properties": values}


def colour(name: str) -> Json:
    """Always this color."""
    return {"mode": "fixed", "fixedColor": name}


def stat(
    title: str,
    description: str,
    expression: str,
    unit: str = "none",
    hue: str = BLUE,
    legend: str = "",
    text_mode: str = "",
    **defaults: Any,
) -> Json:
    """One big number. text_mode: Grafana's word for showing something else, such as ``name``."""
    options: Json = {
        "colorMode": "value",
        "graphMode": "none",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    if text_mode:
        options["textMode"] = text_mode
    wanted = field_config(unit, **{"color": colour(hue), **defaults})
    return panel(
        "stat", title, description, [target(expression, legend)], fieldConfig=wanted, options=options
    )


def lines(
    title: str,
    description: str,
    targets: list[Json],
    unit: str = "none",
    overrides: list[Json] | None = None,
    **custom: Any,
) -> Json:
    """Lines over time."""
    drawn = {"lineWidth": 2, "fillOpacity": 0, "showPoints": "auto", "spanNulls": True, **custom}
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    return panel(
        "timeseries",
        title,
        description,
        targets,
        fieldConfig=field_config(unit, overrides, custom=drawn),
        options=options,
    )


def bars(title: str, description: str, expression: str, legend: str, unit: str = "none", **more: Any) -> Json:
    """One bar for each series, as it stands now."""
    options = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showUnfilled": True,
    }
    query = target(expression, legend, instant=True, range=False, **more)
    limits: Json = {"min": 0, "max": 1} if unit == "percentunit" else {"min": 0}
    return panel(
        "bargauge",
        title,
        description,
        [query],
        fieldConfig=field_config(unit, **limits, color=colour(BLUE)),
        options=options,
    )


def placed(panels: list[Json], widths: list[int], top: int) -> tuple[list[Json], int]:
    """Panels from left to right, a new line when the columns are used up, and the row below them."""
    left, height, out = 0, 0, []
    for chart, width in zip(panels, widths, strict=True):
        if left + width > COLUMNS:
            left, top = 0, top + height
        height = STAT_HEIGHT if chart["type"] == "stat" else CHART_HEIGHT
        out.append({**chart, "gridPos": {"x": left, "y": top, "w": width, "h": height}})
        left += width
    return out, top + height
