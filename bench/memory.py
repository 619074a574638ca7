"""Resident memory of each worker under a steady load: how large, and whether it grows.

Run as `python -m bench.memory [SECONDS]`; prints JSON. Ten minutes (600) is the full form. PostgreSQL, two
workers. The load pauses for some seconds between runs, while the next codes are minted.
"""

import json
import sys
import threading
import time
from collections.abc import Sequence
from statistics import mean
from typing import Any

import psutil

from bench import load
from bench.deployments import Ground, Server, running

RATE = 400
"""A second: well within what the server can do, so that every run is like the one before."""
RUN_SECONDS = 10
SAMPLES_PER_SECOND = 2
MEGABYTE = 2**20


def measure(seconds: float) -> dict[str, Any]:
    """The largest resident set of a worker, and the last quarter of the time beside the first."""
    with running("postgresql", workers=2) as (served, ground):
        samples = _sampled(served, ground, seconds)
        growth = [mean(_quarter(each, -1)) / mean(_quarter(each, 0)) for each in samples]
        return {
            "seconds": seconds,
            "per_second": RATE,
            "workers": len(samples),
            "largest_megabytes_of_a_worker": round(max(map(max, samples)) / MEGABYTE, 1),
            "first_quarter_megabytes": [round(mean(_quarter(each, 0)) / MEGABYTE, 1) for each in samples],
            "last_quarter_megabytes": [round(mean(_quarter(each, -1)) / MEGABYTE, 1) for each in samples],
            "growth": round(max(growth), 3),
        }


def _sampled(served: Server, ground: Ground, seconds: float) -> list[list[int]]:
    """Bytes of each worker, sampled while the load runs."""
    processes = [process for process in served.workers if process.is_running()]
    samples: list[list[int]] = [[] for _ in processes]
    ended = threading.Event()
    sampler = threading.Thread(target=_sample, args=(processes, samples, ended))
    until = time.monotonic() + seconds
    sampler.start()
    try:
        while time.monotonic() < until:
            load.run(served.port, ground.scans(RATE * RUN_SECONDS), rate=RATE).require()
    finally:
        ended.set()
        sampler.join()
    return samples


def _sample(
    processes: Sequence[psutil.Process], samples: Sequence[list[int]], ended: threading.Event
) -> None:
    while not ended.wait(1 / SAMPLES_PER_SECOND):
        for process, found in zip(processes, samples, strict=True):
            found.append(process.memory_info().rss)


def _quarter(samples: Sequence[int], which: int) -> Sequence[int]:
    length = max(1, len(samples) // 4)
    return samples[:length] if which == 0 else samples[-length:]


if __name__ == "__main__":
    print(json.dumps(measure(float(sys.argv[1]) if len(sys.argv) > 1 else 60), indent=1))
