"""Printed cards over HTTP: reviewers issue and end them."""

from typing import Annotated

from fastapi import APIRouter, status

from app.api.body import JsonRoute
from app.api.dependencies import reading, writing
from app.api.problems import problem_responses
from app.api.schemas.base import Id
from app.api.schemas.codes import CardWanted, NewPrintedCard, PrintedCard, PrintedCards
from app.errors import Forbidden, NotFound, Unauthenticated
from app.models.accounts import Role
from app.services.codes.printing import print_card
from app.services.couriers.errors import TransitionRefused
from app.services.couriers.printed_cards import end_printed_card, list_printed_cards
from app.work import Work

router = APIRouter(prefix="/v1/couriers/{courier_id}/printed-cards", tags=["codes"], route_class=JsonRoute)

ReviewerReading = Annotated[Work, reading(Role.reviewer)]
ReviewerWriting = Annotated[Work, writing(Role.reviewer)]


@router.post(
    "",
    operation_id="codes_print_card",
    summary="Print a card for a courier without a smartphone · 发放纸质卡",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, TransitionRefused, body=True),
)
async def print_new(courier_id: Id, body: CardWanted, work: ReviewerWriting) -> NewPrintedCard:
    """Issues a card for a verified courier and ends the former one. Shown this once, so print it now.

    Every scan of it asks the guard for a check. For reviewers.
    """
    return NewPrintedCard.of(await print_card(work, courier_id=courier_id, reason=body.reason))


@router.get(
    "",
    operation_id="codes_list_cards",
    summary="The printed cards of a courier · 纸质卡记录",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def list_all(courier_id: Id, work: ReviewerReading) -> PrintedCards:
    """When which card was issued and ended, and why; what they say is not stored. For reviewers."""
    cards = await list_printed_cards(work, courier_id=courier_id)
    return PrintedCards(items=[PrintedCard.model_validate(card) for card in cards])


@router.post(
    "/ending",
    operation_id="codes_end_card",
    summary="End the printed card of a courier · 停用纸质卡",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, body=True),
)
async def end(courier_id: Id, body: CardWanted, work: ReviewerWriting) -> None:
    """Ends the live card at the next scan, say because it was lost; without one nothing changes.

    For reviewers.
    """
    await end_printed_card(work, courier_id=courier_id, reason=body.reason)
