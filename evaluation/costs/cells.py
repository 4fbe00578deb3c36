"""Costs as cells of a table: the middle of several rounds, with the lowest and the highest."""

import numpy as np
from numpy.typing import NDArray

from evaluation.results import Cell


def cost(by_round: NDArray[np.float64]) -> Cell:
    """What something costs; nothing where it was not measured."""
    if np.isnan(by_round).any():
        return Cell(value=None)
    return Cell(value=float(np.median(by_round)), low=float(by_round.min()), high=float(by_round.max()))


def change(after: NDArray[np.float64], before: NDArray[np.float64], papers: float | None = None) -> Cell:
    """How much more something costs than a baseline: below 0 where it costs less.

    Compared within each round: what disturbs a round disturbs both.

    Args:
        after: float64 [rounds].
        before: float64 [rounds], the baseline.
        papers: The paper's own figure.
    """
    lifts = after / before - 1
    if np.isnan(lifts).any():
        return Cell(value=None, paper=papers)
    return Cell(value=float(np.median(lifts)), low=float(lifts.min()), high=float(lifts.max()), paper=papers)
