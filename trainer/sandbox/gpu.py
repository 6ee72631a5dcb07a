"""Device nodes of the GPUs assigned to a slot, so that a variant sees no other.

The driver lists its GPUs in /proc/driver/nvidia/gpus, a folder per PCI address. Neither an index nor a UUID
is the number of a node: the file ``information`` in that folder has both.
"""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

DRIVER = Path("/proc/driver/nvidia")
DEV = Path("/dev")

CONTROL = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools")
"""Nodes that every program on a GPU opens."""

CAPABILITIES = "nvidia-caps"
"""Folder of the nodes that give access to parts of a GPU (MIG)."""

DEVICE_FILES = ("/sys/bus", "/sys/class", "/sys/dev", "/sys/devices", "/sys/module")
"""Where the driver's libraries look for GPUs, their links and their neighbours. Not in it: the kernel's
settings and counters, file systems and control groups, firmware.
"""

DRIVER_FILES = ("/proc/driver/nvidia", "/proc/driver/nvidia-uvm", "/proc/devices", "/proc/modules")


class Gpu(Struct, frozen=True):
    """A GPU of this machine."""

    uuid: str

    minor: int
    """N of /dev/nvidiaN."""


def installed_gpus(driver: Path = DRIVER) -> list[Gpu]:
    """All GPUs by PCI address, which is the order of nvidia-smi; empty without a driver."""
    try:
        return [_read(folder / "information") for folder in sorted((driver / "gpus").iterdir())]
    except FileNotFoundError:
        return []


def _read(path: Path) -> Gpu:
    lines = (line.partition(":") for line in path.read_text().splitlines())
    facts = {name.strip(): value.strip() for name, _, value in lines}
    return Gpu(facts.get("GPU UUID", ""), int(facts["Device Minor"]))


def assigned(visible: str | None, installed: Sequence[Gpu]) -> list[Gpu]:
    """The GPUs that CUDA_VISIBLE_DEVICES ``visible`` names by index or by (the beginning of) a UUID.

    Nobody here can say on which GPU a part of one (MIG) lies: then all.
    """
    gpus: list[Gpu] = []
    for name in filter(None, (name_given.strip() for name_given in (visible or "").split(","))):
        if name.startswith("MIG-"):
            return list(installed)
        gpus += [
            gpu
            for index, gpu in enumerate(installed)
            if name == str(index) or (name.startswith("GPU-") and gpu.uuid.startswith(name))
        ]
    return gpus


def device_nodes(visible: str | None, installed: Sequence[Gpu], dev: Path = DEV) -> tuple[Path, ...]:
    """Nodes to hand to a variant whose slot has ``visible``; none for a CPU slot."""
    gpus = assigned(visible, installed)
    if not gpus:
        return ()
    control = [dev / name for name in CONTROL if (dev / name).exists()]
    parts = [dev / CAPABILITIES] if "MIG-" in (visible or "") and (dev / CAPABILITIES).exists() else []
    return (*(dev / f"nvidia{gpu.minor}" for gpu in gpus), *control, *parts)


def visible_inside(visible: str | None) -> str:
    """CUDA_VISIBLE_DEVICES where only the assigned nodes are: indexes count from 0 again, UUIDs stay."""
    names = [part.strip() for part in (visible or "").split(",") if part.strip()]
    return ",".join(str(index) if name.isdigit() else name for index, name in enumerate(names))
