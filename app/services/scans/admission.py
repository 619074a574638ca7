"""Admits a list of scans: loads the state of all, decides each by pure rules, stores all.

The number of statements does not grow with the list (ADR 0004), and one commit, made by whoever
holds the unit of work, stores everything. The answers may leave only after that commit.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.clock import from_epoch
from app.errors import Problem
from app.ids import new_id
from app.models.scans import CodeUse, Scan, ScanKey
from app.services.codes import format as code_format
from app.services.codes.format import Code
from app.services.codes.reading import Unreadable
from app.services.compounds.errors import GateClosed
from app.services.keys.ring import KeyStates, load_key_states
from app.services.lists import insert_fresh, insert_rows, table_of
from app.services.scans.answers import Answer, StoredScan
from app.services.scans.errors import NoShift, ScanConflict
from app.services.scans.facts import (
    CodeName,
    KnownCourier,
    PostFacts,
    code_name,
    handle_of,
    load_couriers,
    load_first_uses,
    load_posts,
    load_stored,
)
from app.services.scans.presentation import Presentation
from app.services.scans.rules import CodeFacts, Decision, FirstUse, after_first_use, decide
from app.work import Work

ScanName = tuple[UUID, UUID]
"""Enrolment and scan id."""


async def admit(work: Work, presentations: Sequence[Presentation]) -> list[Answer | Problem]:
    """Decides and stores `presentations` in their order; one result each, in the same order.

    A scan id that is stored already is looked up before any rule and answered from the store, or
    refused as ScanConflict where it named another code or direction. NoShift and GateClosed are
    results too: they store nothing and do not touch the other scans.
    """
    posts = await load_posts(work, (presentation.enrolment_id for presentation in presentations))
    fresh: dict[ScanName, Presentation] = {}
    for presentation in presentations:
        if _objection(presentation, posts) is None:
            fresh.setdefault(presentation.key, presentation)
    made = await _store(work, fresh, posts) if fresh else {}
    # Whatever was not made now was stored before, by us or by another process, or may not be made.
    others = {presentation.key for presentation in presentations} - made.keys()
    stored = await load_stored(work, others) if others else {}
    results: list[Answer | Problem] = []
    for presentation in presentations:
        name = presentation.key
        if name in made and fresh[name] is presentation:
            results.append(Answer(made[name], repeated=False))
        elif (scan := made.get(name) or stored.get(name)) is not None:
            results.append(_again(presentation, scan, posts))
        else:
            results.append(_objection(presentation, posts) or NoShift())
    return results


def _objection(presentation: Presentation, posts: dict[UUID, PostFacts]) -> Problem | None:
    """Why this account may not scan at this enrolment now, if so."""
    post = posts.get(presentation.enrolment_id)
    if (
        post is None
        or not post.open
        or post.shift_id is None
        or (post.guard_id, post.sign_in_id) != (presentation.account_id, presentation.sign_in_id)
    ):
        return NoShift()
    return GateClosed() if post.closed else None


def _again(presentation: Presentation, scan: StoredScan, posts: dict[UUID, PostFacts]) -> Answer | Problem:
    """The stored answer, for the guard who got it or the one who has the device now."""
    if scan.account_id != presentation.account_id and (problem := _objection(presentation, posts)):
        return problem
    same = scan.code_name == presentation.code_name and scan.direction == presentation.direction
    return Answer(scan, repeated=True) if same else ScanConflict()


async def _store(
    work: Work, fresh: dict[ScanName, Presentation], posts: dict[UUID, PostFacts]
) -> dict[ScanName, StoredScan]:
    """Takes the scan ids, decides, uses the codes up, stores; what it stored, by scan name."""
    ids = {name: new_id(work.now) for name in fresh}
    taken = await _take_scan_ids(work, ids)
    mine = {name: presentation for name, presentation in fresh.items() if name in taken}
    if not mine:
        return {}
    states = await load_key_states(work.session, work.now)
    couriers = await load_couriers(work, mine.values())
    known = {name: _courier_of(work, presentation, couriers) for name, presentation in mine.items()}
    decisions = {
        name: decide(presentation, _code_facts(work, presentation.code, states, known[name]), work.now)
        for name, presentation in mine.items()
    }
    first_uses = await _use_codes(work, ids, mine, decisions, posts)
    rows = []
    made = {}
    for name, presentation in mine.items():
        first = first_uses.get(name)
        decision = after_first_use(decisions[name], first)
        courier = known[name]
        shown = courier if decision.uses_code or first is not None else None
        row = _row(work, ids[name], presentation, posts[presentation.enrolment_id], decision)
        row["details"] = _details(work, first)
        row["courier_id"] = courier.facts.courier_id if courier else None
        row["card_id"] = shown.facts.card_id if shown else None
        rows.append(row)
        made[name] = StoredScan(
            id=ids[name],
            recorded_at=work.now,
            enrolment_id=presentation.enrolment_id,
            scan_id=presentation.scan_id,
            account_id=presentation.account_id,
            direction=presentation.direction,
            verdict=decision.verdict,
            reason=decision.reason,
            details=row["details"],
            language=presentation.language,
            issued_at=row["issued_at"],
            code_name=presentation.code_name,
            card=shown.face(work) if shown else None,
        )
    await insert_rows(work.session, table_of(Scan), rows)
    return made


def _courier_of(
    work: Work, presentation: Presentation, couriers: dict[Any, KnownCourier]
) -> KnownCourier | None:
    code = presentation.code
    if code is None or code.iss != work.settings.issuer:
        return None
    return couriers.get(handle_of(work, code))


def _code_facts(work: Work, code: Code | None, states: KeyStates, courier: KnownCourier | None) -> CodeFacts:
    if code is None:
        return CodeFacts(key_state=None, ours=False, minted_here=False, courier=None)
    key = states.find(code.iss, code.kid)
    ours = code.iss == work.settings.issuer
    return CodeFacts(
        key_state=states.state(key) if key else None,
        ours=ours,
        minted_here=ours and code_format.is_ours(code, work.deployment.secrets.jti_key.get_secret_value()),
        courier=courier.facts if courier else None,
    )


async def _take_scan_ids(work: Work, ids: dict[ScanName, UUID]) -> set[ScanName]:
    """Takes scan ids for good; those that another process took first are missing from the result."""
    # In one order everywhere, so that two processes never wait for each other in a circle.
    rows = [
        {"enrolment_id": name[0], "scan_id": name[1], "scan": ids[name], "recorded_at": work.now}
        for name in sorted(ids)
    ]
    taken = await insert_fresh(work.session, table_of(ScanKey), rows)
    return {(row.enrolment_id, row.scan_id) for row in taken}


async def _use_codes(
    work: Work,
    ids: dict[ScanName, UUID],
    mine: dict[ScanName, Presentation],
    decisions: dict[ScanName, Decision],
    posts: dict[UUID, PostFacts],
) -> dict[ScanName, FirstUse]:
    """Uses the codes of these scans up; the first use of each that was used before, by scan name."""
    wanted: dict[CodeName, list[ScanName]] = {}
    for name, presentation in mine.items():
        if decisions[name].uses_code and presentation.code is not None:
            wanted.setdefault(code_name(presentation.code), []).append(name)
    if not wanted:
        return {}
    rows = []
    for code in sorted(wanted):
        scan = wanted[code][0]
        rows.append(
            {
                "issuer": code[0],
                "kid": code[1],
                "subject": code[2],
                "jti": code[3],
                "scan": ids[scan],
                "gate_id": posts[mine[scan].enrolment_id].gate_id,
                "used_at": work.now,
            }
        )
    used = await insert_fresh(work.session, table_of(CodeUse), rows)
    won = {(row.issuer, row.kid, row.subject, row.jti) for row in used}
    late = {scan: code for code, scans in wanted.items() for scan in (scans[1:] if code in won else scans)}
    if not late:
        return {}
    first = await load_first_uses(work, set(late.values()))
    return {scan: first[code] for scan, code in late.items()}


def _row(
    work: Work, scan_id: UUID, presentation: Presentation, post: PostFacts, decision: Decision
) -> dict[str, Any]:
    code = presentation.code
    unreadable = presentation.read if isinstance(presentation.read, Unreadable) else None
    return {
        "id": scan_id,
        "recorded_at": work.now,
        "scan_id": presentation.scan_id,
        "enrolment_id": presentation.enrolment_id,
        "shift_id": post.shift_id,
        "gate_id": post.gate_id,
        "compound_id": post.compound_id,
        "account_id": presentation.account_id,
        "direction": presentation.direction,
        "device_time": presentation.device_time,
        "issuer": code.iss if code else None,
        "kid": code.kid if code else None,
        "subject": code.sub if code else None,
        "jti": code.jti if code else None,
        "issued_at": from_epoch(code.iat) if code else None,
        "ttl": code.ttl if code else None,
        "code_digest": unreadable.digest if unreadable else None,
        "code_length": unreadable.length if unreadable else None,
        "unreadable_cause": unreadable.cause if unreadable else None,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "language": presentation.language,
    }


def _details(work: Work, first: FirstUse | None) -> dict[str, Any] | None:
    if first is None:
        return None
    local = first.at.astimezone(work.settings.zone)
    today = local.date() == work.now.astimezone(work.settings.zone).date()
    return {
        "at": f"{local:%H:%M:%S}" if today else f"{local:%Y-%m-%d %H:%M}",
        "first_at": first.at.isoformat(),
        "gate_id": str(first.gate_id),
        "gate": first.gate_name,
        "compound": first.compound_name,
    }
