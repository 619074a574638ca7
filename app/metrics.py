"""What Prometheus reads of this process, or of all worker processes of one server together."""

import os
from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from app.settings import METRICS_FOLDER

LATENCIES = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds. A scan should be answered in tens of milliseconds, and a gate gives up after seconds."""

REACHES = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0, 86400.0)
"""Seconds. Devices online ask every minute; one in a basement all day hears of it in the evening."""


class Metrics:
    """The measures of one application. Labels hold route templates and codes, never data of people."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        """Where areas register measures of their own."""
        self._requests = Counter(
            "huixin_http_requests",
            "Answered requests.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "huixin_http_request_seconds",
            "From the first byte of the request to the last of the answer.",
            ["method", "route"],
            buckets=LATENCIES,
            registry=self.registry,
        )
        self.under_way = Gauge(
            "huixin_http_requests_under_way",
            "Requests not yet answered.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.shed = Counter(
            "huixin_http_requests_shed",
            "Requests refused because too many were under way.",
            registry=self.registry,
        )
        self._withdrawals = Histogram(
            "huixin_withdrawal_reach_seconds",
            "From a suspension, a leaving or a key's withdrawal until a device heard of it; one a device.",
            buckets=REACHES,
            registry=self.registry,
        )
        # Finding a labelled child takes longer than counting in it; there are few of them.
        self._counter = lru_cache(maxsize=1024)(self._requests.labels)
        self._timer = lru_cache(maxsize=1024)(self._seconds.labels)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._counter(method, route, status).inc()
        self._timer(method, route).observe(seconds)

    def withdrawals_reached(self, delays: Iterable[timedelta]) -> None:
        """Count what one device has just heard of."""
        for delay in delays:
            self._withdrawals.observe(delay.total_seconds())

    def exposition(self) -> tuple[bytes, str]:
        """The page that Prometheus reads, and its media type; over all workers where they share a folder."""
        if METRICS_FOLDER not in os.environ:
            return generate_latest(self.registry), CONTENT_TYPE_LATEST
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
        return generate_latest(everyone), CONTENT_TYPE_LATEST


def forget_process(pid: int) -> None:
    """Drop the gauges of a worker process that has ended."""
    if METRICS_FOLDER in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
