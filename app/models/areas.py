"""Areas: the GB/T 2260 tree from the province down to the community."""

from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, must_be_one_of, one_of


class AreaLevel(StrEnum):
    """The levels of GB/T 2260 and GB/T 10114 that the tree holds."""

    province = "province"
    city = "city"
    district = "district"
    street = "street"
    community = "community"


class Area(Base):
    """One node. `path` is the code without its trailing zero groups: a descendant's path begins with it."""

    __tablename__ = "areas"
    __table_args__ = (must_be_one_of("level", AreaLevel),)

    code: Mapped[str] = mapped_column(String(12), primary_key=True)
    path: Mapped[str] = mapped_column(String(12), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    level: Mapped[str] = mapped_column(one_of(AreaLevel))
    parent_code: Mapped[str | None] = mapped_column(String(12), ForeignKey("areas.code"), index=True)
