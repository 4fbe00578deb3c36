"""The pins near one medoid, as answers take them: rows, cosines and serialised candidates."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from server import elements
from server.elements import Elements
from storage.compiled import compiled

_turns = compiled("server._turns")

# Measured with tracemalloc: the objects around a list in the cache (key, strings, array headers, links).
OVERHEAD_BYTES = 900

# The shortest field of a pin id of 128 bytes.
_LONG_MEDOID = 131


# Not frozen: see server.validation.Options.
@dataclass(slots=True, kw_only=True, eq=False)
class CandidateList:
    """The pins nearest to one medoid, nearest first, already serialised; immutable.

    Attributes:
        rows: int32 [k], rows of the artefact.
        scores: float32 [k], cosines to the medoid, descending.
        elements: k serialised elements of `repeated Candidate candidates = 1`; none in a list whose few
            selected candidates are serialised in the end.
        wanted: How many were asked of the index: fewer rows mean that the pool has no more.
        medoid: The serialised field `SampledInterest.medoid_pin_id`; empty for a fallback.
        spread: The medoid's T and log Z of the fused merge (model.fusing); None for a list that was not asked
            for as many pins as they depend on.
        lowered: It was searched for under pressure, with a lower efSearch.
        ranked: Where the arrays lie, for the compiled merge; None where it was not compiled.
    """

    rows: NDArray[np.int32]
    scores: NDArray[np.float32]
    elements: Elements
    wanted: int
    medoid: bytes = b""
    spread: tuple[float, float] | None = None
    lowered: bool = False
    ranked: object = field(init=False, default=None)

    def __post_init__(self) -> None:
        if _turns is not None:
            self.ranked = _turns.Ranked(self.rows, self.scores, self.elements)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def medoid_pin_id(self) -> str:
        """The medoid; empty for a fallback."""
        return pin_id_of(self.medoid)

    def first(self, k: int) -> "CandidateList":
        """The list as it would be had only k been asked for; it shares the bytes of this one."""
        if self.wanted <= k:
            return self
        return CandidateList(
            rows=self.rows[:k],
            scores=self.scores[:k],
            elements=self.elements[:k],
            wanted=k,
            medoid=self.medoid,
            spread=self.spread,
            lowered=self.lowered,
        )

    @property
    def is_whole_pool(self) -> bool:
        """Whether the index has nothing further to give."""
        return len(self.rows) < self.wanted

    @property
    def size_bytes(self) -> int:
        """What the list costs in memory."""
        return self.rows.nbytes + self.scores.nbytes + elements.size_bytes(self.elements) + OVERHEAD_BYTES


def pin_id_of(medoid: bytes) -> str:
    """The pin id in a serialised field `medoid_pin_id`; empty where there is none."""
    # After the field's tag and the length: two bytes from 128 on, the longest there is.
    return medoid[2 if len(medoid) < _LONG_MEDOID else 3 :].decode()


# Not frozen: see server.validation.Options.
@dataclass(slots=True, eq=False)
class Retrieved:
    """One medoid's list, and whether it was in the cache when asked for."""

    candidates: CandidateList
    cache_hit: bool
