"""Codes on the wire."""

from typing import Annotated, Any

from pydantic import Field

from app.api.openapi_words import CODE
from app.api.schemas.base import Choice, Instant, Request, Response
from app.services.codes.format import LONGEST_TEXT, Timing
from app.services.codes.minting import LARGEST_WALLET
from app.services.codes.reading import Proof

CodeText = Annotated[
    str,
    Field(
        max_length=4096,
        description=(
            "What the scanner read: the whole link, the bare base32, or the expanded JWS. "
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
