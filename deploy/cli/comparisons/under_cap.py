"""The cap of a campaign, for runs of its records: what may not fit is not begun.

As in the campaign itself a run sets aside the price of its wall cap. What the journal says was spent counts,
and what every record cost so far; a campaign that is running does not know of these, see docs/money.md.
"""

from pathlib import Path

from msgspec import Struct

from configs.errors import MoneySpentError
from coordinator.rule_values.prices import MoneyRules
from coordinator.rules.budget_cap import ROUNDING, reserved_usd
from coordinator.state.campaign_state import CampaignState
from deploy.campaigns.record_lines import runs_usd


class Funds(Struct, frozen=True, kw_only=True):
    """What there is to spend."""

    rules: MoneyRules
    spent_usd: float
    """US dollars that the campaign has spent, or set aside for runs that it makes now."""

    def require_room(self, records: Path, runs: int, seconds: float) -> None:
        """Raises MoneySpentError where so many runs, of so many seconds at most, may go beyond the cap.
        records: folder of the campaign's.
        """
        cap_usd = self.rules.cap_usd
        usd = runs * self.rules.slot_usd(seconds)
        spent = self.spent_usd + runs_usd(records, self.rules)
        if not cap_usd or not usd or spent + usd <= cap_usd + ROUNDING:
            return
        raise MoneySpentError(
            f"{runs} run{'s' if runs > 1 else ''} of {seconds:.0f} s at most may cost {usd:.4f} USD, and of"
            f" money.cap_usd, {cap_usd:g} USD, {max(0.0, cap_usd - spent):.4f} USD are left",
            "Ask for fewer with --runs, or say --no-cap. What was measured stays.",
        )


def funds_of(state: CampaignState) -> Funds:
    """Of a campaign."""
    return Funds(rules=state.rules.money, spent_usd=state.spend.usd + reserved_usd(state, 0.0))
