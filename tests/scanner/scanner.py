"""A device that scans at a gate, with a network or without: docs/offline.md."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from tests.scanner.bundle import Bundle, BundleRefused, UnknownKey, keys_of, read_bundle
from tests.scanner.code import Code, read_code
from tests.scanner.deciding import Known, decide
from tests.scanner.store import KeptScan, Store

MOST_SCANS = 500
MOST_TEXT = 4096
"""Characters of what was read that an upload may say."""
UNFIT_AS_A_WHOLE = {
    httpx.codes.BAD_REQUEST,
    httpx.codes.REQUEST_ENTITY_TOO_LARGE,
    httpx.codes.UNPROCESSABLE_ENTITY,
}
"""Said of an upload that is as unfit the next time."""
MEASURED_FOR = timedelta(hours=1)
"""After which the clock is measured anew."""
OUTCOME_WAIT = timedelta(days=1)
"""After which nobody will say any more what became of a check."""


class NoAnswer(Exception):
    """No answer, or one that asks to come again: the same is to be sent later."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the guard is shown of a scan."""

    scan_id: str
    verdict: str
    reason: str
    alone: bool


@dataclass(frozen=True, slots=True)
class Trouble:
    """A scan that can never be stored, for somebody to look at."""

    scan: KeptScan
    result: str
    problem: str | None


