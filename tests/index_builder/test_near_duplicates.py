"""Near-duplicates, against brute force and by hand."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index_builder.near_duplicates import Blocks, keepers, nearest_keepers
from storage.pins.port import NO_ROW
from tests.index_builder.tables import circle

COS_15 = float(np.cos(np.deg2rad(15)))


class Ignoring:
    """A progress step that counts."""

    def __init__(self) -> None:
        self.n = 0

    def advance(self, n: int = 1) -> None:
        self.n += n


def kept_of(angles: list[float], cosine: float = COS_15) -> list[float]:
    """The angles kept, the first being the best."""
    ranked = np.arange(len(angles))
    mask = keepers(circle(angles).astype(np.float16), ranked, cosine, Ignoring())
    return [angle for angle, kept in zip(angles, mask, strict=True) if kept]


def test_the_better_of_two_near_pins_is_kept() -> None:
    """Whichever comes first in the ranking."""
    assert kept_of([0, 10]) == [0]
    assert kept_of([10, 0]) == [10]
    assert kept_of([0, 20]) == [0, 20]


def test_it_is_greedy_and_does_not_chain() -> None:
    """20 is near 10, but 10 is gone by then: 20 is near nobody who was kept."""
    assert kept_of([0, 10, 20, 30, 40]) == [0, 20, 40]
    assert kept_of([10, 0, 20, 30]) == [10, 30]


def test_identical_pins_are_near_at_any_threshold() -> None:
    """Their cosine is exactly 1, however float16 rounded their length."""
    assert kept_of([33, 33, 33, 71, 71], cosine=1.0) == [33, 71]


def test_opposite_pins_are_not_near() -> None:
    """The sign counts."""
    assert kept_of([0, 180]) == [0, 180]


def test_the_nearest_keeper_stands_for_a_pin() -> None:
    """Even one ranked worse than the keeper for which the pin was dropped; nobody, if nobody is near."""
    vectors = circle([0, 20, 12, 5, 90]).astype(np.float16)
    found = nearest_keepers(vectors, np.array([2, 3, 4]), np.array([0, 1]), COS_15, Ignoring())
    assert found.dtype == np.int32
    assert found.tolist() == [1, 0, NO_ROW]


@pytest.mark.parametrize(("kept", "expected"), [([1, 2], 0), ([2, 1], 0)])
def test_ties_go_to_the_better_ranked_keeper(kept: list[int], expected: int) -> None:
    """10 and 350 are equally near to 0: the first of the keepers wins."""
    vectors = circle([0, 10, 350]).astype(np.float16)
    found = nearest_keepers(vectors, np.array([0]), np.array(kept), COS_15, Ignoring())
    assert found.tolist() == [expected]


def test_float32_does_not_decide_ties() -> None:
    """Equally near in truth, for it is the same sum in another order; in float32 some come out nearer."""
    generator = np.random.default_rng(0)
    near = np.ones(64) + 0.1 * generator.standard_normal(64)
    shuffled = [generator.permutation(near) for _ in range(50)]
    raw = np.stack([np.ones(64), *shuffled])
    vectors = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float16)
    assert len(set(exact_cosines(vectors)[0, 1:])) == 1
    kept = generator.permutation(np.arange(1, 51))
    assert nearest_keepers(vectors, np.array([0]), kept, COS_15, Ignoring()).tolist() == [0]


def test_a_hair_below_the_threshold_is_not_near() -> None:
    """Where float32 cannot tell, float64 does."""
    vectors = circle([0, 10]).astype(np.float16)
    cosine = float(exact_cosines(vectors)[0, 1])
    rows = np.array([0]), np.array([1])
    for threshold, kept, stand_in in (
        (cosine, [True, False], 0),
        (np.nextafter(cosine, 1), [True] * 2, NO_ROW),
    ):
        assert keepers(vectors, np.array([0, 1]), threshold, Ignoring()).tolist() == kept
        assert nearest_keepers(vectors, *rows, threshold, Ignoring()).tolist() == [stand_in]


def test_every_row_is_reported_once() -> None:
    """So that the progress bar ends at its end."""
    vectors = circle(range(0, 360, 4)).astype(np.float16)
    step, ranked = Ignoring(), np.arange(90)
    kept = keepers(vectors, ranked, COS_15, step, blocks=Blocks(rows=7))
    assert step.n == 90
    nearest_keepers(vectors, ranked[~kept], ranked[kept], COS_15, step, blocks=Blocks(rows=7))
    assert step.n == 90 + (~kept).sum()


def exact_cosines(vectors: NDArray[np.float16]) -> NDArray[np.float64]:
    x = vectors.astype(np.float64)
    squares = (x * x).sum(axis=1)
    cosines: NDArray[np.float64] = (x @ x.T) / np.sqrt(squares[:, None] * squares[None, :])
    return cosines


def brute_keepers(cosines: NDArray[np.float64], ranked: NDArray[np.int64], cosine: float) -> list[int]:
    kept: list[int] = []
    for row in ranked.tolist():
        if not any(cosines[row, keeper] >= cosine for keeper in kept):
            kept.append(row)
    return kept


def brute_nearest(cosines: NDArray[np.float64], row: int, kept: list[int], cosine: float) -> int:
    best = max(range(len(kept)), key=lambda place: (cosines[row, kept[place]], -place))
    return best if cosines[row, kept[best]] >= cosine else NO_ROW


@st.composite
def worlds(draw: st.DrawFn) -> tuple[NDArray[np.float16], NDArray[np.int64], float]:
    """Small integer directions, so that many pairs tie; a threshold that is often exactly a pair's cosine."""
    points = st.tuples(*[st.integers(-2, 2)] * 3).filter(any)
    raw = np.array(draw(st.lists(points, min_size=2, max_size=30)), np.float64)
    vectors = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float16)
    ranked = np.array(draw(st.permutations(range(len(vectors)))))
    pair = draw(st.tuples(*[st.integers(0, len(vectors) - 1)] * 2))
    cosine = draw(st.sampled_from([float(exact_cosines(vectors)[pair]), 0.5, 0.9]))
    return vectors, ranked, max(cosine, 0.1)


