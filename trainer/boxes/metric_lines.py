"""Numbers that a measuring command says. Pure.

- ``METRIC name=value`` on lines of its output, as pi-autoresearch has it; the last of a name counts.
- Else its last line, where that is a JSON object; numbers of it, and of an object below it, count.
- Else the numbers in ``reward.json``, or the one in ``reward.txt`` as ``reward``, that it left.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

LINE = re.compile(r"^\s*METRIC\s+(?P<name>[A-Za-z_][\w.\-]{0,63})\s*=\s*(?P<value>\S+)", re.MULTILINE)
REWARDS = ("reward.json", "reward.txt")
"""Files that it may leave."""
MOST = 64
"""Numbers that are kept."""


def read_metrics(text: str, files: Mapping[str, bytes]) -> dict[str, float]:
    """By name. text: the end of what the command wrote. files: that it left, by name."""
    return _of_lines(text) or _of_last_line(text) or _of_files(files)


def _of_lines(text: str) -> dict[str, float]:
    return {
        match["name"]: value
        for match in LINE.finditer(text)
        if (value := _number(match["value"])) is not None
    }


def _of_last_line(text: str) -> dict[str, float]:
    lines = text.strip().splitlines()
    return _of_json(lines[-1]) if lines and lines[-1].lstrip().startswith("{") else {}


def _of_files(files: Mapping[str, bytes]) -> dict[str, float]:
    if (content := files.get("reward.json")) is not None:
        return _of_json(content.decode(errors="replace"))
    value = _number(files.get("reward.txt", b"").decode(errors="replace").strip())
    return {} if value is None else {"reward": value}


def _of_json(text: str) -> dict[str, float]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return dict(list(_numbers(values, 1))[:MOST]) if isinstance(values, dict) else {}


def _numbers(values: Mapping[str, Any], depth: int) -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if isinstance(value, bool | int | float):
            yield str(name)[:64], float(value)
        elif isinstance(value, dict) and depth:
            yield from _numbers(value, depth - 1)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if not math.isnan(value) or text.lower().lstrip("+-") == "nan" else None
