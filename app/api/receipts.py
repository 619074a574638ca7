"""Receipts over HTTP: a courier has an own entry certified, for somebody to read."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, status

from app.api.body import JsonRoute
from app.api.dependencies import WriteWork
from app.api.limits import limited
from app.api.problems import problem_responses
from app.api.schemas.base import Id
from app.api.schemas.receipts import Receipt, ReceiptWanted
from app.errors import NotFound, TooManyRequests, Unauthenticated
from app.services.limits import RECEIPTS
from app.services.scans.receipts import issue_receipt

router = APIRouter(prefix="/v1/couriers/me", tags=["scans"], route_class=JsonRoute)


@router.post(
    "/entries/{entry_id}/receipts",
    operation_id="scans_issue_receipt",
    summary="A signed receipt of an own entry · 开具通行凭证",
    status_code=status.HTTP_201_CREATED,
    dependencies=[Depends(limited(RECEIPTS))],
    responses=problem_responses(Unauthenticated, NotFound, TooManyRequests, body=True),
)
async def issue(
    entry_id: Annotated[Id, Path(description="An entry of `/v1/couriers/me/entries`.")],
    body: ReceiptWanted,
    work: WriteWork,
) -> Receipt:
    """Certifies time, gate and verdict of an own entry, naming for whom. For couriers.

    It proves that a code of a courier with that masked name was let through that gate at that time, as
    the server knew it when the receipt was made; time and verdict of an `offline` entry are the device's,
    and a `doubtful` time is contradicted. It does not prove that whoever shows it is that courier,
    how long anybody stayed, or what was delivered; nor that the scan was not annulled later. The server
    keeps no copy: every call makes a new receipt.
    """
    return Receipt.of(await issue_receipt(work, entry_id=entry_id, audience=body.audience))
