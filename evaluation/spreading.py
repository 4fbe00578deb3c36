"""How pins are spread over their own lists for the fused merge, worked out once a pin as the service does."""

import numpy as np
from numpy.typing import NDArray

from evaluation.cosines import Cosines
from evaluation.list_cache import ListCache
from model.fusing import NOT_COUNTED, SPREAD_OVER, Spread, spread_of


class Spreads:
    """The spread of pins, by row and perplexity.

    Args:
        lists: Nearest pins of pins.
        cosines: Between pins.
        depth: Of the lists that are fetched, so that those searched for other purposes serve again.
    """

    def __init__(self, lists: ListCache, cosines: Cosines, depth: int) -> None:
        self._lists = lists
        self._cosines = cosines
        self._depth = depth
        self._known: dict[tuple[int, float], tuple[float, float]] = {}

    def of(self, rows: NDArray[np.int64], perplexity: float) -> Spread:
        """The spread of these pins, each over the first of its own list but for itself."""
        missing = [row for row in dict.fromkeys(rows.tolist()) if (row, perplexity) not in self._known]
        if missing:
            spread = spread_of(self._counted(np.array(missing)), perplexity)
            self._known.update(
                ((row, perplexity), each) for row, each in zip(missing, spread.each(), strict=True)
            )
        return Spread.of(self._known[row, perplexity] for row in rows.tolist())

    def _counted(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 [q, 400]: each pin's cosines to the first of its list, itself not counted."""
        first = self._lists.fetch(rows, self._depth)[:, :SPREAD_OVER]
        cosines = [
            self._cosines.between(np.array([row]), of_row)[0] for row, of_row in zip(rows, first, strict=True)
        ]
        return np.where(first == rows[:, np.newaxis], NOT_COUNTED, np.array(cosines, np.float32))
