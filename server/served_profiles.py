"""A user as requests need them: small, because many are kept, and read by bisection and a few look-ups.

Rows stand for ids, and importances are those of the moment the profile was parsed: all decay by one factor.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.importance import decay_factor
from model.interests import Representatives
from pinnersage.v1 import recommender_pb2 as pb
from server.interest_records import INTEREST_BYTES, records_of
from server.profiles import UserProfile
from server.takedown import BlockedRows

_REPRESENTATIVE = np.dtype([("weight", "f8"), ("row", "i4"), ("interest", "u4")])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoodFor:
    """Who answers for a user with the fused merge, heaviest first; see model.interests.Representatives.

    Attributes:
        rows: int32 [r].
        weights: float64 [r]; only their ratios matter.
        interests: uint32 [r], the place of the interest that each stands for.
    """

    rows: NDArray[np.int32]
    weights: NDArray[np.float64]
    interests: NDArray[np.uint32]

    @classmethod
    def of(cls, representatives: Representatives, rows: NDArray[np.int64]) -> "StoodFor":
        """Those that the artefact holds and that may be shown, with their rows."""
        return cls(
            rows=rows.astype(np.int32),
            weights=representatives.weights,
            interests=representatives.interests.astype(np.uint32),
        )

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def unpacked(cls, packed: bytes) -> "StoodFor":
        """The one that was packed: views."""
        each = np.frombuffer(packed, _REPRESENTATIVE)
        return cls(rows=each["row"], weights=each["weight"], interests=each["interest"])

    def packed(self) -> bytes:
        """In one piece, which is how users are kept: arrays would take as much again."""
        each = np.empty(len(self), _REPRESENTATIVE)
        each["row"], each["weight"], each["interest"] = self.rows, self.weights, self.interests
        return each.tobytes()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServedProfile:
    """One user with their interests, most important first.

    Attributes:
        records: c interests, see server.interest_records: importances are those at `computed_at_s`, and each
            medoid is held and may be shown.
        representatives: Who answers with the fused merge, packed.
        seen: int32 [s], ascending, representative rows of the pins the user acted on, the medoids among them.
        computed_at_s: Unix seconds UTC.
        lambda_per_day: How importances decay from then on.
        blocked: What nobody may be shown, when this was parsed.
        degraded: What was given up to have the profile at all.
    """

    records: bytes
    representatives: bytes
    seen: NDArray[np.int32]
    computed_at_s: int
    lambda_per_day: float
    blocked: BlockedRows
    degraded: tuple["pb.Degradation.ValueType", ...] = ()

    @classmethod
    def of(cls, profile: UserProfile, stood_for: StoodFor, lambda_per_day: float) -> "ServedProfile":
        """From all that is known of the user.

        Args:
            profile: With importances now.
            stood_for: Who answers with the fused merge.
            lambda_per_day: How the importances decay from now on.
        """
        interests = profile.interests
        return cls(
            records=records_of(profile.rows, interests.importances, profile.origins),
            representatives=stood_for.packed(),
            seen=profile.seen.astype(np.int32),
            computed_at_s=interests.computed_at_s,
            lambda_per_day=lambda_per_day,
            blocked=profile.blocked,
            degraded=profile.degraded,
        )

    def __len__(self) -> int:
        return len(self.records) // INTEREST_BYTES

    @property
    def stood_for(self) -> StoodFor:
        """Who answers with the fused merge."""
        return StoodFor.unpacked(self.representatives)

    def decay(self, now_s: int) -> float:
        """What every importance is to be multiplied with now; 1 where a clock is off."""
        return decay_factor(self.computed_at_s, now_s, self.lambda_per_day)

    def flagged(self, degradation: "pb.Degradation.ValueType") -> "ServedProfile":
        """The same, said to be worse than it should be."""
        return replace(self, degraded=(*self.degraded, degradation))

    @property
    def n_bytes(self) -> int:
        """What it costs in memory, beside the entry's overhead."""
        return len(self.records) + len(self.representatives) + self.seen.nbytes
