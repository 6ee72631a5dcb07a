"""What a campaign has spent, by its journal: calls of models, and slots while they trained. Changed by
``coordinator.state.campaign_state`` only.

- A call whose agent never said what came of it counts at its estimate, as ``unknown``; when its record comes
  after all, that replaces the guess.
- A slot costs while a training runs on it. A lost lease costs as long as it was held; what its agent reports
  late costs only what is beyond that.
"""

from msgspec import Struct, field

from coordinator.model_calls import TRUNCATED, UNKNOWN
from coordinator.protocol import Token
from coordinator.state.arm_events import CallSettled

MOST_NAMES = 5


class CallTally(Struct):
    """Calls of one model by one arm, or of all."""

    calls: int = 0
    unpriced: int = 0
    """Of these, those without a known price; they are not in ``llm_usd``."""
    estimated: int = 0
    """Of these, those whose tokens or dollars are an estimate."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    llm_usd: float = 0.0
    llm_seconds: float = 0.0
    """Waited for answers."""

    def take(self, event: CallSettled, sign: int) -> None:
        """Count a call, or with ``sign`` -1 take it back."""
        self.calls += sign
        self.unpriced += sign * (event.cost_usd is None)
        self.estimated += sign * event.estimated
        self.prompt_tokens += sign * event.prompt_tokens
        self.completion_tokens += sign * event.completion_tokens
        self.llm_usd += sign * (event.cost_usd or 0.0)
        self.llm_seconds += sign * event.seconds


class SlotTally(Struct):
    """Seconds in which trainings of one arm held slots, and their dollars. A baseline's arm is empty."""

    gpu_seconds: float = 0.0
    gpu_usd: float = 0.0


class Spend(Struct):
    """Dollars, tokens and hours."""

    calls: dict[str, CallSettled] = field(default_factory=dict)
    """Every settled call by its id, the oldest first."""
    by_model: dict[tuple[str, str], CallTally] = field(default_factory=dict)
    """By arm and model."""
    by_arm: dict[str, SlotTally] = field(default_factory=dict)
    total: CallTally = field(default_factory=CallTally)
    """All calls together."""
    slots: SlotTally = field(default_factory=SlotTally)
    """All arms together."""
    cut: dict[tuple[str, str], None] = field(default_factory=dict)
    """Arms and models of which an answer stopped at the limit of its length, in order."""
    answered_by: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """By arm and model: other models that replies named, at most ``MOST_NAMES`` of them. Untrusted."""
    billed: dict[Token, float] = field(default_factory=dict)
    """Seconds billed for leases that were lost and not heard of since."""

    @property
    def usd(self) -> float:
        """Dollars of models and slots together."""
        return self.total.llm_usd + self.slots.gpu_usd

    def usd_of(self, arm: str) -> float:
        """Dollars of one arm, models and slots together."""
        models = sum(tally.llm_usd for (name, _), tally in self.by_model.items() if name == arm)
        return models + self.by_arm.get(arm, SlotTally()).gpu_usd

    def unpriced_of(self, arm: str) -> int:
        """Calls of one arm that nobody knows a price of: its dollars are too few by them."""
        return sum(tally.unpriced for (name, _), tally in self.by_model.items() if name == arm)

    def guessed(self, call: str) -> bool:
        """Whether the call counts at its estimate until its record comes."""
        return call in self.calls and self.calls[call].result == UNKNOWN

    def settle(self, event: CallSettled) -> None:
        """Count a call, in the place of a guess at it."""
        if (guess := self.calls.get(event.call)) is not None:
            self._take(guess, -1)
        self._take(event, 1)
        self.calls[event.call] = event
        if event.result == TRUNCATED:
            self.cut[event.arm, event.model] = None
        if event.answered_by:
            names = self.answered_by.setdefault((event.arm, event.model), [])
            if event.answered_by not in names and len(names) < MOST_NAMES:
                names.append(event.answered_by)

    def _take(self, event: CallSettled, sign: int) -> None:
        for tally in (self.by_model.setdefault((event.arm, event.model), CallTally()), self.total):
            tally.take(event, sign)

    def trained(self, arm: str, seconds: float, usd: float) -> None:
        """A training held a slot."""
        for tally in (self.by_arm.setdefault(arm, SlotTally()), self.slots):
            tally.gpu_seconds += seconds
            tally.gpu_usd += usd

    def lost(self, token: Token, seconds: float) -> None:
        """A lease was lost and billed for so long."""
        self.billed[token] = seconds

    def unbilled(self, token: Token, seconds: float) -> float:
        """Seconds of a late result beyond what its lost lease was billed for; 0 when it is heard of again."""
        return max(0.0, seconds - self.billed.pop(token, seconds))
