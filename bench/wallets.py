"""Codes minted in wallets of twenty, over HTTP and by the service alone, beside the bare signature.

Run as `python -m bench.wallets [ROUNDS]`; prints JSON. What binds is the share of the bare ES256 signing
rate of one core that wallets reach over HTTP, where each is also counted against its limit; the service runs
in this process, on one core.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from app.models.couriers import Courier
from app.runtime import Runtime
from app.services.codes.minting import LARGEST_WALLET, mint_codes
from app.settings import Environment, Secrets, Settings
from app.work import Actor, Work, begin_work
from bench import load
from bench.deployments import Ground, Server, database, deployment, server, warm

WALLETS = 1600
"""Of one run over HTTP: two seconds."""
CONNECTIONS = 64
"""Enough to keep two workers busy: with 16 they waited a third of the time for commits and for each other."""
ALONE = 200
"""Of one run of the service alone."""
SIGNATURES = 4000
WORKERS = {"sqlite": 1, "postgresql": 2}


def measure(kind: str, rounds: int) -> dict[str, Any]:
    """Medians over `rounds`, in each of which all three are measured one after the other."""
    with (
        database(kind) as (folder, url),
        deployment(folder, url) as (environment, ground),
        server(environment, workers=WORKERS[kind]) as served,
    ):
        warm(served, ground)
        _over_http(served, ground)
        results = [_round(served, ground, folder, url) for _ in range(rounds)]
        return {
            "database": kind,
            "workers": WORKERS[kind],
            "codes_of_a_wallet": LARGEST_WALLET,
            **{name: median(result[name] for result in results) for name in results[0]},
        }


def _round(served: Server, ground: Ground, folder: Path, url: str) -> dict[str, float]:
    bare = _signatures()
    http = _over_http(served, ground)
    alone = LARGEST_WALLET * asyncio.run(_alone(folder, url))
    return {
        "signatures_per_second_of_one_core": round(bare),
        "codes_per_second": round(http),
        "share": round(http / bare, 3),
        "service_alone_codes_per_second": round(alone),
        "service_alone_share": round(alone / bare, 3),
    }


def _signatures() -> float:
    key, ecdsa = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256())
    begun = perf_counter()
    for _ in range(SIGNATURES):
        key.sign(b"as long as the header and the payload of a code are together" * 3, ecdsa)
    return SIGNATURES / (perf_counter() - begun)


def _over_http(served: Server, ground: Ground) -> float:
    body = orjson.dumps({"count": LARGEST_WALLET})
    requests: list[list[bytes]] = [[] for _ in range(CONNECTIONS)]
    for turn in range(WALLETS):
        courier = ground.couriers[turn % len(ground.couriers)]
        requests[turn % len(requests)].append(load.post("/v1/codes", body, courier.token))
    return LARGEST_WALLET * load.run(served.port, requests).require(201).per_second


async def _alone(folder: Path, url: str) -> float:
    """Wallets a second."""
    settings = Settings(
        environment=Environment.test,
        database_url=url,
        secrets_file=folder / "secrets.json",
        link_prefix="https://hx.example.cn/c/",
        _env_file=None,
    )
    runtime = Runtime.of(settings, Secrets.read(settings.secrets_file))
    try:
        account = await _some_account(runtime)

        @asynccontextmanager
        async def open_work(*, write: bool) -> AsyncIterator[Work]:
            actor = Actor(label="courier", account_id=account)
            async with begin_work(
                runtime.database, runtime.deployment, now=runtime.clock(), actor=actor, write=write
            ) as work:
                yield work

        await mint_codes(open_work, count=LARGEST_WALLET, ring=runtime.ring)
        begun = perf_counter()
        for _ in range(ALONE):
            await mint_codes(open_work, count=LARGEST_WALLET, ring=runtime.ring)
        return ALONE / (perf_counter() - begun)
    finally:
        await runtime.close()


async def _some_account(runtime: Runtime) -> Any:
    from sqlalchemy import select

    async with runtime.database.session(write=False) as session:
        return await session.scalar(select(Courier.account_id).order_by(Courier.id).limit(1))


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(json.dumps([measure(kind, rounds) for kind in ("postgresql", "sqlite")], indent=1))
