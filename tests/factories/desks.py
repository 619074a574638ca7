"""A desk at which reviewers register who has no smartphone, and decide about each other's registrations."""

from typing import Any

import httpx

from app.models.employers import Employer
from tests.factories.couriers import consents, made_up_id

NAME, DOCUMENT, PHONE = "甄实诚", made_up_id(101), "13800138101"


def application(employer: Employer, **changed: Any) -> dict[str, Any]:
    """What the desk takes down."""
    return {
        "name": NAME,
        "document": {"type": "resident_id", "number": DOCUMENT},
        "phone": PHONE,
        "affiliations": [
            {"employer_id": str(employer.id), "kind_of_work": "parcel_delivery", "vehicle": "on_foot"}
        ],
        "consents": consents(sharing=False),
        "reason": "无智能手机",
        **changed,
    }


async def register(
    client: httpx.AsyncClient, headers: dict[str, str], employer: Employer, **changed: Any
) -> httpx.Response:
    """What becomes of an application."""
    return await client.post("/v1/couriers/assisted", json=application(employer, **changed), headers=headers)


async def open_reviews(client: httpx.AsyncClient, headers: dict[str, str]) -> list[dict[str, Any]]:
    """The reviews that wait, as this reviewer sees them."""
    reply = await client.get("/v1/reviews?state=open", headers=headers)
    items: list[dict[str, Any]] = reply.json()["items"]
    return items


async def decide(
    client: httpx.AsyncClient,
    headers: dict[str, str],
    review: dict[str, Any],
    *,
    approve: bool,
    reason: str = "与证件原件核对",
) -> httpx.Response:
    """The answer to a decision."""
    return await client.post(
        f"/v1/reviews/{review['id']}/decision",
        json={"approve": approve, "reason": reason},
        headers=headers,
    )


def reasons_of(review: dict[str, Any]) -> list[str]:
    """The codes of what a review is about."""
    return [reason["code"] for reason in review["reasons"]]
