"""What an answer says of the interests that it was made from: serialised, most important first."""

from collections.abc import Sequence

import numpy as np

from model.sampling import probabilities
from pinnersage.v1 import recommender_pb2 as pb
from server.candidate_lists import Retrieved
from server.encoding import (
    CACHE_HIT_TAG,
    IMPORTANCE_TAG,
    INTERESTS_TAG,
    ORIGIN_TAG,
    PROBABILITY_TAG,
    encode_interest,
    encode_medoid,
    encode_medoid_pin_id,
)
from server.interest_records import interests_in
from server.served_profiles import ServedProfile
from storage.compiled import compiled
from storage.pins.port import PinView

_interests = compiled("server._interests")
_TAGS = INTERESTS_TAG + IMPORTANCE_TAG + PROBABILITY_TAG + ORIGIN_TAG + CACHE_HIT_TAG

FALLBACK = encode_interest(b"", 0.0, 1.0, pb.INTEREST_ORIGIN_FALLBACK, cache_hit=True)
"""In place of an interest where the window's most acted-on pins are the answer."""


def describe_sampled(records: bytes, retrieved: Sequence[Retrieved], decay: float) -> bytes:
    """The interests that were sampled, each with its list.

    Args:
        records: Theirs, see server.interest_records.
        retrieved: The list of each.
        decay: What importances are multiplied with to have them now.
    """
    if _interests is None:
        return describe(records, retrieved, decay)
    described: bytes = _interests.describe(records, retrieved, decay, _TAGS)
    return described


def describe(records: bytes, retrieved: Sequence[Retrieved], decay: float) -> bytes:
    """What `describe_sampled` gives, interest by interest."""
    return b"".join(
        [
            encode_interest(
                each.candidates.medoid, importance * decay, share, origin, cache_hit=each.cache_hit
            )
            for (_, share, importance, _, origin), each in zip(
                interests_in(records).tolist(), retrieved, strict=True
            )
        ]
    )


def describe_fused(
    profile: ServedProfile, retrieved: Sequence[Retrieved], now_s: int, pins: PinView
) -> bytes:
    """The interests that anybody stands for; the lists are those of whoever does."""
    decay, stood_for = profile.decay(now_s), profile.stood_for
    shares = probabilities(stood_for.weights).tolist()
    medoids: dict[int, list[bytes]] = {}
    hits: dict[int, bool] = {}
    for at, share, each in zip(stood_for.interests.tolist(), shares, retrieved, strict=True):
        medoids.setdefault(at, []).append(encode_medoid(each.candidates.medoid, share))
        hits[at] = hits.get(at, True) and each.cache_hit
    places = sorted(medoids)
    interests = interests_in(profile.records)[np.array(places, np.int64)]
    pin_ids = pins.pin_ids(interests["row"].astype(np.int64))
    return b"".join(
        [
            encode_interest(
                encode_medoid_pin_id(pin_id),
                importance * decay,
                share,
                origin,
                cache_hit=hits[at],
                medoids=b"".join(medoids[at]),
            )
            for at, pin_id, (_, share, importance, _, origin) in zip(
                places, pin_ids, interests.tolist(), strict=True
            )
        ]
    )
