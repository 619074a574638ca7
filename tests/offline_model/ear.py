"""Holds every answer of the server against the model, also those that get lost on the way."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

from tests.offline_model.model import Model, Place, Result, Said, ScanName

MALFORMED = "maybe"
"""The verdict of scans that can never be stored."""


class Ear:
    """Listens on the line of one device.

    Args:
        model: What should be.
        clock: The server's.
        place: The enrolment of the device.
    """

    def __init__(self, model: Model, clock: Callable[[], datetime], place: str) -> None:
        self.model = model
        self.place = place
        self.breaks = False
        """A transaction of the server is about to break, so that an upload is taken apart."""
        self._clock = clock

    def hear(self, request: httpx.Request, reply: httpx.Response) -> None:
        """Lets the model do what the server said that it has done."""
        if not reply.is_success and reply.status_code != httpx.codes.NOT_MODIFIED:
            assert reply.is_server_error, reply.text
            return
        path = request.url.path
        if path == "/v1/scans":
            self._scan(json.loads(request.content), reply.json())
        elif path.endswith("/scans"):
            said = json.loads(request.content)["scans"]
            self._upload(path.split("/")[3], said, reply.json()["results"])
        elif path.endswith("/outcome"):
            name = ScanName(path.split("/")[3], path.split("/")[5])
            self.model.outcome(name, json.loads(request.content)["outcome"])
        elif path == "/v1/devices/current/bundle":
            self.model.syncs.append((self.place, int(request.url.params["counter"]), self._clock()))
        elif path == "/v1/devices/current/enrolment":
            self._move(reply.json())

    def _scan(self, body: dict[str, Any], said: dict[str, Any]) -> None:
        name = ScanName(body["enrolment_id"], body["scan_id"])
        told = self.model.scan(name, body["code"], body["direction"], self._clock())
        assert (said["verdict"], said["reason"]) == told

    def _upload(self, enrolment: str, scans: list[dict[str, Any]], results: list[dict[str, Any]]) -> None:
        assert [result["scan_id"] for result in results] == [scan["scan_id"] for scan in scans]
        pairs = []
        for scan, result in zip(scans, results, strict=True):
            if scan["verdict"] == MALFORMED:
                assert (result["result"], result["problem"]) == ("refused", "malformed_request")
            elif result["result"] == "again":
                assert self.breaks, result
            else:
                pairs.append((_said(enrolment, scan), _result(result)))
        # Taken apart, each scan is stored in a transaction of its own.
        batches = [[pair] for pair in pairs] if self.breaks else [pairs]
        for batch in batches:
            expected = self.model.upload([scan for scan, _ in batch], self._clock())
            assert [result for _, result in batch] == expected

    def _move(self, enrolled: dict[str, Any]) -> None:
        self.model.places[self.place].ended_at = self._clock()
        self.place = enrolled["id"]
        self.model.places[self.place] = Place(enrolled["gate"]["id"], self._clock())


def _said(enrolment: str, scan: dict[str, Any]) -> Said:
    return Said(
        name=ScanName(enrolment, scan["scan_id"]),
        code=scan["code"],
        direction=scan["direction"],
        device_time=datetime.fromisoformat(scan["device_time"]),
        sequence=scan["sequence"],
        told=(scan["verdict"], scan["reason"]),
        outcome=scan.get("outcome"),
    )


def _result(result: dict[str, Any]) -> Result:
    if (scan := result["scan"]) is None:
        return Result(result["result"])
    return Result(
        result["result"],
        datetime.fromisoformat(scan["happened_at"]),
        scan["doubtful"],
        (scan["server_verdict"], scan["server_reason"]),
    )
