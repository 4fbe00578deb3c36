"""The refined pool: low-quality pins and near-duplicates are no candidates, but keep their vectors."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from index_builder.comparing import Mask, Rows
from index_builder.near_duplicates import keepers, nearest_keepers
from index_builder.near_duplicates_in_cells import LOWEST_COSINE, NearDuplicatesInCells
from index_builder.reading import ValidPins
from index_builder.work import Work, digest
from process.progress import Reporter, Step
from storage.errors import DataError
from storage.pins.writing import PinRows

_ORDER: tuple[tuple[str, Literal["ascending", "descending"]], ...] = (
    ("quality", "descending"),
    ("created_at", "ascending"),
    ("pin_id", "ascending"),
)

DEFAULT_NEAR_DUPLICATE_COSINE = 0.98

Judgement: TypeAlias = tuple[Mask, NDArray[np.int32]]
"""Who is kept, and the place among them of who stands for each of the others."""

_STAGE, _KEPT, _STAND_INS = "near-duplicates", "kept.npy", "stand_ins.npy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refinement:
    """Which valid pins are not indexed.

    Attributes:
        quality_threshold: Those of lower quality, where the data has a quality.
        near_duplicate_cosine: Those at this cosine or above to a better pin; it belongs to the embedding
            space.
        compare_all_up_to: Pins. In larger pools only those that share a cell are compared
            (index_builder.near_duplicates_in_cells says what that may miss).
    """

    quality_threshold: float = 0.5
    near_duplicate_cosine: float = DEFAULT_NEAR_DUPLICATE_COSINE
    compare_all_up_to: int = 50_000

    @property
    def compares_all(self) -> bool:
        """Whether pins at the threshold are too far apart to share cells reliably."""
        return self.near_duplicate_cosine < LOWEST_COSINE


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinedPins:
    """All valid pins in the order of the artefact's rows: the pool best first, then the others best first.

    Attributes:
        rows: The artefact's rows.
        indexed: The refined pool, its first rows.
        low_quality: Pins below the quality threshold.
        near_duplicates: Pins that a better one stands for.
    """

    rows: PinRows
    indexed: int
    low_quality: int
    near_duplicates: int


def refine(
    pins: ValidPins, refinement: Refinement, reporter: Reporter, work: Work | None = None
) -> RefinedPins:
    """Choose the pool, and who stands for each pin outside it: the nearest near-duplicate within, if any.

    With `work` the choice is kept, and taken from there when the same pins are judged again.

    Raises:
        DataError: No pin is left.
    """
    ranked = rank(pins)
    is_good = _is_good(pins, refinement.quality_threshold)[ranked]
    if not is_good.any():
        raise DataError(
            f"no pin is left to index: the quality of all {len(pins):,} valid pins is below "
            f"{refinement.quality_threshold}. Lower --quality-threshold, or mend the quality column."
        )
    with reporter.step("Find near-duplicates", len(ranked)) as step:
        judge = partial(_judged, pins.embeddings, ranked, is_good, refinement, step)
        key = digest(pins.embeddings, ranked, is_good, refinement) if work is not None else ""
        is_kept, stand_ins = judge() if work is None else _remembered(judge, work, key)
    kept, others = ranked[is_kept], ranked[~is_kept]
    return RefinedPins(
        rows=_in_order(pins, np.concatenate([kept, others]), len(kept), stand_ins),
        indexed=len(kept),
        low_quality=int((~is_good).sum()),
        near_duplicates=int(is_good.sum()) - len(kept),
    )


def rank(pins: ValidPins) -> NDArray[np.int64]:
    """int64 [n]: places in the input, best first: by quality, then the earlier `created_at`, then the id."""
    table = pa.table({"pin_id": pins.pin_ids})
    if pins.created_at_s is not None:
        table = table.append_column("created_at", pa.array(pins.created_at_s))
    if pins.quality is not None:
        table = table.append_column("quality", pa.array(pins.quality))
    order = [key for key in _ORDER if key[0] in table.column_names]
    return pc.sort_indices(table, sort_keys=order).to_numpy().astype(np.int64)


def _remembered(judge: Callable[[], Judgement], work: Work, key: str) -> Judgement:
    """What was judged before of the same pins, or now; numpy's files are checked by the work's checksums."""
    folder = work.find(_STAGE, key)
    if folder is not None:
        return np.load(folder / _KEPT), np.load(folder / _STAND_INS)
    is_kept, stand_ins = judge()

    def write(folder: Path) -> None:
        np.save(folder / _KEPT, is_kept)
        np.save(folder / _STAND_INS, stand_ins)

    work.keep(_STAGE, key, write)
    return is_kept, stand_ins


def _judged(
    vectors: NDArray[np.float16], ranked: Rows, is_good: Mask, refinement: Refinement, step: Step
) -> Judgement:
    """Who is kept, bool [n], and for each of the others the place among them of who stands for it."""
    is_kept, cosine = np.zeros(len(ranked), np.bool_), refinement.near_duplicate_cosine
    if refinement.compares_all or len(ranked) <= refinement.compare_all_up_to:
        is_kept[is_good] = keepers(vectors, ranked[is_good], cosine, step)
        return is_kept, nearest_keepers(vectors, ranked[~is_kept], ranked[is_kept], cosine, step)
    judge = NearDuplicatesInCells(vectors, ranked, cosine, step)
    is_kept[is_good] = judge.keepers(ranked[is_good])
    return is_kept, judge.nearest_keepers(ranked[~is_kept], ranked[is_kept])


def _is_good(pins: ValidPins, quality_threshold: float) -> NDArray[np.bool_]:
    if pins.quality is None:
        return np.ones(len(pins), np.bool_)
    return pins.quality >= quality_threshold


def _in_order(
    pins: ValidPins, order: NDArray[np.int64], n_kept: int, stand_ins: NDArray[np.int32]
) -> PinRows:
    return PinRows(
        pin_ids=pins.pin_ids.take(order),
        titles=None if pins.titles is None else pins.titles.take(order),
        columns={name: column.take(order) for name, column in pins.filter_columns.items()},
        embeddings=pins.embeddings[order],
        representatives=np.concatenate([np.arange(n_kept, dtype=np.int32), stand_ins]),
    )
