"""What a guard presents: a scan as the device sent it, with the code read and its signature checked."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.models.scans import Direction, Outcome, Verdict
from app.services.codes.format import Code
from app.services.codes.reading import Read, ReadCode
from app.services.scans.reasons import Reason

ScanName = bytes
"""Enrolment and scan id: what makes it the same scan when it is sent again. Bytes, since a name is looked
up some thirty times a scan, and the hash of a UUID is Python's own code.
"""


def scan_name(enrolment_id: UUID, scan_id: UUID) -> ScanName:
    """What makes it the same scan when it is sent again; in the order of the two ids."""
    return enrolment_id.bytes + scan_id.bytes


@dataclass(frozen=True, slots=True)
class OfflineAnswer:
    """What a device decided without the server, and what the guard did then."""

    sequence: int
    """The device's count of its offline scans, from 1."""
    verdict: Verdict
    reason: Reason
    outcome: Outcome | None

    @property
    def let_through(self) -> bool:
        """Whether somebody went through the gate."""
        return self.verdict is Verdict.admit or self.outcome is Outcome.let_in

    def outcome_of(self, stored: Verdict) -> Outcome | None:
        """What was done at the gate about a scan that is stored with another verdict; None where nothing
        goes beyond it, or the guard has not decided yet.
        """
        if stored is Verdict.admit:
            turned_away = self.verdict is Verdict.refuse or self.outcome is Outcome.turned_away
            return Outcome.turned_away if turned_away else None
        return Outcome.let_in if self.let_through else self.outcome


@dataclass(frozen=True, slots=True)
class Presentation:
    """One scan as it arrived, before any rule."""

    enrolment_id: UUID
    scan_id: UUID
    account_id: UUID
    """The guard's account, from the access token; the device's where it scans or uploads by itself."""
    sign_in_id: UUID
    direction: Direction
    device_time: datetime
    language: str
    read: Read
    offline: OfflineAnswer | None = None
    name: ScanName = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", scan_name(self.enrolment_id, self.scan_id))

    @property
    def code(self) -> Code | None:
        """The code, where the text was one."""
        return self.read.code if isinstance(self.read, ReadCode) else None

    @property
    def code_name(self) -> bytes:
        """What makes it the same code however it is spelled: its replay key, or the digest of the text."""
        return self.read.code.replay_key if isinstance(self.read, ReadCode) else self.read.digest
