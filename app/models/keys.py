"""Signing keys of the code issuer: published, used, retired, withdrawn."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Document, Id, Instant


class SigningKey(Base):
    """One key of one issuer. It is published from `published_at`, signs from `active_from` to `retires_at`,
    and stays in the key set until its last code has expired, unless it was withdrawn.
    """

    __tablename__ = "signing_keys"
    __table_args__ = (UniqueConstraint("issuer", "kid"),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    issuer: Mapped[str] = mapped_column(String(4))
    kid: Mapped[str] = mapped_column(String(2))
    public_jwk: Mapped[dict[str, Any]] = mapped_column(Document)
    sealed_private: Mapped[bytes | None] = mapped_column(LargeBinary)
    """PKCS#8 PEM under the master key; gone once the key has retired."""
    published_at: Mapped[datetime] = mapped_column(Instant)
    active_from: Mapped[datetime] = mapped_column(Instant)
    retires_at: Mapped[datetime | None] = mapped_column(Instant)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)
    withdrawn_reason: Mapped[str | None] = mapped_column(Text)
