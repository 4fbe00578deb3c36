"""Cells: whole numbers, so that no machine, thread or block decides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index_builder.cells import Cells, on_lattice
from index_builder.validating import unit_vectors


def sphere(n: int, d: int, seed: int = 0) -> NDArray[np.float16]:
    return unit_vectors(np.random.default_rng(seed).standard_normal((n, d)))


@pytest.mark.parametrize("d", [1, 2, 64, 256, 1_024, 4_096])
def test_the_lattice_is_whole_numbers_whose_products_float32_holds(d: int) -> None:
    """No row is longer than 2^12: no part of a product exceeds 2^24, in whatever order it is summed."""
    lattice = on_lattice(sphere(50, d))
    np.testing.assert_array_equal(lattice, np.rint(lattice))
    assert np.linalg.norm(lattice.astype(np.float64), axis=1).max() <= 4_096


@given(st.integers(0, 10_000))
def test_products_on_the_lattice_have_no_rounding(seed: int) -> None:
    """Those of float32 are those of int64, and so are they with the elements in another order."""
    lattice = on_lattice(sphere(40, 256, seed))
    exact = lattice.astype(np.int64) @ lattice.astype(np.int64).T
    order = np.random.default_rng(seed).permutation(256)
    np.testing.assert_array_equal(lattice @ lattice.T, exact)
    np.testing.assert_array_equal(lattice[:, order] @ lattice[:, order].T, exact)


@given(st.integers(0, 100), st.integers(1, 30))
def test_a_row_lies_in_the_cells_of_its_nearest_centres(seed: int, block_rows: int) -> None:
    """Ties to the first centre: here every centre is there twice. In any blocks."""
    vectors = sphere(60, 5, seed)
    centres = np.array([3, 3, 50, 50, 20, 20])
    grouped = Cells(vectors, centres, 3, block_rows=block_rows).group(np.arange(60))
    lattice = on_lattice(vectors).astype(np.int64)
    expected = np.argsort(-(lattice @ lattice[centres].T), axis=1, kind="stable")[:, :3]
    for cell in range(6):
        assert grouped.members(cell).tolist() == np.flatnonzero((expected == cell).any(axis=1)).tolist()


def test_members_are_places_among_the_rows_asked_for() -> None:
    """In their order, whichever rows they are."""
    vectors = np.eye(4, dtype=np.float16)
    grouped = Cells(vectors, np.array([0, 1]), 1).group(np.array([1, 0, 1]))
    assert [grouped.members(cell).tolist() for cell in range(2)] == [[1], [0, 2]]
    assert grouped.sizes.tolist() == [1, 2]


def test_more_probes_than_cells_are_all_cells() -> None:
    """A small pool has few."""
    assert Cells(sphere(3, 4), np.array([0, 1]), 9).group(np.arange(3)).sizes.tolist() == [3, 3]
