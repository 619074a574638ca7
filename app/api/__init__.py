"""The HTTP side: routers, schemas, and the walls around them."""

from collections.abc import Iterator

from fastapi import APIRouter


def routers() -> Iterator[APIRouter]:
    """Every router of the application, the gate's first.

    Routes are tried one after the other, so those that a city calls hundreds of times a second stand
    in front; the documentation has an order of its own (`app/api/openapi.py`).
    """
    from app.api import (
        accounts,
        areas,
        bundles,
        codes,
        compounds,
        couriers,
        devices,
        employers,
        health,
        notices,
        offline,
        presence,
        receipts,
        reviews,
        rosters,
        scans,
        statements,
    )

    yield scans.router
    yield codes.router
    yield codes.published
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
        offline,
        bundles,
        receipts,
        statements,
        presence,
        health,
    ):
        yield area.router
