"""Opens a campaign's folder for work: locked, replayed, its rules agreed upon, git and results in agreement
with the journal.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack

from msgspec.structs import replace

from configs.errors import ConfigError
from coordinator.rule_values.rule_set import Rules
from coordinator.rules import campaign
from coordinator.rules.campaign import RulesMismatchError
from coordinator.state.campaign_state import CampaignState
from coordinator.store.journal import CampaignLock
from coordinator.store.paths import Layout
from coordinator.store.unit_of_work import Listener, TaskCard, UnitOfWork
from coordinator.variants.gate import Gate

REMEDY = "Start another one with campaign.name=NAME."


def opened(
    layout: Layout,
    task: TaskCard,
    rules: Rules,
    clock: Callable[[], float],
    listeners: Iterable[Listener],
    secret: str | None = None,
) -> tuple[UnitOfWork, CampaignLock]:
    """The campaign, made where it is not there, in a new epoch. secret: as configured. Raises ConfigError
    where it cannot be used, CampaignBusyError when another coordinator has it.
    """
    _make_folders(layout)
    lock = CampaignLock(layout.folder)
    layout.stop_request.unlink(missing_ok=True)  # meant for a coordinator before this one
    with ExitStack() as undo:
        undo.callback(lock.release)
        unit = UnitOfWork(layout, task, clock, listeners, secret)
        undo.callback(unit.close)
        _begin(unit, layout, task, rules, clock)
        undo.pop_all()
    return unit, lock


def gate_of(task: TaskCard) -> Gate:
    """What the task holds a surface to. Raises ConfigError when its own would not pass: every variant of it
    would be refused.
    """
    gate = Gate(task.frozen, task.imports, task.patterns)
    objection = gate.look(task.source)
    if objection is not None:
        raise ConfigError(
            f"{task.surface} of task {task.name} would be refused: {objection.reason}",
            "Correct it, or the task's task.yaml.",
        )
    return gate


def _begin(
    unit: UnitOfWork, layout: Layout, task: TaskCard, rules: Rules, clock: Callable[[], float]
) -> None:
    if unit.state.started is None:
        unit.start(rules)
    require_same(unit.state, layout, task, rules)
    unit.commit(campaign.wall_cap_changed(unit.state, rules))
    unit.commit(campaign.begin(unit.state, rules, clock()))
    unit.state.go_by(layout.name)
    unit.flush()
    unit.align()


def require_same(state: CampaignState, layout: Layout, task: TaskCard, rules: Rules) -> None:
    """Raises ConfigError where a campaign that has begun searches another task than this, or by a metric or
    budget whose values would not compare.
    """
    start = state.start
    if (start.task, start.surface) != (task.name, task.surface):
        raise ConfigError(f"campaign {layout.name} searches task {start.task}, not {task.name}", REMEDY)
    budget = replace(rules.budget, wall_cap=state.rules.budget.wall_cap)  # it may change
    try:
        campaign.begin(state, replace(rules, budget=budget), 0.0)
    except RulesMismatchError as error:
        raise ConfigError(f"campaign {layout.name}: {error}", REMEDY) from None


def _make_folders(layout: Layout) -> None:
    try:
        for folder in (layout.folder, layout.runs, layout.spool, layout.logs):
            folder.mkdir(parents=True, exist_ok=True)
        probe = layout.folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        what = f"cannot write in {layout.folder}: {error.strerror}"
        raise ConfigError(what, "Choose a folder you can write to: campaigns_dir=PATH.") from error
