"""Decides whether claims are audited, and has it done: by a twin, else by the live variant itself, else not
at all.

- Whether a run that would not merge is audited is the coordinator's draw, from the campaign's seed: the plan
  comes with a share of 0 or 1, and nothing that a variant sees gives it away. The positions that are compared
  are drawn by the judge, from the machine's entropy.
- A twin that disagrees at some positions shows a leak. One that disagrees nearly everywhere, or cannot be
  had, may lack what the model has outside its state_dict: then the live variant is asked, and what it answers
  must at least agree with itself. That is weaker: it has seen the rows.
- A process that answers nonsense or not at all is no proof of anything and is never taken for one.
"""

import time
from collections.abc import Callable

import numpy as np
from msgspec import Struct

from evaluator.audit_plan import AuditPlan
from evaluator.job import CHANGE_OVER
from evaluator.judging.audit import Finding, Sample, compare, draw
from evaluator.judging.claims import Claims
from evaluator.judging.data import Tokens
from evaluator.judging.messages import Hello, Loaded, Model, Ready, Request, Unable, Weights
from evaluator.judging.probing import Prober, UnbelievableError
from evaluator.judging.reference import reference
from evaluator.judging.run_end import RunEndedError
from evaluator.judging.wire import Channel, ClosedError, Held, WireError
from evaluator.result import Audit, Cheated

NO_AUDIT = Audit("none", 0, 0.0, 0.0, 0.0, 0.0)


class Handed(Struct, frozen=True):
    """The weights as the variant handed them over, not looked at."""

    header: Weights
    content: Held


class Parties(Struct, frozen=True):
    """Who is asked."""

    live: Channel[Request]
    """The variant."""

    twin: Channel[Request] | None
    """Where one answers once it is started, or None."""

    welcome: Callable[[Hello], None]
    """Greets it."""

    called: Callable[[], None]
    """Reports to the supervisor that a twin is wanted."""

    left: Callable[[bool], None]
    """Reports to it that the twin is not needed any more, and whether it answered."""

    twin_timeout: float
    """Seconds a twin may take for an answer."""

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
        self, claims: Claims, training: Tokens, filling: Tokens, vocab_size: int, chance: np.random.Generator
    ) -> None:
        """training: the stream the reference is counted in. filling: training rows [at_once, length]."""
        self._claims = claims
        self._filling = filling
        self._vocab_size = vocab_size
        self._nats = claims.losses.astype(np.float64).reshape(-1)
        self._reference = reference(training, claims.rows, vocab_size).reshape(-1)
        self._chance = chance
        self.details: dict[str, float | str] = {}

    def hold(self, count: int, parties: Parties, handed: Handed | Unable) -> Audit:
        """Compare ``count`` positions. Raises RunEndedError with Cheated when the claims are not to be
        believed.
        """
        live = self._by_live(self._sample(count), parties)  # it is ended before the twin begins
        finding = self._by_twin(self._sample(count), parties, handed)
        if finding and not finding.systematic:
            return _believed(finding)
        if finding:
            self.details["twin"] = f"it disagrees nearly everywhere: {finding.evidence}"
        return _believed(live) if live else NO_AUDIT

    def _sample(self, count: int) -> Sample:
        return draw(count, self._nats, self._reference, self._claims.counted.reshape(-1), self._chance)

    def _by_twin(self, sample: Sample, parties: Parties, handed: Handed | Unable) -> Finding | None:
        if parties.twin is None or isinstance(handed, Unable):
            self.details["twin"] = handed.reason if isinstance(handed, Unable) else "none could be started"
            return None
        began, finding = time.monotonic(), None
        parties.called()
        try:
            _meet(parties.twin, parties, handed)
            self.details["twin_start_seconds"] = time.monotonic() - began
            finding = self._compared("twin", parties.twin, sample, parties.at_once)
        except (ClosedError, WireError, UnbelievableError) as error:
            self.details["twin"] = f"it did not answer{f': {error}' if str(error) else ''}"
        finally:
            parties.left(finding is not None)
            self.details["audit_seconds"] = time.monotonic() - began
        return finding

    def _by_live(self, sample: Sample, parties: Parties) -> Finding | None:
        try:
            return self._compared("live", parties.live, sample, parties.at_once)
        except (ClosedError, WireError):
            return None
        except UnbelievableError as error:
            raise RunEndedError(
                Cheated("leak", f"asked for what its claims rest on, {error}"), str(error)
            ) from error

    def _compared(self, kind: str, channel: Channel[Request], sample: Sample, at_once: int) -> Finding:
        blind = Prober(channel, self._claims.rows, self._filling, self._vocab_size).losses(
            sample.places, at_once
        )
        return compare(kind, sample, self._nats[sample.places], blind, self._claims.nats_per_unit)


def _believed(finding: Finding) -> Audit:
    if finding.evidence:
        raise RunEndedError(Cheated("leak", f"{finding.audit.kind}: {finding.evidence}"), finding.evidence)
    return finding.audit


def _meet(twin: Channel[Request], parties: Parties, handed: Handed) -> None:
    """Greet a twin and give it the model. Raises ClosedError, WireError."""
    twin.wait_at_most(CHANGE_OVER + parties.twin_timeout)
    hello, _ = twin.receive()
    twin.wait_at_most(parties.twin_timeout)
    if not isinstance(hello, Hello):
        raise WireError("no greeting")
    parties.welcome(hello)
    ready, _ = twin.receive()
    if not isinstance(ready, Ready):
        raise WireError("another request where it should be ready for its model")
    twin.send(Model(handed.header.table), handed.content)
    loaded, _ = twin.receive()
    if isinstance(loaded, Unable):
        raise WireError(loaded.reason)
    if not isinstance(loaded, Loaded):
        raise WireError("another request where it should have loaded its model")
