"""Campaigns whose arms give nothing, started as a person starts them: they end soon where a person has to
act, and never with 0 where nothing was tried. What they would train is simulated.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]


class Ran:
    """What a campaign left. seconds: that it took."""

    def __init__(self, folder: Path, result: str, minutes: float) -> None:
        agent = folder / "agent"
        said = json.dumps({"type": "result", "subtype": "success", "is_error": True, "result": result})
        agent.write_text(f"#!/bin/sh\ncat > /dev/null\necho '{said}'\n")
        agent.chmod(0o755)
        arm = (
            f"{{name: coder, proposer: command, template: claude-code, unconfined: true, command: [{agent}]}}"
        )
        words = [
            f"arms=[{arm}]",
            f"campaigns_dir={folder / 'campaigns'}",
            f"data_dir={folder / 'data'}",
            f"campaign.session_minutes={minutes}",
            "acceptance.baseline_runs=2",
            "trainer.kind=simulated",
            "trainer.simulated_seconds=0.2",
            "coordinator.metrics_port=0",
        ]
        self._folder = folder
        began = time.monotonic()
        self.run = self._cli("run", "demo", *words)
        self.seconds = time.monotonic() - began
        page = json.loads(self._cli("status", "demo", "--json", "--campaigns", "campaigns").stdout)
        self.page: dict[str, Any] = page

    def _cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deploy.cli.main", *words],
            cwd=self._folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )


def test_a_campaign_ends_soon_when_its_only_arm_is_stopped(tmp_path: Path) -> None:
    ran = Ran(tmp_path, "Not logged in. Please run /login", minutes=3)
    assert ran.run.returncode == 1, ran.run.stderr
    assert ran.seconds < 150
    assert ran.page["reason"].startswith("no arm can go on: coder: agent is not logged in: Not logged in")
    assert (ran.page["state"], ran.page["failed"]) == ("finished", True)
    (arm,) = ran.page["arms"]
    assert (arm["trouble"]["reason"], arm["trouble"]["stopped"]) == ("login", True)
    lines = ran.run.stderr.splitlines()
    assert any(line.startswith("warning: arm coder is stopped") for line in lines)
    assert lines[-2].startswith("error: no arm can go on: coder: ")
    assert lines[-1].startswith("  do: Log agent in as the user that runs autoswarm")


def test_a_start_that_tried_nothing_ends_with_6(tmp_path: Path) -> None:
    ran = Ran(tmp_path, "API Error: Rate limit reached", minutes=0.7)
    assert ran.run.returncode == 6, ran.run.stderr
    (arm,) = ran.page["arms"]
    assert (arm["trouble"]["reason"], arm["trouble"]["stopped"]) == ("rate_limit", False)
    assert arm["trouble"]["briefs"] >= 5
    lines = ran.run.stderr.splitlines()
    assert any(line.startswith("warning: arm coder gave nothing for 5 briefs in a row: ") for line in lines)
    assert lines[-2].startswith("error: no experiment was tried: campaign.session_minutes reached")
    assert lines[-1].startswith("  do: ")
