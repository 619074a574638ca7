"""Who is inside, how long couriers stayed, and what a gate scanned lately, on the wire."""

from typing import Self

from app.api.schemas.base import Choice, Count, Id, Instant, Response
from app.api.schemas.scans import Identity
from app.models.scans import Direction, Outcome, Verdict
from app.services.scans import gate_scans, presence, stays
from app.services.scans.endings import Ending
from app.services.scans.reasons import Reason


class Present(Response):
    """Somebody who is inside."""

    id: Id
    """The server's id of the scan by which the courier entered."""
    since: Instant
    """When the courier entered."""
    minutes: Count
    """Whole minutes inside so far."""
    gate_id: Id
    """The gate of the entry."""
    gate: str
    """Its name."""
    offline: bool
    """Whether the device decided alone and told of it later."""
    identity: Identity | None
    """What the guard saw; null where the person was erased."""

    @classmethod
    def of(cls, found: presence.Present, language: str) -> Self:
        return cls(
            id=found.id,
            since=found.at,
            minutes=found.minutes,
            gate_id=found.gate_id,
            gate=found.gate,
            offline=found.offline,
            identity=Identity.of(found.card, language, None) if found.card else None,
        )


class Presence(Response):
    """Who is inside a compound, as far as scans tell: a page, the newest first."""

    count: Count
    """How many are inside, on all pages."""
    items: list[Present]
    """Those inside."""
    next_cursor: str | None
    """Pass as `cursor` for those who entered earlier; null at the end."""

    @classmethod
    def of(cls, found: presence.Presence, language: str) -> Self:
        items = [Present.of(each, language) for each in found.page.items]
        return cls(count=found.count, items=items, next_cursor=found.page.next_cursor)


class Stay(Response):
    """A courier's time inside a compound, as far as scans tell.

    It is derived from the scans when it is asked for: what becomes known later, such as offline scans,
    may change it.
    """

    id: Id
    """The server's id of the scan by which the courier entered."""
    compound_id: Id
    """The compound."""
    compound: str
    """Its name."""
    gate_id: Id
    """The gate of the entry."""
    gate: str
    """Its name."""
    entered_at: Instant
    """When the courier entered."""
    left_at: Instant | None
    """When the courier left: exactly where that was `scanned`, at the latest where it was `inferred`; null
    where nothing is known of it, and for a compound where the courier was next scanned elsewhere."""
    ending: Choice[Ending]
    """`scanned`: an exit at the same compound. `inferred`: the courier was scanned again, here or
    elsewhere, and so must have left before. `timed_out`: nothing more within four hours. `inside`: still
    inside."""
    minutes: int | None
    """Whole minutes from `entered_at` to `left_at`; null without it."""
    at_most: bool
    """Whether `left_at` and `minutes` are the most that it can have been, as for `inferred`."""
    offline: bool
    """Whether the device decided the entry alone and told of it later."""
    doubtful: bool
    """Whether `entered_at` is in doubt (docs/offline.md, section 6)."""


class OwnStays(Response):
    """A page of the signed-in courier's stays, newest first."""

    items: list[Stay]
    """Stays."""
    next_cursor: str | None
    """Pass as `cursor` for older ones; null at the end."""


class CompoundStay(Stay):
    """A stay as the property manager sees it."""

    identity: Identity | None
    """What the guard saw; null where the person was erased."""

    @classmethod
    def of(cls, found: stays.StayOfSomebody, language: str) -> Self:
        identity = Identity.of(found.card, language, None) if found.card else None
        return cls(**Stay.model_validate(found.stay).model_dump(), identity=identity)


class CompoundStays(Response):
    """A page of a compound's stays, newest first."""

    items: list[CompoundStay]
    """Stays."""
    next_cursor: str | None
    """Pass as `cursor` for older ones; null at the end."""


class GateScan(Response):
    """One scan at a gate, whatever its verdict."""

    id: Id
    """The server's id of the scan."""
    at: Instant
    """By the server's clock; by the device's where it was made offline."""
    recorded_at: Instant
    """When the server stored it."""
    direction: Choice[Direction]
    """`in` or `out`."""
    verdict: Choice[Verdict]
    """What was said at the gate."""
    reason: Choice[Reason]
    """Why."""
    outcome: Choice[Outcome] | None
    """What the guard did after a check."""
    annulled: bool
    """Whether the scan was taken back."""
    offline: bool
    """Whether the device decided alone and told of it later."""
    doubtful: bool
    """Whether `at` is in doubt (docs/offline.md, section 6)."""
    identity: Identity | None
    """Whose code it was, masked; null where it was not good enough to tell, or the person was erased."""

    @classmethod
    def of(cls, found: gate_scans.GateScan, language: str) -> Self:
        return cls(
            id=found.id,
            at=found.at,
            recorded_at=found.recorded_at,
            direction=found.direction,
            verdict=found.verdict,
            reason=found.reason,
            outcome=found.outcome,
            annulled=found.annulled,
            offline=found.offline,
            doubtful=found.doubtful,
            identity=Identity.of(found.card, language, None) if found.card else None,
        )


class GateScans(Response):
    """A page of a gate's scans, newest first."""

    since: Instant
    """Since when the scans are shown, on all pages."""
    items: list[GateScan]
    """Scans."""
    next_cursor: str | None
    """Pass as `cursor` for older ones; null at the end."""

    @classmethod
    def of(cls, found: gate_scans.GateScans, language: str) -> Self:
        items = [GateScan.of(each, language) for each in found.page.items]
        return cls(since=found.since, items=items, next_cursor=found.page.next_cursor)
