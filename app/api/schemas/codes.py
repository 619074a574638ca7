"""Codes on the wire."""

from base64 import b64encode
from typing import Annotated, Any, Self

from pydantic import Field

from app.api.openapi_words import CODE
from app.api.schemas.base import Choice, Id, Instant, Line, Request, Response
from app.services.codes.format import LONGEST_TEXT, Timing
from app.services.codes.minting import LARGEST_WALLET
from app.services.codes.printing import NewPrintedCard as IssuedCard
from app.services.codes.reading import Proof

CodeText = Annotated[
    str,
    Field(
        max_length=4096,
        description=(
            "What the scanner read: the whole link, the bare base32, or the expanded JWS; "
            "or the six digits of a spoken code, as the guard typed them. "
            f"Longer than {LONGEST_TEXT} bytes is refused unread."
        ),
        examples=[CODE],
    ),
]
"""Longer than any code, so that a text that is none is stored as an unreadable scan and not refused."""


class CodesAsked(Request):
    """How many codes to mint."""

    count: Annotated[int, Field(ge=1, le=LARGEST_WALLET, examples=[1])]
    """1 for the code of now; up to 20 for a wallet, one code per 30 s."""


class MintedCode(Response):
    """One code, ready to be shown."""

    text: str
    """What the QR symbol says: link prefix and 140 characters of base32."""
    jws: str
    """The same code as compact JWS (RFC 7515)."""
    valid_from: Instant
    """When to begin to show it."""
    valid_until: Instant
    """When it ends."""


class Wallet(Response):
    """The minted codes, the earliest first."""

    items: list[MintedCode]
    """One a slot of 30 s."""


class SpokenCodeAsked(Request):
    """Where a spoken code is wanted."""

    gate_id: Id
    """The gate at which it will be read out; it is good nowhere else."""


class SpokenCode(Response):
    """Digits to read out to a guard, who types them as the code of a scan."""

    digits: Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["402917"])]
    """Six, with leading zeros."""
    gate_id: Id
    """At which gate."""
    valid_from: Instant
    """Since when; the digits asked for before ended then."""
    valid_until: Instant
    """When they end: after 60 s, or once they were used."""


class CardWanted(Request):
    """Why a card is printed or ended; kept with the record."""

    reason: Annotated[str, Line(2, 200), Field(examples=["无智能手机"])]
    """In words, without naming anybody."""


class NewPrintedCard(Response):
    """A printed card, shown this once: only a digest of it is stored."""

    id: Id
    """Its identifier."""
    issued_at: Instant
    """When."""
    text: Annotated[str, Field(examples=["https://hx.example.cn/c/PAAAQEAYEAUDAOCAJBIFQYDIOB7HM5YUI"])]
    """What the symbol says: link prefix and 33 characters."""
    svg: Annotated[str, Field(examples=['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 45 45"/>'])]
    """The QR symbol as SVG document; print it at least 30 mm wide."""
    png: Annotated[str, Field(examples=["iVBORw0KGgo="])]
    """The same as PNG, in base64."""

    @classmethod
    def of(cls, card: IssuedCard) -> Self:
        """The card that a service issued."""
        return cls(
            id=card.id,
            issued_at=card.issued_at,
            text=card.text,
            svg=card.svg,
            png=b64encode(card.png).decode("ascii"),
        )


class PrintedCard(Response):
    """What is known of a printed card."""

    id: Id
    """Its identifier."""
    issued_at: Instant
    """When it was issued."""
    reason: str
    """Why."""
    ended_at: Instant | None
    """When it ended; null for the live one."""
    end_reason: str | None
    """Why it ended."""


class PrintedCards(Response):
    """The cards of one courier, newest first; at most one is live."""

    items: list[PrintedCard]
    """All that were ever issued."""


class CodeExamined(Request):
    """A text to examine."""

    code: CodeText
    """What the scanner read."""


class Examination(Response):
    """What a code says of itself. It opens nothing, and says nothing of who stands behind it."""

    readable: bool
    """Whether the text is a code at all."""
    proof: Choice[Proof] | None
    """What its signature says; null where it is unreadable."""
    timing: Choice[Timing] | None
    """Where now lies in its window; null where it is unreadable."""
    age_seconds: int | None
    """Since it was made."""


class KeySet(Response):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[dict[str, Any]]
    """Public keys: those that sign, that will sign, and that signed codes which may still be shown."""
