"""What the API says and hears about rosters and departures."""

from typing import Annotated

from pydantic import Field

from app.api.problems import TextInBoth
from app.api.schemas.base import Choice, Count, Id, Instant, Integer, Line, Request, Response
from app.models.couriers import DocumentType

MOST_DOCUMENTS = 500
"""Of one request; more come as a file."""

Reason = Annotated[str, Line(1, 200), Field(examples=["合同到期"])]


class Roster(Response):
    """A delivered roster, and what became of its rows."""

    id: Id
    """Its identifier."""
    employer_id: Id
    """Whose roster it is."""
    delivered_at: Instant
    """When it was delivered."""
    rows: Count
    """Rows with somebody in them: added, changed, returned, unchanged and refused together."""
    added: Count
    """People who were not on the roster before."""
    changed: Count
    """People whose name, phone, kind of work or vehicle is another now."""
    returned: Count
    """People who had left and are back."""
    unchanged: Count
    """People who were on the roster just so."""
    refused: Count
    """Rows that were not taken; each has a line in the report."""
    verified: Count
    """Couriers who were waiting and became verified by this file."""


class RosterPage(Response):
    """Some rosters of an employer, newest first."""

    items: list[Roster]
    """At most as many as asked for."""
    next_cursor: str | None
    """Ask with it for the next page; null at the end."""


class ReportLine(Response):
    """Why one row was refused. Nothing of what the row says is repeated."""

    line: Annotated[Integer, Field(examples=[17])]
    """The row as a spreadsheet counts it, or the place in a list; from 1."""
    column: Annotated[str | None, Field(examples=["document_number"])]
    """The column at fault; null where it is the whole row."""
    code: Annotated[str, Field(examples=["number_mangled"])]
    """Why, as a stable code."""
    reason: TextInBoth
    """The same for people."""


class ReportPage(Response):
    """Some refused rows, in the order of the file."""

    items: list[ReportLine]
    """At most as many as asked for."""
    next_cursor: str | None
    """Ask with it for the next page; null at the end."""


class MarkedDocument(Request):
    """The document of somebody who has left."""

    document_type: Choice[DocumentType]
    """Its type."""
    document_number: Annotated[str, Line(1, 64), Field(examples=["509999199003070017"])]
    """Its number, in any spelling."""


class DeparturesMarked(Request):
    """Who has left an employer, and why."""

    documents: Annotated[list[MarkedDocument], Field(min_length=1, max_length=MOST_DOCUMENTS)]
    """The documents of the people."""
    reason: Reason
    """Why; kept with every departure and told to nobody but staff and the person."""


class Departures(Response):
    """What became of the people who were marked as left."""

    applied: Count
    """Their affiliations with this employer have ended."""
    held: Count
    """They stay until a reviewer says yes, since too many were marked in one day."""
    unchanged: Count
    """They had left before, or wait for a reviewer already."""
    refused: list[ReportLine]
    """Those who were not found on the roster, or cannot be read."""
    review_id: Id | None
    """The review that those who are held wait for; null where nobody is held."""
