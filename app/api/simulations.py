"""What would happen at a gate, for those who write its rules."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api.body import JsonRoute
from app.api.dependencies import AcceptLanguage, reading
from app.api.problems import problem_responses
from app.api.schemas.base import Id
from app.api.schemas.simulations import Simulation, SimulationAsked
from app.errors import Forbidden, MalformedRequest, NotFound, Unauthenticated
from app.language import preferred
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
    asked: Annotated[SimulationAsked, Query()],
    accept_language: AcceptLanguage = None,
) -> Simulation:
    """The verdict on a fresh code, by the rules in force at that time. Nothing is stored.

    For registrars of the area and the compound's property managers.
    """
    language = preferred(accept_language)
    return Simulation.of(await simulate(work, gate_id=gate_id, who=asked.who(), language=language), language)
