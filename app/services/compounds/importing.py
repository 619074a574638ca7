"""Compounds and their gates out of a file, one row a gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.errors import Problem
from app.models.compounds import Compound, CompoundKind, Gate
from app.services.areas.divisions import InvalidDivision, normalise_division_code
from app.services.compounds.register import (
    NewGate,
    Position,
    change_compound,
    change_gate,
    create_compound,
    create_gate,
    position,
)
from app.services.imports import (
    ImportReport,
    Parsed,
    RefusedLine,
    UnfitCell,
    choice,
    contradiction,
    degrees,
    optional_text,
    text,
)
from app.services.sheets.rows import RefusedRow, Row, read_rows
from app.work import Work

COLUMNS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "reference": ("编号", "小区编号"),
        "name": ("小区", "小区名称", "名称", "compound"),
        "kind": ("类型", "小区类型"),
        "area_code": ("区划代码", "行政区划代码", "area code"),
        "address": ("地址",),
        "latitude": ("纬度",),
        "longitude": ("经度",),
        "gate": ("门岗", "门岗名称", "出入口"),
        "gate_latitude": ("门岗纬度", "gate latitude"),
        "gate_longitude": ("门岗经度", "gate longitude"),
    }
)
"""`reference`, `name` and `area_code` are needed. The reference is what a compound is known by when the
file comes again. A row without `gate` only describes the compound; coordinates are GCJ-02 degrees."""

KINDS: Mapping[str, CompoundKind] = MappingProxyType(
    {
        "": CompoundKind.residential,
        **{kind.value: kind for kind in CompoundKind},
        "住宅小区": CompoundKind.residential,
        "住宅": CompoundKind.residential,
        "小区": CompoundKind.residential,
        "园区": CompoundKind.park,
        "写字楼": CompoundKind.office,
    }
)

ROW_LIMIT = 50_000
"""Gates. Chongqing has some 10,000 compounds."""


class Described(NamedTuple):
    """What the rows of one compound must agree upon."""

    name: str
    kind: CompoundKind
    area_code: str
    address: str | None
    position: Position | None


@dataclass(slots=True)
class CompoundRows:
    """One compound of a file: all its rows."""

    reference: str
    line: int
    """The row that described it first."""
    described: Described
    gates: dict[str, tuple[int, Position | None]] = field(default_factory=dict)
    """Line and position of each gate by name."""
    bare: list[int] = field(default_factory=list)
    """The rows without a gate."""

    @property
    def lines(self) -> list[int]:
        """All its rows."""
        return sorted([*(line for line, _ in self.gates.values()), *self.bare])


def read_compounds(data: bytes) -> Parsed[CompoundRows]:
    """The compounds of a CSV or XLSX file; raises UnreadableSheet.

    A row that describes its compound otherwise than the first one, or names a gate again, is refused.
    """
    compounds: dict[str, CompoundRows] = {}
    refused: list[RefusedLine] = []
    for row in read_rows(
        data, columns=COLUMNS, required=("reference", "name", "area_code"), row_limit=ROW_LIMIT
    ):
        if isinstance(row, RefusedRow):
            refused.append(RefusedLine.of_row(row))
            continue
        try:
            refusal = _take(row, compounds)
        except UnfitCell as cell:
            refusal = cell.at(row.line)
        except Problem as problem:
            refusal = RefusedLine.of_problem(row.line, problem)
        if refusal is not None:
            refused.append(refusal)
    return Parsed(list(compounds.values()), refused)


def _take(row: Row, compounds: dict[str, CompoundRows]) -> RefusedLine | None:
    values = row.values
    reference = text(values, "reference", 64)
    described = Described(
        text(values, "name", 100),
        choice(values, "kind", KINDS),
        _area_code(values),
        optional_text(values, "address", 200),
        position(degrees(values, "latitude", 90), degrees(values, "longitude", 180)),
    )
    gate = optional_text(values, "gate", 60)
    at = position(degrees(values, "gate_latitude", 90), degrees(values, "gate_longitude", 180))
    compound = compounds.get(reference)
    if compound is None:
        compound = compounds[reference] = CompoundRows(reference, row.line, described)
    elif compound.described != described:
        return contradiction(row.line, None)
    if gate is None:
        compound.bare.append(row.line)
    elif gate in compound.gates:
        return contradiction(row.line, "gate")
    else:
        compound.gates[gate] = row.line, at
    return None


def _area_code(values: Mapping[str, str]) -> str:
    code = text(values, "area_code", 12)
    try:
        return normalise_division_code(code)
    except InvalidDivision as problem:
        raise UnfitCell("area_code", problem.code, RefusedLine.of_problem(0, problem).reason) from None


async def import_compounds(work: Work, *, compounds: Sequence[CompoundRows]) -> ImportReport:
    """Stores compounds, known again by reference: adds what is missing, changes what differs.

    Gates that the file leaves out stay, and what has closed stays closed. A compound is stored whole
    or refused whole. Again changes nothing.
    """
    known = {
        compound.reference: compound
        for compound in await work.session.scalars(
            select(Compound)
            .where(Compound.reference.in_([compound.reference for compound in compounds]))
            .options(selectinload(Compound.gates))
        )
    }
    report = ImportReport()
    for compound in compounds:
        try:
            stored = await _store(work, compound, known.get(compound.reference))
        except Problem as problem:
            lines = (RefusedLine.of_problem(line, problem) for line in compound.lines)
            stored = ImportReport(refused=tuple(lines))
        report += stored
    return report


async def _store(work: Work, rows: CompoundRows, compound: Compound | None) -> ImportReport:
    if compound is not None:
        async with work.session.begin_nested():
            return await _change(work, rows, compound)
    described = rows.described
    await create_compound(
        work,
        area_code=described.area_code,
        name=described.name,
        kind=described.kind,
        address=described.address,
        position=described.position,
        reference=rows.reference,
        gates=[NewGate(name, at) for name, (_, at) in rows.gates.items()],
    )
    return ImportReport(added=len(rows.lines))


async def _change(work: Work, rows: CompoundRows, compound: Compound) -> ImportReport:
    described = rows.described
    differs = _differs(compound, described)
    if differs:
        await change_compound(
            work,
            compound_id=compound.id,
            reason="import",
            area_code=described.area_code,
            name=described.name,
            kind=described.kind,
            address=described.address,
            position=described.position,
        )
    report = ImportReport(changed=len(rows.bare)) if differs else ImportReport(unchanged=len(rows.bare))
    gates = {gate.name: gate for gate in compound.gates}
    for name, (line, at) in rows.gates.items():
        stored = await _store_gate(work, compound.id, gates.get(name), NewGate(name, at))
        first = differs and line == rows.line and stored.unchanged
        report += ImportReport(changed=1) if first else stored
    return report


async def _store_gate(work: Work, compound_id: UUID, gate: Gate | None, wanted: NewGate) -> ImportReport:
    if gate is None:
        await create_gate(work, compound_id=compound_id, gate=wanted)
        return ImportReport(added=1)
    if wanted.position is None or _stands(gate, wanted.position):
        return ImportReport(unchanged=1)
    await change_gate(work, gate_id=gate.id, reason="import", position=wanted.position)
    return ImportReport(changed=1)


def _differs(compound: Compound, described: Described) -> bool:
    stored = (compound.name, compound.kind, compound.area_code)
    return (
        stored != (described.name, described.kind.value, described.area_code)
        or described.address not in {None, compound.address}
        or (described.position is not None and not _stands(compound, described.position))
    )


def _stands(row: Compound | Gate, at: Position) -> bool:
    return (row.latitude, row.longitude) == (at.latitude, at.longitude)
