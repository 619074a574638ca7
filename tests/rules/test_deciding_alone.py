"""What the reference scanner says alone: every line of the table in docs/offline.md, and opening hours."""

import json
from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from app.models.gate_rules import WhenOffline
from app.models.scans import Verdict
from app.services.gate_rules.rules import ObjectionReason
from app.services.scans.alone import decide_alone
from app.services.scans.reasons import Reason
from app.services.scans.rules import Decision
from tests.scanner.bundle import Bundle, BundleRefused, UnknownKey, keys_of, read_bundle
from tests.scanner.code import CodeKey, read_code, unpadded, unpadded32
from tests.scanner.deciding import Known, decide
from tests.scanner.hours import Rules

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 5, 11, 4, 0, tzinfo=UTC)
"""Monday noon there."""
KEY = ECKey.generate_key("P-256", {"kid": "07", "alg": "ES256", "use": "sig"})
OTHER_KEY = ECKey.generate_key("P-256", {"kid": "07", "alg": "ES256", "use": "sig"})
GATE = "01a21a11-bae0-744f-9fcc-b2e74039d57a"
SUB = bytes(range(8))
JTI = bytes(6)

BUNDLE = Bundle(
    ver=7,
    iat=int(NOON.timestamp()),
    iss="5000",
    enrolment="here",
    gate=GATE,
    closed=False,
    issuers={iss: {"07": KEY.as_dict(private=False)} for iss in ("5000", "5101")},
    prefixes=("https://hx.example.cn/c/",),
    early=5,
    late=10,
    stale_after=86400,
    withdrawn=frozenset(),
    complete=True,
    blocked=frozenset(),
    seen=None,
    zone="Asia/Shanghai",
    when_offline="admit",
    clauses=(),
    calendar={},
)


def code(*, iss: str = "5000", kid: str = "07", key: ECKey = KEY, iat: datetime = NOON) -> str:
    """A code of 60 s, as its symbol says it."""
    at = int(iat.timestamp())
    said = bytes([0x11]) + bytes.fromhex(iss + kid) + SUB + at.to_bytes(4) + bytes([12]) + JTI
    unsigned = read_code(unpadded32(said + bytes(64)), [])
    assert unsigned is not None
    protected = {"alg": "ES256", "kid": kid, "typ": "hx+jwt"}
    payload = unsigned.jws.split(".")[1]
    signed = jws.serialize_compact(protected, urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), key)
    assert signed.rsplit(".", 1)[0] == unsigned.jws.rsplit(".", 1)[0]
    signature = urlsafe_b64decode(signed.rsplit(".", 1)[1] + "==")
    return "https://hx.example.cn/c/" + unpadded32(said + signature)


def said(
    text: str,
    *,
    direction: str = "in",
    at: datetime = NOON,
    synced_at: datetime | None = NOON,
    let_through: tuple[CodeKey, ...] = (),
    bundle: Bundle | None = BUNDLE,
    **changed: Any,
) -> tuple[str, str]:
    """Verdict and reason, with a bundle of which some is changed."""
    known = Known(bundle and replace(bundle, **changed), synced_at, let_through)
    found = decide(text, direction=direction, at=at, known=known)
    return found.verdict, found.reason


USED = tuple(CodeKey(iss, "07", SUB, JTI) for iss in ("5000", "5101"))
CLOSED: tuple[dict[str, Any], ...] = (
    {
        "kind": "closure",
        "gates": None,
        "from": "2026-05-11T12:00:00+08:00",
        "until": "2026-05-11T12:00:01+08:00",
        "why": {"zh": "停电", "en": None},
    },
)
NIGHT: tuple[dict[str, Any], ...] = (
    {
        "kind": "opening_hours",
        "gates": [GATE],
        "days": ["mon"],
        "spans": [{"from": "22:00", "until": "06:00"}],
    },
)

