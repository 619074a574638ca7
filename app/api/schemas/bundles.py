"""Bundles on the wire."""

from app.api.schemas.base import Count, Instant, Response


class SignedBundle(Response):
    """What a device needs to decide alone."""

    version: Count
    """Rises whenever the content changes. A device refuses a bundle with a lower one than it has."""
    bundle: str
    """Compact JWS of type `hx-bundle+jwt`, under a key of `/.well-known/statement-keys.json`."""
    server_time: Instant
    """By which the device measures its own clock."""
