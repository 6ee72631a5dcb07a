"""Metrics as Prometheus gets them: over HTTP, from a coordinator that works on a disk."""

import contextlib
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from configs.errors import ConfigError
from coordinator.views.metrics import Metrics
from coordinator.views.prometheus import Server, serve
from tests.integration.instant_campaign import AGENTS, InstantCampaign

HOST = "127.0.0.1"


def scrape(server: Server) -> str:
    with urllib.request.urlopen(f"http://{HOST}:{server.port}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def numbers(text: str) -> dict[str, float]:
    families = text_string_to_metric_families(text)
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in families
        for sample in family.samples
    }


def counters(text: str) -> dict[str, float]:
    """What must survive a restart, but for the events of the start itself."""
    families = [
        family for family in text_string_to_metric_families(text) if family.type in ("counter", "histogram")
    ]
    ours = [
        family
        for family in families
        if family.name.startswith("autoswarm_")
        and not family.name.endswith(("journal_events", "journal_delay_seconds"))
    ]
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in ours
        for sample in family.samples
    }


def test_a_campaign_that_ended_is_scraped_once_more_with_its_end(tmp_path: Path) -> None:
    """1. Somebody scrapes. 2. The campaign ends and its agents leave. 3. It stays for the next scrape. 4.
    That says finished, and no agents.
    """
    with InstantCampaign(tmp_path / "night") as campaign, serve(campaign.metrics.registry, HOST, 0) as server:
        campaign.turns(5)
        for _ in range(2):
            scrape(server)
            time.sleep(0.3)
        campaign.service.drain("enough", now=True)
        for agent in AGENTS:
            campaign.service.leave(agent, "drained")
        campaign.service.tick()
        leaving = threading.Thread(target=campaign.service.be_seen)
        leaving.start()
        leaving.join(0.2)
        assert leaving.is_alive(), "nobody has seen the end yet"
        series = numbers(scrape(server))
        leaving.join(10)
        assert not leaving.is_alive()
    of = "('campaign', 'night'), "
    states = {
        state: series[f"autoswarm_campaign_state[{of}('state', '{state}')]"]
        for state in ("running", "draining", "finished")
    }
    assert states == {"running": 0.0, "draining": 0.0, "finished": 1.0}
    agents = {state: series[f"autoswarm_agents[{of}('state', '{state}')]"] for state in ("idle", "training")}
    assert agents == {"idle": 0.0, "training": 0.0}


def test_a_campaign_that_nobody_scrapes_or_that_has_not_ended_waits_for_nobody(tmp_path: Path) -> None:
    with InstantCampaign(tmp_path / "night") as campaign, serve(campaign.metrics.registry, HOST, 0) as server:
        began = time.monotonic()
        for _ in range(3):
            scrape(server)
        campaign.service.be_seen()
        campaign.service.drain("enough", now=True)
        for agent in AGENTS:
            campaign.service.leave(agent, "drained")
        time.sleep(1.2)  # whoever scraped has gone
        campaign.service.be_seen()
        assert time.monotonic() - began < 5.0


def test_a_scrape_tells_of_a_coordinator_at_work(tmp_path: Path) -> None:
    with InstantCampaign(tmp_path / "night") as campaign, serve(campaign.metrics.registry, HOST, 0) as server:
        campaign.turns(20)
        series = numbers(scrape(server))
        page = campaign.page()
    best = page.divisions[0].best
    assert best is not None
    labels = "[('campaign', 'night'), ('division', 'cpu'), ('metric', 'val_bpb')]"
    assert series[f"autoswarm_best_value{labels}"] == best.value
    assert (
        series["autoswarm_runs_total[('campaign', 'night'), ('outcome', 'measured')]"]
        == page.runs.measured
        > 20
    )
    assert series["autoswarm_agents[('campaign', 'night'), ('state', 'training')]"] == len(AGENTS)
    assert series["autoswarm_journal_delay_seconds_count[('campaign', 'night')]"] > 100


def test_counters_survive_a_restart_of_the_coordinator(tmp_path: Path) -> None:
    with InstantCampaign(tmp_path / "night") as campaign, serve(campaign.metrics.registry, HOST, 0) as server:
        campaign.turns(15)
        before = counters(scrape(server))
    with InstantCampaign(tmp_path / "night") as again, serve(again.metrics.registry, HOST, 0) as server:
        after = counters(scrape(server))
    lost = {name for name in before if after[name] != before[name]}
    held = {name for name in lost if name.startswith(("autoswarm_runs_total", "autoswarm_slot_"))}
    assert sum(before.values()) > 0
    assert lost == held, "only the runs that were open may have been counted, as lost"


def test_scrapes_while_the_campaign_works_see_whole_transactions(tmp_path: Path) -> None:
    wrong: list[str] = []
    done = threading.Event()

    def watch(server: Server) -> None:
        while not done.is_set():
            series = numbers(scrape(server))
            agents = sum(value for name, value in series.items() if name.startswith("autoswarm_agents["))
            states = sum(value for name, value in series.items() if name.startswith("autoswarm_agent_state["))
            if agents != len(AGENTS) or states != len(AGENTS):
                wrong.append(f"{agents} agents in {states} states")

    with InstantCampaign(tmp_path / "night") as campaign, serve(campaign.metrics.registry, HOST, 0) as server:
        watchers = [threading.Thread(target=watch, args=(server,)) for _ in range(2)]
        for watcher in watchers:
            watcher.start()
        campaign.turns(15)
        done.set()
        for watcher in watchers:
            watcher.join()
    assert wrong == []


def test_where_a_port_is_in_use_the_next_free_one_is_taken() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        registry = Metrics("night", "val_bpb").registry
        with serve(registry, HOST, port) as first, serve(registry, HOST, port) as second:
            assert port < first.port < second.port < port + 100
            assert "autoswarm_journal_events_total" in scrape(second)


def test_where_every_port_is_in_use_the_first_and_last_are_named_with_what_to_do() -> None:
    with contextlib.ExitStack() as undo:
        for port in (65533, 65534, 65535):
            with contextlib.suppress(OSError):
                undo.enter_context(socket.create_server((HOST, port)))
        with pytest.raises(ConfigError) as caught:
            serve(Metrics("night", "val_bpb").registry, HOST, 65533)
    assert str(caught.value) == "ports 65533 to 65535 on 127.0.0.1 are in use"
    assert caught.value.remedy == "Choose another: coordinator.metrics_port=PORT, or 0 for none."


def test_an_address_of_another_machine_is_named_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"cannot serve metrics on 192\.0\.2\.1:0") as caught:
        serve(Metrics("night", "val_bpb").registry, "192.0.2.1", 0)
    assert "metrics_host" in caught.value.remedy


def test_a_closed_server_lets_go_of_its_port_and_thread() -> None:
    before = threading.active_count()
    first = serve(Metrics("night", "val_bpb").registry, HOST, 0)
    first.close()
    assert threading.active_count() == before
    with serve(Metrics("night", "val_bpb").registry, HOST, first.port) as second:
        assert "autoswarm_journal_events_total" in scrape(second)


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian package prometheus)"
)
def test_promtool_has_nothing_against_the_names(tmp_path: Path) -> None:
    with InstantCampaign(tmp_path / "night") as campaign, serve(campaign.metrics.registry, HOST, 0) as server:
        campaign.turns(3)
        text = scrape(server)
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
