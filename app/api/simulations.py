"""What would happen at a gate, for those who write its rules."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api.body import JsonRoute
from app.api.dependencies import reading
from app.api.problems import problem_responses
from app.api.scans import AcceptLanguage
from app.api.schemas.base import Choice, Id, Instant
from app.api.schemas.simulations import Simulation
from app.errors import Forbidden, MalformedRequest, NotFound, Unauthenticated
from app.language import preferred
from app.models.couriers import KindOfWork, Vehicle
from app.models.scans import Direction
from app.services.compounds.register import KEEPS_GATES
from app.services.scans.simulation import simulate
from app.work import Work

router = APIRouter(prefix="/v1", tags=["gate_rules"], route_class=JsonRoute)


@router.get(
    "/gates/{gate_id}/simulation",
    operation_id="gate_rules_simulate",
    summary="What would happen to a courier here, and why · 门岗规则模拟",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, MalformedRequest),
)
async def simulate_scan(
    gate_id: Annotated[Id, Path(description="The gate.")],
    work: Annotated[Work, reading(*KEEPS_GATES)],
    *,
    at: Annotated[Instant | None, Query(description="When; now where it is left out.")] = None,
    direction: Annotated[Choice[Direction], Query(description="`in` or `out`.")] = Direction.entry,
    entry_id: Annotated[
        Id | None, Query(description="Who: the courier of this entry of the compound. For its managers.")
    ] = None,
    kind_of_work: Annotated[
        Choice[KindOfWork], Query(description="Else anybody verified who does this …")
    ] = KindOfWork.food_delivery,
    vehicle: Annotated[Choice[Vehicle], Query(description="… and comes on this.")] = Vehicle.e_bike,
    accept_language: AcceptLanguage = None,
) -> Simulation:
    """The verdict on a fresh code, by the rules in force at that time. Nothing is stored.

    For registrars of the area and the compound's property managers.
    """
    language = preferred(accept_language)
    simulation = await simulate(
        work,
        gate_id=gate_id,
        at=at,
        direction=direction,
        entry_id=entry_id,
        tie=None if entry_id is not None else (kind_of_work, vehicle),
        language=language,
    )
    return Simulation.of(simulation, language)
