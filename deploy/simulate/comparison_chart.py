"""A comparison of policies as a picture: how much better each is than the reference, and how many of its
merges are false. The only module that draws, with an optional package.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from configs.errors import ConfigError
from coordinator.domain import Metric
from deploy.simulate.comparison import Cell, PolicyRow
from trainer.extras import command, wanted_by

EXTRA = "plot"
INCHES = (10.0, 4.5)


def require_plotting() -> None:
    """Raises ConfigError where the optional package is not here."""
    if importlib.util.find_spec("matplotlib") is None:
        packages = wanted_by(EXTRA) or ["matplotlib"]  # an older installation does not say
        raise ConfigError("--png needs matplotlib, which is not here", f"Install it: {command(packages)}")


def draw(metric: Metric, cells: Sequence[Cell], path: Path) -> None:
    """Write the picture. Raises OSError."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=INCHES, layout="constrained")
    left, right = figure.subplots(1, 2)
    names = [row.policy for row in cells[0].rows]
    for number, name in enumerate(names):
        rows = [cell.rows[number] for cell in cells]
        places = [place + 0.6 * (number / len(names) - 0.4) for place in range(len(cells))]
        if number:
            differences = [(row.less.mean, row.less.error or 0.0) for row in rows if row.less]
            _points(left, places, differences, name, f"C{number}")
        _points(right, places, [_percent(row) for row in rows], name, f"C{number}")
    left.axhline(0.0, color="grey", linewidth=0.8)
    left.set_ylabel(f"true {metric.name} less {names[0]}'s")
    right.set_ylabel("merges that are no better, %")
    right.set_ylim(bottom=0.0)
    for axes in (left, right):
        axes.set_xticks(range(len(cells)), [_label(cell) for cell in cells], fontsize=8)
    right.legend(fontsize=8)
    figure.savefig(path, format="png", dpi=120)


def _points(axes: Any, places: list[float], values: list[tuple[float, float]], name: str, color: str) -> None:
    means, errors = [mean for mean, _ in values], [error for _, error in values]
    axes.errorbar(places, means, yerr=errors, fmt="o", markersize=4, capsize=2, label=name, color=color)


def _percent(row: PolicyRow) -> tuple[float, float]:
    return (100 * row.false.mean, 100 * (row.false.error or 0.0)) if row.false else (0.0, 0.0)


def _label(cell: Cell) -> str:
    return f"σ {cell.sigma:g}\n{f'{cell.runs} runs' if cell.runs else f'{cell.hours:g} h'}\nW {cell.slots}"
