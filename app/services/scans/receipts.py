"""Receipts: what the server signs for a courier about one of the courier's own entries."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.clock import write_instant
from app.errors import NotFound
from app.ids import new_id
from app.models.compounds import Compound, Gate
from app.models.couriers import Courier, Person
from app.models.scans import Direction, Outcome, Scan, ScanOutcome, Verdict
from app.services import audit
from app.services.couriers.identity import key_of, open_name
from app.services.masking import masked_name
from app.services.passages import passages
from app.work import Work


@dataclass(frozen=True, slots=True)
class ReceiptedEntry:
    """The entry that a receipt is about."""

    id: UUID
    at: datetime
    direction: Direction
    compound: str
    gate: str
    verdict: Verdict
    outcome: Outcome | None
    offline: bool
    """Whether time and verdict are the device's, which told the server afterwards."""
    doubtful: bool
    """Whether that time is in doubt (docs/offline.md, section 6)."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says, by the names of its claims (RFC 7519, section 4.1)."""

    iss: str
    """The issuer, as in codes."""
    iat: int
    """When it was made, in seconds since 1970."""
    jti: UUID
    """Of this receipt; the audit records name it."""
    aud: str
    """For whom it was made, in the courier's own words."""
    sub: str
    """The courier's masked name, and no more of who that is."""
    entry: ReceiptedEntry

    def claims(self) -> dict[str, Any]:
        """As it is signed."""
        return {
            "iss": self.iss,
            "iat": self.iat,
            "jti": str(self.jti),
            "aud": self.aud,
            "sub": self.sub,
            "entry": {
                "id": str(self.entry.id),
                "at": write_instant(self.entry.at),
                "direction": self.entry.direction.value,
                "compound": self.entry.compound,
                "gate": self.entry.gate,
                "verdict": self.entry.verdict.value,
                "outcome": self.entry.outcome.value if self.entry.outcome else None,
                "offline": self.entry.offline,
                "doubtful": self.entry.doubtful,
            },
        }


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """A receipt, and the statement that its reader checks."""

    receipt: Receipt
    jws: str


async def issue_receipt(work: Work, *, entry_id: UUID, audience: str) -> SignedReceipt:
    """A fresh receipt of an entry of the signed-in courier, made for `audience`.

    It proves that this deployment, at `iat`, knew the entry as it stands there: a code of a courier with
    that masked name was scanned at that gate then and let through, in or out. Where the entry is
    `offline`, time and verdict are those of the device, which the server took in afterwards; where it is
    `doubtful`, that time is in doubt (docs/offline.md, section 6). It does not prove that
    whoever shows it is that courier, nor that the courier carried the code in person, nor how long
    anybody stayed or what was delivered, nor that the scan was not annulled after `iat`. Nobody has
    looked at `audience`: a reader to whom it does not apply should not accept the receipt.

    Nothing is kept of it but a record that it was issued, without `audience`; another call makes another
    receipt. Raises NotFound for what is no entry, or not the caller's own.
    """
    row = (
        await work.session.execute(
            passages(
                select(
                    Scan.id,
                    Scan.happened_at,
                    Scan.direction,
                    Compound.name.label("compound"),
                    Gate.name.label("gate"),
                    Scan.verdict,
                    ScanOutcome.outcome,
                    Scan.sequence.is_not(None).label("offline"),
                    Scan.doubtful,
                    Person,
                )
            )
            .join(Courier, Courier.id == Scan.courier_id)
            .join(Person, Person.id == Courier.person_id)
            .join(Gate, Gate.id == Scan.gate_id)
            .join(Compound, Compound.id == Scan.compound_id)
            .where(
                Scan.id == entry_id,
                Courier.account_id == work.actor.account_id,
            )
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    receipt = Receipt(
        iss=work.settings.issuer,
        iat=int(work.now.timestamp()),
        jti=new_id(),
        aud=audience,
        sub=masked_name(open_name(row.Person, key_of(work.vault, row.Person))),
        entry=ReceiptedEntry(
            id=row.id,
            at=row.happened_at,
            direction=Direction(row.direction),
            compound=row.compound,
            gate=row.gate,
            verdict=Verdict(row.verdict),
            outcome=Outcome(row.outcome) if row.outcome else None,
            offline=row.offline,
            doubtful=row.doubtful,
        ),
    )
    audit.record(
        work,
        "receipts.issued",
        subject_kind="receipt",
        subject_id=receipt.jti,
        details={"entry_id": str(entry_id)},
    )
    return SignedReceipt(receipt, work.deployment.statements.sign("hx-receipt+jwt", receipt.claims()))
