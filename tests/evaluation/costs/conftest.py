"""A pool large enough for every kind of index, and small enough to be searched in no time."""

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.costs.policy import CostPolicy


@pytest.fixture(scope="session")
def pool() -> NDArray[np.float16]:
    """1,200 pins around 40 places on the sphere, as vectors of real pins have places."""
    generator = np.random.default_rng(7)
    hearts = generator.standard_normal((40, 16))
    vectors = np.repeat(hearts, 30, axis=0) + 0.5 * generator.standard_normal((1_200, 16))
    unit: NDArray[np.float16] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    return unit


@pytest.fixture(scope="session")
def policy() -> CostPolicy:
    """As few searches as can be."""
    return CostPolicy(k=20, ef_search=30, n_queries=12, n_rounds=2)
