"""Scans uploaded by devices that were alone, beside the online rate in the same run.

Run as `python -m bench.offline [ROUNDS]`; prints JSON. What binds is the ratio of the two rates, and the
time of one upload of 500 scans when nothing else is asked.
"""

import json
import sys
from itertools import chain
from statistics import median
from typing import Any

from app.services.scans.offline import LARGEST_UPLOAD
from bench import load
from bench.deployments import Ground, Server, running
from bench.scans import REQUESTS, WORKERS

TOGETHER = 8
"""Uploads at a time, as when the network is back at many gates at once."""
ALONE = 10
"""Uploads, one after the other, of a round."""


def measure(kind: str, rounds: int) -> dict[str, Any]:
    """Medians over `rounds`, in each of which online and offline scans are stored one after the other."""
    with running(kind, workers=WORKERS[kind]) as (served, ground):
        _round(served, ground)
        results = [_round(served, ground) for _ in range(rounds)]
        return {
            "database": kind,
            "workers": WORKERS[kind],
            "scans_of_an_upload": LARGEST_UPLOAD,
            **{name: median(result[name] for result in results) for name in results[0]},
        }


def _round(served: Server, ground: Ground) -> dict[str, float]:
    online = load.run(served.port, ground.scans(REQUESTS)).require()
    together = load.run(served.port, ground.uploads(TOGETHER, LARGEST_UPLOAD)).require()
    alone = load.run(
        served.port, [list(chain.from_iterable(ground.uploads(ALONE, LARGEST_UPLOAD)))]
    ).require()
    offline = LARGEST_UPLOAD * together.per_second
    return {
        "online_per_second": round(online.per_second),
        "offline_per_second": round(offline),
        "ratio": round(offline / online.per_second, 2),
        "upload_p50_milliseconds": round(alone.quantile(0.5)),
        "upload_p99_milliseconds": round(alone.quantile(0.99)),
    }


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    print(json.dumps([measure(kind, rounds) for kind in ("postgresql", "sqlite")], indent=1))