class _Memory:
    """The codes that this device has let through."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __contains__(self, key: Any) -> bool:
        return self._store.was_let_through(key)


class Scanner:
    """A device. What it must not lose is in `store`; all else is gone when it is switched off.

    Args:
        client: Reaches the server, or raises `httpx.TransportError`.
        store: What it keeps.
        clock: Its own clock, which may be wrong.
    """

    def __init__(self, client: httpx.AsyncClient, store: Store, clock: Callable[[], datetime]) -> None:
        self.client = client
        self.store = store
        self._clock = clock
        self._token: str | None = None
        self._synced_at: datetime | None = None
        """By its own clock, uncorrected; None after a restart, when the clock is not to be trusted."""
        self._measured_at: datetime | None = None
        """Likewise, when it was measured."""
        self._answered: dict[str, dict[str, Any]] = {}
        """Checks that the server made and whose outcome is to come."""
        self.troubles: list[Trouble] = []
        self._bundle: Bundle | None = None
        if (text := store.fact("bundle")) is not None:
            self._bundle = read_bundle(
                text,
                keys_of(store.fact("keys")),
                enrolment=store.fact("enrolment"),
                least=0,
                at=datetime.fromisoformat(store.fact("bundle_at")),
            )

    async def enrol(self, *, device_id: str, secret: str, enrolment: str) -> None:
        """Keeps who it is and where it stands, and the keys that bundles are signed with."""
        self.store.put_facts(device_id=device_id, secret=secret, enrolment=enrolment, offset=0)
        await self._read_keys()

    async def take_invitation(self, invitation: str) -> None:
        """Moves to another gate, and begins anew there; what was made at the old one is brought in there."""
        reply = await self._ask("POST", "/v1/devices/current/enrolment", json={"invitation": invitation})
        enrolment = reply.raise_for_status().json()["id"]
        self._bundle = self._synced_at = self._measured_at = None
        self.store.put_facts(enrolment=enrolment, bundle=None, etag=None)

    @property
    def enrolment(self) -> str:
        """Where it stands."""
        return str(self.store.fact("enrolment"))

    @property
    def bundle(self) -> Bundle | None:
        """What it decides by."""
        return self._bundle

    def now(self) -> datetime:
        """Its time as corrected at the last sync."""
        return self._clock() + timedelta(seconds=self.store.fact("offset"))

    async def sync(self) -> bool:
        """Fetches what it needs; says whether what it has holds as of now.

        Raises:
            NoAnswer: The server is not there.
            BundleRefused: It sent what must not be used.
        """
        headers = {}
        sent = self._clock()
        measured = self._measured_at is not None and abs(sent - self._measured_at) < MEASURED_FOR
        if measured and (etag := self.store.fact("etag")):
            headers["If-None-Match"] = etag
        counter = self.store.counter(self.enrolment)
        reply = await self._ask("GET", f"/v1/devices/current/bundle?counter={counter}", headers=headers)
        received = self._clock()
        if reply.status_code == httpx.codes.NOT_FOUND:
            self._bundle = self._synced_at = None
            self.store.put_facts(bundle=None, etag=None)
            return False
        if reply.status_code == httpx.codes.OK:
            said = reply.json()
            offset = datetime.fromisoformat(said["server_time"]) - (sent + (received - sent) / 2)
            corrected = received + offset
            self._bundle = await self._read(said["bundle"], corrected)
            self.store.put_facts(
                bundle=said["bundle"],
                bundle_at=corrected.isoformat(),
                etag=reply.headers["ETag"],
                offset=offset.total_seconds(),
            )
            self._measured_at = received
        self._synced_at = received
        self.store.clear_out(
            expired=self.now().timestamp() - (self._bundle.late if self._bundle else 0),
            made_before=(self.now() - OUTCOME_WAIT).isoformat(),
        )
        return True

    async def scan(self, code: str, direction: str, *, guard: dict[str, str] | None = None) -> Shown:
        """Asks the server, with the guard's token or its own, and decides alone where no answer comes."""
        scan_id = str(uuid4())
        made = {
            "scan_id": scan_id,
            "enrolment_id": self.enrolment,
            "code": code[:MOST_TEXT],
            "direction": direction,
            "device_time": self.now().isoformat(),
        }
        try:
            reply = await self._ask("POST", "/v1/scans", json=made, guard=guard)
        except NoAnswer:
            return self.decide(code, direction, scan_id=scan_id)
        said = reply.raise_for_status().json()
        if said["verdict"] == "admit" and (read := self._read_code(code)) is not None:
            self.store.let_through(read)
        if said["verdict"] == "check":
            self._answered[scan_id] = made | {name: said[name] for name in ("verdict", "reason")}
        return Shown(scan_id, said["verdict"], said["reason"], alone=False)

    def decide(self, code: str, direction: str, *, scan_id: str | None = None) -> Shown:
        """Decides alone, and keeps the scan before anybody sees the verdict."""
        at = self.now()
        said = decide(code, direction=direction, at=at, known=self._known())
        kept = self.store.keep(
            scan_id=scan_id or str(uuid4()),
            enrolment=self.enrolment,
            code=code[:MOST_TEXT],
            direction=direction,
            device_time=at.isoformat(),
            verdict=said.verdict,
            reason=said.reason,
            code_read=said.code,
        )
        return Shown(kept.scan_id, kept.verdict, kept.reason, alone=True)

    async def give_outcome(self, scan_id: str, outcome: str, *, guard: dict[str, str] | None = None) -> None:
        """Keeps what the guard did after a check, or tells the server where the server made it."""
        if (answered := self._answered.pop(scan_id, None)) is not None:
            read = self._read_code(answered["code"])
            if read is not None and outcome == "let_in":
                self.store.let_through(read)
            if await self._tell_outcome(answered, outcome, guard):
                return
            place = {"enrolment": answered.pop("enrolment_id"), "code_read": None}
            self.store.keep(**answered, **place, outcome=outcome)
        elif (scan := self.store.scan(scan_id)) is not None:
            self.store.give_outcome(scan_id, outcome, code_read=self._read_code(scan.code))

    async def _tell_outcome(
        self, answered: dict[str, Any], outcome: str, guard: dict[str, str] | None
    ) -> bool:
        """Whether the server has the outcome of a check that it made."""
        path = f"/v1/enrolments/{answered['enrolment_id']}/scans/{answered['scan_id']}/outcome"
        try:
            reply = await self._ask("PUT", path, json={"outcome": outcome}, guard=guard)
        except NoAnswer:
            return False
        return reply.is_success

    async def bring_in(self) -> None:
        """Uploads all that it keeps.

        Raises:
            NoAnswer: Some is left; it is to be called again later.
        """
        for enrolment in self.store.enrolments_to_bring_in():
            while batch := self.store.to_bring_in(enrolment, MOST_SCANS):
                await self.upload(batch)

    async def upload(self, batch: Sequence[KeptScan]) -> None:
        """Brings in scans of one enrolment, in any order, and settles them by their answers.

        Raises:
            NoAnswer: Nothing is known of the batch, or some of it is to be sent again; the rest is settled.
        """
        path = f"/v1/enrolments/{batch[0].enrolment}/scans"
        reply = await self._ask("POST", path, json={"scans": [scan.body for scan in batch]})
        if reply.status_code in UNFIT_AS_A_WHOLE:
            await self._upload_in_halves(batch, reply)
            return
        answers = reply.raise_for_status().json()["results"]
        by_result = defaultdict(list)
        for scan, answer in zip(batch, answers, strict=True):
            by_result[answer["result"]].append(Trouble(scan, answer["result"], answer["problem"]))
        self.store.settle(one.scan for one in by_result["stored"] + by_result["repeated"])
        troubles = by_result["conflict"] + by_result["refused"]
        self.store.forget(one.scan.scan_id for one in troubles)
        self.troubles += troubles
        if by_result["again"]:
            raise NoAnswer("some are to be sent again later")

    async def _upload_in_halves(self, batch: Sequence[KeptScan], reply: httpx.Response) -> None:
        """Brings in what the server did not take as a whole, but for single scans that are unfit."""
        if len(batch) == 1:
            self.store.forget(scan.scan_id for scan in batch)
            self.troubles += [Trouble(scan, "refused", reply.json()["code"]) for scan in batch]
            return
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            await self.upload(half)

    def _known(self) -> Known:
        synced_at = self._synced_at
        if synced_at is not None:
            synced_at += timedelta(seconds=self.store.fact("offset"))
        return Known(self._bundle, synced_at, _Memory(self.store))

    def _read_code(self, text: str) -> Code | None:
        return read_code(text, self._bundle.prefixes if self._bundle else ())

    async def _read(self, text: str, at: datetime) -> Bundle:
        """The bundle, by keys that are fetched anew where it names one that is not known."""
        known = self._bundle
        terms: dict[str, Any] = {
            "enrolment": self.enrolment,
            "least": known.ver if known else 0,
            "at": at,
        }
        try:
            return read_bundle(text, keys_of(self.store.fact("keys")), **terms)
        except UnknownKey:
            await self._read_keys()
            return read_bundle(text, keys_of(self.store.fact("keys")), **terms)

    async def _read_keys(self) -> None:
        reply = await self._send("GET", "/.well-known/statement-keys.json")
        self.store.put_facts(keys=reply.raise_for_status().json())

    async def _ask(
        self, method: str, path: str, *, guard: dict[str, str] | None = None, **parts: Any
    ) -> httpx.Response:
        """Sends with the guard's token or its own, signing in once where that does not hold any more."""
        headers = parts.pop("headers", {})
        if guard is not None:
            return await self._send(method, path, headers=headers | guard, **parts)
        for _ in range(2):
            self._token = self._token or await self._sign_in()
            own = {"Authorization": f"Bearer {self._token}"}
            reply = await self._send(method, path, headers=headers | own, **parts)
            if reply.status_code != httpx.codes.UNAUTHORIZED:
                break
            self._token = None
        return reply

    async def _sign_in(self) -> str:
        who = {name: self.store.fact(name) for name in ("device_id", "secret")}
        reply = await self._send("POST", "/v1/sign-ins/device", json={**who, "client": "reference scanner"})
        return str(reply.raise_for_status().json()["access_token"])

    async def _send(self, method: str, path: str, **parts: Any) -> httpx.Response:
        try:
            reply = await self.client.request(method, path, **parts)
        except httpx.TransportError as error:
            raise NoAnswer(str(error)) from error
        if reply.status_code == httpx.codes.TOO_MANY_REQUESTS or reply.is_server_error:
            raise NoAnswer(str(reply.status_code))
        return reply


__all__ = ["BundleRefused", "NoAnswer", "Scanner", "Shown", "Trouble"]
