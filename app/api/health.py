"""Whether the process lives and whether it can answer: for whoever restarts it or sends it requests."""

from typing import Literal

from fastapi import APIRouter

from app.api.dependencies import PublicReadWork
from app.api.problems import problem_responses
from app.api.schemas.base import Response
from app.services import readiness
from app.services.keys.errors import NoSigningKey

router = APIRouter(prefix="/health", tags=["health"])


class Health(Response):
    """A process that is well."""

    status: Literal["ok"]
    """The only value there is: anything else is a problem."""


@router.get(
    "/live",
    operation_id="health_live",
    summary="Whether the process lives · 存活检查",
    responses=problem_responses(),
)
async def live() -> Health:
    """Answers while the process does, whatever the database does. Restart a process that does not.

    Open to everyone.
    """
    return Health(status="ok")


@router.get(
    "/ready",
    operation_id="health_ready",
    summary="Whether the process can answer · 就绪检查",
    responses=problem_responses(NoSigningKey),
)
async def ready(work: PublicReadWork) -> Health:
    """Answers while the database does and codes can be signed. Send a process that does not no requests.

    Open to everyone.
    """
    await readiness.require_ready(work)
    return Health(status="ok")
