"""The method that is chosen is the one whose worst measure is best."""

from collections.abc import Mapping, Sequence

import numpy as np

from evaluation.assembling import findings
from evaluation.choosing import choose, least_lift
from evaluation.comparing import Comparison, compared
from evaluation.methods import DECAY_AVERAGES, DEFAULT, LAST_PIN, SERVED, Method, fused
from evaluation.results import Threshold
from model.fusing import FusePolicy
from tests.evaluation.town import case_of

UNEVEN, EVEN = (fused(FusePolicy(n_representatives=n)) for n in (2, 3))
AVERAGE = DECAY_AVERAGES[0]
THRESHOLDS = tuple(
    Threshold(key=key, cosine=0.8, origin="by hand", share_of_random_pairs=0.1) for key in ("0.5%", "0.8")
)
SINGLE_VALUES = {LAST_PIN: (0.1, 0.2, 0.4), AVERAGE: (0.2, 0.2, 0.1)}


def comparison_of(values: Mapping[Method, Sequence[float]]) -> Comparison:
    """One case, with relevance at both thresholds and recall of each method."""
    arrays = {method.key: np.array([[*three, 0.0, 0.0]]) for method, three in values.items()}
    return compared(tuple(values), arrays, THRESHOLDS, [case_of([0], [1])], n_resamples=5)


def test_the_worst_measure_decides() -> None:
    """Three times, twice and as much as the best, against 10 % more of each: the second is chosen.

    The best single embedding is another one by measure: 0.2 of the average, 0.4 of the last pin.
    """
    found = comparison_of({**SINGLE_VALUES, UNEVEN: (0.6, 0.4, 0.4), EVEN: (0.22, 0.22, 0.44)})
    assert [round(least_lift(method, found), 6) for method in (UNEVEN, EVEN)] == [0, 0.1]
    assert choose((UNEVEN, EVEN), found) == EVEN


def test_recall_counts_as_much_as_relevance() -> None:
    """Ahead in relevance and behind in recall is behind."""
    found = comparison_of({**SINGLE_VALUES, UNEVEN: (0.6, 0.4, 0.2), EVEN: (0.19, 0.2, 0.4)})
    assert choose((UNEVEN, EVEN), found) == EVEN


def test_the_first_of_equals_is_chosen() -> None:
    """So the candidates' order is part of the rule."""
    found = comparison_of({**SINGLE_VALUES, UNEVEN: (0.2, 0.2, 0.4), EVEN: (0.2, 0.2, 0.4)})
    assert choose((UNEVEN, EVEN), found) == UNEVEN
    assert choose((EVEN, UNEVEN), found) == EVEN


def test_a_measure_that_no_single_embedding_reaches_tells_nothing() -> None:
    """Where 0.8 is never reached, the others still choose."""
    singles = {LAST_PIN: (0.1, 0.0, 0.4), AVERAGE: (0.2, 0.0, 0.1)}
    found = comparison_of({**singles, UNEVEN: (0.21, 0.0, 0.6), EVEN: (0.3, 0.0, 0.6)})
    assert choose((UNEVEN, EVEN), found) == EVEN


def test_the_services_setting_is_told_where_it_was_not_chosen() -> None:
    """And not twice where it was."""
    found = comparison_of(
        {**SINGLE_VALUES, DEFAULT: (0.1, 0.1, 0.1), SERVED: (0.3, 0.3, 0.5), EVEN: (0.4, 0.4, 0.6)}
    )
    assert sum(SERVED.title in line for line in findings(EVEN, found, found)) == 1
    assert sum(SERVED.title in line for line in findings(SERVED, found, found)) == 1


def test_ahead_and_beyond_the_interval_are_told_apart() -> None:
    """With one user nothing is in doubt: 50 % more of all is beyond, less of one is not ahead."""
    values = {**SINGLE_VALUES, DEFAULT: (0.1, 0.1, 0.1), SERVED: (0.3, 0.3, 0.6), EVEN: (0.4, 0.1, 0.6)}
    found = comparison_of(values)
    assert "beyond the 95 % intervals" in findings(SERVED, found, found)[2]
    assert "does not beat every single embedding" in findings(EVEN, found, found)[2]
