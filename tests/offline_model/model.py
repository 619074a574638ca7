"""What must become of scans and uploads, in plain Python: no database, nothing of the application."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

EARLY = timedelta(seconds=5)
LATE = timedelta(seconds=10)
UNDER_WAY = timedelta(seconds=10)
"""As long as a sync may be under way, in which the device does not know of scans made meanwhile."""

HELD = timedelta(seconds=10)
"""By so much a time may be held without being in doubt."""

Told = tuple[str, str]
"""A verdict and its reason."""

USED = ("check", "code_used")
USING = frozenset({"verified", "key_withdrawn"})
"""Reasons with which the server uses a code up."""


class ShownCode(NamedTuple):
    """A code as it was minted."""

    courier: int
    kid: str
    issued: datetime
    expires: datetime


class ScanName(NamedTuple):
    """What makes it the same scan."""

    enrolment: str
    scan_id: str


@dataclass(frozen=True)
class Said:
    """One scan of an upload."""

    name: ScanName
    code: str
    direction: str
    device_time: datetime
    sequence: int
    told: Told
    outcome: str | None

    @property
    def let_through(self) -> bool:
        return self.told[0] == "admit" or self.outcome == "let_in"


@dataclass
class Stored:
    """A scan as the server has it."""

    name: ScanName
    code: str
    direction: str
    gate: str
    happened_at: datetime
    told: Told
    """By whomever it was stored from: the device, or the server."""
    decided: Told
    """What the server said, or would have said."""
    said: Said | None
    """What the device said, of an offline scan."""
    doubtful: bool
    courier: int | None
    outcome: str | None = None
    was_let_in: bool = False
    """It is a passage: somebody went through the gate."""


@dataclass
class Place:
    """A device at a gate, from when until when."""

    gate: str
    opened_at: datetime
    ended_at: datetime | None = None


class Result(NamedTuple):
    """The answer to one scan of an upload."""

    result: str
    happened_at: datetime | None = None
    doubtful: bool | None = None
    decided: Told | None = None


@dataclass
class Model:
    """The server, as it should be. `now` is given with each step."""

    codes: dict[str, ShownCode] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    standing: dict[int, list[tuple[datetime, str]]] = field(default_factory=dict)
    """By courier: since when in which state."""
    withdrawn: dict[str, datetime] = field(default_factory=dict)
    """By key: since when."""
    syncs: list[tuple[str, int, datetime]] = field(default_factory=list)
    """Enrolment, counter, when."""
    stored: dict[ScanName, Stored] = field(default_factory=dict)
    first_uses: dict[str, ScanName] = field(default_factory=dict)
    differences: set[tuple[ScanName, str]] = field(default_factory=set)

    def scan(self, name: ScanName, code: str, direction: str, now: datetime) -> Told:
        """A scan that reached the server as it happened."""
        decided = self._decide(code, now)
        if decided[1] in USING and self.first_uses.setdefault(code, name) != name:
            decided = USED
        self.stored[name] = Stored(
            name=name,
            code=code,
            direction=direction,
            gate=self.places[name.enrolment].gate,
            happened_at=now,
            told=decided,
            decided=decided,
            said=None,
            doubtful=False,
            courier=self._courier(code),
            was_let_in=decided[0] == "admit",
        )
        return decided

    def outcome(self, name: ScanName, outcome: str) -> None:
        """What the guard did after a check, told while there was a network."""
        stored = self.stored[name]
        stored.outcome = stored.outcome or outcome
        stored.was_let_in = stored.outcome == "let_in"

    def upload(self, scans: list[Said], now: datetime) -> list[Result]:
        """Scans that are stored in one transaction: as they happened, in whatever order they come."""
        fresh: dict[ScanName, Said] = {}
        for scan in scans:
            if scan.name not in self.stored:
                fresh.setdefault(scan.name, scan)
        for scan in sorted(
            fresh.values(), key=lambda scan: (self._is_doubtful(scan, now), self._moment(scan, now))
        ):
            self._store(scan, now)
        results = []
        for scan in scans:
            stored = self.stored[scan.name]
            same = (stored.code, stored.direction) == (scan.code, scan.direction) and (
                stored.said is None or replace(stored.said, outcome=None) == replace(scan, outcome=None)
            )
            repeated = fresh.get(scan.name) is not scan
            if repeated and not same:
                results.append(Result("conflict"))
                continue
            if repeated:
                self._reconcile(stored, scan)
            what = "repeated" if repeated else "stored"
            results.append(Result(what, stored.happened_at, stored.doubtful, stored.decided))
        return results

    def whereabouts(self, courier: int) -> tuple[datetime, set[tuple[str, str]]] | None:
        """When the courier passed last, and the gates and directions that this can have been."""
        passed = [s for s in self.stored.values() if s.courier == courier and s.was_let_in and not s.doubtful]
        if not passed:
            return None
        latest = max(scan.happened_at for scan in passed)
        return latest, {(scan.gate, scan.direction) for scan in passed if scan.happened_at == latest}

    def require_order_does_not_matter(self) -> None:
        """Of the uses of a code all but the earliest are known at their gates, however they became known.

        A use whose time is in doubt precedes none but those that were told of it online.
        """
        for code in self.codes:
            uses = [s for s in self.stored.values() if s.code == code and self._uses(s)]
            certain = [use for use in uses if not use.doubtful]
            earliest = min((use.happened_at for use in certain), default=None)
            silent = [
                use for use in uses if use.told != USED and (use.name, "code_used") not in self.differences
            ]
            assert len(silent) <= 1, silent
            for use in silent:
                told_online = all(each.said is None for each in certain)
                assert told_online if use.doubtful else use.happened_at == earliest, silent

    def _uses(self, scan: Stored) -> bool:
        """By the server's word online, and offline by what was done: whatever was not refused."""
        if scan.said is None:
            return scan.decided == USED or scan.decided[1] in USING
        return scan.said.told[0] != "refuse"

    def _store(self, scan: Said, now: datetime) -> None:
        moment = self._moment(scan, now)
        decided = self._decide(scan.code, moment)
        doubtful = self._is_doubtful(scan, now)
        if scan.code in self.codes and scan.told[0] != "refuse":
            first = self.stored.get(self.first_uses.get(scan.code, scan.name))
            if first is not None and (doubtful or (not first.doubtful and first.happened_at <= moment)):
                if decided[1] in USING:
                    decided = USED
                if scan.told != USED:
                    self.differences.add((scan.name, "code_used"))
            else:
                self.first_uses[scan.code] = scan.name
                if first is not None and first.told != USED:
                    self.differences.add((first.name, "code_used"))
        self.stored[scan.name] = Stored(
            name=scan.name,
            code=scan.code,
            direction=scan.direction,
            gate=self.places[scan.name.enrolment].gate,
            happened_at=moment,
            told=scan.told,
            decided=decided,
            said=scan,
            doubtful=doubtful,
            courier=self._courier(scan.code),
            outcome=scan.outcome,
            was_let_in=scan.let_through,
        )
        if differs(scan.told, decided):
            self.differences.add((scan.name, decided[1]))
        if doubtful:
            self.differences.add((scan.name, "doubtful"))

    def _is_doubtful(self, scan: Said, now: datetime) -> bool:
        moment = self._moment(scan, now)
        return abs(moment - scan.device_time) > HELD or any(
            enrolment == scan.name.enrolment and at >= moment + UNDER_WAY and counter < scan.sequence
            for enrolment, counter, at in self.syncs
        )

    def _reconcile(self, stored: Stored, scan: Said) -> None:
        """What a repeated scan tells beyond what is stored: who was let in was let in."""
        if stored.said is None and differs(scan.told, stored.decided):
            self.differences.add((stored.name, stored.decided[1]))
        done = "let_in" if scan.let_through else scan.outcome
        if stored.told[0] == "admit":
            away = scan.told[0] == "refuse" or scan.outcome == "turned_away"
            done = "turned_away" if away else None
        if done is None or stored.outcome is not None:
            return
        stored.outcome = done
        stored.was_let_in = done == "let_in"

    def _moment(self, scan: Said, now: datetime) -> datetime:
        place, moment = self.places[scan.name.enrolment], scan.device_time
        code = self.codes.get(scan.code)
        if code is not None and scan.told[0] == "admit":
            moment = max(code.issued - EARLY, min(moment, code.expires + LATE))
        return max(place.opened_at, min(moment, now, place.ended_at or now))

    def _decide(self, text: str, at: datetime) -> Told:
        code = self.codes.get(text)
        if code is None:
            return "refuse", "unreadable"
        if at < code.issued - EARLY:
            return "refuse", "not_yet_valid"
        if at > code.expires + LATE:
            return "refuse", "expired"
        state = [state for since, state in self.standing[code.courier] if since <= at][-1]
        if state == "suspended":
            return "refuse", "suspended"
        if code.kid in self.withdrawn and self.withdrawn[code.kid] <= at:
            return "check", "key_withdrawn"
        return "admit", "verified"

    def _courier(self, text: str) -> int | None:
        code = self.codes.get(text)
        return None if code is None else code.courier


def differs(told: Told, decided: Told) -> bool:
    """Whether the gate should know that the server thinks otherwise."""
    if told[0] == decided[0] == "check":
        return decided[1] == "code_used" != told[1]
    return told[0] != decided[0] and (told[0], decided[0]) != ("check", "admit")
