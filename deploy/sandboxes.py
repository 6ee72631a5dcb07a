"""Which sandbox a campaign's variants get on this machine, and what people must know about it."""

from collections.abc import Callable, Sequence

from configs.errors import ConfigError
from configs.schema import Config
from coordinator.rule_values.trust_rules import TrustRules
from coordinator.rules.trust import SIMULATED, TRUSTED, WITH_GAPS, confined
from trainer.sandbox.probe import AUTO, choose, probe
from trainer.sandbox.tier import GAPS, Finding, SandboxError, Tier

BELIEVE = "or believe it all the same: trust.allow_untrusted=true"
IF_NEEDED = "if_needed"


def sandbox_of(config: Config) -> str:
    """Letter of the tier that variants get here, ``simulated`` where nothing is trained. Raises
    ConfigError when the one asked for is not there.
    """
    if config.trainer.kind == "simulated":
        return SIMULATED
    try:
        return choose(config.trust.tier).tier.value
    except SandboxError as error:
        raise ConfigError(f"trust.tier: {error}", error.remedy) from error


def strongest() -> str:
    """Letter of the best tier that this machine offers."""
    return choose(AUTO).tier.value


def decided(config: Config, best: Callable[[], str] = strongest) -> Config:
    """The configuration with ``trust.allow_untrusted: if_needed`` decided: it is needed where this machine
    offers no sandbox that is trusted. Done once, where a campaign is started. best: the tier it offers.
    """
    if config.trust.allow_untrusted != IF_NEEDED:
        return config
    needed = config.trainer.kind != "simulated" and _untrusted(best())
    trust = config.trust.model_copy(update={"allow_untrusted": needed})
    return config.model_copy(update={"trust": trust})


def require_sandbox(config: Config) -> None:
    """Raises ConfigError where nothing that is measured here could ever merge."""
    tier = sandbox_of(config)
    if not _untrusted(tier) or decided(config).trust.allow_untrusted:
        return
    what = (
        f"variants would be trained in sandbox {tier}, and what is measured there never merges: a variant"
        f" {GAPS[Tier(tier)][0]}"
    )
    ways = "" if config.trust.tier != AUTO else _ways(probe())
    raise ConfigError(what, f"{ways or 'Ask for the best with trust.tier=auto'}; {BELIEVE}.")


def warning(config: Config) -> str:
    """What to say at a start whose values are worth less than they look; empty when all is well."""
    tier = sandbox_of(config)
    if _untrusted(tier) and not decided(config).trust.allow_untrusted:
        return f"sandbox {tier}: what is measured there never merges"
    if _untrusted(tier):
        return (
            f"sandbox {tier}: a variant could fool what judges it. Its values are believed, and marked,"
            f" because {_why_believed(config)}"
        )
    return (
        f"sandbox {tier}, with gaps that `autoswarm doctor` names; merges are marked"
        if tier in WITH_GAPS
        else ""
    )


def in_words(config: Config) -> str:
    """For the plan: the sandbox and what a merge needs."""
    where = (
        sandbox_of(config)
        if config.cluster.address == "local"
        else "the best of each node"
        if config.trust.tier == AUTO
        else config.trust.tier
    )
    believed = decided(config).trust.allow_untrusted
    allowed = ", and what an untrusted one measures is believed" if believed else ""
    return f"{where}{allowed}; trust.mode={config.trust.mode}"


def _why_believed(config: Config) -> str:
    if config.trust.allow_untrusted == IF_NEEDED:
        return "this machine offers nothing better; `autoswarm doctor` says how to have it"
    return "trust.allow_untrusted=true"


def next_trusted_tier(findings: Sequence[Finding]) -> Finding | None:
    """The strongest tier that is not there and would be trusted, None when one is."""
    if any(finding.works and finding.tier in TRUSTED for finding in findings):
        return None
    return next((finding for finding in findings if finding.tier in TRUSTED), None)


def _ways(findings: Sequence[Finding]) -> str:
    better = next_trusted_tier(findings)
    return f"For sandbox {better.tier} ({better.why}): {better.remedy}" if better else ""


def _untrusted(tier: str) -> bool:
    return not confined(tier, TrustRules(allow_untrusted=False))
