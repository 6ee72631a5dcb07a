"""Which tiers this machine has, and the choice of one. Done once for a trainer, in its process.

- What is there is asked of the system; then the strongest tier is entered once, because what forbids it (a
  container's profile, a distribution's) shows no other way. If that fails, the next is tried.
- Nothing is ever better than it was found to be: a tier asked for by name that is not there is an error, not
  the next one down.
"""

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from trainer.sandbox import identity, landlock
from trainer.sandbox.seccomp import SeccompError, compile_filter
from trainer.sandbox.selftest import try_out
from trainer.sandbox.tier import SCOPED_ABI, Finding, Sandbox, SandboxError, Tier

AUTO = "auto"

INSTALL_SECCOMP = "install libseccomp (Debian, Ubuntu: apt-get install libseccomp2)"
INSTALL_BUBBLEWRAP = "install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap)"
ALLOW_NAMESPACES = (
    "run on the host, or give the container --security-opt seccomp=unconfined --security-opt"
    " systempaths=unconfined --cap-add SYS_ADMIN"
)
NEWER_KERNEL = "run on Linux 6.12 or newer"
BECOME_ROOT = "start the agent as root of its machine or container; variants then get uids of their own"


READABLE = (
    "install Python where every user may read it, such as below /opt, and keep the temporary folder open"
    " to all"
)

OWN_UID = (Tier.B, Tier.B_MINUS, Tier.D)
REMEDIES = {
    tier: ALLOW_NAMESPACES if tier is Tier.A else READABLE if tier in OWN_UID else NEWER_KERNEL
    for tier in Tier
}
"""What to do about a tier whose parts are there and which cannot be entered all the same."""


class Machine(Struct, frozen=True, kw_only=True):
    """What a machine offers, as found. Each text says why not, and is empty where the thing is there."""

    platform: str

    bubblewrap: str = ""
    """Its path."""

    no_bubblewrap: str = ""

    landlock: int = 0
    """Its ABI, 0 for none."""

    no_uid: str = ""
    """No uids for variants alone."""

    no_seccomp: str = ""


def look() -> Machine:
    """Ask this machine. Takes some tens of milliseconds at most."""
    if sys.platform != "linux":
        return Machine(
            platform=sys.platform,
            no_bubblewrap="it is a part of Linux",
            no_uid="not done here",
            no_seccomp="it is a part of Linux",
        )
    path = shutil.which("bwrap") or ""
    lacking = identity.lacking()
    return Machine(
        platform=sys.platform,
        bubblewrap=path,
        no_bubblewrap="" if path else "bubblewrap is not installed",
        landlock=landlock.supported_abi(),
        no_uid=f"the agent lacks {', '.join(lacking)}" if lacking else "",
        no_seccomp=_try_seccomp(),
    )


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
            return machine.no_bubblewrap, INSTALL_BUBBLEWRAP
        case Tier.B | Tier.B_MINUS | Tier.D if machine.no_uid:
            return machine.no_uid, BECOME_ROOT
        case Tier.B | Tier.C if machine.landlock < SCOPED_ABI:
            return _old_landlock(machine.landlock), NEWER_KERNEL
        case Tier.B_MINUS | Tier.C_MINUS if machine.landlock == 0:
            return _old_landlock(0), NEWER_KERNEL
    return "", ""


def _old_landlock(abi: int) -> str:
    return (
        f"Landlock here has ABI {abi}, {SCOPED_ABI} is needed"
        if abi
        else "Landlock is not there, or the container forbids it"
    )


def probe(scratch: Path | None = None) -> list[Finding]:
    """Every tier, the strongest first, with why it does not work here and how to reach it. The strongest that
    works was entered for it.

    scratch: folder that will hold the runs' scratch folders; None for the system's temporary folder.
    """
    return _survey(scratch)[0]


def choose(force: str = AUTO, scratch: Path | None = None) -> Sandbox:
    """The strongest sandbox this machine has, or the tier named. scratch: as for ``probe``.

    Raises SandboxError for a tier that is not there, or is no tier.
    """
    if force == AUTO:
        return _survey(scratch)[1]
    if force not in list(Tier):
        raise SandboxError(f"there is no sandbox tier {force!r}", f"use {AUTO} or one of {', '.join(Tier)}")
    machine, tier = look(), Tier(force)
    finding = _finding(tier, *_obstacle(tier, machine))
    if finding.works:
        finding, sandbox = _entered(finding, machine, scratch)
    if not finding.works:
        raise SandboxError(f"sandbox tier {force} cannot be had here: {finding.why}", finding.remedy)
    return sandbox


def _survey(scratch: Path | None) -> tuple[list[Finding], Sandbox]:
    """All findings, and the sandbox to use: the first that could be entered."""
    machine = look()
    survey = findings(machine)
    for index, finding in enumerate(survey):
        if finding.works:
            survey[index], sandbox = _entered(finding, machine, scratch)
            if survey[index].works:
                return survey, sandbox
    return survey, Sandbox()


def _entered(finding: Finding, machine: Machine, scratch: Path | None) -> tuple[Finding, Sandbox]:
    """The finding once its tier has been tried, and the sandbox that could be entered."""
    why = ""
    for sandbox in builds(finding.tier, machine):
        why = "" if sandbox.tier is Tier.F else try_out(sandbox, scratch)
        if not why:
            return finding, sandbox
    return _finding(finding.tier, f"it cannot be entered here: {why}", REMEDIES[finding.tier]), Sandbox()


def builds(tier: Tier, machine: Machine) -> Iterable[Sandbox]:
    """What it takes to enter ``tier`` on ``machine``, the best way first. Raises SeccompError."""
    if tier is not Tier.A:
        yield _build(tier, machine, own_uid=tier in OWN_UID)
        return
    if not machine.no_uid:
        yield _build(tier, machine, own_uid=True)
    yield _build(tier, machine, own_uid=False)


def _build(tier: Tier, machine: Machine, own_uid: bool) -> Sandbox:
    wrapped = tier is Tier.A
    return Sandbox(
        tier=tier,
        filter=(
            b"" if tier is Tier.F else compile_filter(sockets=wrapped, shared_uid=not own_uid and not wrapped)
        ),
        landlock=_abi_for(tier, machine.landlock),
        own_uid=own_uid,
        bubblewrap=machine.bubblewrap if wrapped else "",
    )


def _abi_for(tier: Tier, abi: int) -> int:
    match tier:
        case Tier.B | Tier.C:
            return abi
        case Tier.B_MINUS | Tier.C_MINUS:
            return min(abi, SCOPED_ABI - 1)
        case _:
            return 0
