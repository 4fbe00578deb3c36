"""Bad rows: counted by reason and written out one by one, so that no input is lost in silence."""

import json
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from storage.errors import PublishError, TooManyRejectsError

MAX_VALUE_CHARACTERS = 200
_TOP_REASONS = 3


class Rejects:
    """Writes newline-JSON lines {"file", "row", "id", "reason", "value"}; `row` counts from 0 in its file.

    Its methods raise PublishError when the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        with self._writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf-8")

    def add(
        self, *, file: str, row: int, reason: str, pin_id: str | None = None, value: str | float | None = None
    ) -> None:
        """Count one bad row and write it out.

        Args:
            file: The input file.
            row: The row within it, from 0.
            reason: A few words, the same for every row of its kind: they are what is counted.
            pin_id: The row's id, when it has one.
            value: What was wrong, shortened to 200 characters.
        """
        self.counts[reason] += 1
        line = {"file": file, "row": row, "id": _shown(pin_id), "reason": reason, "value": _shown(value)}
        with self._writing():
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def count(self, counts: Mapping[str, int]) -> None:
        """Count rows by reason that are not written out: there are too many of them."""
        self.counts += Counter(counts)

    def check(self, n_read: int, max_share: float, *, tolerated: Collection[str] = ()) -> None:
        """Stop a build that would lose too much of its input.

        Args:
            n_read: Rows that could have been rejected.
            max_share: Of those.
            tolerated: Reasons that are ordinary and do not count.

        Raises:
            TooManyRejectsError: More than `max_share` of the `n_read` rows were rejected.
        """
        counted = Counter({reason: n for reason, n in self.counts.items() if reason not in tolerated})
        n_rejected = counted.total()
        if n_rejected <= max_share * n_read:
            return
        self.close()
        raise TooManyRejectsError(
            f"{n_rejected:,} of {n_read:,} rows ({_share(n_rejected, n_read)}) were rejected, "
            f"more than the {max_share:.1%} allowed: {_top_reasons(counted)}. "
            f"They are listed in {self.path}. Mend the data, or allow a larger share (--max-reject-share)."
        )

    def close(self) -> None:
        """Write out what is still buffered."""
        with self._writing():
            self._file.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise PublishError(f"cannot write the rejected rows to {self.path}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _share(n: int, of: int) -> str:
    """In percent, and all of them only where it is all of them."""
    share = f"{n / of:.1%}"
    return "over 99.9%" if share == "100.0%" and n < of else share


def _top_reasons(counts: Counter[str]) -> str:
    return ", ".join(f"{n:,} x {reason}" for reason, n in counts.most_common(_TOP_REASONS))


def _shown(value: str | float | None) -> str | float | None:
    """The value as JSON can carry it, and a person can read it."""
    if isinstance(value, str):
        return value if len(value) <= MAX_VALUE_CHARACTERS else value[: MAX_VALUE_CHARACTERS - 1] + "…"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
