"""Scans stored per second, beside the same application's route that does everything but the database.

Run as `python -m bench.scans [sqlite|postgresql] [ROUNDS]`; prints JSON. The load generator runs on
the same cores as the server, so the ratio of the two routes is what binds.
"""

import json
import sys
from statistics import median
from typing import Any

from bench import load
from bench.deployments import Ground, Server, running

WORKERS = {"sqlite": 1, "postgresql": 2}
REQUESTS = 12_000
"""Of one run: some seconds, beside which opening the connections is nothing."""


def measure(kind: str, rounds: int) -> dict[str, Any]:
    """Medians over `rounds`, in each of which both routes are measured one after the other."""
    with running(kind, workers=WORKERS[kind]) as (served, ground):
        results = [_round(served, ground) for _ in range(rounds)]
        return {
            "database": kind,
            "workers": WORKERS[kind],
            "connections": len(ground.gates),
            **{name: median(result[name] for result in results) for name in results[0]},
            "started_within_seconds": round(served.started_within, 2),
            "resident_megabytes_of_a_worker": round(served.memory() / 2**20),
        }


def _round(served: Server, ground: Ground) -> dict[str, float]:
    bare = load.run(served.port, ground.examinations(REQUESTS)).require()
    scans = load.run(served.port, ground.scans(REQUESTS)).require()
    return {
        "scans_per_second": round(scans.per_second),
        "without_database_per_second": round(bare.per_second),
        "share": round(scans.per_second / bare.per_second, 3),
        "p50_milliseconds": round(scans.quantile(0.5), 1),
        "p99_milliseconds": round(scans.quantile(0.99), 1),
    }


if __name__ == "__main__":
    kinds = [sys.argv[1]] if len(sys.argv) > 1 else ["postgresql", "sqlite"]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5  # noqa: PLR2004 - the second argument
    print(json.dumps([measure(kind, rounds) for kind in kinds], indent=1))
