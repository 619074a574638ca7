"""What the guard's device is answered, made from what was stored: now, or word for word again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.models.scans import Direction, Verdict
from app.services.couriers.cards import CardFace
from app.services.scans.reasons import Reason


@dataclass(frozen=True, slots=True)
class StoredScan:
    """The lasting part of a scan, as its row holds it."""

    id: UUID
    recorded_at: datetime
    happened_at: datetime
    enrolment_id: UUID
    gate_id: UUID
    compound_id: UUID
    courier_id: UUID | None
    scan_id: UUID
    account_id: UUID
    direction: Direction
    verdict: Verdict
    reason: Reason
    details: dict[str, Any] | None
    language: str
    issued_at: datetime | None
    code_name: bytes
    """What makes it the same code however it is spelled: the replay key, or a digest of what is no code."""
    card: CardFace | None
    """What the guard was shown; None where nobody was on shift: a verdict then names nobody."""
    server_verdict: Verdict | None
    """Of an offline scan: what the server would have said; None online."""
    server_reason: Reason | None
    doubtful: bool
    """An offline scan whose time is in doubt."""
    device_time: datetime
    sequence: int | None
    """The device's count of its offline scans; None online."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One scan answered: `repeated` where it was stored before."""

    scan: StoredScan
    repeated: bool

    @property
    def code_age(self) -> int | None:
        """Whole seconds from the making of the code to the scan; None where it was unreadable."""
        if self.scan.issued_at is None:
            return None
        return round((self.scan.happened_at - self.scan.issued_at).total_seconds())
