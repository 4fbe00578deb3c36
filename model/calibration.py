"""Choosing alpha, Ward's threshold, once for an embedding space.

The paper gives no value, only what it leads to: a handful of clusters for light users, at most 100 for heavy
ones. Light users decide here: alpha is where their median is 4 clusters.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.distances import squared_norms
from model.distinct import distinct_pins
from model.errors import CalibrationError
from model.interests import Actions
from model.ward import n_merges_at, threshold, ward_dendrogram

TARGET_CLUSTERS = 4
MAX_CLUSTERS = 100
"""More than this for the heaviest users is beyond the paper."""
MIN_LIGHT_PINS, MAX_LIGHT_PINS = 10, 30
MIN_LIGHT_USERS = 50
"""With fewer the median says little: take alpha_of_random_pairs instead."""

_HEAVIEST_SHARE = 0.01
_PAIRS_AT_A_TIME = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What an alpha leads to on given users.

    Attributes:
        alpha: The threshold, a squared Euclidean distance.
        interval: The lowest and the highest alpha with the same median; alpha is in the middle. None for an
            alpha that was found in another way.
        median_clusters: Of the light users, at alpha; None without light users.
        n_light_users: Those with 10 to 30 distinct pins.
        n_users: All that were looked at.
        heaviest_clusters: The most clusters that anyone among the 1 % with the most pins has, at alpha.
    """

    alpha: float
    interval: tuple[float, float] | None
    median_clusters: float | None
    n_light_users: int
    n_users: int
    heaviest_clusters: int

    @property
    def reached_target(self) -> bool:
        """Light users have a median of exactly 4 clusters; otherwise it is the nearest to that."""
        return self.median_clusters == TARGET_CLUSTERS

    @property
    def too_many_for_heaviest(self) -> bool:
        """The heaviest users have more clusters than in the paper: worth a warning."""
        return self.heaviest_clusters > MAX_CLUSTERS


def merge_heights(actions: Actions) -> NDArray[np.float64]:
    """What calibration needs of a user: float64 [m - 1], the squared heights of Ward's merges, ascending.

    Raises:
        InvalidInputError: As in model.profile.build_interests.
    """
    return ward_dendrogram(distinct_pins(actions).vectors).heights


def n_clusters_at(heights: NDArray[np.float64], alpha: float) -> int:
    """How many clusters a user with these merge heights has at alpha."""
    return len(heights) + 1 - n_merges_at(heights, alpha)


def calibrate_alpha(heights_per_user: Sequence[NDArray[np.float64]]) -> Calibration:
    """The alpha at which light users have a median of 4 clusters.

    The median falls in steps as alpha rises. Alpha is the middle of the step at 4, or of the step nearest
    to 4 when the median jumps over it (the one with more clusters, of two as near).

    Args:
        heights_per_user: `merge_heights` of each user with at least one action.

    Raises:
        CalibrationError: Fewer than 50 light users, or pins so alike that no step is near.
    """
    light = [heights for heights in heights_per_user if _is_light(heights)]
    if len(light) < MIN_LIGHT_USERS:
        raise CalibrationError(
            f"{len(light)} users have {MIN_LIGHT_PINS} to {MAX_LIGHT_PINS} distinct pins; "
            f"calibrating alpha on them needs {MIN_LIGHT_USERS}"
        )
    low, high = _step_nearest_to_target(_Light(light))
    alpha = (low + high) / 2
    if not alpha > 0:
        raise CalibrationError("the light users' pins are all alike: no alpha can tell their interests apart")
    return describe_alpha(alpha, heights_per_user, interval=(low, high))


def describe_alpha(
    alpha: float,
    heights_per_user: Sequence[NDArray[np.float64]],
    *,
    interval: tuple[float, float] | None = None,
) -> Calibration:
    """What an alpha, however found, leads to on these users."""
    light = [heights for heights in heights_per_user if _is_light(heights)]
    by_pins = sorted(heights_per_user, key=len, reverse=True)
    heaviest = by_pins[: int(np.ceil(_HEAVIEST_SHARE * len(by_pins)))]
    return Calibration(
        alpha=alpha,
        interval=interval,
        median_clusters=_Light(light).median_clusters(alpha) if light else None,
        n_light_users=len(light),
        n_users=len(heights_per_user),
        heaviest_clusters=max((n_clusters_at(heights, alpha) for heights in heaviest), default=0),
    )


