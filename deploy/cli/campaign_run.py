"""From a command line to a campaign: which files and overrides, which name, the plan, the run, the closing
summary.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from configs.arms import AnyArm, ReadsCharter
from configs.load import Loaded, load
from configs.schema import Config
from coordinator.store.paths import Layout
from coordinator.views.leaderboard import BestSoFar, LeaderboardRow, best_so_far, rows
from coordinator.views.status_page import StatusPage
from deploy.campaigns.open import Follower, find_campaign
from deploy.checks import data_here
from deploy.cli.cost_estimate import costs
from deploy.cli.output import show, tell
from deploy.cli.start_plan import first_words
from deploy.rules_from_config import money_of, rows_in_words
from deploy.sandboxes import in_words
from deploy.wiring import layout_of
from trainer.task_loading import load_task

OVERRIDE = re.compile(r"[A-Za-z_][\w.]*=")
"""``a.b=c``. Anything else is a file; write ``./a=b.yaml`` for one with such a name."""


def configured(
    items: Sequence[str], campaigns: Path | None = None, new: bool = False, first: Sequence[str] = ()
) -> Loaded:
    """The configuration of a command line; what it warns of goes to stderr. Raises ConfigError.

    campaigns: set in the environment or by option, under what ``items`` say. new: under a name that no
    campaign has yet. first: files before those of ``items``.
    """
    overrides = [f"campaigns_dir={campaigns}"] if campaigns is not None else []
    overrides += [item for item in items if OVERRIDE.match(item)]
    files = [*first, *(item for item in items if not OVERRIDE.match(item))]
    loaded = load(files, overrides, os.environ)
    if new:
        loaded = load(files, [*overrides, f"campaign.name={_unused(loaded.config)}"], os.environ)
    for line in loaded.warnings:
        tell(line)
    return loaded


def _unused(config: Config) -> str:
    """The campaign's name, or the first of name-2, name-3 … that no folder has."""
    name, number = config.campaign.name, 1
    while (Path(config.campaigns_dir) / name).exists():
        number += 1
        name = f"{config.campaign.name}-{number}"
    return name


def plan(config: Config) -> dict[str, str]:
    """What would happen, in words."""
    task = load_task(config.task.name)
    budget = task.budget(config.task.size, config.task.wall_cap)
    layout = layout_of(config)
    limits = [f"{config.campaign.max_experiments} experiments"] * bool(config.campaign.max_experiments)
    limits += [f"{config.campaign.max_runs} runs"] * bool(config.campaign.max_runs)
    limits += [f"{config.campaign.max_hours:g} hours"] * bool(config.campaign.max_hours)
    limits += [f"{config.money.cap_usd:g} USD for models and slots together (exit code 5)"] * bool(
        config.money.cap_usd
    )
    limits += [f"{config.campaign.session_minutes:g} minutes of this start"] * bool(
        config.campaign.session_minutes
    )
    slots = (
        "one per GPU"
        if config.slots.per_gpu
        else f"{config.slots.count} on CPU, {config.slots.cores} cores each"
    )
    return {
        "campaign": f"{layout.folder}, {'resumed' if layout.journal.is_file() else 'new'}",
        "task": f"{task.name}: {task.title}",
        "metric": f"{task.metric.name}, {task.metric.direction}",
        "budget": f"{budget.amount:g} {budget.unit} a run, {budget.wall_cap:g} s at most",
        "data": data_here.in_words(config, task),
        "rows": rows_in_words(config, task),
        "sandbox": in_words(config),
        "baseline": f"{config.acceptance.baseline_runs} runs in each division",
        "agents": f"{slots}, Ray {config.cluster.address}",
        "arms": arms_in_words(config),
        "ends": " or ".join(limits) or "when it is stopped",
        **costs(config, money_of(config), budget),
    }


def arms_in_words(config: Config) -> str:
    """Each arm with what makes it get briefs, and what is special about it."""
    bandit = config.campaign.arm_choice == "bandit"
    arms = ", ".join(_in_words(arm, bandit) for arm in config.arms)
    return arms + ("; a bandit chooses" if bandit else "")


def _in_words(arm: AnyArm, bandit: bool) -> str:
    facts: list[str] = [arm.proposer]
    if not bandit:
        facts.append(f"weight {arm.weight:g}")
    if isinstance(arm, ReadsCharter) and arm.strategy != "free":
        facts.append(arm.strategy)
    facts += ["from the baseline"] * (arm.parent == "baseline") + ["control"] * arm.control
    return f"{arm.name} ({', '.join(facts)})"


def run_to_end(loaded: Loaded) -> int:
    """Run a campaign that may start (``deploy.checks.preflight``) to its end, its limit or its being stopped,
    and return the exit code. Raises ConfigError.
    """
    from deploy.views.tables import pairs

    show(pairs(first_words(plan(loaded.config), loaded.config)), beside=True)
    from deploy.swarm.driver import run_campaign
    from deploy.views.live import Limits, view_for

    campaign = loaded.config.campaign
    view = view_for(Limits(campaign.max_experiments, campaign.max_hours, campaign.session_minutes))
    try:
        return run_campaign(loaded, view)
    finally:
        view.close()


def last_page(
    layout: Layout, now: float
) -> tuple[StatusPage, list[LeaderboardRow], dict[str, list[BestSoFar]]]:
    """Status, leaderboard rows and, by division, the points of the best-so-far chart, for a campaign's
    closing summary. Raises NothingFoundError, ConfigError.
    """
    follower = Follower(find_campaign(layout.name, layout.folder.parent))
    page = follower.status(now)
    follower.close()
    return (
        page,
        rows(follower.state),
        {name: best_so_far(follower.state, name) for name in follower.state.divisions},
    )
