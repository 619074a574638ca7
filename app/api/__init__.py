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
        blocks,
        bundles,
        codes,
        compounds,
        couriers,
        devices,
        employers,
        gate_rules,
        health,
        notices,
        offline,
        presence,
        printed_cards,
        receipts,
        reviews,
        rosters,
        scans,
        shifts,
        simulations,
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
        gate_rules,
        simulations,
        devices,
        shifts,
        couriers,
        blocks,
        rosters,
        reviews,
        offline,
        bundles,
        receipts,
        statements,
        presence,
        printed_cards,
        health,
    ):
        yield area.router
