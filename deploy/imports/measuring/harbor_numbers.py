"""Measures as Harbor does: tests/test.sh, which leaves a reward. Here without a container.

Paths of the container are those of this folder: in the tests' texts /app, /tests and /logs are replaced.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PLACES = re.compile(r"(?<![\w./-])/(app|tests|logs)(?=[/\s\"':;)]|$)", re.MULTILINE)


def harbor_numbers() -> Mapping[str, Any]:
    """What is in reward.json, or in reward.txt as `reward`. Exit code 1 where neither is left."""
    here = Path.cwd()
    for path in (here / "tests").rglob("*"):
        try:
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
        except UnicodeDecodeError:
            continue
        if PLACES.search(text):
            path.write_text(PLACES.sub(lambda match: f"{here}/{match[1]}", text), encoding="utf-8")
    verifier = here / "logs" / "verifier"
    verifier.mkdir(parents=True, exist_ok=True)
    for name in ("reward.json", "reward.txt"):
        (verifier / name).unlink(missing_ok=True)
    environment = {**os.environ, "TEST_DIR": str(here / "tests")}
    subprocess.run(["bash", str(here / "tests" / "test.sh")], cwd=here / "app", env=environment, check=False)
    if (verifier / "reward.json").is_file():
        values = json.loads((verifier / "reward.json").read_text())
        return values if isinstance(values, dict) else {"reward": values}
    if (verifier / "reward.txt").is_file():
        return {"reward": float((verifier / "reward.txt").read_text())}
    sys.exit("no reward")
