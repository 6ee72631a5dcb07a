"""What the campaign's decisions depend on, as values in its journal. See configs/schema.py for each."""

from msgspec import Struct, field

from coordinator.domain import ArmChoice, Metric, Origin, Strategy
from coordinator.rule_values.prices import MoneyRules
from coordinator.rule_values.trust_rules import TrustRules
from evaluator.budget import Budget
from evaluator.policies.any_policy import AnyPolicy
from evaluator.policies.one_step import Confirm
from evaluator.policies.trunk import Trunk


class ArmShare(Struct, frozen=True):
    """An arm and its share of the briefs."""

    name: str
    weight: float = 1.0
    """Relative to the others'."""
    parent: Origin = Origin.BEST
    """What its variants are made from."""
    strategy: Strategy = Strategy.FREE
    """What its briefs ask for."""
    rotate: bool = False
    """Whether that changes on a plateau."""
    control: bool = False
    """Whether others are compared with it."""
    repairs: bool = field(default=False, name="mends")
    """Whether its proposer can repair an experiment that crashed."""


class Rules(Struct, frozen=True, kw_only=True):
    """The rules of a campaign. Metric and budget stay; the others may be changed at a start."""

    metric: Metric
    budget: Budget
    seed: int
    """Everything that is drawn is drawn from it."""
    arms: list[ArmShare]
    policy: AnyPolicy = Confirm()
    """When a variant is better."""
    trust: TrustRules = TrustRules()
    """Which results may merge."""
    early_stop_at: float = 0.0
    """Share of its budget at which a screen is looked at, and ended where it will not come out as good as the
    head; 0 means never.
    """
    early_stop_audit: float = 0.1
    """Share of those that would be ended which run on to their end."""
    baseline_runs: int = 4
    """Runs of the unmodified surface in each division."""
    lookahead: int = 0
    """Proposals that may be open when verdicts fall in the order of proposal; 0 decides as results come in.
    """
    max_experiments: int = 0
    """Proposals taken; 0 means no limit."""
    max_runs: int = 0
    """Runs of any purpose that are begun and not lost; 0 means no limit."""
    max_hours: float = 0.0
    """Hours the campaign works; 0 means no limit."""
    max_attempts: int = 5
    """Lost leases after which a run counts as crashed."""
    history: int = 300
    """Finished experiments that a brief tells."""
    ahead: int = 1
    """Proposals kept ready per agent."""
    money: MoneyRules = MoneyRules()
    arm_choice: ArmChoice = ArmChoice.WEIGHTS
    arm_floor: float = 0.05
    """Least share of the briefs of any arm, where a bandit chooses."""
    control_floor: float = 0.1
    """The same of a control."""
    plateau: int = 20
    """Experiments without a merge that make one; 0 means never."""
    retry_after_moves: int = 3
    """Moves of the best after which a near miss may be tried again as it was; 0 means never."""
    combine: bool = False
    """Whether two parked experiments are put together where a slot would wait; not in order."""
    simpler_margin: float = 1.0
    """σ that a simplification may be worse by and merge."""
    val_blocks: int = 1
    """Blocks of validation rows that the task's data has."""
    arm_warning_briefs: int = 5
    """Briefs in a row without a result after which people are warned of an arm; 0 means never."""
    transfer: bool = True
    """Whether what merges in one division is tried in the others."""
    propose_in: list[str] = []
    """Divisions whose agents propose; empty for all."""

    check_every: int = 0
    """Runs of a slot after which it makes one that is compared with other slots'; 0 means never on purpose.
    """
    set_aside: bool = True
    """Whether a slot that is off gets no more runs."""

    @property
    def settles_one_by_one(self) -> bool:
        """Whether ordinals are settled by events of their own: in order, where something may be due between
        two of them. However early a crash is known, it is due between the same two then.
        """
        return self.lookahead > 0 and (self.policy.refresh_every > 0 or isinstance(self.policy, Trunk))
