"""What an answer says of the interests that it was made from: serialised, most important first."""

from collections.abc import Sequence

import numpy as np

from model.sampling import probabilities
from pinnersage.v1 import recommender_pb2 as pb
from server.encoding import encode_interest, encode_medoid, encode_medoid_pin_id
from server.retrieval import Retrieved
from server.served_profiles import ServedProfile
from storage.pins.port import PinView

FALLBACK = encode_interest(b"", 0.0, 1.0, pb.INTEREST_ORIGIN_FALLBACK, cache_hit=True)
"""In place of an interest where the window's most acted-on pins are the answer."""


def describe_sampled(
    profile: ServedProfile, sampled: Sequence[int], retrieved: Sequence[Retrieved], now_s: int
) -> tuple[bytes, ...]:
    """The interests that were sampled, each with its list."""
    decay = profile.decay(now_s)
    return tuple(
        [
            encode_interest(
                each.candidates.medoid,
                profile.importances[at] * decay,
                profile.shares[at],
                profile.origins[at],
                cache_hit=each.cache_hit,
            )
            for at, each in zip(sampled, retrieved, strict=True)
        ]
    )


def describe_fused(
    profile: ServedProfile, retrieved: Sequence[Retrieved], now_s: int, pins: PinView
) -> tuple[bytes, ...]:
    """The interests that anybody stands for; the lists are those of whoever does."""
    decay, stood_for = profile.decay(now_s), profile.stood_for
    shares = probabilities(stood_for.weights).tolist()
    medoids: dict[int, list[bytes]] = {}
    hits: dict[int, bool] = {}
    for interest, share, each in zip(stood_for.interests.tolist(), shares, retrieved, strict=True):
        medoids.setdefault(interest, []).append(encode_medoid(each.candidates.medoid, share))
        hits[interest] = hits.get(interest, True) and each.cache_hit
    interests = sorted(medoids)
    pin_ids = pins.pin_ids(np.array([profile.rows[at] for at in interests], np.int64))
    return tuple(
        [
            encode_interest(
                encode_medoid_pin_id(pin_id),
                profile.importances[at] * decay,
                profile.shares[at],
                profile.origins[at],
                cache_hit=hits[at],
                medoids=b"".join(medoids[at]),
            )
            for at, pin_id in zip(interests, pin_ids, strict=True)
        ]
    )