LINES: list[tuple[tuple[str, str], dict[str, Any]]] = [
    (("check", "bundle_stale"), {"bundle": None}),
    (("refuse", "unreadable"), {"text": "no code"}),
    (("check", "bundle_stale"), {"synced_at": NOON - timedelta(seconds=86410)}),
    (("check", "bundle_stale"), {"synced_at": None}),
    (("refuse", "gate_closed"), {"closed": True}),
    (("refuse", "unknown_issuer"), {"text": code(iss="1100")}),
    (("refuse", "unknown_key"), {"text": code(kid="08")}),
    (("refuse", "forged"), {"text": code(key=OTHER_KEY)}),
    (("refuse", "not_yet_valid"), {"at": NOON - timedelta(seconds=5.1)}),
    (("refuse", "expired"), {"at": NOON + timedelta(seconds=70.1)}),
    (("refuse", "handle_withdrawn"), {"withdrawn": frozenset({SUB})}),
    (("check", "code_used"), {"let_through": USED}),
    (("refuse", "blocked"), {"blocked": frozenset({SUB})}),
    (("refuse", "gate_closed_temporarily"), {"clauses": CLOSED}),
    (("refuse", "outside_hours"), {"clauses": NIGHT}),
    (("check", "other_city"), {"text": code(iss="5101")}),
    (("check", "bundle_stale"), {"complete": False}),
    (("refuse", "offline_denied"), {"when_offline": "deny"}),
    (("check", "not_seen_lately"), {"when_offline": "admit_if_seen", "seen": frozenset()}),
]
"""What makes each line of the table fit, in its order."""


@pytest.mark.parametrize(("expected", "when"), LINES, ids=[f"{n}-{e[1]}" for n, (e, _) in enumerate(LINES)])
def test_each_line_of_the_table(expected: tuple[str, str], when: dict[str, Any]) -> None:
    assert said(**{"text": code(), **when}) == expected


def test_the_first_line_that_fits_counts() -> None:
    """Of two lines that both fit, the upper one."""
    for upper, (expected, when) in enumerate(LINES):
        for _, below in LINES[upper + 1 :]:
            if not when.keys() & below.keys():
                assert said(**{"text": code(), **below, **when}) == expected


@pytest.mark.parametrize(
    "when",
    [
        {},
        {"at": NOON - timedelta(seconds=5)},
        {"at": NOON + timedelta(seconds=70)},
        {"synced_at": NOON - timedelta(days=1)},
        {"withdrawn": frozenset({bytes(8)}), "blocked": frozenset({bytes(8)})},
        {"when_offline": "admit_if_seen", "seen": frozenset({SUB})},
        {"let_through": (CodeKey("5000", "07", SUB, bytes([1] * 6)),)},
        {"text": code().lower().removeprefix("https://hx.example.cn/c/") + "\n"},
    ],
)
def test_what_admits(when: dict[str, Any]) -> None:
    assert said(**{"text": code(), **when}) == ("admit", "verified")


@pytest.mark.parametrize(
    "when",
    [
        {"blocked": frozenset({SUB})},
        {"clauses": CLOSED},
        {"clauses": NIGHT},
        {"when_offline": "deny"},
        {"when_offline": "admit_if_seen"},
    ],
)
def test_rules_keep_nobody_inside(when: dict[str, Any]) -> None:
    assert said(code(), direction="out", **when) == ("admit", "verified")


def opening(*days: str, spans: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return {
        "kind": "opening_hours",
        "gates": None,
        "days": list(days),
        "spans": [{"from": start, "until": until} for start, until in spans],
    }


def is_open(moment: str, *clauses: dict[str, Any], calendar: dict[date, bool] | None = None) -> bool:
    rules = Rules.of(clauses, gate=GATE, calendar=calendar or {}, zone="Asia/Shanghai")
    return rules.is_open(datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI))


DAY = ("mon", "tue", "wed", "thu", "fri")
NATIONAL_DAY = {date(2026, 10, 1): True}
"""A Thursday."""
WORKED = {date(2026, 9, 19): False, date(2026, 9, 20): False}
"""A Saturday and a Sunday."""


