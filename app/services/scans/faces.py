"""Whom scans show: the card of each, opened for those who may see it."""

from typing import Any

from sqlalchemy import Row, Select

from app.models.couriers import Card, Courier, Person
from app.services.couriers.cards import CardFace, open_card
from app.work import Work


def with_faces(query: Select[*tuple[Any, ...]], scan: Any) -> Select[*tuple[Any, ...]]:
    """`query` over scans, with what their cards are opened with; `scan` has `courier_id` and `card_id`."""
    return (
        query.add_columns(
            Card.id.label("shown_card_id"), Card.sealed, Person.id.label("person_id"), Person.wrapped_key
        )
        .outerjoin(Courier, Courier.id == scan.courier_id)
        .outerjoin(Person, Person.id == Courier.person_id)
        .outerjoin(Card, Card.id == scan.card_id)
    )


def face_of(work: Work, row: Row[*tuple[Any, ...]]) -> CardFace | None:
    """The card of a row of `with_faces`; None where the scan shows nobody or the person was erased."""
    if row.shown_card_id is None or row.wrapped_key is None:
        return None
    return open_card(work.vault, row.wrapped_key, row.person_id, row.shown_card_id, row.sealed)
