"""Prints a card for a courier without a smartphone: drawn once, stored as a digest."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.services.codes.reading import printed_digest
from app.services.codes.substitutes import SECRET_BYTES, printed_text
from app.services.codes.symbol import FORM_5_Q, draw_png, draw_svg
from app.services.couriers.printed_cards import keep_printed_card
from app.work import Work

SCALE = 12
"""Pixels a module: 40 mm wide at 300 dots an inch, the usual of printers."""


@dataclass(frozen=True, slots=True)
class NewPrintedCard:
    """A card that was just issued. Printing one of these objects does not show the secret."""

    id: UUID
    issued_at: datetime
    text: str = field(repr=False)
    svg: str = field(repr=False)
    png: bytes = field(repr=False)


async def print_card(work: Work, *, courier_id: UUID, reason: str) -> NewPrintedCard:
    """A new card of a verified courier, whose former one ends. It cannot be drawn again.

    `reason` must not name anybody. Raises NotFound for a courier out of the caller's reach, and
    TransitionRefused. Drawing takes about 10 ms.
    """
    secret = secrets.token_bytes(SECRET_BYTES)
    digest = printed_digest(work.deployment.secrets.digest_key.get_secret_value(), secret)
    prefix = work.settings.link_prefix
    text = prefix + printed_text(secret)
    svg = draw_svg(text, prefix, FORM_5_Q).decode("utf-8")
    png = draw_png(text, prefix, SCALE, FORM_5_Q)
    card = await keep_printed_card(work, courier_id=courier_id, digest=digest, reason=reason)
    return NewPrintedCard(card.id, card.issued_at, text, svg, png)