@pytest.mark.parametrize(
    ("moment", "spans", "expected"),
    [
        ("2026-05-11 05:59:59", (("06:00", "22:30"),), False),
        ("2026-05-11 06:00", (("06:00", "22:30"),), True),
        ("2026-05-11 22:29:59", (("06:00", "22:30"),), True),
        ("2026-05-11 22:30", (("06:00", "22:30"),), False),
        ("2026-05-11 23:59:59", (("18:00", "24:00"),), True),
        ("2026-05-12 00:00", (("18:00", "24:00"),), False),
        ("2026-05-11 12:00", (("06:00", "09:00"), ("11:00", "13:00")), True),
        ("2026-05-11 10:00", (("06:00", "09:00"), ("11:00", "13:00")), False),
        ("2026-05-12 05:59", (("22:00", "06:00"),), True),  # of Monday
        ("2026-05-11 05:59", (("22:00", "06:00"),), False),  # would be Sunday's
        ("2026-05-16 05:59", (("22:00", "06:00"),), True),  # Saturday morning, of Friday
        ("2026-05-16 22:00", (("22:00", "06:00"),), False),
        ("2026-05-12 07:59", (("08:00", "08:00"),), True),  # all round the clock
        ("2026-05-11 07:59", (("08:00", "08:00"),), False),
    ],
)
def test_a_gate_is_open_within_the_spans_of_its_days(
    moment: str, spans: tuple[tuple[str, str], ...], *, expected: bool
) -> None:
    assert is_open(moment, opening(*DAY, spans=spans)) is expected


def test_a_gate_without_opening_hours_of_its_own_is_always_open() -> None:
    elsewhere = opening("mon", spans=(("06:00", "07:00"),)) | {"gates": ["another"]}
    assert is_open("2026-05-10 03:00")
    assert is_open("2026-05-10 03:00", elsewhere)
    assert is_open("2026-05-10 03:00", {"kind": "vehicles", "gates": None, "allowed": ["e_bike"]})
    assert not is_open("2026-05-10 03:00", elsewhere, opening("mon", spans=(("06:00", "07:00"),)))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-10-01 10:00", False),
        ("2026-10-01 14:00", True),
        ("2026-10-02 00:30", True),  # reaches over from the holiday
        ("2026-10-02 10:00", True),  # a Friday
        ("2026-10-02 20:00", False),
    ],
)
def test_on_a_holiday_its_own_clauses_count(moment: str, *, expected: bool) -> None:
    clauses = opening(*DAY, spans=(("06:00", "12:00"),)), opening("holiday", spans=(("13:00", "01:00"),))
    assert is_open(moment, *clauses, calendar=NATIONAL_DAY) is expected


def test_without_clauses_for_holidays_those_of_the_weekday_count() -> None:
    clause = opening("thu", spans=(("06:00", "12:00"),))
    assert is_open("2026-10-01 10:00", clause, calendar=NATIONAL_DAY)
    elsewhere = opening("holiday", spans=(("13:00", "14:00"),)) | {"gates": ["another"]}
    assert is_open("2026-10-01 10:00", clause, elsewhere, calendar=NATIONAL_DAY)


@pytest.mark.parametrize(
    ("moment", "day", "expected"),
    [
        ("2026-09-19 10:00", "fri", True),
        ("2026-09-19 10:00", "sat", False),
        ("2026-09-20 10:00", "mon", True),
        ("2026-09-20 10:00", "sun", False),
        ("2026-09-26 10:00", "sat", True),
    ],
)
def test_worked_days_of_a_weekend_count_as_their_neighbours(moment: str, day: str, *, expected: bool) -> None:
    assert is_open(moment, opening(day, spans=(("06:00", "12:00"),)), calendar=WORKED) is expected


def claims(**changed: Any) -> dict[str, Any]:
    """Of a bundle without anything that may be missing."""
    return {
        "ver": 7,
        "iat": int(NOON.timestamp()),
        "iss": "5000",
        "enrolment": "here",
        "gate": GATE,
        "closed": False,
        "issuers": {"5000": {"keys": [KEY.as_dict(private=False)]}},
        "prefixes": ["https://hx.example.cn/c/"],
        "early": 5,
        "late": 10,
        "stale_after": 86400,
        "withdrawn": {"handles": unpadded(SUB + bytes(8)), "complete": True},
        **changed,
    }


SIGNING = ECKey.generate_key("P-256", {"kid": "s1", "alg": "ES256"})


