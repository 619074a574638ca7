"""Public holidays and the working days that were moved for them."""

from datetime import date

from sqlalchemy import Boolean, Date, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Holiday(Base):
    """One day that is not what its weekday says: off, or worked in exchange."""

    __tablename__ = "holidays"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    off: Mapped[bool] = mapped_column(Boolean)
    """False for a Saturday or Sunday that is worked."""
    year: Mapped[int] = mapped_column(Integer)
    """Of the announcement: one for a year may move days of the December before."""
