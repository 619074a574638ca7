"""Scan latency with millions of scans stored, beside that of an empty database, in turns.

Run as `python -m bench.history [SCANS] [ROUNDS]`; prints JSON. Ten million is the full form. PostgreSQL: two
databases of one server, each with two workers of its own, of which one pair is asked at a time.
"""

import asyncio
import json
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from app.database import Database
from app.services.scans.partitions import ensure_partitions
from bench import load
from bench.deployments import Ground, Server, database, deployment, server, warm

MONTHS = 12
RATE = 200
"""A second: low enough that a request waits for nothing but its own work."""
REQUESTS = 2000
OWN_ENTRIES = "/v1/couriers/me/entries"
"""What couriers read of a long history."""
PRESENCE = "/v1/compounds/{compound}/presence"
LAST_HOUR = "/v1/gates/{gate}/scans"
"""What guards read: who is inside, and what passed their gate within the last hour."""
READ_REQUESTS = 400
BATCH = 500_000
"""Rows of one INSERT."""

SEED = """
WITH gate AS (
    SELECT array_agg(e.id) AS enrolments, array_agg(g.id) AS gates, array_agg(g.compound_id) AS compounds
    FROM enrolments e JOIN gates g ON g.id = e.gate_id
), courier AS (
    SELECT array_agg(id) AS ids, array_agg(card_id) AS cards FROM couriers
), drawn AS (
    SELECT
        -- A year of equal days, its hours (UTC) as a courier has them: noon, evening, little at night.
        date_trunc('day', CAST(:until AS timestamptz)) - make_interval(days => 1 + floor(random() * 364)::int)
            + make_interval(secs => 3600 * (random()
            + (ARRAY[2, 3, 4, 4, 4, 5, 6, 9, 10, 10, 11, 11, 12, 4, 5, 9])[1 + floor(random() * 16)::int]))
            AS at,
        -- A few gates have most of the scans, and so have a few couriers.
        1 + floor(cardinality(enrolments) * power(random(), 2))::int AS gate_number,
        1 + floor(cardinality(ids) * power(random(), 1.5))::int AS courier_number,
        gen_random_uuid() AS scan_id,
        md5(random()::text || number) AS noise
    FROM generate_series(1, :count) AS number, gate, courier
), made AS MATERIALIZED (
    SELECT
        (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(noise, 1, 3)
            || '8' || substr(noise, 4, 15))::uuid AS id,
        enrolments[gate_number] AS enrolment_id, gates[gate_number] AS gate_id,
        compounds[gate_number] AS compound_id, ids[courier_number] AS courier_id,
        cards[courier_number] AS card_id, at, scan_id,
        substr(decode(noise, 'hex'), 1, 8) AS subject, substr(decode(noise, 'hex'), 9, 6) AS jti,
        get_byte(decode(noise, 'hex'), 14) AS die, get_byte(decode(noise, 'hex'), 15) AS coin
    FROM drawn, gate, courier
), keys AS (
    INSERT INTO scan_keys (enrolment_id, scan_id, scan, recorded_at)
    SELECT enrolment_id, scan_id, id, at FROM made ORDER BY enrolment_id, scan_id
), uses AS (
    INSERT INTO code_uses (issuer, kid, subject, jti, scan, recorded_at, gate_id, used_at)
    SELECT '5000', 'fe', subject, jti, id, at, gate_id, at FROM made ORDER BY subject
)
INSERT INTO scans (id, recorded_at, happened_at, scan_id, enrolment_id, shift_id, gate_id, compound_id,
    account_id, courier_id, card_id, direction, device_time, issuer, kid, subject, jti, issued_at, ttl,
    verdict, reason, language, doubtful)
SELECT id, at, at, scan_id, enrolment_id, enrolment_id, gate_id, compound_id, enrolment_id,
    courier_id, card_id, CASE WHEN coin < 80 THEN 'out' ELSE 'in' END, at, '5000', 'fe', subject, jti,
    at - interval '9 seconds', 12, CASE WHEN die < 5 THEN 'check' ELSE 'admit' END,
    CASE WHEN die < 5 THEN 'code_used' ELSE 'verified' END, 'zh', false
FROM made ORDER BY at
"""
"""Made-up scans of the last year at the gates and by the couriers there are. The key that they name is none
of the deployment's, so none of its codes is used up."""

