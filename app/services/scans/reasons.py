"""Why a scan got its verdict."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a scan got its verdict. Stable: devices and analysts read it."""

    verified = "verified"
    code_used = "code_used"
    impossible_travel = "impossible_travel"
    key_withdrawn = "key_withdrawn"
    other_city = "other_city"
    unreadable = "unreadable"
    forged = "forged"
    unknown_issuer = "unknown_issuer"
    unknown_key = "unknown_key"
    not_yet_valid = "not_yet_valid"
    expired = "expired"
    unknown_courier = "unknown_courier"
    code_ended = "code_ended"
    not_verified = "not_verified"
    suspended = "suspended"
    left = "left"
    gate_closed = "gate_closed"
    """Of an offline scan: the gate or its compound takes no part any more."""
    handle_withdrawn = "handle_withdrawn"
    """Said by a device alone: the handle stands on its list of withdrawn ones."""
    offline_denied = "offline_denied"
    """Said by a device alone: the compound admits nobody while the network is down."""
    not_seen_lately = "not_seen_lately"
    """Said by a device alone: the compound then admits only whom it has seen in the last 24 hours."""
    bundle_stale = "bundle_stale"
    """Said by a device alone: what it knows is too old to decide on."""
