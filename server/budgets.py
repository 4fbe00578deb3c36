"""How many candidates each sampled interest may give, and turns by budgets that differ."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.budget import budget_per_interest
from model.merging import Merged, interleave
from model.sampling import probabilities
from server.variants import Budget

# Shares are sums of floats: what is whole but for their rounding is whole.
_ROUNDING = 1e-9


def budgets_of(rule: Budget, max_candidates: int, importances: Sequence[float]) -> tuple[int, ...]:
    """The budget of each sampled interest; what is too much together is cut off when they are merged.

    Args:
        rule: Equal ones, or in proportion to importance, 1 at least.
        max_candidates: Of the answer.
        importances: float [n], of the interests sampled; only their ratios matter.
    """
    if rule is Budget.EQUAL:
        return (budget_per_interest(max_candidates, len(importances)),) * len(importances)
    shares = probabilities(np.array(importances)).tolist()
    return tuple(max(1, math.ceil(max_candidates * share - _ROUNDING)) for share in shares)


def interleave_within(
    lists: Sequence[NDArray[np.integer]], budgets: Sequence[int], max_candidates: int
) -> Merged:
    """Interleave ranked lists as model.merging does, each within a budget of its own.

    Args:
        lists: Rows of candidates, nearest first; the lists in order of importance.
        budgets: The most that each gives.
        max_candidates: The most altogether.
    """
    if len(set(budgets)) == 1:
        return interleave(lists, budget=budgets[0], max_candidates=max_candidates)
    taken, left, rows = [], list(budgets), [each.tolist() for each in lists]
    known: set[int] = set()
    for position in range(max(map(len, rows))):
        for at, of_list in enumerate(rows):
            if position < len(of_list) and left[at] and of_list[position] not in known:
                known.add(of_list[position])
                left[at] -= 1
                taken.append((at, position))
    chosen = np.array(taken[:max_candidates], np.int64).reshape(-1, 2)
    return Merged(lists=chosen[:, 0], positions=chosen[:, 1])
