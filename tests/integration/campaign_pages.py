"""Every page a program may read of a campaign, at every stage of one: fresh, without a baseline, running,
with money, stopped, finished. The campaign is real, its clock and its outcomes are numbers.
"""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner

from coordinator.model_calls import CallRecord, CallRequest
from coordinator.protocol import AgentCard, Lease
from coordinator.rule_values.prices import ModelTerms, MoneyRules
from coordinator.rule_values.rule_set import ArmShare
from coordinator.service.service import Service
from coordinator.store.paths import Layout
from deploy.cli.main import main
from evaluator.result import Measured, Progress, RunResult, Seconds
from tests.integration.played_campaign import AGENT, TASK, Clock, Player, played
from tests.unit.swarm_of_rules import RULES, audit_of

MODEL = "openai/test"
PAID = MoneyRules(
    cap_usd=50.0, gpu_hour_usd=2.5, models={MODEL: ModelTerms(input_usd=0.0, output_usd=1000.0)}
)
ARMS = [ArmShare("search", 2.0), ArmShare("control", 1.0, control=True)]


def of_service(service: Service) -> Any:
    """The status page of a live campaign, as a program reads it."""
    return json.loads(msgspec.json.encode(service.status()))


def read(folder: Path, *arguments: str) -> Any:
    """What a command answers with ``--json``."""
    result = CliRunner().invoke(main, [*arguments, "--json", "--campaigns", str(folder)])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def exported(folder: Path, form: str) -> list[str]:
    """What `autoswarm export` prints."""
    result = CliRunner().invoke(main, ["export", "--format", form, "--campaigns", str(folder)])
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


def pages(folder: Path) -> dict[str, Any]:
    """Name and page; commits, moments and shares of time are replaced, the rest is as it was read."""
    return steady(_of_one_division(folder / "one") | _with_money(folder / "money"))


def steady(tree: dict[str, Any]) -> dict[str, Any]:
    """The same without what git and the number of looks at a clock decide: every commit becomes
    ``commit 1``, ``commit 2``, … in the order in which they are named, every moment 1.8 billion seconds,
    every occupancy a half.
    """
    text = json.dumps(tree, ensure_ascii=False)
    numbers: dict[str, str] = {}
    text = re.sub(
        r"\b[0-9a-f]{40}\b",
        lambda match: numbers.setdefault(match[0], f"commit {len(numbers) + 1}"),
        text,
    )
    text = re.sub(r'"[0-9a-f]{7}\\t', r'"commit\\t', text)
    text = re.sub(r"\b18000\d{5}(\.\d+)?\b", "1800000000.0", text)
    text = re.sub(r'"(whole|last_10_min)": [0-9.e-]+', r'"\1": 0.5', text)
    replaced: dict[str, Any] = json.loads(text)
    return replaced


def _of_one_division(folder: Path) -> dict[str, Any]:
    fresh = Player(folder, "fresh")
    out = {"no baseline yet": of_service(fresh.service)}
    fresh.service.close()
    player = played(folder, "demo")
    out["running"] = of_service(player.service)
    player.service.close()
    for words in (
        ("status",),
        ("leaderboard",),
        ("arms",),
        ("show", "e00001"),
        ("show", "e00003"),
        ("show", "e00004"),
        ("show", "baseline"),
        ("diff", "best"),
    ):
        out[" ".join(words)] = read(folder, words[0], *words[1:], *_named(words[0], "demo"))
    return out | {form: exported(folder, form) for form in ("csv", "jsonl", "tsv")}


def _named(command: str, campaign: str) -> list[str]:
    return [campaign] if command in ("status", "leaderboard", "arms") else ["-c", campaign]


def _with_money(folder: Path) -> dict[str, Any]:
    """Two divisions, two arms, calls of models, then the end."""
    clock = Clock()
    rules = msgspec.structs.replace(RULES, money=PAID, arms=ARMS)
    service = Service(Layout(folder / "money"), TASK, rules, clock=clock, secret="")
    out = {"fresh": of_service(service)}
    for agent, division in ((AGENT, "cpu"), ("a2", "h100")):
        service.join(
            AgentCard(agent=agent, incarnation="1", division=division, gpu=f"{division}:0", sandbox="A")
        )
    for value in (2.20, 2.21, 2.19, 2.20):
        _train(service, clock, AGENT, value)
    service.permit(AGENT, _request("c1"))
    service.settle(AGENT, _record("c1", MODEL, 200), None)
    service.settle(AGENT, _record("c2", "openai/unpriced", 300), None)
    service.permit(AGENT, _request("c3"))
    lease = service.lease("a2")
    assert isinstance(lease, Lease)
    service.heartbeat("a2", lease.token, Progress(0.25, step=3))
    out["two divisions with spend"] = of_service(service)
    out["calls"] = read(folder, "calls")
    out["calls c1"] = read(folder, "calls", "c1")
    service.settle(AGENT, _record("c3", MODEL, 50), None)
    _report(service, clock, "a2", lease, 3.0)
    service.drain("enough")
    out["finished"] = of_service(service)
    service.close()
    return out | {"finished, nobody there": read(folder, "status"), "arms with spend": read(folder, "arms")}


def _request(call: str) -> CallRequest:
    return CallRequest(
        call=call,
        arm="search",
        model=MODEL,
        ordinal=1,
        prompt_tokens=1000,
        max_tokens=200,
        estimate_usd=0.3,
    )


def _record(call: str, model: str, tokens: int) -> CallRecord:
    return CallRecord(
        call=call,
        arm="search",
        model=model,
        ordinal=1,
        prompt_tokens=1000,
        completion_tokens=tokens,
        seconds=2.5,
        result="diff",
    )


def _train(service: Service, clock: Clock, agent: str, value: float) -> None:
    lease = service.lease(agent)
    assert isinstance(lease, Lease)
    _report(service, clock, agent, lease, value)


def _report(service: Service, clock: Clock, agent: str, lease: Lease, value: float) -> None:
    began = clock()
    clock.now += 36
    result = RunResult(
        run=lease.run,
        outcome=Measured(value),
        seed=lease.seed,
        seconds=Seconds(1.0, 34.0, 1.0, 36.0),
        sandbox="A",
        audit=audit_of(),
        started_at=began,
        finished_at=clock.now,
    )
    assert service.report(agent, lease.token, result, 0.01).counted
