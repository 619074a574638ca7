"""The HTTP side: routers, schemas, and the walls around them."""

from collections.abc import Iterator

from fastapi import APIRouter


def routers() -> Iterator[APIRouter]:
    """Every router of the application, in the order in which the documentation shows them."""
    from app.api import (
        accounts,
        areas,
        codes,
        compounds,
        couriers,
        devices,
        employers,
        health,
        notices,
        problems,
        reviews,
        rosters,
        scans,
    )

    for area in (
        accounts,
        notices,
        areas,
        employers,
        compounds,
        devices,
        couriers,
        rosters,
        reviews,
        codes,
        scans,
        health,
        problems,
    ):
        yield area.router
    yield codes.published
