"""Which added pins are candidates, and who stands for the others: a pin of the artefact before a new one."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from index_builder.near_duplicates import keepers, nearest_keepers
from index_builder.reading import ValidPins
from index_builder.refining import rank
from process.progress import Reporter, Step
from storage.pins.artefact import PinArtefact
from storage.pins.port import NO_ROW
from storage.pins.side import Beside, SideRows

_EF_NEAR = 256
"""efSearch of the search for a near-duplicate: it is the nearest of all, which a graph hardly misses."""

_BATCH_ROWS = 1_024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Added:
    """Pins to stand beside an artefact, in the order in which they came: the first of near ones is kept.

    Attributes:
        pin_ids: n distinct ids.
        titles: n titles, empty where there is none.
        quality: float64 [n], NaN where none is known.
        embeddings: float16 [n, d], unit norm.
    """

    pin_ids: tuple[str, ...]
    titles: tuple[str, ...]
    quality: NDArray[np.float64]
    embeddings: NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.pin_ids)

    def take(self, at: NDArray[np.int64]) -> "Added":
        """Some of them, in the order given."""
        return Added(
            pin_ids=tuple(self.pin_ids[each] for each in at.tolist()),
            titles=tuple(self.titles[each] for each in at.tolist()),
            quality=self.quality[at],
            embeddings=self.embeddings[at],
        )

    def followed_by(self, later: "Added") -> "Added":
        """These, then those."""
        return Added(
            pin_ids=self.pin_ids + later.pin_ids,
            titles=self.titles + later.titles,
            quality=np.concatenate([self.quality, later.quality]),
            embeddings=np.concatenate([self.embeddings, later.embeddings]),
        )


def nothing_added(d: int) -> Added:
    """No pins, of dimension d."""
    return Added(pin_ids=(), titles=(), quality=np.empty(0), embeddings=np.empty((0, d), np.float16))


def added_before(rows: SideRows) -> Added:
    """What a side holds. Its candidates come first, so that they stay candidates."""
    return Added(pin_ids=rows.pin_ids, titles=rows.titles, quality=rows.quality, embeddings=rows.embeddings)


def newly_added(pins: ValidPins) -> Added:
    """What was read, best first, as a build would rank it."""
    n = len(pins)
    return Added(
        pin_ids=_strings(pins.pin_ids),
        titles=("",) * n if pins.titles is None else _strings(pins.titles),
        quality=np.full(n, np.nan) if pins.quality is None else pins.quality,
        embeddings=pins.embeddings,
    ).take(rank(pins))


def _strings(column: pa.LargeStringArray) -> tuple[str, ...]:
    return tuple(cast(list[str], column.to_pylist()))


def place(added: Added, main: PinArtefact, reporter: Reporter) -> SideRows:
    """Put pins beside an artefact, by its own threshold of quality and cosine of near-duplicates.

    Args:
        added: None of them in the artefact.
        main: The artefact.
        reporter: Is told of the pins compared.
    """
    parameters, n = main.manifest.parameters, len(added)
    cosine = parameters.near_duplicate_cosine
    # NaN is on no side of any number: what has no known quality is good.
    is_good = ~(added.quality < parameters.quality_threshold)
    with reporter.step("Find near-duplicates", 2 * n) as step:
        stand_ins = _near_in_main(added.embeddings, main, cosine, step)
        free = np.flatnonzero(is_good & (stand_ins == NO_ROW))
        is_candidate = np.zeros(n, np.bool_)
        is_candidate[free] = keepers(added.embeddings, free, cosine, step)
        candidates, others = np.flatnonzero(is_candidate), np.flatnonzero(~is_candidate)
        near = nearest_keepers(added.embeddings, others, candidates, cosine, step)
    in_side = np.where(near == NO_ROW, NO_ROW, near + main.n_pins)
    in_main = stand_ins[others]
    placed = added.take(np.concatenate([candidates, others]))
    representatives = [
        np.arange(len(candidates)) + main.n_pins,
        np.where(in_main == NO_ROW, in_side, in_main),
    ]
    return SideRows(
        beside=Beside(main.version, main.n_pins),
        embedding_space=main.embedding_space,
        pin_ids=placed.pin_ids,
        titles=placed.titles,
        quality=placed.quality,
        embeddings=placed.embeddings,
        representatives=np.concatenate(representatives).astype(np.int32),
        n_indexed=len(candidates),
    )


def _near_in_main(
    vectors: NDArray[np.float16], main: PinArtefact, cosine: float, step: Step
) -> NDArray[np.int64]:
    """int64 [n]: the artefact's candidate that is nearest to each vector, where it is near enough."""
    found = np.full(len(vectors), NO_ROW, np.int64)
    for start in range(0, len(vectors), _BATCH_ROWS):
        batch = slice(start, start + _BATCH_ROWS)
        scores, rows = main.search(vectors[batch], 1, ef_search=_EF_NEAR)
        found[batch] = np.where(scores[:, 0] >= cosine, rows[:, 0], NO_ROW)
        step.advance(len(rows))
    return found
