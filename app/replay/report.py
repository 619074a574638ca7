"""What a replay has come to, as it is written to a file."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field

from app.replay.movements import Skipped


@dataclass(slots=True)
class Report:
    """Counts of one replay: `rows` = `admitted` + `checked` + all `refused` + all `skipped`."""

    rows: int
    """Rows of the file under its header, empty lines apart."""
    couriers: int
    """Different ones, as counted in the file."""
    places: int
    """Different ones, as counted in the file."""
    skipped: list[Skipped]
    """Rows that say nothing that could be replayed."""
    admitted: int = 0
    checked: int = 0
    """Scans that a guard had to look at and then let in."""
    refused: Counter[str] = field(default_factory=Counter)
    """By the reason of the verdict, or by the code of the problem."""
    entries_stored: int = 0
    """Entries that the database has now and had not before."""
    rendered: int = 0
    decoded: int = 0
    """Drawn codes that the independent decoder read as what had been drawn."""
    seconds: float = 0.0

    def to_json(self) -> str:
        """The report as an object with one member for each of these."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n"
