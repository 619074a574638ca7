"""Draws what was measured: latency over load, and stored scans beside the same without the database."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

LIMIT_MILLISECONDS = 40
"""What the p99 at the steady rate may be."""
LEAST_SHARE = 0.6
"""Of the route without the database, what scans must reach."""
BLUE, PALE, RED = "#2a6f97", "#c8d0d8", "#c44536"


def draw(figures: dict[str, Any], path: Path) -> None:
    """Both plots of `figures` side by side, as PNG."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    _latency(left, figures["latency"])
    _throughput(right, figures["scans"])
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _latency(axes: Axes, measured: dict[str, Any]) -> None:
    curve, steady = measured["curve"], measured["steady"]
    rates = [point["per_second"] for point in curve]
    for share, style in ((99, "-"), (50, "--")):
        values = [point[f"p{share}_milliseconds"] for point in curve]
        axes.plot(rates, values, style, color=BLUE, marker="o", markersize=3, label=f"p{share}")
    axes.plot(
        steady["per_second"], steady["p99_milliseconds"], "D", color=RED, label="p99 at the steady rate"
    )
    axes.axhline(LIMIT_MILLISECONDS, color=RED, linewidth=0.8, linestyle=":")
    axes.axvline(measured["capacity_per_second"], color=PALE, label="capacity")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("scans per second, PostgreSQL, 2 workers")
    axes.set_ylabel("milliseconds from when due")
    axes.legend(frameon=False)


def _throughput(axes: Axes, measured: list[dict[str, Any]]) -> None:
    for number, each in enumerate(measured):
        bare = axes.bar(number - 0.2, each["without_database_per_second"], 0.38, color=PALE)
        stored = axes.bar(number + 0.2, each["scans_per_second"], 0.38, color=BLUE)
        # Where the bar would end at the least share: shares are medians of rounds, and so are rates.
        least = LEAST_SHARE * each["scans_per_second"] / each["share"]
        limit = axes.hlines(least, number, number + 0.4, color=RED, linestyle=":")
        axes.annotate(
            f"{each['share']:.2f}", (number + 0.2, each["scans_per_second"]), ha="center", va="bottom"
        )
    axes.set_xticks(
        range(len(measured)), [f"{each['database']}, {each['workers']} workers" for each in measured]
    )
    axes.set_ylabel("requests per second")
    axes.legend([bare, stored, limit], ["without database", "stored scans", "limit"], frameon=False)
