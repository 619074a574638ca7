"""What a guard reads of the rules of the compound: the clause, its words, and what is possible instead."""

from typing import Any
from zoneinfo import ZoneInfo

from app.errors import Text
from app.services.gate_rules.rules import Admitted, Alternative, Objection
from app.services.scans.entrances import Entrance

OTHER_GATE = Text("可从{gate}进入。", "The gate {gate} is open to this courier.")
LATER = Text("{at}起可以进入。", "From {at} it is possible.")
ON_FOOT = Text("可步行进入。", "On foot it is possible.")


def of_entrance(entrance: Entrance, language: str, zone: ZoneInfo) -> dict[str, Any]:
    """The part of a scan's details that its compound's rules give rise to, in the guard's language.

    `clause`, `why` and `instead` fill the sentence of an objection; `conditions` are read out with it.
    """
    match entrance.answer:
        case Admitted(conditions=conditions):
            return {"conditions": [words.read(language) for words in conditions]} if conditions else {}
        case Objection(clause=clause, why=why, alternative=alternative):
            return {
                "clause": clause,
                "why": why.read(language) if why is not None else "",
                "instead": _instead(alternative, entrance.instead_gate, language, zone),
                "alternative": _alternative(alternative, entrance.instead_gate),
            }


def _instead(alternative: Alternative | None, gate: str | None, language: str, zone: ZoneInfo) -> str:
    """The nearest alternative as a sentence; empty where there is none."""
    match alternative:
        case Alternative(gate_id=gate_id) if gate_id is not None and gate is not None:
            return OTHER_GATE.render(language, gate=gate)
        case Alternative(opens_at=opens_at) if opens_at is not None:
            return LATER.render(language, at=f"{opens_at.astimezone(zone):%Y-%m-%d %H:%M}")
        case Alternative(on_foot=True):
            return ON_FOOT.render(language)
        case _:
            return ""


def _alternative(alternative: Alternative | None, gate: str | None) -> dict[str, Any] | None:
    """The nearest alternative as data."""
    if alternative is None:
        return None
    return {
        "gate_id": str(alternative.gate_id) if alternative.gate_id is not None else None,
        "gate": gate,
        "opens_at": alternative.opens_at.isoformat() if alternative.opens_at is not None else None,
        "on_foot": alternative.on_foot,
    }
