"""Checks of what would confine a campaign's variants on this machine, and of what it leaves open."""

from collections.abc import Iterator, Sequence

from configs.errors import ConfigError
from configs.schema import Config
from coordinator.rules.trust import TRUSTED
from deploy.checks.check import Check, Grade
from deploy.checks.exposure import confines_files, in_words, readable
from deploy.sandboxes import next_trusted_tier, require_sandbox, sandbox_of, warning
from trainer.process.cgroups import CONTROLLERS, Offered
from trainer.sandbox.tier import GAPS, Finding


def sandbox_checks(config: Config, findings: Sequence[Finding]) -> Iterator[Check]:
    """The sandbox this campaign would get, then every tier: whether it works, what it leaves open, how to
    reach it.
    """
    yield _sandbox(config)
    short = next_trusted_tier(findings) is not None
    for finding in findings:
        name, gaps = f"sandbox {finding.tier}", "; ".join(GAPS[finding.tier])
        if finding.works:
            yield Check(name, Grade.OK, f"works; open: {gaps}" if gaps else "works", detail=True)
        else:
            wanted = short and finding.tier in TRUSTED
            yield Check(
                name,
                Grade.WARN if wanted else Grade.OK,
                f"not here: {finding.why}",
                f"To have it: {finding.remedy}.",
                detail=not wanted,
            )


def _sandbox(config: Config) -> Check:
    try:
        require_sandbox(config)
        tier, word = sandbox_of(config), warning(config)
    except ConfigError as error:
        return Check("sandbox", Grade.FAIL, str(error), error.remedy)
    if config.trainer.kind == "simulated":
        return Check("sandbox", Grade.OK, "none is needed: trainer.kind is simulated")
    return Check("sandbox", Grade.WARN if word else Grade.OK, word or f"{tier}, which is trusted")


def exposure_checks(config: Config, seconds: float) -> Iterator[Check]:
    """Everything that sandboxes leave readable and must not. seconds: to look for what nobody named."""
    name = "hidden"
    try:
        tier = sandbox_of(config)
    except ConfigError:  # told above
        return
    if not confines_files(tier):
        yield Check(
            name, Grade.OK, f"sandbox {tier} hides nothing: it reads what its uid may read", detail=True
        )
        return
    hits = list(readable(config, seconds))
    for hit, secret in hits:
        yield Check(name, Grade.FAIL, in_words(hit, secret), secret.remedy)
    if not hits:
        yield Check(name, Grade.OK, "no data, campaign or key is in what sandboxes show", detail=True)


def group_check(groups: Offered) -> Check:
    """What the kernel counts and bounds for a run as a whole."""
    name = "control groups"
    if groups.why:
        return Check(
            name,
            Grade.WARN,
            f"not here: {groups.why}; CPU is what was seen of each process, bounded by real time times cores",
            "Run agents as root, or where a group is theirs: systemd `Delegate=yes`, Docker `--security-opt"
            " writable-cgroups=true`, Podman `--security-opt unmask=/sys/fs/cgroup`.",
        )
    lacking = [controller for controller in CONTROLLERS if controller not in groups.controllers]
    has = ["cpu", *groups.controllers, *(["kill"] if groups.kill else [])]
    if not lacking:
        return Check(name, Grade.OK, f"the kernel counts and bounds a run: {', '.join(has)}", detail=True)
    return Check(
        name,
        Grade.OK,
        f"the kernel counts a run: {', '.join(has)}; {' and '.join(lacking)} are bounded by a look once a"
        " second",
        f"To have {' and '.join(lacking)}: cgroup v2 with these controllers, and no process in the group"
        " above ours, such as by systemd `Delegate=yes` with `DelegateSubgroup=autoswarm`.",
        detail=True,
    )
