"""All measurements, as medians of rounds taken in turns, written to bench/results with a plot beside them.

Run as `python -m bench [PART ...]`: a quarter of an hour with the lengths that are set. The full form is
`python -m bench --rounds 5 --steady 30 --memory 600 --history 10000000`. Nothing else should run meanwhile;
what binds are the ratios. Each part also runs by itself, as `python -m bench.scans` and so on.
"""

import argparse
import json
import os
import platform
import shlex
import sys
import sysconfig
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import history, latency, memory, offline, primitives, scans, wallets
from bench.plot import draw

RESULTS = Path(__file__).parent / "results"
KINDS = ("postgresql", "sqlite")

PARTS: dict[str, Callable[[argparse.Namespace], Any]] = {
    "primitives": lambda _: primitives.report(25),
    "scans": lambda asked: [scans.measure(kind, asked.rounds) for kind in KINDS],
    "offline": lambda asked: [offline.measure(kind, asked.rounds) for kind in KINDS],
    "latency": lambda asked: latency.measure(asked.steady, asked.rounds),
    "wallets": lambda asked: [wallets.measure(kind, asked.rounds) for kind in KINDS],
    "memory": lambda asked: memory.measure(asked.memory),
    "history": lambda asked: history.measure(asked.history, asked.rounds),
}
"""In the order in which they run."""


def main() -> None:
    """Measures what is asked for, writes `gate.json` and `gate.png`, and prints the former.

    Only a run of all parts is kept: figures of different days do not belong in one file.
    """
    asked = _asked()
    figures: dict[str, Any] = {
        "command": shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
        "measured_at": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared with the load generator",
        "load_before": round(os.getloadavg()[0], 2),
        "interpreter": f"{platform.python_implementation()} {platform.python_version()}, {_build()}",
    }
    for name in asked.parts or PARTS:
        figures[name] = PARTS[name](asked)
        print(f"{name}: {json.dumps(figures[name])}", file=sys.stderr, flush=True)
    print(json.dumps(figures, indent=1, ensure_ascii=False))
    if figures.keys() >= PARTS.keys():
        asked.into.mkdir(parents=True, exist_ok=True)
        (asked.into / "gate.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
        draw(figures, asked.into / "gate.png")


def _asked() -> argparse.Namespace:
    reader = argparse.ArgumentParser(prog="python -m bench")
    reader.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all without any")
    reader.add_argument("--rounds", type=int, default=3, help="of each measurement; the median counts")
    reader.add_argument("--steady", type=float, default=20, help="seconds of one run at the steady rate")
    reader.add_argument("--memory", type=float, default=120, help="seconds over which memory is watched")
    reader.add_argument("--history", type=int, default=1_000_000, help="scans stored before")
    reader.add_argument("--into", type=Path, default=RESULTS, help="folder for the results")
    asked = reader.parse_args()
    if unknown := set(asked.parts) - PARTS.keys():
        reader.error(f"no such part: {', '.join(sorted(unknown))}")
    return asked


def _build() -> str:
    """Whether this interpreter was built with profile-guided optimisation; without, it is a third slower."""
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return "optimised build" if optimised else "unoptimised build"


if __name__ == "__main__":
    main()
