"""What the API says and hears about compounds and gates."""

from typing import Annotated, Self

from pydantic import Field

from app.api.schemas.areas import AreaCode
from app.api.schemas.base import Choice, Id, Instant, Latitude, Line, Longitude, Request, Response
from app.models.compounds import CompoundKind
from app.services.compounds import register, sight

CompoundName = Annotated[str, Line(1, 100), Field(examples=["翠园小区"])]
Reference = Annotated[str, Line(1, 64), Field(examples=["DDK-0001"])]
Address = Annotated[str, Line(1, 200), Field(examples=["大渡口区翠园路 1 号"])]
GateName = Annotated[str, Line(1, 60), Field(examples=["东门"])]
Reason = Annotated[str, Line(1, 200), Field(examples=["现场核实"])]

MOST_GATES = 50
"""Gates of one compound that are created with it; the largest estates have some twenty."""


class Position(Request):
    """A point in GCJ-02, the coordinates of public maps in China."""

    latitude: Annotated[Latitude, Field(examples=[29.4846])]
    """Degrees north."""
    longitude: Annotated[Longitude, Field(examples=[106.4823])]
    """Degrees east."""

    def point(self) -> register.Position:
        """The same for the service."""
        return register.Position(self.latitude, self.longitude)


class NewGate(Request):
    """A gate to be."""

    name: GateName
    """Unique within the compound."""
    position: Position | None = None
    """Where it is, where known."""

    def described(self) -> register.NewGate:
        """The same for the service."""
        return register.NewGate(self.name, self.position.point() if self.position else None)


class NewCompound(Request):
    """A compound to be."""

    area_code: AreaCode
    """The area that it lies in: a district, or better a street or community."""
    name: CompoundName
    """Unique within the area."""
    kind: Choice[CompoundKind]
    """What the walls enclose."""
    address: Address | None = None
    """For people who look for it."""
    position: Position | None = None
    """Where it is, where known."""
    reference: Reference | None = None
    """The name that an import file knows it by."""
    gates: Annotated[list[NewGate], Field(default_factory=list, max_length=MOST_GATES)]
    """Its first gates."""


class CompoundChange(Request):
    """What is to change; what is left out or null stays as it is."""

    reason: Reason
    """Why; kept with the record of the change."""
    area_code: AreaCode | None = None
    """Another area."""
    name: CompoundName | None = None
    """Another name."""
    kind: Choice[CompoundKind] | None = None
    """Another kind."""
    address: Address | None = None
    """Another address."""
    position: Position | None = None
    """Another position."""
    closed: bool | None = None
    """True when it no longer takes part, false to take that back."""


class GateChange(Request):
    """What is to change; what is left out or null stays as it is."""

    reason: Reason
    """Why; kept with the record of the change."""
    name: GateName | None = None
    """Another name."""
    position: Position | None = None
    """Another position."""
    closed: bool | None = None
    """True when it is no longer used, false to take that back."""


class Gate(Response):
    """One entrance of a compound. Coordinates are GCJ-02."""

    id: Id
    """Its identifier."""
    compound_id: Id
    """The compound that it belongs to."""
    name: GateName
    """Unique within the compound."""
    latitude: Latitude | None
    """Degrees north."""
    longitude: Longitude | None
    """Degrees east."""
    created_at: Instant
    """Since when it is here."""
    closed_at: Instant | None
    """Since when it is not used."""


class Compound(Response):
    """A compound and its gates. Coordinates are GCJ-02."""

    id: Id
    """Its identifier."""
    reference: Reference | None
    """The name that an import file knows it by."""
    name: CompoundName
    """Unique within the area."""
    kind: CompoundKind
    """What the walls enclose."""
    area_code: AreaCode
    """The area that it lies in."""
    address: Address | None
    """For people who look for it."""
    latitude: Latitude | None
    """Degrees north."""
    longitude: Longitude | None
    """Degrees east."""
    created_at: Instant
    """Since when it is here."""
    closed_at: Instant | None
    """Since when it no longer takes part."""
    gates: list[Gate]
    """Those that are used; its keepers see the others as well."""

    @classmethod
    def of(cls, seen: sight.SeenCompound) -> Self:
        """The compound as its reader sees it."""
        compound = seen.compound
        return cls(
            id=compound.id,
            reference=compound.reference,
            name=compound.name,
            kind=CompoundKind(compound.kind),
            area_code=compound.area_code,
            address=compound.address,
            latitude=compound.latitude,
            longitude=compound.longitude,
            created_at=compound.created_at,
            closed_at=compound.closed_at,
            gates=[Gate.model_validate(gate) for gate in seen.gates],
        )


class CompoundPage(Response):
    """Some compounds, in the order of their creation."""

    items: list[Compound]
    """At most as many as asked for."""
    next_cursor: str | None
    """Ask with it for the next page; null at the end."""
