"""What answers are worth: relevance at two thresholds, and recall, of one case."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.explaining.sights import Places, Sight

METRICS = ("relevance@0.5%", "relevance@0.8", "recall")
"""The columns of every judgement: those that a method is chosen by."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reach:
    """What each of some lists does for each action pin.

    Attributes:
        nearest: float32 [..., p], the highest cosine of a listed pin to it.
        found: bool [..., p], whether it is listed itself.
    """

    nearest: NDArray[np.float32]
    found: NDArray[np.bool_]

    def of(self, chosen: NDArray[np.int64]) -> "Reach":
        """Of answers that are each made of several of the lists, int64 [s, e]."""
        return Reach(nearest=self.nearest[chosen].max(axis=1), found=self.found[chosen].max(axis=1))

    def worth(self, thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 [..., 3], by METRICS."""
        relevance = (self.nearest[..., np.newaxis] >= thresholds).mean(axis=-2)
        recall = self.found.mean(axis=-1, keepdims=True)
        values: NDArray[np.float64] = np.concatenate([relevance, recall], axis=-1)
        return values


def reach(sight: Sight, lists: Sequence[Places]) -> Reach:
    """What each list does: [lists, p]."""
    shape = (len(lists), len(sight.targets))
    nearest, found = np.full(shape, -1, np.float32), np.zeros(shape, np.bool_)
    for i, of_list in enumerate(lists):
        if len(of_list):
            nearest[i] = sight.nearness[:, of_list].max(axis=1)
            found[i] = (of_list == sight.targets[:, np.newaxis]).any(axis=1)
    return Reach(nearest=nearest, found=found)


def reach_at(sight: Sight, of_list: Places, lengths: Sequence[int]) -> Reach:
    """What the first so many of one list do: [lengths, p]."""
    ends = np.minimum(lengths, len(of_list)) - 1
    nearest = np.maximum.accumulate(sight.nearness[:, of_list], axis=1)
    found = np.logical_or.accumulate(of_list == sight.targets[:, np.newaxis], axis=1)
    return Reach(nearest=nearest[:, ends].T, found=found[:, ends].T)


def worth(sight: Sight, answer: Places, thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [3]: one answer by METRICS."""
    values: NDArray[np.float64] = reach(sight, [answer]).worth(thresholds)[0]
    return values
