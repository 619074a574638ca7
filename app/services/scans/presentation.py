"""What a guard presents: a scan as the device sent it, with the code read and its signature checked."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.models.scans import Direction
from app.services.codes.format import Code
from app.services.codes.reading import ReadCode, Unreadable


@dataclass(frozen=True, slots=True)
class Presentation:
    """One scan as it arrived, before any rule."""

    enrolment_id: UUID
    scan_id: UUID
    account_id: UUID
    """The guard's account, from the access token."""
    sign_in_id: UUID
    direction: Direction
    device_time: datetime
    language: str
    read: ReadCode | Unreadable

    @property
    def key(self) -> tuple[UUID, UUID]:
        """What makes it the same scan when it is sent again."""
        return self.enrolment_id, self.scan_id

    @property
    def code(self) -> Code | None:
        """The code, where the text was one."""
        return self.read.code if isinstance(self.read, ReadCode) else None

    @property
    def code_name(self) -> bytes:
        """What makes it the same code however it is spelled: its replay key, or the digest of the text."""
        return self.read.code.replay_key if isinstance(self.read, ReadCode) else self.read.digest
