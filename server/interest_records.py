"""What requests need of a user's interests: a record each, side by side in one piece of memory.

An interest that is drawn is then waited for once, not once for each thing that is said of it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.sampling import probabilities

INTEREST = np.dtype([("bound", "f8"), ("share", "f8"), ("importance", "f8"), ("row", "i4"), ("origin", "u4")])
"""One interest.

bound: Its share and those before it together.
share: In all importance.
importance: At the moment that the profile speaks of.
row: Of the medoid.
origin: A value of pb.InterestOrigin.
"""
INTEREST_BYTES = INTEREST.itemsize


def records_of(
    rows: NDArray[np.integer],
    importances: NDArray[np.float64],
    origins: Sequence[int] | NDArray[np.integer],
) -> bytes:
    """Records of interests, in the order given.

    Args:
        rows: Integers [c], of the medoids.
        importances: float64 [c].
        origins: c values of pb.InterestOrigin.
    """
    interests = np.empty(len(rows), INTEREST)
    interests["share"] = probabilities(importances)
    interests["bound"] = np.cumsum(interests["share"])
    interests["importance"] = importances
    interests["row"] = rows
    interests["origin"] = origins
    return interests.tobytes()


def interests_in(records: bytes) -> NDArray[np.void]:
    """INTEREST [c]: a view."""
    return np.frombuffer(records, INTEREST)
