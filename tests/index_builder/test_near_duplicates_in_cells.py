"""Near-duplicates of large pools, against comparing all pins."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from index_builder.near_duplicates import keepers, nearest_keepers
from index_builder.near_duplicates_in_cells import Batches, NearDuplicatesInCells, Partition
from index_builder.validating import unit_vectors
from storage.pins.port import NO_ROW
from tests.index_builder.test_near_duplicates import Ignoring

Vectors = NDArray[np.float16]
N, D = 3_000, 64


def planted(cosine: float, seed: int, *, n: int = N, twins: int = 500) -> Vectors:
    """Pins in every direction; the last `twins` are at this cosine from the first ones."""
    generator = np.random.default_rng(seed)
    base = generator.standard_normal((n, D))
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    aside = generator.standard_normal((twins, D))
    aside -= (aside * base[:twins]).sum(axis=1, keepdims=True) * base[:twins]
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    return unit_vectors(np.concatenate([base, cosine * base[:twins] + np.sqrt(1 - cosine**2) * aside]))


def judged(
    vectors: Vectors, cosine: float, *, partition: Partition | None = None, batches: Batches | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    ranked = np.arange(len(vectors))
    judge = NearDuplicatesInCells(
        vectors, ranked, cosine, Ignoring(), partition=partition, batches=batches or Batches()
    )
    kept = judge.keepers(ranked)
    return kept, judge.nearest_keepers(ranked[~kept], ranked[kept])


def compared(vectors: Vectors, cosine: float) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    ranked = np.arange(len(vectors))
    kept = keepers(vectors, ranked, cosine, Ignoring())
    return kept, nearest_keepers(vectors, ranked[~kept], ranked[kept], cosine, Ignoring())


@pytest.mark.parametrize("cosine", [0.90, 0.95, 0.98])
@settings(max_examples=10)
@given(seed=st.integers(0, 1_000_000))
def test_of_planted_twins_hardly_one_is_missed(cosine: float, seed: int) -> None:
    """At most one in a hundred, just within the threshold, where a miss is likeliest."""
    kept, _ = judged(planted(cosine + 0.002, seed), cosine)
    assert kept[:N].all()
    assert kept[N:].mean() <= 0.01


def test_every_twin_that_was_found_has_its_original() -> None:
    """The nearest keeper stands for it, and that is the pin it was planted beside."""
    kept, stand_ins = judged(planted(0.985, 0), 0.98)
    dropped = np.flatnonzero(~kept)
    assert np.flatnonzero(kept)[stand_ins].tolist() == (dropped - N).tolist()


def test_in_one_cell_it_is_comparing_all() -> None:
    """The same pins kept, the same ones standing for the others."""
    generator = np.random.default_rng(3)
    vectors = unit_vectors(
        np.repeat(generator.standard_normal((100, D)), 12, axis=0)
        + 0.12 * generator.standard_normal((1_200, D))
    )
    found = judged(vectors, 0.98, partition=Partition(probes=1, cells_per_root=1e-9))
    for mine, exact in zip(found, compared(vectors, 0.98), strict=True):
        np.testing.assert_array_equal(mine, exact)


def test_a_crowd_of_near_pins_leaves_what_comparing_all_leaves() -> None:
    """A third of the pool is one picture, sent again and again: nobody else's cells take its pins apart."""
    generator = np.random.default_rng(4)
    crowd = generator.standard_normal(D) + 0.08 * generator.standard_normal((1_000, D))
    vectors = unit_vectors(
        np.concatenate([crowd, generator.standard_normal((2_000, D))])[generator.permutation(3_000)]
    )
    for mine, exact in zip(judged(vectors, 0.98), compared(vectors, 0.98), strict=True):
        np.testing.assert_array_equal(mine, exact)


def test_identical_pins_leave_one() -> None:
    """However many they are, and however little room there is for pairs."""
    vectors = unit_vectors(np.repeat(np.eye(4), 500, axis=0))
    kept, stand_ins = judged(vectors, 0.98, batches=Batches(near_pairs=10))
    assert np.flatnonzero(kept).tolist() == [0, 500, 1_000, 1_500]
    assert np.bincount(stand_ins).tolist() == [499] * 4


def test_a_pin_near_nobody_has_nobody() -> None:
    """Low-quality pins are asked about that were never judged."""
    vectors = unit_vectors(np.eye(8)[[0, 1, 2, 3, 3, 7]])
    judge = NearDuplicatesInCells(vectors, np.arange(6), 0.98, Ignoring())
    assert judge.nearest_keepers(np.array([4, 5]), np.array([0, 1, 2, 3])).tolist() == [3, NO_ROW]


sizes = st.builds(
    Batches,
    rows=st.integers(20, 400),
    compared=st.integers(3, 50),
    near_pairs=st.integers(0, 2_000),
    exact_pairs=st.integers(1, 50),
    assigned=st.integers(1, 300),
)


@settings(max_examples=25)
@given(sizes, st.integers(0, 1_000))
def test_batches_never_change_the_answer(batches: Batches, seed: int) -> None:
    """Chains of near pins and crowds included: what is done at a time is nobody's business."""
    generator = np.random.default_rng(seed)
    around = np.repeat(generator.standard_normal((30, 8)), 10, axis=0)
    vectors = unit_vectors(around + 0.15 * generator.standard_normal((300, 8)))
    plain = replace(Batches(), near_pairs=10_000_000)
    for mine, other in zip(
        judged(vectors, 0.95, batches=batches), judged(vectors, 0.95, batches=plain), strict=True
    ):
        np.testing.assert_array_equal(mine, other)


def test_every_row_is_reported_once() -> None:
    """So that the progress bar ends at its end, also where batches were divided."""
    vectors, step = unit_vectors(np.repeat(np.eye(4), 50, axis=0)), Ignoring()
    judge = NearDuplicatesInCells(vectors, np.arange(200), 0.98, step, batches=Batches(rows=70, near_pairs=5))
    kept = judge.keepers(np.arange(200))
    assert step.n == 200
    judge.nearest_keepers(np.flatnonzero(~kept), np.flatnonzero(kept))
    assert step.n == 200 + 196
