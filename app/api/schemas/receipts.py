"""Receipts on the wire."""

from typing import Annotated, Self

from pydantic import Field

from app.api.schemas.base import Choice, Id, Instant, Integer, Line, Request, Response
from app.models.scans import Direction, Outcome, Verdict
from app.services.scans.receipts import SignedReceipt


class ReceiptWanted(Request):
    """For whom a receipt is wanted."""

    audience: Annotated[str, Line(1, 100), Field(examples=["晨光速运客服"])]
    """Who is to read it. It stands in the receipt as written, so that nobody else need accept it."""


class ReceiptedEntry(Response):
    """The entry that a receipt is about."""

    id: Id
    """The server's id of the scan."""
    at: Instant
    """By the server's clock, or by the device's where it was offline."""
    direction: Choice[Direction]
    """`in` or `out`."""
    compound: str
    """Name of the compound."""
    gate: str
    """Name of the gate."""
    verdict: Choice[Verdict]
    """`admit`, or `check` or `refuse` where the courier was let in all the same."""
    outcome: Choice[Outcome] | None
    """`let_in` after `check` and `refuse`; null after `admit`."""
    offline: bool
    """Whether time and verdict are the device's, which told the server afterwards."""
    doubtful: bool
    """Whether that time is in doubt (docs/offline.md, section 6)."""


class Receipt(Response):
    """A receipt, and what it says: its fields are the claims of the statement."""

    receipt: str
    """A compact JWS (RFC 7515) of type `hx-receipt+jwt`, by a key of `/.well-known/statement-keys.json`."""
    iss: Annotated[str, Field(examples=["5000"])]
    """The issuer."""
    iat: Annotated[Integer, Field(examples=[1777595400])]
    """When the receipt was made, in seconds since 1970."""
    jti: Id
    """Of this receipt."""
    aud: Annotated[str, Field(examples=["晨光速运客服"])]
    """For whom it was made."""
    sub: Annotated[str, Field(examples=["甄**"])]
    """The courier's masked name."""
    entry: ReceiptedEntry
    """The entry."""

    @classmethod
    def of(cls, signed: SignedReceipt) -> Self:
        receipt = signed.receipt
        return cls(
            receipt=signed.jws,
            iss=receipt.iss,
            iat=receipt.iat,
            jti=receipt.jti,
            aud=receipt.aud,
            sub=receipt.sub,
            entry=ReceiptedEntry.model_validate(receipt.entry),
        )
