"""The refined pool, from what the index builder published: `python -m index_builder build`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.costs.comparing import Graph
from evaluation.errors import EvaluationError
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.layout import INDEX
from storage.pins.manifest import BuildParameters

_SAME_MEAN = 1e-3
"""Vectors are rounded to float16 on either side."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RefinedPool:
    """Pins without those of low quality and without near-duplicates, and the index that serves them.

    Attributes:
        version: Of the artefact.
        vectors: float16 [n, d], unit norm; mapped.
        graph: HNSW over them.
        parameters: What chose them, and how the index was built.
        n_low_quality: Pins left out for their quality.
        n_near_duplicates: Pins that a better one stands for.
    """

    version: str
    vectors: NDArray[np.float16]
    graph: Graph
    parameters: BuildParameters
    n_low_quality: int
    n_near_duplicates: int


def refined_pool(pins: Path, full: NDArray[np.float16]) -> RefinedPool:
    """The live version's pool.

    Args:
        pins: Folder of the pin artefact.
        full: float16 [n, d]: all valid pins, in any order, as the experiments know them.

    Raises:
        StorageError: There is no such artefact, or it is damaged.
        EvaluationError: It holds other pins.
    """
    artefact = PinArtefact.open(pins)
    _check_same(artefact, full, pins)
    counts = artefact.manifest.counts
    return RefinedPool(
        version=artefact.version,
        vectors=artefact.embeddings[: artefact.n_indexed],
        graph=Graph(file=pin_versions(pins).folder(artefact.version) / INDEX),
        parameters=artefact.manifest.parameters,
        n_low_quality=counts.low_quality,
        n_near_duplicates=counts.near_duplicates,
    )


def _check_same(artefact: PinArtefact, full: NDArray[np.float16], pins: Path) -> None:
    held = artefact.embeddings
    if held.shape == full.shape and np.abs(_mean(held) - _mean(full)).max() < _SAME_MEAN:
        return
    (n, d), (n_full, d_full) = held.shape, full.shape
    raise EvaluationError(
        f"{pins} holds {n:,} pins of dimension {d}, and the data set other ones, {n_full:,} of dimension "
        f"{d_full}. Build it from the same pins: python -m index_builder build --data FOLDER --out {pins}"
    )


def _mean(vectors: NDArray[np.float16]) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = vectors.mean(axis=0, dtype=np.float64)
    return mean