SEED_WHEREABOUTS = """
INSERT INTO whereabouts (courier_id, scan, recorded_at, at, gate_id, compound_id, direction)
SELECT courier_id, id, recorded_at, happened_at, gate_id, compound_id, direction
FROM (
    SELECT DISTINCT ON (courier_id) * FROM scans WHERE verdict = 'admit'
    ORDER BY courier_id, happened_at DESC
) AS last
ON CONFLICT DO NOTHING
"""
INDEXES = """
SELECT format('DROP INDEX %s', indexrelid::regclass),
       replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ')
FROM pg_index WHERE NOT indisunique AND indrelid = 'scans'::regclass
"""
"""The look-up indexes of scans, on all partitions: made after the rows are there, they take half the time."""


def measure(count: int, rounds: int) -> dict[str, Any]:
    """Latencies of the full and the empty database in turns, and the median of their ratios."""
    with database("postgresql") as (folder, url), ExitStack() as stack:
        served: dict[str, tuple[Server, Ground]] = {}
        seeded = 0.0
        for name in ("empty", "full"):
            own = asyncio.run(_create(url, f"history_{name}"))
            (folder / name).mkdir()
            environment, ground = stack.enter_context(deployment(folder / name, own))
            if name == "full":
                seeded = asyncio.run(_seed(own, count))
            served[name] = stack.enter_context(server(environment, workers=2)), ground
            warm(*served[name])
        results = [
            {name: _latencies(*served[name]) for name in (("empty", "full"), ("full", "empty"))[turn % 2]}
            for turn in range(rounds)
        ]
        return {
            "scans_stored": count,
            "seeded_within_seconds": round(seeded),
            "per_second": RATE,
            **{
                name: {
                    figure: median(result[name][figure] for result in results) for figure in results[0][name]
                }
                for name in served
            },
            "ratio": {
                figure: round(
                    median(result["full"][figure] / result["empty"][figure] for result in results), 3
                )
                for figure in results[0]["full"]
            },
        }


def _latencies(served: Server, ground: Ground) -> dict[str, float]:
    scans = load.run(served.port, ground.scans(REQUESTS), rate=RATE).require()
    found = {
        "scan_p50_milliseconds": round(scans.quantile(0.5), 2),
        "scan_p99_milliseconds": round(scans.quantile(0.99), 2),
    }
    for name, asked in _reads(ground).items():
        turns = [asked[turn % len(asked)] for turn in range(READ_REQUESTS)]
        reads = load.run(served.port, [turns[number::8] for number in range(8)], rate=RATE / 4)
        found[f"{name}_p50_milliseconds"] = round(reads.require().quantile(0.5), 2)
    return found


def _reads(ground: Ground) -> dict[str, list[bytes]]:
    """What is read of a long history, by name: requests of many callers."""
    return {
        "own_entries": [load.get(OWN_ENTRIES, courier.token) for courier in ground.couriers],
        "presence": [load.get(PRESENCE.format(compound=gate.compound), gate.token) for gate in ground.gates],
        "last_hour": [load.get(LAST_HOUR.format(gate=gate.gate), gate.token) for gate in ground.gates],
    }


async def _create(url: str, name: str) -> str:
    """The URL of a new database on the server of `url`."""
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    await engine.dispose()
    return make_url(url).set(database=name).render_as_string(hide_password=False)


async def _seed(url: str, count: int) -> float:
    """Stores `count` made-up scans; the seconds that it took."""
    begun = time.perf_counter()
    now = datetime.now(UTC)
    months = Database(url)
    async with months.session() as session:
        await ensure_partitions(session, now - timedelta(days=366), ahead=MONTHS + 3)
    await months.close()
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        # Nobody loses anything by it: what is seeded is made up, and made once.
        await connection.execute(text("SET LOCAL synchronous_commit = off"))
        indexes = (await connection.execute(text(INDEXES))).all()
        for drop, _ in indexes:
            await connection.execute(text(drop))
        for done in range(0, count, BATCH):
            await connection.execute(text(SEED), {"count": min(BATCH, count - done), "until": now})
        for _, make in indexes:
            await connection.execute(text(make))
        await connection.execute(text(SEED_WHEREABOUTS))
    await engine.dispose()
    await _settle(url)
    return time.perf_counter() - begun


async def _settle(url: str) -> None:
    """What a database that grew for a year has behind it: statistics, a visibility map, written pages."""
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with AsyncSession(engine) as session:
        for statement in (
            "VACUUM (ANALYZE) scans",
            "VACUUM (ANALYZE) scan_keys",
            "VACUUM (ANALYZE) code_uses",
            "VACUUM (ANALYZE) whereabouts",
        ):
            await session.execute(text(statement))
        await session.execute(text("CHECKPOINT"))
    await engine.dispose()


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3  # noqa: PLR2004 - the second argument
    print(json.dumps(measure(count, rounds), indent=1))
