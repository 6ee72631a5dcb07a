"""Why there is no log: what `autoswarm logs` says of a run that never began, waits, was simulated or is
elsewhere.
"""

from pathlib import Path

import pytest

from coordinator.protocol import Wait
from coordinator.service.service import Service
from coordinator.store.paths import Layout
from deploy.campaigns.run_logs import find_log
from deploy.exit_codes import NothingFoundError
from evaluator.result import Measured
from tests.integration.campaign_folder import (
    measure_baseline,
    open_service,
    propose,
    result,
    rules,
    take,
    train,
)


def why(service: Service, folder: Path, what: str) -> tuple[str, str]:
    with pytest.raises(NothingFoundError) as caught:
        find_log(Layout(folder), service.state, what)
    return str(caught.value), caught.value.remedy


def test_an_experiment_that_ended_without_a_run_says_so_with_its_reason(tmp_path: Path) -> None:
    with open_service(tmp_path / "demo", rules(ahead=2)) as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        propose(service, "a0", "DEPTH = 4", "DEPTH = 3")
        train(service, "a0", 0.95)
        train(service, "a0", 0.95)
        assert isinstance(service.lease("a0"), Wait)
        what, remedy = why(service, tmp_path / "demo", "e00002")
    assert what == "run e00002.1 never began: e00002 was rejected without it"
    assert "does not apply" in remedy


def test_a_run_that_waits_or_is_being_made_says_so(tmp_path: Path) -> None:
    with open_service(tmp_path / "demo") as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        assert (
            why(service, tmp_path / "demo", "e00001")[0] == "run e00001.1 has not begun: it waits for a slot"
        )
        take(service, "a0")
        what, remedy = why(service, tmp_path / "demo", "e00001")
    assert what.startswith("there is no log of run e00001.1 in ")
    assert remedy.startswith("It is made by an agent now")


@pytest.mark.parametrize(
    ("sandbox", "what"),
    [
        ("simulated", "run e00001.1 was simulated: no program ran"),
        ("A", "there is no log of run e00001.1 in "),
    ],
)
def test_a_run_that_ended_says_where_its_log_would_be(tmp_path: Path, sandbox: str, what: str) -> None:
    with open_service(tmp_path / "demo") as service:
        measure_baseline(service)
        propose(service, "a0", "DEPTH = 4", "DEPTH = 2")
        lease = take(service, "a0")
        service.report("a0", lease.token, result(lease, Measured(1.2), sandbox=sandbox))
        assert why(service, tmp_path / "demo", "e00001.1")[0].startswith(what)
