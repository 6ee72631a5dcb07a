"""Answers to agents made whole: what rules decided, with texts and times that are no business of rules."""

from msgspec.structs import replace

from coordinator.domain import Phase
from coordinator.protocol import Brief, Lease, Wait, Welcome
from coordinator.rules import fresh_rows, wall_caps
from coordinator.rules.slots import audit_plans, early_stops
from coordinator.service.charters import Charters
from coordinator.service.presence import LeaseTimes
from coordinator.store.unit_of_work import UnitOfWork


class Answers:
    """For the agents of one campaign. The service's lock is held around every call."""

    def __init__(self, unit: UnitOfWork, times: LeaseTimes, charters: Charters) -> None:
        self._unit = unit
        self._times = times
        self._charters = charters

    def welcome(self) -> Welcome:
        """To an agent that has joined."""
        state = self._unit.state
        return Welcome(
            campaign=state.start.campaign,
            epoch=state.epoch,
            metric=state.metric,
            heartbeat=self._times.heartbeat,
            ttl=self._times.ttl,
        )

    def brief(self, brief: Brief) -> Brief:
        """The brief with the texts it speaks of, and the charter as it is now."""
        source, repair = self._unit.source, brief.repair
        if repair is not None:
            crashed = self._unit.state.experiments[repair.experiment]
            repair = replace(repair, source=source(crashed.commit))
        pieces = [
            replace(piece, before=source(piece.parent), after=source(piece.commit)) for piece in brief.pieces
        ]
        texts = {"source": source(brief.parent), "charter": self._charters.text(brief.arm)}
        return replace(brief, **texts, pieces=pieces, repair=repair)

    def lease(self, agent: str) -> Lease | Wait:
        """The run the agent holds, or why it holds none."""
        holder = self._unit.state.agents[agent]
        return self._lease(holder.run) if holder.run else self._wait(holder.set_aside)

    def _lease(self, name: str) -> Lease:
        state = self._unit.state
        run = state.runs[name]
        experiment = state.experiments[run.experiment]
        assert run.token is not None  # noqa: S101 - a lease has one
        return Lease(
            token=run.token,
            run=run.run,
            experiment=run.experiment,
            purpose=run.purpose,
            title=experiment.title,
            source=self._unit.source(experiment.commit),
            seed=run.seed,
            budget=replace(state.rules.budget, wall_cap=wall_caps.wall_cap(state, run)),
            ttl=self._times.ttl,
            audit=audit_plans.audit_plan(state, run),
            baseline=audit_plans.baseline_facts(state, run),
            blocks=fresh_rows.blocks_of(state, run),
            early=early_stops.stop_plan(state, run),
        )

    def _wait(self, set_aside: str) -> Wait:
        state = self._unit.state
        if state.phase is Phase.RUNNING:
            return Wait(f"its slot is set aside: {set_aside}" if set_aside else "no run is queued")
        return Wait(state.phase_reason, stop=state.phase is Phase.FINISHED)
