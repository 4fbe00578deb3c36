"""How much of a full test runs: one fraction, PINNERSAGE_RELIABILITY_SHARE, a hundredth unless it is set."""

import os
import random
from collections.abc import Iterator, Sequence
from itertools import product

SHARE = float(os.environ.get("PINNERSAGE_RELIABILITY_SHARE", "0.01"))
# `make test-reliability SEED=17 ARGS='-k name'` runs one case of a test again.
_ONLY = os.environ.get("PINNERSAGE_RELIABILITY_SEED")


def seeds(full: int) -> Iterator[int]:
    """The seeds of the cases to run, of `full` in all, at least one; a failure names the seed."""
    return iter([int(_ONLY)] if _ONLY else range(max(1, round(full * SHARE))))


def cells(*axes: Sequence[str]) -> list[tuple[str, ...]]:
    """What the axes have in common to try: everything from a tenth on, below it every seventh.

    Seven divides the length of no axis, so every kind, step and fault is still met.
    """
    everything = list(product(*axes))
    return everything if SHARE >= 0.1 or _ONLY else everything[::7]


def chance(*seed: object) -> random.Random:
    """What decides a case: the same for the same seed, in any process."""
    return random.Random(repr(seed))  # noqa: S311 - no secrets here
