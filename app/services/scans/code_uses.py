"""Uses codes up: of all scans of one code, the one that happened first has used it."""

from collections.abc import Collection, Mapping

from sqlalchemy import bindparam, select, update

from app.database import fetch
from app.models.scans import CodeUse
from app.services.lists import dialect_of, insert_fresh, is_listed, listed, table_of
from app.services.scans.facts import CodeName, FirstUse, load_first_uses
from app.services.scans.judging import Case, Judgement
from app.services.scans.presentation import ScanName
from app.work import Work

Superseded = dict[ScanName, FirstUse]
"""By the scan that turned out to be earlier: the one that had been taken for the first."""


async def use_codes(
    work: Work, judged: Mapping[ScanName, Judgement]
) -> tuple[dict[ScanName, FirstUse], Superseded]:
    """Uses the codes of these scans up.

    Returns the first use of each code that was used before, by scan name, and those first uses that an
    offline scan has now been found to precede. Online, what was stored first came first, whatever the
    clocks of two processes say, and a time that is in doubt precedes none.
    """
    wanted: dict[CodeName, list[ScanName]] = {}
    for name, each in judged.items():
        if (code := each.use_name) is not None:
            wanted.setdefault(code, []).append(name)
    if not wanted:
        return {}, {}
    for scans in wanted.values():
        scans.sort(key=lambda name: (judged[name].case.doubtful, judged[name].case.happened_at))
    rows = [_row(work, code, judged[wanted[code][0]].case) for code in sorted(wanted)]
    used = await insert_fresh(work.session, table_of(CodeUse), rows)
    won = {(row.issuer, row.kid, row.subject, row.jti) for row in used}
    late = {scan: code for code, scans in wanted.items() for scan in (scans[1:] if code in won else scans)}
    if not late:
        return {}, {}
    if any(judged[scan].case.presentation.offline is not None for scan in late):
        await _hold(work, set(late.values()))
    first = await load_first_uses(work, set(late.values()))
    superseded = {
        scan: first[code]
        for code, scans in wanted.items()
        if code not in won and _is_earlier(judged[scan := scans[0]].case, first[code])
    }
    if superseded:
        await _take_over(work, {late[scan]: judged[scan].case for scan in superseded})
        first |= await load_first_uses(work, {late[scan] for scan in superseded})
    return {scan: first[code] for scan, code in late.items() if scan not in superseded}, superseded


def _is_earlier(case: Case, first: FirstUse) -> bool:
    if case.presentation.offline is None or case.doubtful:
        return False
    return first.doubtful or case.happened_at < first.at


async def _hold(work: Work, codes: Collection[CodeName]) -> None:
    """Keeps the first uses of `codes` as they are until the transaction ends.

    A statement of its own: PostgreSQL leaves a row out that was at another gate by the time it is locked,
    if the same statement joins the gate.
    """
    dialect = dialect_of(work.session)
    key = table_of(CodeUse).primary_key
    # In one order everywhere, so that two processes never wait for each other in a circle.
    held = select(*key).where(is_listed(list(key), "names", dialect)).order_by(*key).with_for_update()
    await fetch(work.session, held, listed("names", list(codes), dialect))


async def _take_over(work: Work, cases: Mapping[CodeName, Case]) -> None:
    table = table_of(CodeUse)
    statement = (
        update(table)
        .where(*(column == bindparam(f"of_{column.name}") for column in table.primary_key))
        .values({name: bindparam(name) for name in ("scan", "recorded_at", "gate_id", "used_at")})
    )
    rows = []
    for code in sorted(cases):
        row = _row(work, code, cases[code])
        rows.append({f"of_{key.name}": row.pop(key.name) for key in table.primary_key} | row)
    connection = await work.session.connection()
    await connection.execute(statement, rows)


def _row(work: Work, code: CodeName, case: Case) -> dict[str, object]:
    return {
        "issuer": code[0],
        "kid": code[1],
        "subject": code[2],
        "jti": code[3],
        "scan": case.id,
        "recorded_at": work.now,
        "gate_id": case.post.gate_id,
        "used_at": case.happened_at,
    }
