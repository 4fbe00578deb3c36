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

from model.sampling import sample_interests

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
_UNIT = 2.0**-53
# With less than this left of all importance, cumulated shares no longer tell those left apart.
_LEAST_LEFT = 1e-6


class Sampler:
    """Draws interests; safe for any number of threads.

    Args:
        seed: Where the process's seeds begin; None for anywhere.
    """

    def __init__(self, seed: int | None = None) -> None:
        # Of two threads, `next` never gives both the same.
        self._seeds = itertools.count(secrets.randbits(63) if seed is None else seed)

    def sample(self, shares: Sequence[float], bounds: Sequence[float], k: int, seed: int | None) -> list[int]:
        """Draw up to k interests without replacement, each in proportion to importance among those left.

        Args:
            shares: float [c], of importance.
            bounds: float [c], the shares cumulated, ascending to 1.
            k: How many; all of them when there are not more.
            seed: For a repeatable draw; None for the process's next.

        Returns:
            int [min(k, c)], ascending: most important first.
        """
        if k >= len(bounds):
            return list(range(len(bounds)))
        seed = next(self._seeds) if seed is None else seed
        return _drawn(shares, bounds, uniforms(seed, k), seed)


def _drawn(
    shares: Sequence[float], bounds: Sequence[float], numbers: Sequence[float], seed: int
) -> list[int]:
    """Successive sampling: what was taken is cut out of the unit interval, and the rest moves together."""
    taken: list[int] = []
    left, k = bounds[-1], len(numbers)
    for u in numbers:
        if left < _LEAST_LEFT:
            return _drawn_exactly(shares, k, seed)
        x = u * left
        for each in taken:
            if x < bounds[each] - shares[each]:
                break
            x += shares[each]
        at = bisect_right(bounds, x)
        if at == len(bounds) or at in taken:
            # Roundings at the edges of what was taken.
            return _drawn_exactly(shares, k, seed)
        insort(taken, at)
        left -= shares[at]
    return taken


def _drawn_exactly(shares: Sequence[float], k: int, seed: int) -> list[int]:
    """From the same distribution, for any shares."""
    drawn = sample_interests(np.array(shares, np.float64), k, np.random.default_rng(seed))
    return [int(at) for at in drawn]


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
