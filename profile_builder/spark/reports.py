"""What tasks tell the driver besides their data: counts, and the bad rows they met."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from profile_builder.selecting import RowCounts


@dataclass
class Rejected:
    """Bad rows as a task keeps them for the driver.

    Attributes:
        max_rows: So many are listed.
        counts: By reason, all of them.
        rows: What storage.rejects writes of the first ones.
    """

    max_rows: int
    counts: Counter[str] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, *, file: str, row: int, reason: str, pin_id: str | None = None, value: str | float | None = None
    ) -> None:
        """Take one; see storage.rejects."""
        self.counts[reason] += 1
        if len(self.rows) < self.max_rows:
            self.rows.append({"file": file, "row": row, "reason": reason, "pin_id": pin_id, "value": value})


@dataclass(kw_only=True)
class SplitReport:
    """What came of reading a split.

    Attributes:
        counts: Where its rows went.
        rejected: Its bad rows.
        cpu_s: CPU seconds of the task's own Python.
    """

    counts: RowCounts
    rejected: Rejected
    cpu_s: float

    def to_json(self) -> str:
        """As a column carries it."""
        return json.dumps(
            {"counts": asdict(self.counts), "rejected": vars(self.rejected), "cpu_s": self.cpu_s}
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """As it was written."""
        found = json.loads(text)
        rejected = found["rejected"]
        return cls(
            counts=RowCounts(**found["counts"]),
            rejected=Rejected(**rejected | {"counts": Counter(rejected["counts"])}),
            cpu_s=found["cpu_s"],
        )


@dataclass(kw_only=True)
class PartReport:
    """What came of building the users of a part.

    Attributes:
        used: Actions that counted.
        n_interests: How many users have so many interests.
        n_without: Users without a usable action.
        n_capped: Users with more actions than the cap.
        duplicates: Rows of the input, counted through all files, that were there already: the first ones.
        n_duplicates: All of them.
        written: What the store was given, as the sink counts it.
        cpu_s: CPU seconds of the task's own Python.
    """

    used: int
    n_interests: Mapping[int, int]
    n_without: int
    n_capped: int
    duplicates: list[tuple[int, int]]
    n_duplicates: int
    written: Mapping[str, Any]
    cpu_s: float

    def to_json(self) -> str:
        """As a column carries it."""
        return json.dumps(vars(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """As it was written."""
        found = json.loads(text)
        found["n_interests"] = {int(n): users for n, users in found["n_interests"].items()}
        return cls(**found)
