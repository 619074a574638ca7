"""How a page of a list is asked for, the same in every area."""

from typing import Annotated

from fastapi import Query

from app.pagination import LARGEST_PAGE

Cursor = Annotated[
    str | None,
    Query(max_length=64, description="`next_cursor` of the page before; without it the list begins."),
]
"""Where the page begins."""

Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="The most items that the page may have.")]
"""How long the page is."""
