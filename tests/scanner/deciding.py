"""What a device says while it is alone: docs/offline.md, section 3."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import datetime

from tests.scanner.bundle import Bundle
from tests.scanner.code import Code, CodeKey, read_code
from tests.scanner.hours import Rules


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict with its reason, and the code where it could be read."""

    verdict: str
    reason: str
    code: Code | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the device decides by."""

    bundle: Bundle | None
    synced_at: datetime | None
    """By its own corrected time; None where its clock cannot be trusted."""
    let_through: Container[CodeKey]
    """Codes that it has let through before."""


def decide(text: str, *, direction: str, at: datetime, known: Known) -> Said:
    """The first line of the table that fits; `at` is the device's corrected time."""
    if known.bundle is None:
        return Said("check", "bundle_stale")
    code = read_code(text, known.bundle.prefixes)
    if code is None:
        return Said("refuse", "unreadable")
    verdict, reason = next(_lines(code, known.bundle, entering=direction == "in", at=at, known=known))
    return Said(verdict, reason, code)


def _lines(
    code: Code, bundle: Bundle, *, entering: bool, at: datetime, known: Known
) -> Iterator[tuple[str, str]]:
    """The lines of the table that fit, in its order."""
    if known.synced_at is None or (at - known.synced_at).total_seconds() > bundle.stale_after:
        yield "check", "bundle_stale"
    if bundle.closed:
        yield "refuse", "gate_closed"
    yield from _signature(code, bundle)
    yield from _window(code, bundle, at)
    if code.sub in bundle.withdrawn:
        yield "refuse", "handle_withdrawn"
    if code.key in known.let_through:
        yield "check", "code_used"
    if entering:
        yield from _gate(code, bundle, at)
    if code.iss != bundle.iss:
        yield "check", "other_city"
    if not bundle.complete:
        yield "check", "bundle_stale"
    if entering:
        yield from _offline(code, bundle)
    yield "admit", "verified"


def _signature(code: Code, bundle: Bundle) -> Iterator[tuple[str, str]]:
    if code.iss not in bundle.issuers:
        yield "refuse", "unknown_issuer"
    elif code.kid not in bundle.issuers[code.iss]:
        yield "refuse", "unknown_key"
    elif not code.is_signed_by(bundle.issuers[code.iss][code.kid]):
        yield "refuse", "forged"


def _window(code: Code, bundle: Bundle, at: datetime) -> Iterator[tuple[str, str]]:
    if at.timestamp() < code.iat - bundle.early:
        yield "refuse", "not_yet_valid"
    if at.timestamp() > code.exp + bundle.late:
        yield "refuse", "expired"


def _gate(code: Code, bundle: Bundle, at: datetime) -> Iterator[tuple[str, str]]:
    if code.sub in bundle.blocked:
        yield "refuse", "blocked"
    rules = Rules.of(bundle.clauses, gate=bundle.gate, calendar=bundle.calendar, zone=bundle.zone)
    if rules.has_closure(at):
        yield "refuse", "gate_closed_temporarily"
    if not rules.is_open(at):
        yield "refuse", "outside_hours"


def _offline(code: Code, bundle: Bundle) -> Iterator[tuple[str, str]]:
    if bundle.when_offline == "deny":
        yield "refuse", "offline_denied"
    if bundle.when_offline == "admit_if_seen" and code.sub not in (bundle.seen or ()):
        yield "check", "not_seen_lately"
