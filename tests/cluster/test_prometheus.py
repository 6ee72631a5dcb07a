"""A real Prometheus scrapes a real coordinator, and every query of the dashboard finds something there."""

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

import pytest

from coordinator.views.prometheus import serve
from tests.integration.instant_campaign import InstantCampaign
from tests.unit.dashboard_queries import GRAFANA, committed, filled, queries

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        shutil.which("prometheus") is None, reason="prometheus is not installed (Debian package prometheus)"
    ),
]

HOST = "127.0.0.1"
WATCHED_SECONDS = 15.0
READY_SECONDS = 60.0
INTERVAL = "5s"

Answers = dict[str, Any]
"""Series under each query, and values under each variable."""


def free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def ask(url: str, **arguments: str) -> Any:
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(arguments)}", timeout=30) as answer:
        return json.load(answer)


def wait_until_ready(base: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{base}/-/ready", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("prometheus did not become ready")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A Prometheus that scrapes every second, with our job's name: its address, and the port it scrapes."""
    folder, port, target = tmp_path_factory.mktemp("prometheus"), free_port(), free_port()
    shipped = (GRAFANA / "prometheus.yml").read_text(encoding="utf-8")
    (folder / "prometheus.yml").write_text(
        shipped.replace("15s", "1s").replace(":9464", f":{target}"), encoding="utf-8"
    )
    command = [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={HOST}:{port}",
    ]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        try:
            wait_until_ready(f"http://{HOST}:{port}", process)
            yield f"http://{HOST}:{port}", target
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def answers(prometheus: tuple[str, int], tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What each query of the dashboard gave over the time an instant campaign was watched, while it was still
    going on.
    """
    base, port = prometheus
    answers: Answers = {}
    folder: Path = tmp_path_factory.mktemp("campaigns") / "night"
    with InstantCampaign(folder) as campaign, serve(campaign.metrics.registry, HOST, port):

        def watch_and_ask() -> None:
            time.sleep(WATCHED_SECONDS)
            now = time.time()
            for _, query in queries():
                asked = filled(query, "night", "cpu", INTERVAL)
                answer = ask(
                    f"{base}/api/v1/query_range", query=asked, start=f"{now - 8}", end=f"{now}", step="1"
                )
                answers[query] = answer["data"]["result"]
            for variable in committed()["templating"]["list"][1:]:
                label = variable["query"]["query"].rstrip(")").rsplit(", ", 1)[1]
                answers[label] = ask(f"{base}/api/v1/label/{label}/values")["data"]

        asker = threading.Thread(target=watch_and_ask)
        asker.start()
        while asker.is_alive():
            campaign.turns(1)
            time.sleep(0.2)
        asker.join()
    return answers


@pytest.mark.parametrize(("where", "query"), queries())
def test_a_query_of_the_dashboard_finds_numbers(where: str, query: str, answers: Answers) -> None:
    series = answers[query]
    assert series, f"{where}: nothing"
    assert any(isfinite(float(number)) for row in series for _, number in row["values"]), (
        f"{where}: no number"
    )


def test_variables_can_be_chosen(answers: Answers) -> None:
    assert (answers["campaign"], answers["division"]) == (["night"], ["cpu"])


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian package prometheus)"
)
def test_promtool_takes_the_shipped_configuration() -> None:
    checked = subprocess.run(
        ["promtool", "check", "config", GRAFANA / "prometheus.yml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
