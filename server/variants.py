"""Variants for A/B tests: named sets of parameters, one of which a salted hash picks for each user."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

import xxhash

from server.settings import MergePolicy

_HASHES = 2**64


class Budget(StrEnum):
    """How the candidates of an interleaved answer are divided among its interests."""

    EQUAL = "equal"
    BY_IMPORTANCE = "by_importance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What stands in place of the server's parameters, where a request itself says nothing; None leaves them.

    Attributes:
        name: Of the variant; empty for none.
        share: Of the users, who get it unless a request names another, 0 to 1.
        max_interests: How many interests are sampled.
        min_score: Least cosine of a candidate.
        merge_policy: How lists become one answer.
        budget: How an interleaved answer is divided.
        lambda_per_day: Decay of importance, in place of the model's; see server.recency.
    """

    name: str = ""
    share: float = 0.0
    max_interests: int | None = None
    min_score: float | None = None
    merge_policy: MergePolicy | None = None
    budget: Budget = Budget.EQUAL
    lambda_per_day: float | None = None


NO_VARIANT = Variant()


class Variants:
    """The variants of a server.

    Args:
        variants: Names are distinct, shares add up to 1 at most.
        salt: Another one shuffles the users anew, so that tests do not share their groups.
    """

    def __init__(self, variants: Sequence[Variant] = (), *, salt: str = "") -> None:
        self._by_name = {variant.name: variant for variant in (NO_VARIANT, *variants)}
        self._in_order = [variant for variant in variants if variant.share]
        self._ends = list(accumulate(variant.share for variant in self._in_order))
        self._salt = f"{salt}\0".encode()

    @property
    def names(self) -> tuple[str, ...]:
        """In the order of the file."""
        return tuple(self._by_name)[1:]

    def named(self, name: str) -> Variant | None:
        """The variant of a name, the empty one for none; None where there is no such variant."""
        return self._by_name.get(name)

    @property
    def of_everybody(self) -> Variant | None:
        """The variant of all users; None where they are divided."""
        return None if self._ends else NO_VARIANT

    def of_user(self, user_id: str) -> Variant:
        """The variant of a user: always the same for the same salt and shares."""
        if not self._ends:
            return NO_VARIANT
        place = xxhash.xxh3_64_intdigest(self._salt + user_id.encode()) / _HASHES
        at = bisect_right(self._ends, place)
        return self._in_order[at] if at < len(self._in_order) else NO_VARIANT


NO_VARIANTS = Variants()
