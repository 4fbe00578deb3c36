"""Which added pins are candidates, and who stands for the others: a pin of the artefact before a new one."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from index_builder.near_duplicates import keepers, nearest_keepers
from index_builder.reading import ValidPins
from index_builder.refining import rank
from process.progress import Reporter, Step
from storage.pins.artefact import PinArtefact
from storage.pins.columns import Column, fitting
from storage.pins.port import NO_ROW
from storage.pins.side import Beside, SideRows

_EF_NEAR = 256
"""efSearch of the search for a near-duplicate: it is the nearest of all, which a graph hardly misses."""

_BATCH_ROWS = 256
_NOT_ASKED = NO_ROW - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Added:
    """Pins to stand beside an artefact, in the order in which they came: the first of near ones is kept.

    Attributes:
        pin_ids: n distinct ids.
        titles: n titles, empty where there is none.
        quality: float64 [n], NaN where none is known.
        embeddings: float16 [n, d], unit norm.
        in_main: int64 [n]: which of the artefact's candidates is near, NO_ROW for none, or _NOT_ASKED.
        n_candidates: The first so many are candidates beside this artefact already.
        columns: What they can be filtered by, n values each; see storage.pins.side.
    """

    pin_ids: tuple[str, ...]
    titles: tuple[str, ...]
    quality: NDArray[np.float64]
    embeddings: NDArray[np.float16]
    in_main: NDArray[np.int64]
    n_candidates: int = 0
    columns: Mapping[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pin_ids)

    def take(self, at: NDArray[np.int64]) -> "Added":
        """Some of them, in the order given: of those that are candidates already, the first first."""
        return Added(
            pin_ids=tuple(self.pin_ids[each] for each in at.tolist()),
            titles=tuple(self.titles[each] for each in at.tolist()),
            quality=self.quality[at],
            embeddings=self.embeddings[at],
            in_main=self.in_main[at],
            n_candidates=int(np.count_nonzero(at < self.n_candidates)),
            columns={name: column.take(at) for name, column in self.columns.items()},
        )

    def followed_by(self, later: "Added") -> "Added":
        """These, then those."""
        return Added(
            pin_ids=self.pin_ids + later.pin_ids,
            titles=self.titles + later.titles,
            quality=np.concatenate([self.quality, later.quality]),
            embeddings=np.concatenate([self.embeddings, later.embeddings]),
            in_main=np.concatenate([self.in_main, later.in_main]),
            n_candidates=self.n_candidates,
            columns={
                name: _of_both(name, self, later) for name in self.columns.keys() | later.columns.keys()
            },
        )


def _of_both(name: str, earlier: Added, later: Added) -> Column:
    """A column of all; null where it is missing, or of another kind than that of the later pins."""
    kind = (later if name in later.columns else earlier).columns[name].type
    parts = []
    for each in (earlier, later):
        unknown: Column = pa.nulls(len(each)).cast(kind)
        column = each.columns.get(name, unknown)
        parts.append(column if column.type == kind else unknown)
    return pa.concat_arrays(parts)


def nothing_added(d: int) -> Added:
    """No pins, of dimension d."""
    return Added(
        pin_ids=(),
        titles=(),
        quality=np.empty(0),
        embeddings=np.empty((0, d), np.float16),
        in_main=np.empty(0, np.int64),
    )


def added_before(rows: SideRows, main: PinArtefact) -> Added:
    """What a side holds. Its candidates come first, so that they stay candidates."""
    is_beside = rows.beside.version == main.version
    in_main = np.where(rows.representatives < rows.beside.n_pins, rows.representatives, NO_ROW)
    return Added(
        pin_ids=rows.pin_ids,
        titles=rows.titles,
        quality=rows.quality,
        embeddings=rows.embeddings,
        in_main=in_main.astype(np.int64) if is_beside else np.full(len(rows), _NOT_ASKED, np.int64),
        n_candidates=rows.n_indexed if is_beside else 0,
        columns=fitting(main.columns.kinds, rows.columns),
    )


def newly_added(pins: ValidPins) -> Added:
    """What was read, best first, as a build would rank it."""
    n = len(pins)
    return Added(
        pin_ids=_strings(pins.pin_ids),
        titles=("",) * n if pins.titles is None else _strings(pins.titles),
        quality=np.full(n, np.nan) if pins.quality is None else pins.quality,
        embeddings=pins.embeddings,
        in_main=np.full(n, _NOT_ASKED, np.int64),
        columns=pins.filter_columns,
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
    cosine = main.manifest.parameters.near_duplicate_cosine
    with reporter.step("Find near-duplicates", len(added)) as step:
        stand_ins = _near_in_main(added, main, cosine, step)
        candidates = _candidates(added, stand_ins, main, step)
        others = np.setdiff1d(np.arange(len(added)), candidates)
        near = _nearest(added.embeddings, others, candidates, cosine, step)
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
        columns=placed.columns,
    )


def _near_in_main(added: Added, main: PinArtefact, cosine: float, step: Step) -> NDArray[np.int64]:
    """int64 [n]: the artefact's candidate that is nearest to each pin, where it is near enough."""
    found = added.in_main.copy()
    asked = np.flatnonzero(found == _NOT_ASKED)
    batches = [asked[start : start + _BATCH_ROWS] for start in range(0, len(asked), _BATCH_ROWS)]

    def nearest(batch: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        return main.search(added.embeddings[batch], 1, ef_search=_EF_NEAR)

    # A search holds no lock of Python's: so many pins are placed at a time as there are cores.
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        for batch, (scores, rows) in zip(batches, threads.map(nearest, batches), strict=True):
            found[batch] = np.where(scores[:, 0] >= cosine, rows[:, 0], NO_ROW)
            step.advance(len(batch))
    return found


def _candidates(
    added: Added, stand_ins: NDArray[np.int64], main: PinArtefact, step: Step
) -> NDArray[np.int64]:
    """Those that are candidates already, and then those that are near none of them, nor one another."""
    parameters, vectors = main.manifest.parameters, added.embeddings
    settled, later = np.arange(added.n_candidates), np.arange(added.n_candidates, len(added))
    # NaN is on no side of any number: what has no known quality is good.
    is_good = ~(added.quality < parameters.quality_threshold)
    free = later[(is_good & (stand_ins == NO_ROW))[later]]
    near = _nearest(vectors, free, settled, parameters.near_duplicate_cosine, step)
    free = free[near == NO_ROW]
    return np.concatenate([settled, free[keepers(vectors, free, parameters.near_duplicate_cosine, step)]])


def _nearest(
    vectors: NDArray[np.float16],
    rows: NDArray[np.int64],
    kept: NDArray[np.int64],
    cosine: float,
    step: Step,
) -> NDArray[np.int32]:
    """int32 [r]: places in `kept`, NO_ROW where none is near; a side may have no candidate yet."""
    if not len(kept):
        return np.full(len(rows), NO_ROW, np.int32)
    return nearest_keepers(vectors, rows, kept, cosine, step)
