"""The sample stage: every call has a seed, its request's or the next one of the process.

A generator of numpy costs more to seed than all else here, so the few uniform numbers of a call come from
SplitMix64 (Steele, Lea and Flood, 2014), and interests are found by bisection in their cumulated shares.
"""

import itertools
import secrets
from bisect import bisect_right, insort
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from model.sampling import sample_interests
from server.interest_records import interests_in
from storage.compiled import compiled

_interests = compiled("server._interests")

Drawn = tuple[bytes, list[int]]
"""The records of those drawn, most important first, and the rows of their medoids."""

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
_UNIT = 2.0**-53
# With less than this left of all importance, cumulated shares no longer tell those left apart.
LEAST_LEFT = 1e-6


class Sampler:
    """Draws interests; safe for any number of threads.

    Args:
        seed: Where the process's seeds begin; None for anywhere.
    """

    def __init__(self, seed: int | None = None) -> None:
        # Of two threads, `next` never gives both the same.
        self._seeds = itertools.count(secrets.randbits(63) if seed is None else seed)

    def sample(self, records: bytes, k: int, seed: int | None) -> Drawn:
        """Draw up to k interests without replacement, each in proportion to importance among those left.

        Args:
            records: Of all the user's interests, see server.interest_records.
            k: How many; all of them when there are not more.
            seed: For a repeatable draw; None for the process's next.
        """
        seed = next(self._seeds) if seed is None else seed
        drawn: Drawn | None = (
            by_bisection(records, k, seed)
            if _interests is None
            else _interests.draw(records, k, seed, LEAST_LEFT)
        )
        return _exactly(records, k, seed) if drawn is None else drawn


def by_bisection(records: bytes, k: int, seed: int) -> Drawn | None:
    """Those drawn; None where numbers were rounded so much that it is not sure who is meant."""
    interests = interests_in(records)
    if k >= len(interests):
        return records, interests["row"].tolist()
    taken = _taken(interests["share"].tolist(), interests["bound"].tolist(), uniforms(seed, k))
    return None if taken is None else _at(taken, records)


def _taken(shares: Sequence[float], bounds: Sequence[float], numbers: Sequence[float]) -> list[int] | None:
    """Successive sampling: what was taken is cut out of the unit interval, and the rest moves together."""
    taken: list[int] = []
    left = bounds[-1]
    for u in numbers:
        if left < LEAST_LEFT:
            return None
        x = u * left
        for each in taken:
            if x < bounds[each] - shares[each]:
                break
            x += shares[each]
        at = bisect_right(bounds, x)
        if at == len(bounds) or at in taken:
            # At the edges of what was taken.
            return None
        insort(taken, at)
        left -= shares[at]
    return taken


def _exactly(records: bytes, k: int, seed: int) -> Drawn:
    """From the same distribution, for any shares."""
    return _at(sample_interests(interests_in(records)["share"], k, np.random.default_rng(seed)), records)


def _at(places: Sequence[int] | NDArray[np.int64], records: bytes) -> Drawn:
    drawn = interests_in(records)[np.array(places, np.int64)]
    return drawn.tobytes(), drawn["row"].tolist()


@lru_cache(maxsize=16)
def uniforms(seed: int, n: int) -> tuple[float, ...]:
    """Uniform numbers in [0, 1), 53 bits each, by SplitMix64; kept for a batch, whose users share a seed."""
    state, numbers = seed & _MASK, []
    for _ in range(n):
        state = (state + _GOLDEN) & _MASK
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        numbers.append(((mixed ^ (mixed >> 31)) >> 11) * _UNIT)
    return tuple(numbers)
