"""The unmodified surface measured once, as a trial's reference, and kept for the next one.

Kept in the folder of prepared data under a name made of everything that the figures depend on: data, surface,
budget, cores, sandbox, the machine's processors, Python and torch, and what is noted of a baseline. Whatever
cannot be read or written is measured again.
"""

from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from platform import python_version

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from evaluator.baseline_facts import BaselineFacts
from evaluator.budget import Budget
from evaluator.result import Measured, RunResult

FOLDER = "references"
PROCESSORS = Path("/proc/cpuinfo")
GPUS = Path("/proc/driver/nvidia/gpus")


class Circumstances(Struct, frozen=True, kw_only=True):
    """What the figures of a reference depend on."""

    data: str
    """Digest of the prepared data."""
    surface: str
    """Text of the unmodified surface."""
    budget: Budget
    cores: int
    sandbox: str
    """Letter of the tier."""
    machine: str
    """Models of its processors and GPUs."""
    software: str
    """Versions of Python and torch."""
    noted: tuple[str, ...] = tuple(BaselineFacts.__struct_fields__)
    """What is noted of a baseline: another version notes other things."""


class Reference:
    """One reference: on the disk if it was measured before."""

    def __init__(self, data: Path, circumstances: Circumstances) -> None:
        """data: folder of prepared data, one folder per task."""
        name = sha256(msgspec.json.encode(circumstances)).hexdigest()[:32]
        self._path = data / FOLDER / f"{name}.json"

    def of(self, measure: Callable[[], RunResult]) -> RunResult:
        """The result that is kept, else that of ``measure``, which is kept when it was measured."""
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(self._path.read_bytes(), type=RunResult)
        result = measure()
        if isinstance(result.outcome, Measured):
            self.keep(result)
        return result

    def keep(self, result: RunResult) -> None:
        """Keep it for the next trial, where the folder can be written to."""
        beside = self._path.with_suffix(".new")
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(msgspec.json.encode(replace(result, tail="")))
            beside.replace(self._path)


def machine() -> str:
    """Models of this machine's processors and GPUs, as the kernel names them; empty where it does not."""
    names: set[str] = set()
    with suppress(OSError):
        lines = PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines()
        names = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    for path in sorted(GPUS.glob("*/information")):
        with suppress(OSError):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            names |= {line.partition(":")[2].strip() for line in lines if line.startswith("Model")}
    return ", ".join(sorted(names))


def software() -> str:
    """Versions of Python and of torch, on which what a step costs depends too."""
    with suppress(metadata.PackageNotFoundError):
        return f"python {python_version()}, torch {metadata.version('torch')}"
    return f"python {python_version()}"


def digest_of(data: Path) -> str:
    """Digest of a prepared folder's manifest, which holds that of everything in it; empty without one."""
    try:
        text = (data / "manifest.json").read_bytes()
    except OSError:
        return ""
    return sha256(text).hexdigest()
