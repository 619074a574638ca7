"""What devices fetch to decide alone."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response, status
from fastapi.responses import Response as PlainResponse

from app.api.body import JsonRoute
from app.api.dependencies import CurrentRuntime, WriteWork
from app.api.problems import problem_responses
from app.api.schemas.base import Count
from app.api.schemas.bundles import SignedBundle
from app.errors import MalformedRequest, NotFound, Unauthenticated
from app.services.bundles.sync import sync

router = APIRouter(prefix="/v1", tags=["bundles"], route_class=JsonRoute)


@router.get(
    "/devices/current/bundle",
    operation_id="bundles_sync",
    summary="What the calling device needs to decide alone · 离线数据包",
    response_model=SignedBundle,
    responses=problem_responses(Unauthenticated, NotFound, MalformedRequest)
    | {304: {"description": "The device has this version; everything in it holds as of now."}},
)
async def sync_bundle(
    work: WriteWork,
    runtime: CurrentRuntime,
    response: Response,
    counter: Annotated[Count, Query(description="How many offline scans the device has made here.")],
    if_none_match: Annotated[str | None, Header(description="The ETag of the version it has.")] = None,
) -> SignedBundle | PlainResponse:
    """A signed bundle: keys, withdrawn handles, the rules of the gate. See docs/offline.md. For devices."""
    synced = await sync(work, known=_version(if_none_match), counter=counter)
    runtime.metrics.withdrawals_reached(synced.reached)
    headers = {"etag": f'"{synced.version}"', "cache-control": "no-store"}
    if synced.statement is None:
        return PlainResponse(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    response.headers.update(headers)
    return SignedBundle(version=synced.version, bundle=synced.statement, server_time=work.now)


def _version(tag: str | None) -> int | None:
    """The version in an entity tag of ours; None for any other."""
    digits = (tag or "").removeprefix("W/").strip('"')
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 16 else None  # noqa: PLR2004
