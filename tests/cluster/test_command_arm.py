"""A campaign whose ideas come from a command line, started as a person starts it. What it trains is
simulated.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.cli.main import main

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
KEY = "planted-9c81f0a2d4b76e"
ARMS = """
arms:
  - name: coder
    proposer: command
    template: shell
    command:
      - |
        env | grep -cE 'API_KEY|RAY_|AUTOSWARM_' >> {notes}
        cat {campaigns}/commanded/config.yaml {keys} >> {notes} 2>/dev/null
        echo "$OTHER_API_KEY" > PROPOSAL.md
        number=$(date +%N) # its process has the same number every time
        echo "TITLE: a rate of $number" >> PROPOSAL.md
        sed -i "s/^ADAM_LR = .*/ADAM_LR = 0.003$number/" train.py
"""
ABSENT = '  - {name: absent, proposer: command, command: [no-such-agent, "{prompt}"]}\n'


def test_a_shell_s_line_searches_and_an_agent_that_is_not_there_is_said_before(tmp_path: Path) -> None:
    file, scratch = tmp_path / "mine.yaml", tmp_path / "tmp"
    scratch.mkdir()
    arms = ARMS.format(notes=tmp_path / "notes", campaigns=tmp_path / "campaigns", keys=tmp_path / ".env")
    file.write_text(arms + ABSENT)
    (tmp_path / ".env").write_text("SOME_API_KEY=planted-0123456789\n")
    words = [
        "campaign.name=commanded",
        "campaign.max_experiments=4",
        "trainer.kind=simulated",
        "trainer.simulated_seconds=0.2",
    ]
    words += [
        f"campaigns_dir={tmp_path / 'campaigns'}",
        f"data_dir={tmp_path / 'data'}",
        "coordinator.metrics_port=0",
        "campaign.session_minutes=2",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OTHER_API_KEY": KEY, "TMPDIR": str(scratch)}

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deploy.cli.main", "run", str(file), *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=150,
        )

    refused = run()
    assert refused.returncode == 3
    assert "'no-such-agent' is not on the PATH here" in refused.stderr
    assert not (tmp_path / "campaigns").exists()
    file.write_text(arms)
    ran = run()
    assert ran.returncode == 0, ran.stderr

    campaign = tmp_path / "campaigns" / "commanded"
    listed = CliRunner().invoke(
        main, ["leaderboard", "commanded", "--json", "--campaigns", str(campaign.parent)]
    )
    rows = [row for row in json.loads(listed.stdout)["rows"] if row["arm"]]
    done = [row for row in rows if row["state"] in ("merged", "rejected", "rolled_back")]
    assert len(done) >= 4
    assert {row["arm"] for row in rows} == {"coder"}
    assert all(row["title"].startswith("a rate of") for row in rows)
    assert set((tmp_path / "notes").read_text().split()) == {"0"}
    logs = "".join(path.read_text() for path in (campaign / "logs").iterdir())
    assert "command answered" in logs
    assert not [path for path in campaign.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert not list(scratch.glob("autoswarm-*"))
