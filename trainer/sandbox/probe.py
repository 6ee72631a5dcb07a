"""Which tiers this machine has, and the choice of one. Done once for a trainer, in its process.

- Landlock, seccomp and uids are asked of the kernel; bubblewrap is tried, because what forbids it (a container's profile, a distribution's) shows no
  other way.
- Nothing is ever better than it was found to be: a tier asked for by name that is not there is an error, not the next one down.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from trainer.sandbox import identity, landlock
from trainer.sandbox.seccomp import SeccompError, compile_filter
from trainer.sandbox.tier import SCOPED_ABI, Finding, Sandbox, SandboxError, Tier

AUTO = "auto"

TRIAL_SECONDS = 5.0
"""bubblewrap needs some milliseconds; a machine that takes longer than this is not going to be quick later."""

TRIAL = (
    *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--disable-userns"),
    *("--cap-drop", "ALL", "--die-with-parent", "--new-session"),
    *("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),  # noqa: S108 a private one
    *("--", "/bin/sh", "-c", "exit 0"),
)
"""Everything of bubblewrap that a variant's sandbox needs, around nothing."""

INSTALL_SECCOMP = "install libseccomp (Debian, Ubuntu: apt-get install libseccomp2)"
INSTALL_BUBBLEWRAP = "install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap)"
ALLOW_NAMESPACES = (
    "run on the host, or give the container --security-opt seccomp=unconfined --security-opt systempaths=unconfined --cap-add SYS_ADMIN"
)
NEWER_KERNEL = "run on Linux 6.12 or newer"
BECOME_ROOT = "start the agent as root of its machine or container; variants then get uids of their own"


class Machine(Struct, frozen=True, kw_only=True):
    """What a machine offers, as found. Each text says why not, and is empty where the thing is there.

    landlock: ABI, 0 for none. uid: own uids. isolated, shared: compiled filters with the agent's uid not shared, and shared; wrapped: for bubblewrap.
    """

    platform: str
    bubblewrap: str = ""
    no_bubblewrap: str = ""
    landlock: int = 0
    no_uid: str = ""
    no_seccomp: str = ""


def look() -> Machine:
    """Ask this machine. Takes some tens of milliseconds."""
    if sys.platform != "linux":
        return Machine(platform=sys.platform, no_bubblewrap="it is a part of Linux", no_uid="not done here", no_seccomp="it is a part of Linux")
    path = shutil.which("bwrap") or ""
    lacking = identity.lacking()
    return Machine(
        platform=sys.platform,
        bubblewrap=path,
        no_bubblewrap=_try_bubblewrap(path),
        landlock=landlock.supported_abi(),
        no_uid=f"the agent lacks {', '.join(lacking)}" if lacking else "",
        no_seccomp=_try_seccomp(),
    )


def _try_bubblewrap(path: str) -> str:
    if not path:
        return "bubblewrap is not installed"
    try:
        ended = subprocess.run([path, *TRIAL], capture_output=True, text=True, timeout=TRIAL_SECONDS, check=False, env={})
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not run: {error}"
    words = ended.stderr.strip().splitlines()
    return "" if ended.returncode == 0 else f"bubblewrap does not work here: {words[-1] if words else f'exit code {ended.returncode}'}"


def _try_seccomp() -> str:
    if not Path("/proc/sys/kernel/seccomp/actions_avail").exists():
        return "this kernel has no seccomp"
    try:
        compile_filter(sockets=False, shared_uid=False)
    except SeccompError as error:
        return str(error)
    return ""


def findings(machine: Machine) -> list[Finding]:
    """What ``machine`` has of each tier, the strongest first. Pure."""
    return [_finding(tier, *_obstacle(tier, machine)) for tier in Tier]


def _finding(tier: Tier, why: str, remedy: str) -> Finding:
    return Finding(tier=tier, works=not why, why=why, remedy=remedy)


def _obstacle(tier: Tier, machine: Machine) -> tuple[str, str]:
    """Why not, and what to do; twice nothing where nothing is in the way."""
    if tier is Tier.F:
        return "", ""
    if machine.platform != "linux":
        return "sandboxes need Linux", "run the agents on Linux"
    if machine.no_seccomp:
        return machine.no_seccomp, INSTALL_SECCOMP
    match tier:
        case Tier.A if machine.no_bubblewrap:
            return machine.no_bubblewrap, ALLOW_NAMESPACES if machine.bubblewrap else INSTALL_BUBBLEWRAP
        case Tier.B | Tier.B_MINUS | Tier.D if machine.no_uid:
            return machine.no_uid, BECOME_ROOT
        case Tier.B | Tier.C if machine.landlock < SCOPED_ABI:
            return _old_landlock(machine.landlock), NEWER_KERNEL
        case Tier.B_MINUS | Tier.C_MINUS if machine.landlock == 0:
            return _old_landlock(0), NEWER_KERNEL
    return "", ""


def _old_landlock(abi: int) -> str:
    return f"Landlock here has ABI {abi}, {SCOPED_ABI} is needed" if abi else "Landlock is not there, or the container forbids it"


def probe() -> list[Finding]:
    """Every tier, the strongest first, with why it does not work here and how to reach it."""
    return findings(look())


def choose(force: str = AUTO) -> Sandbox:
    """The strongest sandbox this machine has, or the tier named. Raises SandboxError for a tier that is not there, or is no tier."""
    machine = look()
    return build(_pick(force, findings(machine)), machine)


def _pick(force: str, found: Sequence[Finding]) -> Tier:
    if force == AUTO:
        return next(finding.tier for finding in found if finding.works)
    asked = next((finding for finding in found if finding.tier == force), None)
    if asked is None:
        raise SandboxError(f"there is no sandbox tier {force!r}", f"use {AUTO} or one of {', '.join(Tier)}")
    if not asked.works:
        raise SandboxError(f"sandbox tier {force} cannot be had here: {asked.why}", asked.remedy)
    return asked.tier


def build(tier: Tier, machine: Machine) -> Sandbox:
    """What it takes to enter ``tier`` on ``machine``. Raises SeccompError."""
    own_uid = tier in (Tier.B, Tier.B_MINUS, Tier.D) or (tier is Tier.A and not machine.no_uid)
    return Sandbox(
        tier=tier,
        filter=b"" if tier is Tier.F else compile_filter(sockets=tier is Tier.A, shared_uid=not own_uid),
        landlock=_abi_for(tier, machine.landlock),
        own_uid=own_uid,
        bubblewrap=machine.bubblewrap if tier is Tier.A else "",
    )


def _abi_for(tier: Tier, abi: int) -> int:
    match tier:
        case Tier.B | Tier.C:
            return abi
        case Tier.B_MINUS | Tier.C_MINUS:
            return min(abi, SCOPED_ABI - 1)
        case _:
            return 0
