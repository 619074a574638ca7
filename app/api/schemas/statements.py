"""Statement keys on the wire."""

from typing import Any

from app.api.schemas.base import Response


class StatementKeySet(Response):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[dict[str, Any]]
    """Public keys of all statements that still hold; the last one signs."""
