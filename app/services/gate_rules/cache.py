"""What judging rests on, kept by a process: compiled versions, the calendar, and the gates of compounds.

A version never changes, so one that is kept is never out of date. The calendar and the gates, which are
only pointed to where somebody has to go elsewhere, may be so by a minute.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.database import fetch
from app.models.base import Instant
from app.models.compounds import Gate
from app.models.gate_rules import GateRules
from app.services.gate_rules.clauses import read_rules
from app.services.gate_rules.rules import CompiledRules, compile_rules
from app.services.holidays.calendar import Calendar, load_calendar
from app.services.lists import dialect_of, is_listed, listed

KEPT_VERSIONS = 4096
"""Some 5 KB each: a city of 4,000 compounds in 20 MB."""
KEPT_COMPOUNDS = 4096
KEPT_FOR = timedelta(minutes=1)
"""How old the calendar and the gates may be."""

Others = Mapping[UUID, Sequence[UUID]]
"""By gate of one compound, the other open ones, the nearest first."""


@dataclass(frozen=True, slots=True)
class _Kept:
    at: datetime
    others: Others


class GateRulesCache:
    """One for a process. Asked with the session of whoever judges; what it keeps holds no session."""

    def __init__(self, *, versions: int = KEPT_VERSIONS, compounds: int = KEPT_COMPOUNDS) -> None:
        self._most_versions = versions
        self._most_compounds = compounds
        self._versions: OrderedDict[UUID, CompiledRules] = OrderedDict()
        self._others: OrderedDict[UUID, _Kept] = OrderedDict()
        self._calendar: tuple[datetime, Calendar] | None = None

    async def rules_of(self, session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, CompiledRules]:
        """The compiled versions with these `ids`: one statement for all that are not kept, else none.

        An id of no version is missing from the result.
        """
        wanted = set(ids)
        found = {rules_id: self._versions[rules_id] for rules_id in wanted if rules_id in self._versions}
        for rules_id in found:
            self._versions.move_to_end(rules_id)
        if missing := [(rules_id,) for rules_id in wanted - found.keys()]:
            dialect = dialect_of(session)
            rows = await fetch(session, _versions(dialect), listed("versions", missing, dialect))
            found |= {row.id: self._keep(row.id, row.document) for row in rows}
        return found

    async def versions_at(
        self, session: AsyncSession, compound_ids: Iterable[UUID], moments: Iterable[datetime]
    ) -> dict[UUID, list[tuple[datetime, CompiledRules]]]:
        """The versions that were in force at any of `moments`, by compound, the oldest first.

        The one in force at a moment is the last that was made by then; before the first there were no
        rules, and a compound that never had any is missing. One statement.
        """
        compounds = [(compound_id,) for compound_id in set(compound_ids)]
        times = list(moments)
        if not compounds or not times:
            return {}
        dialect = dialect_of(session)
        rows = await fetch(
            session,
            _history(dialect),
            listed("compounds", compounds, dialect) | {"first": min(times), "last": max(times)},
        )
        found: dict[UUID, list[tuple[datetime, CompiledRules]]] = {}
        for row in rows:
            compiled = self._versions.get(row.id) or self._keep(row.id, row.document)
            found.setdefault(row.compound_id, []).append((row.made_at, compiled))
        return found

    async def calendar(self, session: AsyncSession, now: datetime) -> Calendar:
        """The public holidays, read again where they were read more than a minute before `now`."""
        if self._calendar is None or not _is_fresh(self._calendar[0], now):
            self._calendar = (now, await load_calendar(session))
        return self._calendar[1]

    async def other_gates(
        self, session: AsyncSession, compound_ids: Iterable[UUID], now: datetime
    ) -> dict[UUID, Others]:
        """The open gates of compounds, as `judge` wants them; one statement for all that are not kept."""
        found: dict[UUID, Others] = {}
        missing = []
        for compound_id in set(compound_ids):
            kept = self._others.get(compound_id)
            if kept is not None and _is_fresh(kept.at, now):
                self._others.move_to_end(compound_id)
                found[compound_id] = kept.others
            else:
                missing.append((compound_id,))
        if missing:
            dialect = dialect_of(session)
            rows = await fetch(session, _gates(dialect), listed("compounds", missing, dialect))
            gates: dict[UUID, list[Any]] = {compound_id: [] for (compound_id,) in missing}
            for row in rows:
                gates[row.compound_id].append(row)
            for compound_id, its in gates.items():
                found[compound_id] = {
                    gate.id: [other.id for other in _nearest_first(gate, its)] for gate in its
                }
                _put(self._others, compound_id, _Kept(now, found[compound_id]), self._most_compounds)
        return found

    def _keep(self, rules_id: UUID, document: Mapping[str, Any]) -> CompiledRules:
        compiled = compile_rules(read_rules(document))
        _put(self._versions, rules_id, compiled, self._most_versions)
        return compiled


def in_force(versions: Sequence[tuple[datetime, CompiledRules]], moment: datetime) -> CompiledRules | None:
    """The one of a compound's versions, the oldest first, that was in force at `moment`."""
    return next((rules for made_at, rules in reversed(versions) if made_at <= moment), None)


def _is_fresh(read_at: datetime, now: datetime) -> bool:
    # A clock that was set back must not keep anything for longer.
    return abs(now - read_at) <= KEPT_FOR


def _put(kept: OrderedDict[UUID, Any], name: UUID, value: object, most: int) -> None:
    kept[name] = value
    kept.move_to_end(name)
    while len(kept) > most:
        kept.popitem(last=False)


def _nearest_first(gate: Any, gates: Iterable[Any]) -> list[Any]:
    """The other gates by distance, those of unknown place last. In degrees: a compound is small."""

    def distance(other: Any) -> tuple[float, UUID]:
        places = (gate.latitude, gate.longitude, other.latitude, other.longitude)
        if None in places:
            return float("inf"), other.id
        return (other.latitude - gate.latitude) ** 2 + (other.longitude - gate.longitude) ** 2, other.id

    return sorted((other for other in gates if other.id != gate.id), key=distance)


@cache
def _versions(dialect: str) -> Select[*tuple[Any, ...]]:
    return select(GateRules.id, GateRules.document).where(is_listed([GateRules.id], "versions", dialect))


@cache
def _history(dialect: str) -> Select[*tuple[Any, ...]]:
    newer = aliased(GateRules)
    superseded = exists().where(
        newer.compound_id == GateRules.compound_id,
        newer.version == GateRules.version + 1,
        newer.made_at <= bindparam("first", type_=Instant),
    )
    return (
        select(GateRules.compound_id, GateRules.id, GateRules.made_at, GateRules.document)
        .where(
            and_(
                is_listed([GateRules.compound_id], "compounds", dialect),
                GateRules.made_at <= bindparam("last", type_=Instant),
                ~superseded,
            )
        )
        .order_by(GateRules.compound_id, GateRules.version)
    )


@cache
def _gates(dialect: str) -> Select[*tuple[Any, ...]]:
    return select(Gate.compound_id, Gate.id, Gate.latitude, Gate.longitude).where(
        is_listed([Gate.compound_id], "compounds", dialect), Gate.closed_at.is_(None)
    )
