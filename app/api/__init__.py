"""The HTTP side: routers, schemas, and the walls around them."""

from collections.abc import Iterator

from fastapi import APIRouter


def routers() -> Iterator[APIRouter]:
    """Every router of the application, in the order in which the documentation shows them."""
    from app.api import accounts, areas, compounds, couriers, devices, employers, reviews, rosters

    for area in (accounts, areas, employers, compounds, devices, couriers, rosters, reviews):
        yield area.router
