"""The ``bought`` proposer: pays for a factor, and moves one constant by it."""

import random
import uuid

from agents.proposers.contract import Exhausted, Materials, Proposer, proposal_id
from agents.proposers.permits import Permits
from configs.arms import Bought
from coordinator.model_calls import CallRecord, CallRequest
from coordinator.protocol import Brief, Proposal


class BoughtProposer:
    """Asks a dealer what to multiply ``constant`` by. Every answer costs ``price`` dollars."""

    def __init__(self, constant: str, price: float, permits: Permits) -> None:
        self._constant, self._price, self._permits = constant, price, permits

    def propose(self, brief: Brief) -> Proposal:
        """Raises Exhausted when the surface has no such line, Unavailable where nothing more may be spent."""
        lines = brief.source.splitlines()
        line = next((line for line in lines if line.startswith(f"{self._constant} = ")), "")
        if not line:
            raise Exhausted(f"the surface has no line {self._constant} = …")
        call, factor = self._buy(brief)
        source = brief.source.replace(line, f"{line}\n{self._constant} *= {factor:.4f}", 1)
        return Proposal(
            proposal=proposal_id(brief, source),
            ordinal=brief.ordinal,
            arm=brief.arm,
            parent=brief.parent,
            source=source,
            title=f"{self._constant} times {factor:.4f}",
            calls=[call],
        )

    def _buy(self, brief: Brief) -> tuple[str, float]:
        """A permit before the call and a record after it: that is all the money there is to know of."""
        request = CallRequest(
            call=uuid.uuid4().hex,
            arm=brief.arm,
            model="dealer",
            ordinal=brief.ordinal,
            prompt_tokens=0,
            max_tokens=0,
            estimate_usd=self._price,
        )
        self._permits.permit(request)
        factor = random.Random(brief.seed).uniform(0.7, 1.4)
        record = CallRecord(
            call=request.call,
            arm=brief.arm,
            model=request.model,
            ordinal=brief.ordinal,
            cost_usd=self._price,
            result="whole",
        )
        self._permits.settle(record, None)
        return request.call, factor


def make(arm: Bought, materials: Materials) -> Proposer:
    """See ``agents.proposers.factory``."""
    return BoughtProposer(arm.constant, arm.price, materials.permits)
