"""Unit vectors to test on: at random, and on a grid full of ties that a person can work out."""

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import pdist


def unit_vectors(m: int, d: int, seed: int = 0) -> NDArray[np.float16]:
    """float16 [m, d], directions at random."""
    return _of_unit_norm(np.random.default_rng(seed).normal(size=(m, d)))


def clustered_vectors(m: int, d: int, n_themes: int, seed: int = 0) -> NDArray[np.float16]:
    """float16 [m, d], unit vectors around a few themes."""
    generator = np.random.default_rng(seed)
    themes = generator.normal(size=(n_themes, d))
    return _of_unit_norm(themes[generator.integers(n_themes, size=m)] + 0.4 * generator.normal(size=(m, d)))


def angles(*degrees: float) -> NDArray[np.float16]:
    """float16 [m, 2]: points on the unit circle."""
    radians = np.radians(degrees)
    return np.column_stack([np.cos(radians), np.sin(radians)]).astype(np.float16)


def _of_unit_norm(X: NDArray[np.float64]) -> NDArray[np.float16]:
    unit: NDArray[np.float64] = X / np.linalg.norm(X, axis=1, keepdims=True)
    return unit.astype(np.float16)


def has_no_ties(points: NDArray[np.float16]) -> bool:
    """No two distances within 1e-9 of each other: there is one dendrogram only."""
    return bool((np.diff(np.sort(pdist(points.astype(np.float64), "sqeuclidean"))) > 1e-9).all())


TIED = np.array(
    [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1], [0.6, 0.8, 0], [0.8, 0.6, 0]],
    np.float16,
)
"""Unit vectors between which only a few different distances exist."""

untied_points = st.builds(
    unit_vectors, m=st.integers(1, 40), d=st.integers(8, 24), seed=st.integers(0, 2**32 - 1)
).filter(has_no_ties)
tied_points = st.lists(st.integers(0, len(TIED) - 1), min_size=1, max_size=25).map(lambda rows: TIED[rows])
any_points = untied_points | tied_points
