"""What the API says about areas."""

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

from app.api.schemas.base import Response
from app.models.areas import AreaLevel

AREA_CODE = r"^[0-9]{2,12}$"
"""Two to twelve digits; zeros at the end that only fill up may be left out."""

AreaCodeInPath = Annotated[
    str, Path(pattern=AREA_CODE, description="Its GB/T 2260 code.", examples=["500104"])
]
AreaCodeInQuery = Annotated[
    str | None, Query(pattern=AREA_CODE, description="A GB/T 2260 code.", examples=["500104"])
]
AreaCode = Annotated[str, Field(pattern=AREA_CODE, examples=["500104"])]


class Area(Response):
    """One node of the GB/T 2260 tree."""

    code: Annotated[str, Field(examples=["500104"])]
    """Six digits down to the district, nine for a street, twelve for a community."""
    name: Annotated[str, Field(examples=["大渡口区"])]
    """Its official name."""
    level: AreaLevel
    """How deep in the tree it stands."""
    parent_code: Annotated[str | None, Field(examples=["500000"])]
    """The area right above it; null for a province."""


class AreaList(Response):
    """All areas right below one; the code leaves room for 999 at most, so there are no pages."""

    items: list[Area]
    """By code."""