sizes = st.builds(Blocks, rows=st.integers(1, 9), keepers=st.integers(1, 9), pairs=st.integers(1, 9))


@given(worlds(), sizes)
def test_it_is_brute_force_in_any_blocks(world: Any, blocks: Blocks) -> None:
    """Pairs exactly at the threshold included: float32 finds, float64 decides."""
    vectors, ranked, cosine = world
    cosines = exact_cosines(vectors)
    mask = keepers(vectors, ranked, cosine, Ignoring(), blocks=blocks)
    kept, others = ranked[mask], ranked[~mask]
    assert kept.tolist() == brute_keepers(cosines, ranked, cosine)
    found = nearest_keepers(vectors, others, kept, cosine, Ignoring(), blocks=blocks)
    assert found.tolist() == [brute_nearest(cosines, row, kept.tolist(), cosine) for row in others.tolist()]


def test_planted_pairs_are_found_at_scale() -> None:
    """Fifty twins among 3,000 pins of 64 dimensions, in the blocks used for real."""
    generator = np.random.default_rng(1)
    base = generator.standard_normal((3_000, 64))
    twins = base[:50] + 0.01 * generator.standard_normal((50, 64))
    raw = np.concatenate([base, twins])
    vectors = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float16)
    ranked = np.arange(len(raw))
    mask = keepers(vectors, ranked, 0.98, Ignoring())
    assert np.flatnonzero(~mask).tolist() == list(range(3_000, 3_050))
    assert nearest_keepers(vectors, ranked[~mask], ranked[mask], 0.98, Ignoring()).tolist() == list(range(50))
