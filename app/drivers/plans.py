"""Statements in the words of a driver: made once, since making them costs more than carrying them out."""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar, cast
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import Dialect, Executable, Insert, Select
from sqlalchemy.sql.compiler import SQLCompiler

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""By name; of an insertion on SQLite, its rows."""
Processor = Callable[[Any], Any]
Columns = Sequence[tuple[str, Processor | None]]
"""Of a row: name, and what makes a value of ours one of the driver."""
PlanT = TypeVar("PlanT")


class Plans(Generic[PlanT]):
    """Plans by statement, for as long as it is held by whoever made it once."""

    def __init__(self, make: Callable[[Select[Any] | Insert, Dialect], PlanT | None]) -> None:
        self._make = make
        self._seen: WeakSet[Executable] = WeakSet()
        self._plans: WeakKeyDictionary[Executable, PlanT | None] = WeakKeyDictionary()

    def of(self, statement: Executable, dialect: Dialect) -> PlanT | None:
        """The plan; None at the first sight of a statement, and for one of which no plan can be made."""
        if (plan := self._plans.get(statement, self)) is not self:
            return cast("PlanT | None", plan)
        if statement not in self._seen:
            self._seen.add(statement)
            return None
        made = self._make(statement, dialect) if isinstance(statement, Select | Insert) else None
        self._plans[statement] = made
        return made


def compiled_of(statement: Select[Any] | Insert, dialect: Dialect) -> SQLCompiler | None:
    """`statement` compiled; None where its text or its values depend on what is given."""
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)  # noqa: S101 - what selects and inserts compile to
    if compiled.literal_execute_params or any(bind.callable for bind in compiled.binds.values()):
        return None
    return compiled


def row_reader(names: Iterable[str | None], read: Sequence[Processor | None]) -> Processor:
    """What makes a named tuple of a row: `read` makes a value of the driver one of ours."""
    row: Any = namedtuple("Row", [name or "_" for name in names], rename=True)  # type: ignore[misc] # noqa: PYI024 - known only now
    converted = [(place, process) for place, process in enumerate(read) if process is not None]
    make = partial(tuple.__new__, row)
    if not converted:
        return make

    def reader(record: Any) -> Any:
        values = list(record)
        for place, process in converted:
            values[place] = process(values[place])
        return make(values)

    return reader


def row_values(row: Mapping[str, Any], columns: Columns) -> list[Any]:
    """The values of a row that is stored, in the order of `columns`."""
    return [row[name] if process is None else process(row[name]) for name, process in columns]
