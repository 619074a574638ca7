"""Statements in the words of a driver: made once, since making them costs more than carrying them out."""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, Generic, TypeVar, cast
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import Dialect, Executable, Insert, Select
from sqlalchemy.sql.compiler import SQLCompiler

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""By name; of an insertion on SQLite, its rows."""
Processor = Callable[[Any], Any]
Writer = Callable[[Mapping[str, Any]], Sequence[Any]]
"""Takes the values that the driver is given out of a row."""
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
    converted = _converted(read)
    make = partial(tuple.__new__, row)
    return (lambda record: make(_convert(record, converted))) if converted else make


def row_writer(columns: Iterable[tuple[str, Processor | None]]) -> Writer:
    """What takes the values of `columns` out of a row that is stored, as ones of the driver."""
    names, write = zip(*columns, strict=True)
    converted = _converted(write)
    take = itemgetter(*names)
    if len(names) == 1:
        return lambda row: _convert((take(row),), converted)
    return (lambda row: _convert(take(row), converted)) if converted else take


def _converted(processes: Iterable[Processor | None]) -> Sequence[tuple[int, Processor]]:
    return [(place, process) for place, process in enumerate(processes) if process is not None]


def _convert(row: Iterable[Any], converted: Iterable[tuple[int, Processor]]) -> list[Any]:
    values = list(row)
    for place, process in converted:
        values[place] = process(values[place])
    return values
