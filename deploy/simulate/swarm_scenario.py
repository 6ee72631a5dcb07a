"""What a simulated campaign is made of: rules, slots, how runs are measured, what proposals do, when it ends.
Pure.
"""

from msgspec import Struct
from msgspec.structs import replace

from coordinator.rule_values.prices import MoneyRules
from coordinator.rule_values.rule_set import ArmShare, Rules
from deploy.simulate.effect_model import EffectModel
from deploy.simulate.measuring import Conditions
from deploy.simulate.programs import CONFLICTS
from deploy.simulate.virtual_slot import Slot
from evaluator.budget import Budget, Unit

THINKING = 1.0
"""Minutes from a brief to its proposal. An assumption: one answer of a language model, and its edit."""
ARM = ArmShare("simulated")


class SwarmScenario(Struct, frozen=True, kw_only=True):
    """One campaign but for its seed."""

    rules: Rules
    """Metric, policy, lookahead and whatever else decides. Arms, budget, money and rows are the simulation's.
    """
    model: EffectModel
    conditions: Conditions = Conditions()
    slots: tuple[Slot, ...] = (Slot(),)
    runs: int = 0
    """It ends after so many runs of any purpose; 0 means no limit."""
    hours: float = 0.0
    """It ends after so many virtual hours; 0 means that only ``runs`` ends it."""
    thinking: float = THINKING
    """Minutes from a brief to its proposal."""
    conflicts: float = CONFLICTS
    """Share of rebases whose edit does not apply."""

    def rules_for(self, seed: int) -> Rules:
        """The rules of the campaign of that seed. They say how long the campaign lasts, as a rule may depend
        on that, and as little as possible of what briefs tell: nobody reads it.
        """
        return replace(
            self.rules,
            budget=Budget(Unit.SECONDS, 60 * self.conditions.minutes, 600 * self.conditions.minutes),
            seed=seed,
            arms=[ARM],
            money=MoneyRules(),
            max_experiments=0,
            max_runs=self.runs,
            max_hours=self.hours,
            history=1,
            val_blocks=1,
        )

    @property
    def expected_runs(self) -> float:
        """About how many runs it takes, baselines included."""
        by_hours = self.hours * 60 / self.conditions.minutes * sum(slot.speed for slot in self.slots)
        return min(self.runs or by_hours, by_hours or self.runs)
