"""Admits a list of scans: loads the state of all, decides each by pure rules, stores all.

The number of statements does not grow with the list (ADR 0004), and one commit, made by whoever
holds the unit of work, stores everything. The answers may leave only after that commit.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from app.errors import Problem
from app.ids import new_id
from app.models.reviews import ReviewKind
from app.models.scans import OfflineSequence, Scan, ScanKey, ScanOutcome, Verdict
from app.services.codes.format import window_of
from app.services.compounds.errors import GateClosed
from app.services.lists import insert_fresh, insert_rows, table_of
from app.services.reviews.flags import flag_couriers
from app.services.scans import differences, whereabouts
from app.services.scans.answers import Answer, StoredScan
from app.services.scans.code_uses import use_codes
from app.services.scans.errors import NoShift, ScanConflict
from app.services.scans.facts import load_stored
from app.services.scans.judging import Case, Judgement, judge, with_first_uses, with_journeys
from app.services.scans.posts import (
    PostFacts,
    load_device_sign_ins,
    load_past_closings,
    load_past_shifts,
    load_posts,
)
from app.services.scans.presentation import Presentation, ScanName, scan_name
from app.services.scans.rows import row_of, stored_of
from app.services.scans.syncs import UNDER_WAY, Syncs, load_syncs
from app.work import Work

Posts = Mapping[UUID, PostFacts]


async def admit(work: Work, presentations: Sequence[Presentation]) -> list[Answer | Problem]:
    """Decides and stores `presentations` in their order; one result each, in the same order.

    A scan id that is stored already is looked up before any rule and answered from the store, or
    refused as ScanConflict where it said something else. NoShift and GateClosed are
    results too: they store nothing and do not touch the other scans.
    """
    posts = await load_posts(work, (presentation.enrolment_id for presentation in presentations))
    devices = await load_device_sign_ins(work, presentations, posts)
    fresh: dict[ScanName, Presentation] = {}
    for presentation in presentations:
        if _objection(presentation, posts, devices) is None:
            fresh.setdefault(presentation.name, presentation)
    made = await _store(work, fresh, posts) if fresh else {}
    # Whatever was not made now was stored before, by us or by another process, or may not be made.
    others = [presentation for presentation in presentations if presentation.name not in made]
    stored = await load_stored(work, others) if others else {}
    results: list[Answer | Problem] = []
    for presentation in presentations:
        name = presentation.name
        if name in made and fresh[name] is presentation:
            results.append(Answer(made[name], repeated=False))
        elif (scan := made.get(name) or stored.get(name)) is not None:
            results.append(_again(presentation, scan, posts, devices))
        else:
            results.append(_objection(presentation, posts, devices) or NoShift())
    return results


def _objection(presentation: Presentation, posts: Posts, devices: Collection[UUID]) -> Problem | None:
    """Why this account may not scan at this enrolment, if so."""
    post = posts.get(presentation.enrolment_id)
    by_device = (
        post is not None
        and presentation.account_id == post.device_account_id
        and presentation.sign_in_id in devices
    )
    if presentation.offline is not None:
        return None if by_device else NoShift()
    if post is None or post.ended_at is not None:
        return NoShift()
    on_shift = post.shift_id is not None and (post.guard_id, post.sign_in_id) == (
        presentation.account_id,
        presentation.sign_in_id,
    )
    if not on_shift and not by_device:
        return NoShift()
    return GateClosed() if post.closed_at is not None else None


def _again(
    presentation: Presentation, scan: StoredScan, posts: Posts, devices: Collection[UUID]
) -> Answer | Problem:
    """The stored answer, for whoever got it or has the device now. Nobody is shown to a device alone, nor
    to who is not on shift any more.
    """
    problem = _objection(presentation, posts, devices)
    if problem is not None and scan.account_id != presentation.account_id:
        return problem
    if problem is not None or presentation.sign_in_id in devices:
        scan = replace(scan, card=None)
    return Answer(scan, repeated=True) if _is_same(presentation, scan) else ScanConflict()


def _is_same(presentation: Presentation, scan: StoredScan) -> bool:
    """Whether a scan that came again says what it said before, but for an outcome that was still to come."""
    if (presentation.code_name, presentation.direction) != (scan.code_name, scan.direction):
        return False
    told = presentation.offline
    if told is None or scan.sequence is None:
        return True  # sent online and kept by a device that heard no answer: it may have decided otherwise
    return (told.sequence, told.verdict, told.reason, presentation.device_time) == (
        scan.sequence,
        scan.verdict,
        scan.reason,
        scan.device_time,
    )


async def _store(
    work: Work, fresh: Mapping[ScanName, Presentation], posts: Posts
) -> dict[ScanName, StoredScan]:
    """Takes the scan ids, decides, uses the codes up, stores; what it stored, by scan name."""
    ids = {name: new_id(work.now) for name in fresh}
    taken = await _take_scan_ids(work, ids, fresh)
    mine = {name: presentation for name, presentation in fresh.items() if name in taken}
    if not mine:
        return {}
    cases = await _cases(work, ids, mine, posts)
    judged = await judge(work, cases)
    first_uses, superseded = await use_codes(work, judged)
    judged = with_journeys(with_first_uses(judged, first_uses))
    rows = {name: row_of(work, each) for name, each in judged.items()}
    await insert_rows(work.session, table_of(Scan), list(rows.values()))
    await _store_outcomes(work, judged)
    await whereabouts.keep(work, (each.passage() for each in judged.values() if each.moves_courier))
    await flag_couriers(
        work,
        kind=ReviewKind.sharing,
        couriers={
            each.courier.facts.courier_id: sign
            for each in judged.values()
            if each.courier is not None and (sign := each.sharing) is not None
        },
    )
    await differences.note(work, judged, superseded)
    return {name: stored_of(work, each, rows[name]) for name, each in judged.items()}


async def _take_scan_ids(
    work: Work, ids: Mapping[ScanName, UUID], fresh: Mapping[ScanName, Presentation]
) -> set[ScanName]:
    """Takes scan ids for good; those that another process took first are missing from the result."""
    # In one order everywhere, so that two processes never wait for each other in a circle.
    rows = [
        {
            "enrolment_id": fresh[name].enrolment_id,
            "scan_id": fresh[name].scan_id,
            "scan": ids[name],
            "recorded_at": work.now,
        }
        for name in sorted(ids)
    ]
    taken = await insert_fresh(work.session, table_of(ScanKey), rows)
    return {scan_name(row.enrolment_id, row.scan_id) for row in taken}


async def _cases(
    work: Work, ids: Mapping[ScanName, UUID], mine: Mapping[ScanName, Presentation], posts: Posts
) -> dict[ScanName, Case]:
    """What is to be judged: online as of now, offline as of the device's time and the shift of then."""
    cases = {
        name: Case(
            ids[name],
            presentation,
            _post_of(presentation, posts[presentation.enrolment_id]),
            happened_at=work.now,
            recorded_at=work.now,
        )
        for name, presentation in mine.items()
    }
    offline = {name: case for name, case in cases.items() if case.presentation.offline is not None}
    if not offline:
        return cases
    enrolments = {case.presentation.enrolment_id for case in offline.values()}
    moments = {name: _moment(case, work.now) for name, case in offline.items()}
    since, until = min(moments.values()), max(moments.values())
    in_sequence = await take_sequences(
        work,
        {
            (case.presentation.enrolment_id, told.sequence): case.id
            for case in reversed(list(offline.values()))
            if (told := case.presentation.offline) is not None
        },
    )
    shifts = await load_past_shifts(work, enrolments, since, until)
    closings = await load_past_closings(work, (case.post for case in offline.values()), since)
    syncs = await load_syncs(work, enrolments, since)
    for name, case in offline.items():
        cases[name] = replace(
            case,
            post=closings.at(
                shifts.at(case.presentation.enrolment_id, case.post, moments[name]), moments[name]
            ),
            happened_at=moments[name],
            doubtful=case.id not in in_sequence or _is_doubtful(case, moments[name], syncs),
        )
    return cases


