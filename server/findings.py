"""What is wrong with a request: each field is checked, and every violation is told at once."""

import math
from collections.abc import Sequence

from server.errors import InvalidRequestError, Violation
from server.filter_validation import EARLIEST_S, LATEST_S
from server.limits import LIMITS

# A character takes up to 4 bytes.
_SHORT_ID = LIMITS.id_bytes // 4


class Findings:
    """Collects violations, so that a caller mends them all at once."""

    def __init__(self) -> None:
        self._violations: list[Violation] = []
        self._untold = 0

    def add(self, field: str, description: str) -> None:
        """Add one; of very many only the first are told, and how many there are."""
        if len(self._violations) < LIMITS.told_violations:
            self._violations.append(Violation(field, description))
        else:
            self._untold += 1

    def check_id(self, field: str, value: str) -> None:
        """An id is not empty, and has at most 128 bytes of UTF-8."""
        if 0 < len(value) <= _SHORT_ID:
            return
        if not value:
            self.add(field, "must not be empty")
        elif (size := len(value.encode())) > LIMITS.id_bytes:
            self.add(field, f"is {size} bytes long; ids have at most {LIMITS.id_bytes}")

    def check_ids(self, field: str, values: Sequence[str], *, at_least: int, at_most: int) -> None:
        """Ids are neither too few nor too many, and each is one."""
        self.check_count(field, len(values), at_least=at_least, at_most=at_most)
        if all(values) and max(map(len, values), default=0) <= _SHORT_ID:
            return
        for at, value in enumerate(values[: at_most + 1]):
            self.check_id(f"{field}[{at}]", value)

    def check_count(self, field: str, count: int, *, at_least: int, at_most: int) -> None:
        """A repeated field has neither too few entries nor too many."""
        if not at_least <= count <= at_most:
            self.add(field, f"has {count:,} entries; allowed are {at_least:,} to {at_most:,}")

    def check_range(self, field: str, value: int, *, at_most: int) -> None:
        """A whole number is 1 to `at_most`: an explicit 0 is no default."""
        if not 1 <= value <= at_most:
            self.add(field, f"is {value:,}; allowed are 1 to {at_most:,} (leave it out for the default)")

    def check_score(self, field: str, value: float) -> None:
        """A bound on scores is a cosine."""
        if math.isnan(value) or not -1.0 <= value <= 1.0:
            self.add(field, f"is {value}; a cosine lies in -1 to 1")

    def check_time(self, field: str, unix_s: int) -> None:
        """A time lies in the years 1 to 9999."""
        if not EARLIEST_S <= unix_s <= LATEST_S:
            self.add(field, f"is {unix_s} seconds from 1970: outside the years 1 to 9999")

    def raise_if_any(self) -> None:
        """Refuse the request, if anything is wrong with it.

        Raises:
            InvalidRequestError: With every violation.
        """
        if self._untold:
            self._violations.append(Violation("", f"and {self._untold:,} more"))
        if self._violations:
            raise InvalidRequestError(self._violations)
