"""Simulated scans on the wire."""

from typing import Self

from app.api.schemas.base import Choice, Count, Id, Instant, Request, Response
from app.api.schemas.scans import Alternative
from app.models.couriers import KindOfWork, Vehicle
from app.models.scans import Direction, Verdict
from app.services.scans.reasons import Reason
from app.services.scans.simulation import Comer
from app.services.scans.simulation import Simulation as Simulated
from app.services.scans.texts import sentence


class SimulationAsked(Request):
    """Who comes to a gate, when and which way."""

    at: Instant | None = None
    """When; now where it is left out."""
    direction: Choice[Direction] = Direction.entry
    """`in` or `out`."""
    entry_id: Id | None = None
    """Who: the courier of this entry of the compound. For its property managers."""
    kind_of_work: Choice[KindOfWork] = KindOfWork.food_delivery
    """Else anybody verified who does this …"""
    vehicle: Choice[Vehicle] = Vehicle.e_bike
    """… and comes on this."""

    def who(self) -> Comer:
        """Whom the gate rules are asked about."""
        return Comer(self.at, self.direction, self.entry_id, (self.kind_of_work, self.vehicle))


class OfflineSimulation(Response):
    """What a device says that has synced lately and has no network; it knows nobody's kind of work."""

    verdict: Choice[Verdict]
    """`admit` green, `check` yellow, `refuse` red."""
    reason: Choice[Reason]
    """Why, as a stable code."""
    sentence: str
    """Why, as the guard would read it out."""


class Simulation(Response):
    """What a guard would be told. Nothing of it is stored."""

    at: Instant
    """At what time."""
    verdict: Choice[Verdict]
    """`admit` green, `refuse` red."""
    reason: Choice[Reason]
    """Why, as a stable code."""
    sentence: str
    """Why, as the guard would read it out."""
    rules_version: Count
    """The version of the gate rules that was asked; 0 where there was none."""
    clause: int | None
    """The clause of the gate rules that a refusal rests on."""
    alternative: Alternative | None
    """What is possible instead."""
    conditions: list[str]
    """What whoever enters has to observe."""
    offline: OfflineSimulation
    """Verdict and reason while the network is down."""

    @classmethod
    def of(cls, simulated: Simulated, language: str) -> Self:
        details, decision, offline = simulated.details, simulated.decision, simulated.offline
        alternative = details.get("alternative")
        return cls(
            at=simulated.at,
            verdict=decision.verdict,
            reason=decision.reason,
            sentence=sentence(decision.reason, language, details),
            rules_version=simulated.rules_version,
            clause=details.get("clause"),
            alternative=Alternative.model_validate(alternative) if alternative else None,
            conditions=details.get("conditions", []),
            offline=OfflineSimulation(
                verdict=offline.verdict,
                reason=offline.reason,
                sentence=sentence(offline.reason, language, simulated.offline_details),
            ),
        )
