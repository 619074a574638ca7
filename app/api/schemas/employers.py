"""What the API says and hears about employers."""

from typing import Annotated

from pydantic import Field

from app.api.schemas.base import Choice, Id, Instant, Line, Request, Response
from app.models.employers import EmployerKind

EmployerName = Annotated[str, Line(1, 100), Field(examples=["渝快达物流有限公司"])]
CreditCode = Annotated[str, Line(1, 64), Field(examples=["91500104MA5U0000XT"])]
Reason = Annotated[str, Line(1, 200), Field(examples=["工商登记变更"])]


class NewEmployer(Request):
    """An employer to be."""

    name: EmployerName
    """The name that couriers pick it by; unique."""
    kind: Choice[EmployerKind]
    """What ties couriers to it."""
    credit_code: CreditCode | None = None
    """Its unified social credit code (GB 32100), where known."""


class EmployerChange(Request):
    """What is to change; what is left out or null stays as it is."""

    reason: Reason
    """Why; kept with the record of the change."""
    name: EmployerName | None = None
    """Another name."""
    kind: Choice[EmployerKind] | None = None
    """Another kind."""
    credit_code: CreditCode | None = None
    """Another credit code."""
    ended: bool | None = None
    """True when it no longer takes part, false to take that back."""


class Employer(Response):
    """An employer."""

    id: Id
    """Its identifier."""
    name: EmployerName
    """The name that couriers pick it by."""
    kind: EmployerKind
    """What ties couriers to it."""
    credit_code: CreditCode | None
    """Its unified social credit code (GB 32100), where known; public by law."""
    created_at: Instant
    """Since when it is here."""
    ended_at: Instant | None
    """Since when it no longer takes part."""


class EmployerPage(Response):
    """Some employers, in the order of their creation."""

    items: list[Employer]
    """At most as many as asked for."""
    next_cursor: str | None
    """Ask with it for the next page; null at the end."""
