"""How many candidates each sampled interest may give."""

import math
from functools import lru_cache

from model.budget import budget_per_interest
from model.sampling import probabilities
from server.interest_records import INTEREST_BYTES, interests_in
from server.variants import Budget

# Shares are sums of floats: what is whole but for their rounding is whole.
_ROUNDING = 1e-9


def budgets_of(rule: Budget, max_candidates: int, records: bytes) -> tuple[int, ...]:
    """The budget of each sampled interest; what is too much together is cut off when they are merged.

    Args:
        rule: Equal ones, or in proportion to importance, 1 at least.
        max_candidates: Of the answer.
        records: Of the interests sampled, see server.interest_records.
    """
    if rule is Budget.EQUAL:
        return _equal_ones(max_candidates, len(records) // INTEREST_BYTES)
    shares = probabilities(interests_in(records)["share"]).tolist()
    return tuple(max(1, math.ceil(max_candidates * share - _ROUNDING)) for share in shares)


@lru_cache(maxsize=1_024)
def _equal_ones(max_candidates: int, n_interests: int) -> tuple[int, ...]:
    return (budget_per_interest(max_candidates, n_interests),) * n_interests
