"""The end of a measuring program: has the numbers made in a process of their own, and says them."""

import json
import math
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

CHILD = "--numbers-into"
LINES = 40
"""Of what the child wrote, kept for people."""


def measure(numbers: Callable[[], Mapping[str, Any]]) -> None:
    """Say ``METRIC name=value`` for what ``numbers`` returns in a child; exit code 1 where it fails."""
    if len(sys.argv) == 3 and sys.argv[1] == CHILD:
        _seed()
        Path(sys.argv[2]).write_text(json.dumps(_plain(numbers())), encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as folder:
        into, log = Path(folder) / "numbers.json", Path(folder) / "log"
        with log.open("wb") as output:
            command = [sys.executable, __file__, CHILD, str(into)]
            child = subprocess.run(command, stdout=output, stderr=output, check=False)
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-LINES:]:
            sys.stdout.write(f"| {line[:400]}\n")  # no line of the child is one of ours
        if child.returncode or not into.is_file():
            sys.exit(1)
        for name, value in json.loads(into.read_text(encoding="utf-8")).items():
            sys.stdout.write(f"METRIC {name}={value!r}\n")


def _plain(numbers: Mapping[str, Any]) -> dict[str, float]:
    """Those that are numbers, under names that a metric can have."""
    plain = {}
    for name, value in numbers.items():
        word = "".join(letter if letter.isalnum() or letter in "_.-" else "_" for letter in str(name))[:63]
        try:
            number = float(value)
        except (TypeError, ValueError):
            continue
        if not isinstance(value, str) and math.isfinite(number):
            plain[word if word[:1].isalpha() else f"_{word}"] = number
    return plain


def _seed() -> None:
    """The same chance for the same seed, as far as nobody sets another."""
    seed = int(os.environ.get("AUTOSWARM_SEED", "0"))
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % (1 << 32))
