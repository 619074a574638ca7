"""All measurements, as medians, written to bench/results with a plot beside the figures.

Run as `python -m bench [ROUNDS]`. Nothing else should run meanwhile; what binds are the ratios.
"""

import json
import os
import platform
import sys
import sysconfig
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl

from bench import primitives, scans

mpl.use("Agg")

from matplotlib import pyplot as plt

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Measures, writes `foundation.json` and `foundation.png`, and prints the former."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    figures = {
        "command": f"make bench ARGS={rounds}",
        "measured_at": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared with the load generator",
        "interpreter": f"{platform.python_implementation()} {platform.python_version()}, {_build()}",
        "primitives": primitives.report(25),
        "scans": [scans.measure(kind, rounds) for kind in ("postgresql", "sqlite")],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "foundation.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    _plot(figures["scans"], RESULTS / "foundation.png")  # type: ignore[arg-type]
    print(json.dumps(figures, indent=1, ensure_ascii=False))


def _build() -> str:
    """Whether this interpreter was built with profile-guided optimisation; without, it is a third slower."""
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return "optimised build" if optimised else "unoptimised build"


def _plot(measured: list[dict[str, float]], path: Path) -> None:
    """Stored scans beside the same route without the database."""
    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    for number, each in enumerate(measured):
        axes.bar(number - 0.2, each["without_database_per_second"], 0.38, color="#c8d0d8")
        axes.bar(number + 0.2, each["scans_per_second"], 0.38, color="#2a6f97")
        axes.annotate(
            f"{each['share']:.2f}", (number + 0.2, each["scans_per_second"]), ha="center", va="bottom"
        )
    axes.set_xticks(
        range(len(measured)), [f"{each['database']}, {each['workers']} workers" for each in measured]
    )
    axes.set_ylabel("requests per second")
    axes.legend(["without database", "stored scans"], frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()
