"""One list from the lists of several pins, by a score that knows them all, and a tail that is fair to each.

The score of a pin x for a user with representatives i of weights w_i, which add up to 1:

    s(x) = sum over i of w_i p_i(x),   p_i(x) = exp((cos_i(x) - 1) / T_i) / Z_i

p_i spreads the weight of a saved pin over the pins near it: Z_i makes it add up to 1 over the first pins of
i's own list, and T_i gives it the same perplexity there for every i (van der Maaten and Hinton, 2008, fix the
perplexity a point likewise). So neither an embedding space nor an interest in a dense part of it needs a
scale of its own. T_i and Z_i depend on the pin and the pool alone. Pure functions on arrays.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import InvalidInputError
from model.merging import Merged, interleave
from model.sampling import probabilities

SPREAD_OVER = 400
"""The pins of a list that its representative is spread over; perplexities are of so many."""
MAX_REPRESENTATIVES = 64

NOT_COUNTED = np.float32(-np.inf)
"""Stands for the cosine of a pin that a representative is not spread over."""

_ABSENT = -1
_COLDEST, _WARMEST = 1e-3, 10.0
_HALVINGS = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class FusePolicy:
    """How lists become one.

    Attributes:
        n_representatives: Lists at most.
        perplexity: Over how many of the first 400 pins of its list a representative is spread, as if evenly.
            Towards 1 only the nearest count, at 400 all do alike.
        fused_share: The part of the answer taken by score; the rest is interleaved from the lists.
    """

    n_representatives: int = 40
    perplexity: float = 325.0
    fused_share: float = 0.9

    def __post_init__(self) -> None:
        if not 1 <= self.n_representatives <= MAX_REPRESENTATIVES:
            raise InvalidInputError(
                f"n_representatives must be 1 to {MAX_REPRESENTATIVES}, got {self.n_representatives}"
            )
        if not 1 <= self.perplexity <= SPREAD_OVER:
            raise InvalidInputError(f"perplexity must be 1 to {SPREAD_OVER}, got {self.perplexity}")
        if not 0 <= self.fused_share <= 1:
            raise InvalidInputError(f"fused_share must be 0 to 1, got {self.fused_share}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """How q representatives are spread over the pins near them.

    Attributes:
        temperatures: float64 [q], T_i.
        log_sums: float64 [q], log Z_i.
    """

    temperatures: NDArray[np.float64]
    log_sums: NDArray[np.float64]

    @classmethod
    def of(cls, each: Iterable[tuple[float, float]]) -> "Spread":
        """Of representatives whose T_i and log Z_i were kept."""
        pairs = np.array(list(each), np.float64).reshape(-1, 2)
        return cls(temperatures=pairs[:, 0], log_sums=pairs[:, 1])

    def each(self) -> list[tuple[float, float]]:
        """T_i and log Z_i of each, to be kept with its list."""
        return list(zip(self.temperatures.tolist(), self.log_sums.tolist(), strict=True))


def spread_of(cosines: NDArray[np.float32], perplexity: float) -> Spread:
    """Give every representative the perplexity, by bisection on log T.

    A list that counts fewer than 400 pins gets the same share of their number. One that counts none is given
    the warmest temperature; one whose cosines are all the same, the coldest.

    Args:
        cosines: float32 [q, k], of each representative to the first pins of its own list; NOT_COUNTED for the
            pin itself, its near-duplicates, and where a list is shorter.
        perplexity: Of 400 pins.
    """
    counted = np.isfinite(cosines)
    n = counted.sum(axis=1)
    # Cosines below the nearest: no exponential overflows, and the sum is 1 at least.
    nearest = np.where(n, np.max(cosines, axis=1, initial=-1, where=counted), 0).astype(np.float64)
    below = np.where(counted, cosines - nearest[:, np.newaxis], -np.inf)
    wanted = np.log(np.maximum(perplexity * n / SPREAD_OVER, 1))
    cold, warm = np.full(len(n), np.log(_COLDEST)), np.full(len(n), np.log(_WARMEST))
    for _ in range(_HALVINGS):
        middle = (cold + warm) / 2
        is_too_cold = _entropy(below, np.exp(middle)) < wanted
        cold, warm = np.where(is_too_cold, middle, cold), np.where(is_too_cold, warm, middle)
    temperatures = np.exp((cold + warm) / 2)
    sums = np.exp(below / temperatures[:, np.newaxis]).sum(axis=1)
    log_sums = np.log(np.where(n, sums, 1)) + (nearest - 1) / temperatures
    return Spread(temperatures=temperatures, log_sums=log_sums)


def contributions(
    cosines: NDArray[np.float32], weights: NDArray[np.float64], spread: Spread
) -> NDArray[np.float32]:
    """What each representative adds to the score of each pin: w_i exp((cos_i - 1) / T_i) / Z_i.

    Args:
        cosines: float32 [q, u], of each representative to each pin.
        weights: float64 [q], 0 or more; only their ratios matter.
        spread: Of the representatives.

    Returns:
        float32 [q, u].
    """
    per_cosine = 1 / spread.temperatures
    with np.errstate(divide="ignore"):
        # A weight of next to nothing beside the others adds exp(-inf): nothing.
        offsets = np.log(probabilities(weights)) - per_cosine - spread.log_sums
    parts = cosines * per_cosine.astype(np.float32)[:, np.newaxis]
    parts += offsets.astype(np.float32)[:, np.newaxis]
    added: NDArray[np.float32] = np.exp(parts, out=parts)
    return added


def fused_scores(
    cosines: NDArray[np.float32], weights: NDArray[np.float64], spread: Spread
) -> NDArray[np.float32]:
    """How near each pin is to all representatives together: float32 [u], the sum of their contributions."""
    scores: NDArray[np.float32] = contributions(cosines, weights, spread).sum(axis=0)
    return scores


def union(lists: Sequence[NDArray[np.integer]]) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """The distinct rows of all lists, int64 [u], ascending; and each list as places among them."""
    rows, places = np.unique(np.concatenate(lists).astype(np.int64), return_inverse=True)
    return rows, np.split(places, np.cumsum([len(of_list) for of_list in lists])[:-1])


def fuse(
    lists: Sequence[NDArray[np.int64]], scores: NDArray[np.float32], *, fused_share: float, n: int
) -> NDArray[np.int64]:
    """The best by score, then the lists interleaved without them.

    Args:
        lists: Places in `scores`, nearest first; the lists in order of importance.
        scores: float32 [u], of the union of the lists; ties go to the first.
        fused_share: The part of n that is taken by score.
        n: The most altogether.

    Returns:
        int64, distinct places, best first; fewer than n only when the lists hold no more.
    """
    head = _best(scores, round(fused_share * n))
    wanted = min(n, len(scores)) - len(head)
    if wanted < 1:
        return head
    is_left = np.ones(len(scores), np.bool_)
    is_left[head] = False
    return np.concatenate([head, _by_turns([of_list[is_left[of_list]] for of_list in lists], wanted)])


def traced(
    lists: Sequence[NDArray[np.int64]], parts: NDArray[np.float32], answer: NDArray[np.int64]
) -> Merged:
    """Where each candidate of an answer comes from: of the lists that hold it, the one that counts most.

    Args:
        lists: Places, as given to `fuse`; q of them.
        parts: float32 [q, n], what each list's representative adds to each candidate's score; of equal ones
            the first counts most.
        answer: int64 [n], places that some list holds.
    """
    slot_of = np.full(1 + max(of_list.max(initial=0) for of_list in lists), _ABSENT)
    slot_of[answer] = np.arange(len(answer))
    slots = slot_of[np.concatenate(lists)]
    lengths = [len(of_list) for of_list in lists]
    list_of = np.repeat(np.arange(len(lists)), lengths)
    position_of = np.concatenate([np.arange(length) for length in lengths])
    asked = np.flatnonzero(slots != _ABSENT)
    found = np.full(parts.shape, _ABSENT)
    found[list_of[asked], slots[asked]] = position_of[asked]
    most = np.argmax(np.where(found == _ABSENT, np.float32(-1), parts), axis=0)
    return Merged(lists=most, positions=found[most, np.arange(len(answer))])


def _entropy(below: NDArray[np.float64], temperatures: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [q], of the softmax over each row of cosines [q, k], given below the highest of the row."""
    exponents = below / temperatures[:, np.newaxis]
    powers = np.exp(exponents)
    sums = np.maximum(powers.sum(axis=1), 1)
    exponents[np.isinf(exponents)] = 0
    entropy: NDArray[np.float64] = np.log(sums) - (powers * exponents).sum(axis=1) / sums
    return entropy


def _by_turns(lists: Sequence[NDArray[np.int64]], n: int) -> NDArray[np.int64]:
    """The first n of the lists interleaved, which hold so many: from no more of each than it takes."""
    depth = -(-n // len(lists))
    while True:
        tops = [of_list[:depth] for of_list in lists]
        merged = interleave(tops, budget=depth, max_candidates=n)
        if len(merged.lists) == n:
            starts = np.cumsum([0, *(len(of_list) for of_list in tops)])
            return np.concatenate(tops)[starts[merged.lists] + merged.positions]
        depth *= 2


def _best(scores: NDArray[np.float32], n: int) -> NDArray[np.int64]:
    """The places of the n highest scores, best first, ties to the first: without sorting all of them."""
    if n < 1:
        return np.empty(0, np.int64)
    if n < len(scores):
        least = np.partition(scores, -n)[-n]
        among = np.flatnonzero(scores >= least)
    else:
        among = np.arange(len(scores))
    return among[np.argsort(-scores[among], kind="stable")[:n]]