def alpha_of_random_pairs(
    embeddings: NDArray[np.float16],
    generator: np.random.Generator,
    *,
    share: float = 0.005,
    n_pairs: int = 200_000,
) -> float:
    """The squared distance that this share of random pairs stays within: 2 - 2 cos for unit vectors.

    For data with too few light users. Two pins are then merged when they are nearer than chance makes them.

    Args:
        embeddings: float16 [n, d], unit vectors; may be memory-mapped.
        generator: Where the pairs come from.
        share: Of the pairs.
        n_pairs: How many pairs are drawn.

    Raises:
        CalibrationError: Fewer than two pins, or pins so alike that the distance is 0.
    """
    if len(embeddings) < 2:
        raise CalibrationError(f"alpha needs random pairs of pins, got {len(embeddings)} pins")
    first = generator.integers(len(embeddings), size=n_pairs)
    second = (first + generator.integers(1, len(embeddings), size=n_pairs)) % len(embeddings)
    n_blocks = -(-n_pairs // _PAIRS_AT_A_TIME)
    blocks = zip(np.array_split(first, n_blocks), np.array_split(second, n_blocks), strict=True)
    distances = np.concatenate([_pair_distances(embeddings[i], embeddings[j]) for i, j in blocks])
    alpha = float(np.quantile(distances, share))
    if not alpha > 0:
        raise CalibrationError(
            f"{share:.1%} of random pairs of pins have the same vector: no alpha can tell interests apart"
        )
    return alpha


class _Light:
    """The light users' merge heights as one matrix, for the median at many an alpha."""

    def __init__(self, heights_per_user: Sequence[NDArray[np.float64]]) -> None:
        self._n_pins = np.array([len(heights) + 1 for heights in heights_per_user])
        self._heights = np.full((len(heights_per_user), MAX_LIGHT_PINS - 1), np.inf)
        for row, heights in zip(self._heights, heights_per_user, strict=True):
            row[: len(heights)] = heights

    def steps(self) -> NDArray[np.float64]:
        """The alphas at which the median may fall, ascending."""
        return np.unique(self._heights[np.isfinite(self._heights)])

    def median_clusters(self, alpha: float) -> float:
        """The median number of clusters of a light user at alpha: never rises with alpha."""
        n_merges = np.count_nonzero(self._heights <= threshold(alpha), axis=1)
        return float(np.median(self._n_pins - n_merges))


def _is_light(heights: NDArray[np.float64]) -> bool:
    return MIN_LIGHT_PINS <= len(heights) + 1 <= MAX_LIGHT_PINS


def _step_nearest_to_target(light: _Light) -> tuple[float, float]:
    """Where the median is nearest to the target: from the first such alpha to the first beyond."""
    starts = np.unique(np.append(light.steps(), 0.0))

    def median_at(step: int) -> float:
        return light.median_clusters(starts[step])

    def first_step(is_far_enough: Callable[[float], bool]) -> int:
        return bisect_left(range(len(starts)), True, key=lambda step: is_far_enough(median_at(step)))

    # The median is 1 on the last step, so one at or below the target exists.
    below = first_step(lambda median: median <= TARGET_CLUSTERS)
    around = [median_at(step) for step in (below - 1, below) if step >= 0]
    nearest = min(around, key=lambda median: abs(median - TARGET_CLUSTERS))
    begin = first_step(lambda median: median <= nearest)
    end = first_step(lambda median: median < nearest)
    return float(starts[begin]), float(starts[min(end, len(starts) - 1)])


def _pair_distances(a: NDArray[np.float16], b: NDArray[np.float16]) -> NDArray[np.float64]:
    """|a_i - b_i|^2 of rows."""
    products = np.einsum("ij,ij->i", a.astype(np.float64), b.astype(np.float64))
    distances: NDArray[np.float64] = squared_norms(a) + squared_norms(b) - 2 * products
    return distances
