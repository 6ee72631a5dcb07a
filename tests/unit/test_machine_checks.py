"""What is asked of a machine before a start, with the machine as an argument."""

import ctypes
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pytest

from configs.errors import ConfigError
from deploy.checks.cluster_here import is_running
from deploy.checks.data_here import require_room, size
from deploy.checks.gpus import GpuDriver, ask_driver, visible
from deploy.checks.proxies import is_near, proxy_of

PROXY = "http://user:word@proxy.lan:3128"
ENVIRONMENTS: list[dict[str, str]] = [
    {},
    {"http_proxy": PROXY},
    {"https_proxy": PROXY},
    {"all_proxy": PROXY},
    {"http_proxy": PROXY, "https_proxy": PROXY, "no_proxy": "localhost,127.0.0.1"},
    {"http_proxy": PROXY, "https_proxy": PROXY, "no_proxy": "10.0.0.0/8"},
    {"http_proxy": PROXY, "https_proxy": PROXY, "no_proxy": ".example.com"},
    {"http_proxy": PROXY, "https_proxy": PROXY, "no_proxy": "example.com, 10.1.2.3"},
    {"http_proxy": PROXY, "https_proxy": PROXY, "no_proxy": "*"},
    {"http_proxy": PROXY, "https_proxy": PROXY, "no_proxy": "http://10.1.2.3"},
    {"http_proxy": "proxy.lan:3128"},
]
ADDRESSES = (
    "http://127.0.0.1:8000/v1", "http://localhost:8000", "http://10.1.2.3:8000/v1", "https://api.example.com/v1",
    "https://example.com", "https://notexample.com/v1", "http://box:8000",
)  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("environ", ENVIRONMENTS, ids=lambda environ: " ".join(environ.values()) or "none")
def test_the_proxy_that_is_named_is_the_one_the_client_takes(
    address: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        for spelled in (name, name.upper()):
            monkeypatch.delenv(spelled, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with httpx.Client() as client:
        direct = client._transport_for_url(httpx.URL(address)) is client._transport
    taken = proxy_of(address, environ)
    assert (taken is None) is direct
    assert taken is None or taken[1] == "http://proxy.lan:3128"


def test_where_a_proxy_is_seldom_meant() -> None:
    assert [is_near(address) for address in ADDRESSES] == [True, True, True, False, False, False, True]


@pytest.mark.parametrize(("names", "gpus"), [
    (None, 4), ("", 0), ("NoDevFiles", 0), ("-1", 0), ("0", 1), ("2,0", 2), ("0,1,2,3,4,5", 4),
    ("GPU-1a,GPU-2b", 2),
])  # fmt: skip
def test_gpus_are_those_that_are_left_visible(names: str | None, gpus: int) -> None:
    assert visible(GpuDriver(gpus=4), names) == gpus


def driver(count: int, init: int = 0, counted: int = 0) -> Callable[[str], ctypes.CDLL]:
    """A driver's library as it answers."""

    def put(reference: object, value: int) -> int:
        cast("ctypes.c_uint", getattr(reference, "_obj")).value = value  # noqa: B009 - ctypes has no name for it
        return counted

    def say(buffer: object, _: int) -> int:
        cast("ctypes.Array[ctypes.c_char]", buffer).value = b"570.1"
        return 0

    library = SimpleNamespace(
        nvmlInit_v2=lambda: init,
        nvmlDeviceGetCount_v2=lambda reference: put(reference, count),
        nvmlSystemGetDriverVersion=say,
        nvmlShutdown=lambda: 0,
    )
    return lambda _: cast("ctypes.CDLL", library)


def test_the_driver_says_how_many_there_are_or_why_it_says_nothing() -> None:
    def absent(_: str) -> ctypes.CDLL:
        raise OSError("no such library")

    assert ask_driver(driver(8)) == GpuDriver(8, "570.1")
    assert ask_driver(absent).why == "there is no NVIDIA driver"
    assert "does not answer (NVML error 9)" in ask_driver(driver(8, init=9)).why
    assert "counts no GPUs (NVML error 3)" in ask_driver(driver(0, counted=3)).why


def test_a_node_of_a_ray_is_seen_by_its_process(tmp_path: Path) -> None:
    for number, words in (("self", b"x"), ("12", b"python\0-m\0raylet"), ("13", b"raylet\0--node=1")):
        (tmp_path / number).mkdir()
        (tmp_path / number / "cmdline").write_bytes(words)
    assert not is_running(tmp_path)
    (tmp_path / "14").mkdir()
    (tmp_path / "14" / "cmdline").write_bytes(b"/opt/raylet\0--gcs-address=10.0.0.1:6379")
    assert is_running(tmp_path)
    assert is_running(tmp_path / "nosuch")  # no /proc: nobody can tell


def test_room_is_asked_for_in_words(tmp_path: Path) -> None:
    require_room(tmp_path / "not" / "yet", 1.0, "a campaign", "campaigns_dir=PATH")
    with pytest.raises(
        ConfigError, match=r"a campaign needs 1000000000\.0 GB of disk, and .* are free at"
    ) as caught:
        require_room(tmp_path, 1e18, "a campaign", "campaigns_dir=PATH")
    assert "campaigns_dir=PATH" in caught.value.remedy
    assert (size(1.6e6), size(2.6e9)) == ("1.6 MB", "2.6 GB")
