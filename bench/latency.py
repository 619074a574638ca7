"""Scan latency at a steady rate, and over the load: requests come when they are due, answered or not.

Run as `python -m bench.latency [SECONDS] [ROUNDS]`; prints JSON. PostgreSQL, two workers. Each answer is
timed from when its request was due, so a slow one cannot hide the wait of the next.
"""

import json
import sys
from statistics import median
from typing import Any

from bench import load
from bench.deployments import MOST_SCANS, Ground, Server, running

STEADY = 630
"""A second: Chongqing's bursts."""
LOADS = (0.1, 0.25, 0.5, 0.7, 0.8, 0.9)
"""Shares of what the server can do when asked as fast as it answers."""
CAPACITY_REQUESTS = 4000
CURVE_SECONDS = 5
"""For each point of the curve: enough for a p99 of hundreds of answers."""


def measure(seconds: float, rounds: int) -> dict[str, Any]:
    """The steady rate, `rounds` times for `seconds`, and the curve, both as medians."""
    with running("postgresql", workers=2) as (served, ground):
        capacity = median(
            load.run(served.port, ground.scans(CAPACITY_REQUESTS)).require().per_second for _ in range(rounds)
        )
        return {
            "steady": _at(served, ground, STEADY, seconds, rounds),
            "capacity_per_second": round(capacity),
            "curve": [
                {"load": share, **_at(served, ground, share * capacity, CURVE_SECONDS, rounds)}
                for share in LOADS
            ],
        }


def _at(served: Server, ground: Ground, rate: float, seconds: float, rounds: int) -> dict[str, float]:
    count = min(MOST_SCANS, round(rate * seconds))
    runs = [load.run(served.port, ground.scans(count), rate=rate).require() for _ in range(rounds)]
    return {
        "per_second": round(rate),
        "requests": rounds * count,
        "p50_milliseconds": round(median(run.quantile(0.5) for run in runs), 1),
        "p99_milliseconds": round(median(run.quantile(0.99) for run in runs), 1),
        "worst_milliseconds": round(max(run.quantile(1) for run in runs), 1),
    }


if __name__ == "__main__":
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 15
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3  # noqa: PLR2004 - the second argument
    print(json.dumps(measure(seconds, rounds), indent=1))
