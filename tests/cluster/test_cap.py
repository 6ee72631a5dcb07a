"""`autoswarm run` with a cap: a real swarm on Ray that asks a model over real HTTP stops by itself when the
money is spent.
"""

import json
from pathlib import Path

import pytest

from tests.chaos.swarm_process import swarm_process
from tests.integration.chat_server import chat_server, said

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

KEY = "sk-planted-5d0e77c1ab90"
CAP = 0.5
MOST = 0.1
"""Dollars one call may cost: 100 tokens of answer."""


def edit(number: int) -> str:
    return f"TITLE: {number}\n\n<<<<<<< SEARCH\nLR = 0.02\n=======\nLR = 0.02{number}\n>>>>>>> REPLACE\n"


def test_a_cap_of_some_cents_ends_the_run_with_its_own_exit_code(tmp_path: Path) -> None:
    with chat_server() as server:
        server.play(*(said(edit(number)) for number in range(100, 200)))
        arm = {
            "name": "thinker",
            "proposer": "llm",
            "models": ["openai/test"],
            "api_base": server.base,
            "max_tokens": 100,
        }
        prices = {"openai/test": {"input_usd_per_million": 0, "output_usd_per_million": 1000, "at_once": 1}}
        words = [
            *(
                "campaign.max_experiments=0",
                "campaign.lookahead=0",
                "trainer.kind=simulated",
                "trainer.simulated_seconds=0.2",
                "acceptance.screen_z=1000",
            ),
            *(f"money.cap_usd={CAP}", f"arms={json.dumps([arm])}", f"models={json.dumps(prices)}"),
        ]
        with swarm_process(tmp_path, 1, *words, OPENAI_API_KEY=KEY) as swarm:
            swarm.start()
            assert swarm.wait(200) == 5, swarm.said()
            state = swarm.state()
            assert swarm.processes() == []
            swarm.start()
            assert swarm.wait(100) == 5, "it is still the same cap"
        assert server.most_open == 1
    assert state.capped
    assert "money.cap_usd reached" in state.phase_reason
    assert CAP - MOST < state.spend.usd <= CAP
    assert not any(agent.run for agent in state.agents.values())
    calls = list((swarm.campaign / "calls").glob("*.json.gz"))
    assert len(calls) == state.spend.total.calls >= 4
    assert not any(KEY.encode() in path.read_bytes() for path in swarm.campaign.rglob("*") if path.is_file())
