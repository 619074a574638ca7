"""Scans: append only, partitioned by month on PostgreSQL, each with the verdict that was given."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Digest, Document, Id, Instant, must_be_one_of, one_of, table_args


class Direction(StrEnum):
    """Which way the courier goes."""

    entry = "in"
    exit = "out"


class Verdict(StrEnum):
    """The colour that the guard sees."""

    admit = "admit"
    check = "check"
    refuse = "refuse"


class Outcome(StrEnum):
    """What was done at the gate, where the verdict does not say it.

    After a check it is what the guard decided. Where the device never heard the server's answer and decided
    alone, it is what came of that: also somebody whom the server refused may have been let in, and somebody
    whom it admitted turned away. So a scan is an entry where it was admitted and has no outcome, or where its
    outcome is `let_in`, until it is annulled.
    """

    let_in = "let_in"
    turned_away = "turned_away"


class Scan(Base):
    """One presentation of a code at a gate, with its verdict.

    `recorded_at` is when the server stored it, and the partition key; `happened_at` is when the courier
    stood at the gate: the same online, the device's time for a scan made offline. An offline scan has a
    `sequence`; `verdict` and `reason` are then what the device decided, and `server_verdict` and
    `server_reason` what the server would have. The columns of the code are None where the text could not
    be read; then `code_digest`, `code_length` and `unreadable_cause` say what is known. Of a spoken code or
    a printed card only `code_digest` is kept. The identity that was shown is named by `card_id`, never
    copied here.
    """

    __tablename__ = "scans"
    __table_args__ = table_args(
        must_be_one_of("direction", Direction),
        must_be_one_of("verdict", Verdict),
        must_be_one_of("server_verdict", Verdict),
        CheckConstraint(
            "(sequence IS NULL) = (server_verdict IS NULL) AND (sequence IS NULL) = (server_reason IS NULL)",
            name="judged_twice_offline",
        ),
        Index(None, "courier_id", "happened_at"),
        Index(None, "compound_id", "happened_at"),
        Index(None, "gate_id", "happened_at"),
        postgresql_partition_by="RANGE (recorded_at)",
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    happened_at: Mapped[datetime] = mapped_column(Instant)
    scan_id: Mapped[UUID] = mapped_column(Id)
    """Made by the device; unique within the enrolment (see ScanKey)."""
    enrolment_id: Mapped[UUID] = mapped_column(Id)
    shift_id: Mapped[UUID | None] = mapped_column(Id)
    """None where nobody was on shift: the device alone got a verdict then, and no identity."""
    gate_id: Mapped[UUID] = mapped_column(Id)
    compound_id: Mapped[UUID] = mapped_column(Id)
    account_id: Mapped[UUID] = mapped_column(Id)
    """The guard; the device where it scanned by itself or offline with nobody on shift."""
    courier_id: Mapped[UUID | None] = mapped_column(Id)
    card_id: Mapped[UUID | None] = mapped_column(Id)
    direction: Mapped[str] = mapped_column(one_of(Direction))
    device_time: Mapped[datetime] = mapped_column(Instant)

    issuer: Mapped[str | None] = mapped_column(String(4))
    kid: Mapped[str | None] = mapped_column(String(2))
    subject: Mapped[bytes | None] = mapped_column(LargeBinary(8))
    jti: Mapped[bytes | None] = mapped_column(LargeBinary(6))
    issued_at: Mapped[datetime | None] = mapped_column(Instant)
    ttl: Mapped[int | None] = mapped_column(SmallInteger)
    """In units of 5 s."""
    code_digest: Mapped[bytes | None] = mapped_column(Digest)
    code_length: Mapped[int | None] = mapped_column(Integer)
    unreadable_cause: Mapped[str | None] = mapped_column(String(32))

    verdict: Mapped[str] = mapped_column(one_of(Verdict))
    reason: Mapped[str] = mapped_column(String(32))
    details: Mapped[dict[str, Any] | None] = mapped_column(Document)
    """What fills the sentence: time and gate of the first use, and the like; no personal data."""
    language: Mapped[str] = mapped_column(String(2))
    """In which the guard was answered, so that a repetition reads the same."""

    sequence: Mapped[int | None] = mapped_column(BigInteger)
    """The device's count of its offline scans; None for a scan made online."""
    server_verdict: Mapped[str | None] = mapped_column(one_of(Verdict))
    server_reason: Mapped[str | None] = mapped_column(String(32))
    doubtful: Mapped[bool] = mapped_column(Boolean)
    """An offline scan whose time had to be held, or whose time or sequence does not agree with what its
    device said: stored like any other, but it precedes none and says nothing of where its courier was."""


