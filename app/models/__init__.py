"""All tables, imported so that the metadata is whole."""

from app.models import (
    accounts,
    areas,
    audit,
    bundles,
    compounds,
    couriers,
    devices,
    employers,
    jobs,
    keys,
    limits,
    notices,
    reviews,
    rosters,
    scans,
    wechat,
)
from app.models.base import Base

__all__ = [
    "Base",
    "accounts",
    "areas",
    "audit",
    "bundles",
    "compounds",
    "couriers",
    "devices",
    "employers",
    "jobs",
    "keys",
    "limits",
    "notices",
    "reviews",
    "rosters",
    "scans",
    "wechat",
]
