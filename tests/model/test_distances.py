"""Squared distances have no rounding, so nothing about how they are computed can change them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import squareform

from model.distances import squared_distances, squared_distances_between, squared_norms
from model.errors import InvalidInputError
from tests.model.oracles import whole_number_distances
from tests.model.vectors import any_points, tied_points, unit_vectors

DIMENSIONS = [64, 128, 256, 384, 768, 1024]


@pytest.mark.parametrize("d", DIMENSIONS)
def test_distances_are_those_of_whole_numbers(d: int) -> None:
    """Every bit is that of unbounded whole-number arithmetic on the stored float16 values."""
    points = unit_vectors(7, d)
    exact = np.array(whole_number_distances(points), np.int64)
    assert np.array_equal(squareform(squared_distances(points)) * 2**48, exact)


@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("block_rows", [1, 2, 7, 64, 299, 300, 10_000])
def test_batching_changes_nothing(d: int, block_rows: int) -> None:
    """However many rows are multiplied at a time, the bits are the same."""
    points = unit_vectors(300, d)
    assert np.array_equal(squared_distances(points, block_rows=block_rows), squared_distances(points))


@pytest.mark.parametrize("d", DIMENSIONS)
def test_the_order_of_pins_and_of_dimensions_changes_nothing(d: int) -> None:
    """Permuting rows permutes the distances; permuting columns, so the order of summation, changes no bit."""
    points, generator = unit_vectors(200, d), np.random.default_rng(1)
    rows, columns = generator.permutation(200), generator.permutation(d)
    D = squareform(squared_distances(points))
    assert np.array_equal(squareform(squared_distances(points[rows])), D[np.ix_(rows, rows)])
    assert np.array_equal(squareform(squared_distances(points[:, columns])), D)


def test_the_smallest_float16_counts() -> None:
    """2^-24, a subnormal, squares to 2^-48: the unit of everything here."""
    points = np.array([[1, 2.0**-24], [1, 0]], np.float16)
    assert squared_distances(points).tolist() == [2.0**-48]


def test_known_distances() -> None:
    """Orthogonal unit vectors are 2 apart, opposite ones 4, equal ones 0; the order is scipy's."""
    points = np.array([[1, 0], [0, 1], [-1, 0], [1, 0]], np.float16)
    assert squared_distances(points).tolist() == [2, 4, 0, 2, 2, 4]


@pytest.mark.parametrize("m", [0, 1])
def test_fewer_than_two_vectors_have_no_distance(m: int) -> None:
    """No pair, no distance, no error."""
    assert squared_distances(unit_vectors(m, 8)).shape == (0,)


@given(points=any_points, split=st.integers(0, 40))
def test_distances_between_two_sets_are_the_same_numbers(points: NDArray[np.float16], split: int) -> None:
    """The distance of two vectors is the same number within one matrix and across two."""
    D = squareform(squared_distances(points)) if len(points) > 1 else np.zeros((1, 1))
    assert np.array_equal(squared_distances_between(points[:split], points[split:]), D[:split, split:])


@given(points=tied_points)
def test_twins_are_at_distance_zero(points: NDArray[np.float16]) -> None:
    """Equal vectors are at exactly 0, never a little below it."""
    D = squared_distances_between(points, points)
    assert (np.diagonal(D) == 0).all()
    assert (D >= 0).all()


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((2, 4), np.float32), r"vectors must be float16 \[m, d\], got float32 \[2, 4\]"),
        (np.zeros(4, np.float16), r"vectors must be float16 \[m, d\], got float16 \[4\]"),
        (np.array([[1, 0], [1, 1]], np.float16), "vector 1 is not a unit vector: its squared norm is 2.0"),
        (np.array([[np.nan, 0]], np.float16), "vector 0 is not a unit vector: its squared norm is nan"),
        (np.array([[np.inf, 0]], np.float16), "vector 0 is not a unit vector: its squared norm is inf"),
    ],
)
def test_what_is_not_a_float16_unit_vector_is_refused(points: NDArray[np.float16], message: str) -> None:
    """Exactness holds for float16 unit vectors only: anything else is refused by row."""
    for distances in (squared_distances, squared_norms):
        with pytest.raises(InvalidInputError, match=message):
            distances(points)


def test_vectors_of_two_dimensions_are_refused() -> None:
    """Vectors of different length cannot be compared."""
    with pytest.raises(InvalidInputError, match="vectors of 8 and of 16 dimensions"):
        squared_distances_between(unit_vectors(1, 8), unit_vectors(1, 16))