class ScanKey(Base):
    """Holds a scan id for good. Not partitioned, so that one id is one scan in every month."""

    __tablename__ = "scan_keys"
    __table_args__ = ({"sqlite_with_rowid": False},)

    enrolment_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    scan_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    scan: Mapped[UUID] = mapped_column(Id)
    recorded_at: Mapped[datetime] = mapped_column(Instant)


class OfflineSequence(Base):
    """Holds the sequence of an offline scan for good: another scan with the same one is in doubt."""

    __tablename__ = "offline_sequences"
    __table_args__ = ({"sqlite_with_rowid": False},)

    enrolment_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    scan: Mapped[UUID] = mapped_column(Id)


class CodeUse(Base):
    """The first use of a code, by its replay key. Not partitioned: a code opens one gate once, ever.

    A spoken code stands here too, under `kid` `sp`, which is no key's, and a digest of its row's id.
    """

    __tablename__ = "code_uses"
    __table_args__ = ({"sqlite_with_rowid": False},)

    issuer: Mapped[str] = mapped_column(String(4), primary_key=True)
    kid: Mapped[str] = mapped_column(String(2), primary_key=True)
    subject: Mapped[bytes] = mapped_column(LargeBinary(8), primary_key=True)
    jti: Mapped[bytes] = mapped_column(LargeBinary(6), primary_key=True)
    scan: Mapped[UUID] = mapped_column(Id)
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    """Of the scan: with its id, where it is stored."""
    gate_id: Mapped[UUID] = mapped_column(Id)
    used_at: Mapped[datetime] = mapped_column(Instant)
    """When it happened. An offline scan that becomes known later but happened before takes the place."""


class ScanOutcome(Base):
    """The outcome of a scan (`Outcome`); at most one a scan."""

    __tablename__ = "scan_outcomes"
    __table_args__ = (must_be_one_of("outcome", Outcome),)

    scan: Mapped[UUID] = mapped_column(Id, primary_key=True)
    outcome: Mapped[str] = mapped_column(one_of(Outcome))
    at: Mapped[datetime] = mapped_column(Instant)
    account_id: Mapped[UUID] = mapped_column(Id)


class ScanAnnulment(Base):
    """A scan that was a mistake; at most one a scan."""

    __tablename__ = "scan_annulments"

    scan: Mapped[UUID] = mapped_column(Id, primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Instant)
    account_id: Mapped[UUID] = mapped_column(Id)


class Whereabouts(Base):
    """Where a courier passed a gate last; one row a courier, whatever the history.

    It answers who is inside and whether somebody came faster than travel allows, without a look at scans.
    """

    __tablename__ = "whereabouts"
    __table_args__ = (
        must_be_one_of("direction", Direction),
        Index(
            "ix_whereabouts_inside",
            "compound_id",
            "at",
            sqlite_where=text("direction = 'in'"),
            postgresql_where=text("direction = 'in'"),
        ),
    )

    courier_id: Mapped[UUID] = mapped_column(Id, ForeignKey("couriers.id"), primary_key=True)
    scan: Mapped[UUID] = mapped_column(Id)
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    """Of the scan: with its id, where it is stored."""
    at: Mapped[datetime] = mapped_column(Instant)
    """When it happened."""
    gate_id: Mapped[UUID] = mapped_column(Id)
    compound_id: Mapped[UUID] = mapped_column(Id)
    direction: Mapped[str] = mapped_column(one_of(Direction))


class Difference(Base):
    """Something about a scan that its gate should know afterwards, until somebody ticks it off.

    Of an offline scan what the server would have said, where it differs; of any scan that its code had
    been used before, where that became known later.
    """

    __tablename__ = "differences"
    __table_args__ = (UniqueConstraint("scan", "reason"), Index(None, "gate_id", "id"))

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    scan: Mapped[UUID] = mapped_column(Id)
    reason: Mapped[str] = mapped_column(String(32))
    """A reason of a verdict, or `doubtful`."""
    recorded_at: Mapped[datetime] = mapped_column(Instant)
    gate_id: Mapped[UUID] = mapped_column(Id, ForeignKey("gates.id"))
    noted_at: Mapped[datetime] = mapped_column(Instant)
    ticked_at: Mapped[datetime | None] = mapped_column(Instant)
    ticked_by: Mapped[UUID | None] = mapped_column(Id)
