"""Greedy facility location in many clusters at once: which pins of each explain the most of it.

The same to the bit whatever clusters are side by side, and whatever the machine: what is summed here is
summed pin after pin, never by a BLAS.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK_ROWS = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crowds:
    """Clusters of nearly the same size, side by side; k is the size of the largest.

    Attributes:
        cosines: float32 [b, k, k], between a cluster's pins; what is beyond its size does not matter.
        weights: float64 [b, k], 0 or more, and 0 beyond its size.
        sizes: int64 [b].
        firsts: int64 [b], the pin of each that is chosen already, its medoid.
        seats: int64 [b], how many are to be chosen, the first among them; from 1 to its size.
    """

    cosines: NDArray[np.float32]
    weights: NDArray[np.float64]
    sizes: NDArray[np.int64]
    firsts: NDArray[np.int64]
    seats: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facilities:
    """The pins chosen of each cluster.

    Attributes:
        chosen: int64 [b, most seats], pins in the order they were chosen; beyond a cluster's seats nothing.
        weights: float64 [b, most seats], the weight of the pins that each is nearest to.
    """

    chosen: NDArray[np.int64]
    weights: NDArray[np.float64]


def facilities(crowds: Crowds) -> Facilities:
    """From its first on, each next pin is the one that most raises the similarity of all to their nearest.

    Ties go to the first pin. A twin of a chosen one raises nothing: it comes last, weighs nothing, and may
    stand in for the other.
    """
    if (crowds.seats == crowds.sizes).all() and (everybody := _everybody(crowds)):
        return everybody
    most = int(crowds.seats.max())
    each = np.arange(len(crowds.sizes))
    chosen = np.zeros((len(each), most), np.int64)
    chosen[:, 0] = crowds.firsts
    is_free = np.arange(crowds.weights.shape[1]) < crowds.sizes[:, None]
    is_free[each, crowds.firsts] = False
    nearest = crowds.cosines[each, :, crowds.firsts]
    for seat in range(1, most):
        # Where only twins of the chosen are left, nothing gains, and none may be chosen twice.
        gains = np.where(is_free, _gains(crowds.cosines, nearest, crowds.weights), -1)
        chosen[:, seat] = picked = gains.argmax(axis=1)
        is_free[each, picked] = False
        nearest = np.maximum(nearest, crowds.cosines[each, :, picked])
    return Facilities(chosen=chosen, weights=_weights(crowds, chosen))


def _everybody(crowds: Crowds) -> Facilities | None:
    """All pins of all clusters, unless the order of choosing them matters: where one is as near to two."""
    k = crowds.weights.shape[1]
    is_pin = np.arange(k) < crowds.sizes[:, None]
    nearness = np.where(is_pin[:, np.newaxis, :], crowds.cosines, -np.inf)
    n_nearest = np.count_nonzero(nearness == nearness.max(axis=2, keepdims=True), axis=2)
    if (n_nearest[is_pin] > 1).any():
        return None
    chosen = np.tile(np.arange(k), (len(is_pin), 1))
    return Facilities(chosen=chosen, weights=_weights(crowds, chosen))


def _gains(
    cosines: NDArray[np.float32], nearest: NDArray[np.float32], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How much each pin as a further representative would raise the weighted similarity: float64 [b, k].

    In blocks: in the largest clusters three more matrices [k, k] would be hundreds of megabytes.
    """
    gains = np.zeros(weights.shape)
    for start in range(0, weights.shape[1], _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        raised = cosines[:, block] - nearest[:, block, np.newaxis]
        np.maximum(raised, 0, out=raised)
        gains += (weights[:, block, np.newaxis] * raised).sum(axis=1)
    return gains


def _weights(crowds: Crowds, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """The weight of the pins that each chosen one is nearest to, the first chosen of the equally near."""
    b, most = chosen.shape
    nearness = np.take_along_axis(crowds.cosines, chosen[:, np.newaxis, :], axis=2)
    np.copyto(nearness, -np.inf, where=(np.arange(most) >= crowds.seats[:, None])[:, np.newaxis, :])
    belongs_to = nearness.argmax(axis=2) + most * np.arange(b)[:, None]
    totals = np.bincount(belongs_to.ravel(), crowds.weights.ravel(), minlength=b * most)
    return totals.astype(np.float64, copy=False).reshape(b, most)
