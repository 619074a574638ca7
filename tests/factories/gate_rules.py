"""Clauses in the words of the API, and rules made of them."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from app.ids import new_id
from app.models.accounts import Role
from app.models.gate_rules import DayKind, WhenOffline
from app.runtime import Runtime
from app.services.gate_rules.clauses import Rules, read_clause
from app.services.gate_rules.rules import CompiledRules, compile_rules
from app.services.gate_rules.versions import change_rules
from app.work import Actor
from tests.factories.accounts import within_compound
from tests.factories.scans import WorkingGate
from tests.factories.work import seeding

WEEK = [day.value for day in DayKind if day is not DayKind.holiday]

Said = dict[str, Any]


def on(gates: tuple[UUID, ...]) -> list[str] | None:
    """The gates of a clause; none named means all."""
    return [str(gate) for gate in gates] or None


def hours(*spans: str, days: list[str] | None = None, gates: tuple[UUID, ...] = ()) -> Said:
    """Opening hours within spans such as `06:00-22:00`, on every weekday unless `days` says otherwise."""
    ends = [span.split("-") for span in spans]
    return {
        "kind": "opening_hours",
        "gates": on(gates),
        "days": WEEK if days is None else days,
        "spans": [{"from": start, "until": until} for start, until in ends],
    }


def kinds(*allowed: str, gates: tuple[UUID, ...] = ()) -> Said:
    """Only these kinds of work."""
    return {"kind": "kinds_of_work", "gates": on(gates), "allowed": list(allowed)}


def vehicles(*allowed: str, gates: tuple[UUID, ...] = ()) -> Said:
    """Only these vehicles."""
    return {"kind": "vehicles", "gates": on(gates), "allowed": list(allowed)}


def closure(start: str, until: str, *, gates: tuple[UUID, ...] = ()) -> Said:
    """Closed between two instants."""
    return {
        "kind": "closure",
        "gates": on(gates),
        "from": start,
        "until": until,
        "why": {"zh": "道路施工", "en": "Road works"},
    }


def condition(text: str, *, gates: tuple[UUID, ...] = (), **only: list[str]) -> Said:
    """A condition for everybody, or `only` for some `vehicles` or `kinds_of_work`."""
    return {
        "kind": "condition",
        "gates": on(gates),
        "text": {"zh": text, "en": None},
        "vehicles": only.get("vehicles"),
        "kinds_of_work": only.get("kinds_of_work"),
    }


def compiled(*clauses: Said) -> CompiledRules:
    """Rules of these clauses, ready to judge by."""
    return compile_rules(Rules(tuple(read_clause(said) for said in clauses), WhenOffline.deny))


async def make_rules(
    runtime: Runtime,
    gate: WorkingGate,
    clauses: list[Said],
    *,
    based_on: int = 0,
    when_offline: WhenOffline = WhenOffline.admit_and_flag,
) -> None:
    """Puts a version in force at the compound of `gate`, by some property manager there; committed."""
    manager = Actor("wechat", new_id(), grants=((Role.property_manager, within_compound(gate.compound_id)),))
    async with seeding(runtime) as work:
        await change_rules(
            replace(work, actor=manager),
            compound_id=gate.compound_id,
            based_on=based_on,
            clauses=[read_clause(said) for said in clauses],
            when_offline=when_offline,
            note="测试",
        )