def signed(header: dict[str, Any] | None = None, *, key: ECKey = SIGNING, **changed: Any) -> str:
    header = {"alg": "ES256", "kid": "s1", "typ": "hx-bundle+jwt", **(header or {})}
    return jws.serialize_compact(header, json.dumps(claims(**changed)).encode(), key)


def read(text: str, *, least: int = 7) -> Bundle:
    keys = keys_of({"keys": [SIGNING.as_dict(private=False)]})
    return read_bundle(text, keys, enrolment="here", least=least, at=NOON)


def test_a_bundle_is_read_whether_or_not_it_says_rules() -> None:
    plain = read(signed())
    assert plain.withdrawn == {SUB, bytes(8)}
    assert (plain.blocked, plain.seen, plain.clauses) == (frozenset(), None, ())
    assert plain.when_offline == "admit_and_flag"
    full = read(
        signed(
            blocked=unpadded(SUB),
            seen="",
            zone="Asia/Shanghai",
            rules={"version": 3, "when_offline": "deny", "clauses": list(NIGHT)},
            calendar={"2026-10-01": True},
            something={"new": 1},
        )
    )
    assert (full.blocked, full.seen, full.when_offline) == (frozenset({SUB}), frozenset(), "deny")
    assert (full.clauses, full.calendar) == (NIGHT, NATIONAL_DAY)


@pytest.mark.parametrize(
    "text",
    [
        signed(ver=6),
        signed(enrolment="elsewhere"),
        signed(iat=int(NOON.timestamp()) + 61),
        signed({"typ": "hx+jwt"}),
        signed(key=ECKey.generate_key("P-256", {"kid": "s1", "alg": "ES256"})),
        signed()[:-4] + "AAAA",
        "",
        "a.b.c",
        "…",
    ],
)
def test_a_bundle_that_is_not_to_be_used_is_refused(text: str) -> None:
    with pytest.raises(BundleRefused):
        read(text)


def test_an_unknown_key_is_told_from_a_wrong_signature() -> None:
    with pytest.raises(UnknownKey):
        read(signed({"kid": "s2"}))


ONLINE: list[tuple[Reason, dict[str, Any]]] = [
    (Reason.verified, {}),
    (Reason.kind_of_work_not_admitted, {}),
    (Reason.vehicle_not_admitted, {}),
    (Reason.gate_closed, {"closed": True}),
    (Reason.suspended, {"withdrawn": frozenset({SUB})}),
    (Reason.left, {"withdrawn": frozenset({SUB})}),
    (Reason.not_verified, {"withdrawn": frozenset({SUB})}),
    (Reason.blocked, {"blocked": frozenset({SUB})}),
    (Reason.gate_closed_temporarily, {"clauses": CLOSED}),
    (Reason.outside_hours, {"clauses": NIGHT}),
]
"""What the server says of somebody who enters, and how the bundle has it."""


OF_RULES = {Reason(each.value) for each in ObjectionReason}


@pytest.mark.parametrize(("reason", "bundle"), ONLINE)
@pytest.mark.parametrize("when_offline", WhenOffline)
@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize("direction", ["in", "out"])
def test_a_simulation_says_what_a_device_says(
    reason: Reason, bundle: dict[str, Any], when_offline: WhenOffline, *, seen: bool, direction: str
) -> None:
    # Who leaves is asked by no rule of the gate.
    online = Reason.verified if direction == "out" and reason in OF_RULES else reason
    verdict = Verdict.admit if online is Reason.verified else Verdict.refuse
    simulated = decide_alone(
        Decision(verdict, online), entering=direction == "in", when_offline=when_offline, seen=seen
    )
    alone = said(
        code(),
        direction=direction,
        when_offline=when_offline.value,
        seen=frozenset({SUB} if seen else ()),
        **bundle,
    )
    assert (simulated.verdict.value, simulated.reason.value) == alone


def test_a_simulation_says_nothing_of_codes_that_are_not_fresh() -> None:
    with pytest.raises(ValueError, match="expired"):
        decide_alone(
            Decision(Verdict.refuse, Reason.expired),
            entering=True,
            when_offline=WhenOffline.deny,
            seen=False,
        )
