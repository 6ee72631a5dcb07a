"""Decides whether claims are audited, and has it done: by a twin, else by the live variant itself, else not
at all.

- Whether a run that would not merge is audited is the coordinator's draw, from the campaign's seed: the plan
  comes with a share of 0 or 1, and nothing that a variant sees gives it away. The positions that are compared
  are drawn by the judge, from the machine's entropy, once the twin holds its weights.
- The live variant is gone once a twin is called. Where a live audit is worth something it is held before.
- A twin that disagrees at some positions shows a leak. One that disagrees nearly everywhere, or cannot be
  had, may lack what the model has outside its state_dict: then there is no audit, or the live one, which is
  weaker: it has seen the rows, and can only be asked whether it agrees with itself.
- A process that answers nonsense or not at all is no proof of anything and is never taken for one.
- What is said of either is in our words alone: both have seen validation text.
"""

import time

import numpy as np
from msgspec import Struct

from evaluator.audit_plan import AuditPlan
from evaluator.judging.auditing.audit import Finding
from evaluator.judging.auditing.handing_over import Handed
from evaluator.judging.auditing.probing import Prober, UnbelievableError
from evaluator.judging.auditing.reference import reference
from evaluator.judging.auditing.sweep import MOST, Claimed, Sweep
from evaluator.judging.auditing.twin_line import TwinLine
from evaluator.judging.claims import Claims
from evaluator.judging.data import Tokens
from evaluator.judging.messages import Request, Unable
from evaluator.judging.run_end import RunEndedError
from evaluator.judging.wire import Channel, ClosedError, WireError
from evaluator.result import Audit, Cheated

NO_AUDIT = Audit("none", 0, 0.0, 0.0, 0.0, 0.0)

NO_WEIGHTS = "it could not hand over its weights"
NO_PLACE = "none could be started"
NO_ANSWER = "it did not answer"
NONSENSE = "it answered with something else than was asked for"
ANOTHER = "it disagrees nearly everywhere"
"""Why there is no audit by a twin, of all runs alike."""


class Parties(Struct, frozen=True):
    """Who is asked."""

    live: Channel[Request]
    """The variant."""

    twin: TwinLine | None
    """Where one answers once it is started, or None."""

    at_once: int
    """Rows they answer at a time."""


def positions(plan: AuditPlan, value: float, chance: np.random.Generator) -> int:
    """How many positions of a run with this value are compared."""
    if plan.mode == "off":
        return 0
    if plan.merge_below is not None and value < plan.merge_below:
        return plan.positions
    return plan.share_positions if chance.random() < plan.share else 0


class Examination:
    """Of one run's claims."""

    def __init__(
        self,
        claims: Claims,
        training: Tokens,
        filling: Tokens,
        vocab_size: int,
        odd: float,
        chance: np.random.Generator,
    ) -> None:
        """training: the stream the reference is counted in. filling: training rows [at_once, length]. odd:
        nats of a difference that is followed up.
        """
        self.details: dict[str, float | str] = {}
        self._claims = claims
        self._filling = filling
        self._vocab_size = vocab_size
        self._odd = odd
        self._chance = chance
        self._claimed = Claimed(
            claims.losses.astype(np.float64).reshape(-1),
            reference(training, claims.rows, vocab_size).reshape(-1),
            claims.counted.reshape(-1),
            claims.losses.shape[1],
        )

    def hold(self, count: int, parties: Parties, handed: Handed | Unable, strict: bool) -> Audit:
        """Compare ``count`` positions, more where something odd is seen. strict: a live audit is not worth
        having, except of a variant that has no twin. Raises RunEndedError with Cheated when the claims are
        not to be believed, ClosedError when the live variant leaves.
        """
        if parties.twin is None or isinstance(handed, Unable):
            self.details["twin"] = NO_WEIGHTS if isinstance(handed, Unable) else NO_PLACE
            return self._by_live(count, parties)
        live = NO_AUDIT if strict else self._by_live(count, parties)
        finding = self._by_twin(parties.twin, count, parties.at_once, handed)
        if finding and not finding.systematic:
            return _believed(finding)
        if finding:
            self.details["twin"] = ANOTHER
        return live

    def _by_live(self, count: int, parties: Parties) -> Audit:
        prober = Prober(parties.live, self._claims.rows, self._filling, self._vocab_size)
        try:
            return _believed(self._compared("live", prober, count, 1.0, parties.at_once))
        except WireError:
            return NO_AUDIT
        except UnbelievableError as error:
            evidence = f"asked for what its claims rest on, {error}"
            raise RunEndedError(Cheated("leak", evidence), evidence) from error

    def _by_twin(self, twin: TwinLine, count: int, at_once: int, handed: Handed) -> Finding | None:
        began, finding = time.monotonic(), None
        prober = Prober(twin.channel, self._claims.rows, self._filling, self._vocab_size, twin.answered)
        twin.call()
        try:
            twin.meet(handed)
            self.details["twin_start_seconds"] = time.monotonic() - began
            finding = self._compared("twin", prober, count, MOST, at_once)
        except ClosedError:
            self.details["twin"] = NO_ANSWER
        except WireError:
            self.details["twin"] = NONSENSE
        except UnbelievableError as error:
            self.details["twin"] = str(error)
        finally:
            twin.leave(answered=finding is not None)
            self.details["audit_seconds"] = time.monotonic() - began
        return finding

    def _compared(self, kind: str, prober: Prober, count: int, most: float, at_once: int) -> Finding:
        sweep = Sweep(count, self._claimed, self._odd, self._chance, most)
        while (sample := sweep.next()) is not None:
            sweep.take(sample, prober.losses(sample.places, at_once))
        return sweep.finding(kind, self._claims.nats_per_unit)


def _believed(finding: Finding) -> Audit:
    if finding.evidence:
        raise RunEndedError(Cheated("leak", f"{finding.audit.kind}: {finding.evidence}"), finding.evidence)
    return finding.audit