async def take_sequences(work: Work, scans: Mapping[tuple[UUID, int], UUID]) -> set[UUID]:
    """Takes the sequences of offline scans for good; the ids of those that have one to themselves.

    A device gives each once. Who dates a scan back under one of before would escape what the device has
    said of its count.
    """
    if not scans:
        return set()
    taken = await insert_fresh(
        work.session,
        table_of(OfflineSequence),
        # In one order everywhere, so that two processes never wait for each other in a circle.
        [
            {"enrolment_id": enrolment, "sequence": sequence, "scan": scan}
            for (enrolment, sequence), scan in sorted(scans.items())
        ],
    )
    return {scans[row.enrolment_id, row.sequence] for row in taken}


def _post_of(presentation: Presentation, post: PostFacts) -> PostFacts:
    """The post as far as the caller stands for it: a device that scans by itself is nobody on shift."""
    return post if presentation.account_id == post.guard_id else replace(post, shift_id=None, guard_id=None)


def _moment(case: Case, now: datetime) -> datetime:
    """The device's time, held within its time at the gate: a scan can lie neither before it nor ahead.

    A device that admitted says that it found the code in its window, so it is held within that, too.
    """
    moment, told = case.presentation.device_time, case.presentation.offline
    code = case.presentation.code if case.is_genuine else None
    if code is not None and told is not None and told.verdict is Verdict.admit:
        begin, end = window_of(code)
        moment = max(begin, min(moment, end))
    latest = min(now, case.post.ended_at or now)
    return max(case.post.opened_at, min(moment, latest))


def _is_doubtful(case: Case, moment: datetime, syncs: Syncs) -> bool:
    presentation = case.presentation
    return abs(moment - presentation.device_time) > UNDER_WAY or syncs.contradict(
        presentation.enrolment_id, presentation.offline, moment
    )


async def _store_outcomes(work: Work, judged: Mapping[ScanName, Judgement]) -> None:
    """What guards did after the checks that their devices asked for."""
    rows = [
        {
            "scan": each.case.id,
            "outcome": told.outcome,
            "at": each.case.happened_at,
            "account_id": each.case.post.guard_id or each.case.post.device_account_id,
        }
        for each in judged.values()
        if (told := each.case.presentation.offline) is not None and told.outcome is not None
    ]
    if rows:
        await insert_rows(work.session, table_of(ScanOutcome), rows)
