"""WeChat's access token, one row a mini-program, shared by all processes of the deployment."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Id, Instant, table_args


class WeChatAccessToken(Base):
    """The token that is in force, who is renewing it, and how often it was renewed by force.

    The lease keeps renewals apart across processes; the version keeps a late reply from
    overwriting a newer token.
    """

    __tablename__ = "wechat_access_tokens"
    __table_args__ = table_args(
        CheckConstraint("(sealed_token IS NULL) = (expires_at IS NULL)", name="expires_with_token"),
        CheckConstraint("(lease_holder IS NULL) = (leased_until IS NULL)", name="lease_has_end"),
        CheckConstraint("forced_count >= 0", name="forced_count_counts"),
    )

    base_url: Mapped[str] = mapped_column(String(255), primary_key=True)
    """A stand-in's tokens must never be taken for those of the real server."""
    appid: Mapped[str] = mapped_column(String(64), primary_key=True)
    sealed_token: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed by the master key; WeChat asks to reserve 512 characters or more, so it has no limit."""
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=0)
    """Grows by one with every swap."""
    lease_holder: Mapped[UUID | None] = mapped_column(Id)
    leased_until: Mapped[datetime | None] = mapped_column(Instant)
    forced_at: Mapped[datetime | None] = mapped_column(Instant)
    """When a renewal was last forced; WeChat wants 30 s between two."""
    forced_on: Mapped[date | None] = mapped_column(Date)
    """The day, in Beijing, that `forced_count` counts."""
    forced_count: Mapped[int] = mapped_column(default=0)
