"""GPUs of this machine, as its driver says and as CUDA_VISIBLE_DEVICES leaves them, without Ray or torch."""

import ctypes
import importlib.metadata
import os
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from configs.errors import ConfigError
from configs.schema import Config
from trainer.task_loading import load_task

LIBRARY = "libnvidia-ml.so.1"
"""Of the driver: what nvidia-smi and Ray ask."""
NO_DEVICES = ("", "NoDevFiles", "-1")
"""Values of CUDA_VISIBLE_DEVICES that hide every GPU."""


class GpuDriver(Struct, frozen=True):
    """What the driver says."""

    gpus: int = 0
    version: str = ""
    why: str = ""
    """Why it says nothing; empty where it does."""


def ask_driver(load: Callable[[str], ctypes.CDLL] = ctypes.CDLL) -> GpuDriver:
    """How many GPUs there are. load: finds the driver's library."""
    try:
        library = load(LIBRARY)
    except OSError:
        return GpuDriver(why="there is no NVIDIA driver")
    if code := library.nvmlInit_v2():
        return GpuDriver(why=f"the NVIDIA driver does not answer (NVML error {code})")
    try:
        count, version = ctypes.c_uint(0), ctypes.create_string_buffer(96)
        code = library.nvmlDeviceGetCount_v2(ctypes.byref(count))
        library.nvmlSystemGetDriverVersion(version, len(version))
        why = f"the NVIDIA driver counts no GPUs (NVML error {code})" if code else ""
        return GpuDriver(count.value, version.value.decode(errors="replace"), why)
    finally:
        library.nvmlShutdown()


def visible(driver: GpuDriver, names: str | None) -> int:
    """GPUs that Ray gives to agents. names: CUDA_VISIBLE_DEVICES, None where it is not set."""
    if names is None:
        return driver.gpus
    return 0 if names.strip() in NO_DEVICES else min(driver.gpus, len(names.split(",")))


def require_gpus(config: Config) -> None:
    """Raises ConfigError where the configuration or its task asks for a GPU that no agent would have."""
    if not config.slots.per_gpu:
        _require_none_needed(config)
        return
    driver, names = ask_driver(), os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible(driver, names) == 0:
        hidden = driver.gpus and names is not None
        raise no_gpu(f"CUDA_VISIBLE_DEVICES={names!r} hides all {driver.gpus}" if hidden else driver.why)
    with suppress(importlib.metadata.PackageNotFoundError):
        torch = importlib.metadata.version("torch")
        if config.trainer.kind == "subprocess" and torch.endswith("+cpu"):
            raise ConfigError(
                f"slots.per_gpu is true, and torch {torch} is built without CUDA",
                "Install the build for CUDA (docs/operations.md), or use slots.per_gpu=false.",
            )


def no_gpu(why: str) -> ConfigError:
    """What a person is told who wants slots on GPUs where there are none."""
    return ConfigError(
        "slots.per_gpu is true, and this machine has no GPU to give" + (f": {why}" if why else ""),
        "Check `nvidia-smi`, or run on CPU slots: slots.per_gpu=false task.name=demo.",
    )


def _require_none_needed(config: Config) -> None:
    task = load_task(config.task.name)
    if task.needs == "gpu" and config.trainer.kind == "subprocess":
        raise ConfigError(
            f"task {task.name} needs a GPU, and slots.per_gpu is false",
            "Give it GPUs with slots.per_gpu=true, as `autoswarm run gpu_node` does, or take task.name=demo.",
        )
