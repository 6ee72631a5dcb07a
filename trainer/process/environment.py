"""The environment of each process of a run, built from an allowlist: nothing else of the caller's, no key and
no token, reaches any of them.

The supervisor and the judge get the small environment as well, because a process of the same user can read it
in ``/proc``.
"""

import os
import site
from collections.abc import Mapping
from pathlib import Path

from trainer.contract import Slot

ROOT = Path(__file__).resolve().parents[2]
"""Folder that our packages are imported from."""

INHERITED = ("PATH", "LANG", "LD_LIBRARY_PATH", "ATEN_CPU_CAPABILITY")
"""What passes through. LD_LIBRARY_PATH: where some container images keep the GPU driver. ATEN_CPU_CAPABILITY:
makes torch play an older CPU.
"""


def small_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """What every process of a run gets."""
    return {name: inherited[name] for name in INHERITED if name in inherited} | {
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
    }


def our_environment(inherited: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """Environment of the supervisor and the judge, which import our packages and see no GPU."""
    return small_environment(inherited) | {
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(scratch),
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
    }


UNCOMPILED = {"TORCH_COMPILE_DISABLE": "1", "TORCHDYNAMO_DISABLE": "1"}
"""What makes torch run as it is what a script compiles, by its two names (torch 2.13 reads both)."""


def variant_environment(
    inherited: Mapping[str, str], slot: Slot, home: Path, judge_fd: int, *, counted: bool = False
) -> dict[str, str]:
    """Environment of the variant.

    counted: its budget is, so that compiling would gain it nothing and cost it the CPU of the compiler. home:
    its own folder; every cache it might fill lies there and goes with it. PYTHONPATH holds the folders
    third-party packages are installed in and, because the interpreter runs without ``site``, nothing that a
    ``.pth`` file in them would add.
    """
    common = small_environment(inherited) | (UNCOMPILED if counted else {})
    return common | {
        "PYTHONPATH": os.pathsep.join(site.getsitepackages()),
        "HOME": str(home),
        "USER": "variant",  # its uid may have no name, and libraries ask for one
        "TMPDIR": str(home / "tmp"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "TORCHINDUCTOR_CACHE_DIR": str(home / "cache" / "inductor"),
        "TRITON_CACHE_DIR": str(home / "cache" / "triton"),
        "OMP_NUM_THREADS": str(slot.cores),
        "MKL_NUM_THREADS": str(slot.cores),
        "OMP_WAIT_POLICY": "PASSIVE",
        "CUDA_VISIBLE_DEVICES": slot.gpu or "",
        "AUTOSWARM_JUDGE_FD": str(judge_fd),
    }
