"""The HTTP side: routers, schemas, and the walls around them."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

from fastapi import APIRouter

AREAS = (
    "accounts",
    "notices",
    "areas",
    "employers",
    "compounds",
    "devices",
    "couriers",
    "rosters",
    "reviews",
    "codes",
    "scans",
    "health",
)


def routers() -> Iterator[APIRouter]:
    """Every router of the application, in the order in which the documentation shows them."""
    for area in AREAS:
        if find_spec(f"app.api.{area}"):
            yield import_module(f"app.api.{area}").router
    yield import_module("app.api.codes").published
