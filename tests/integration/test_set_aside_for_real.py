"""A slot that is off, with the real service, SQLite and git: set aside, said, remembered, and back."""

import json
import logging
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

from coordinator.protocol import Brief, Lease, Wait
from coordinator.service.service import Service
from coordinator.state.slot_events import SlotSetAside
from coordinator.store.journal import Journal
from coordinator.store.paths import Layout
from deploy.cli.main import main
from deploy.wiring import log_set_aside
from evaluator.result import Measured
from tests.integration.campaign_folder import Clock, card, open_service, propose, result, rules

AGENTS = ("a0", "a1", "a2", "a3")
RULES = rules(check_every=5)


def work(service: Service, rounds: int) -> None:
    """All runs of a round overlap; what a0 measures is worse by some ten σ."""
    for number in range(rounds):
        for agent in AGENTS:
            if isinstance(service.brief(agent), Brief):
                width = 65 + len(service.state.by_ordinal)
                propose(service, agent, "WIDTH = ", f"WIDTH = {width} + ", name=f"{agent}-{number}-{width}")
        held = [(agent, service.lease(agent)) for agent in AGENTS]
        for agent, lease in held:
            if isinstance(lease, Lease):
                value = 1.0 + random.Random(lease.seed).gauss(0.0, 0.006) + (0.06 if agent == "a0" else 0.0)
                service.report(agent, lease.token, result(lease, Measured(value)), 0.01)


def page(folder: Path) -> tuple[dict[str, object], str]:
    options = ["--campaigns", str(folder.parent)]
    as_json = CliRunner().invoke(main, ["status", folder.name, *options, "--json"])
    words = CliRunner().invoke(main, ["status", folder.name, *options])
    assert (as_json.exit_code, words.exit_code) == (0, 0)
    return json.loads(as_json.stdout), words.stdout


def test_it_is_set_aside_said_remembered_and_comes_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, clock = tmp_path / "demo", Clock()
    service = open_service(folder, RULES, clock)
    for agent in AGENTS:
        service.join(card(agent))
    work(service, 12)
    waits = service.lease("a0")
    assert isinstance(waits, Wait)
    assert waits.reason.startswith("its slot is set aside: values worse by ")
    service.state.validate()
    service.close()

    journal = Journal.read(Layout(folder).journal)
    entries = [(entry.event, entry.at) for entry in journal.entries()]
    journal.close()
    [(event, at)] = [one for one in entries if isinstance(one[0], SlotSetAside)]
    with caplog.at_level(logging.WARNING, logger="deploy.wiring"):
        log_set_aside(event, at, service.state)
    assert caplog.messages == ["a slot is set aside"]

    values, words = page(folder)
    agents = {agent["id"]: agent for agent in values["agents"]}  # type: ignore[attr-defined]
    assert agents["a0"]["slot"]["set_aside"]
    assert not agents["a1"]["slot"]["set_aside"]
    assert "agent a0 is set aside: values worse by " in " ".join(words.split())

    again = open_service(folder, RULES, clock)
    for agent in AGENTS:
        again.join(card(agent))
    assert isinstance(again.lease("a0"), Wait), "the same life"
    again.join(card("a0", "2"))
    lease = again.lease("a0")
    assert isinstance(lease, Lease)
    assert lease.purpose.value in ("refresh", "confirm")
    again.state.validate()
    again.close()
