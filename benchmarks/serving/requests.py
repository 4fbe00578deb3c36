"""What is asked: users evenly, every request a seed of its own, pins of the pool excluded."""

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.serving.world import user_id
from pinnersage.v1 import recommender_pb2 as pb

N_EXCLUDED = 20


def recommend_requests(
    n: int,
    *,
    n_users: int,
    pin_ids: Sequence[str],
    merge_policy: "pb.MergePolicy.ValueType" = pb.MERGE_POLICY_INTERLEAVED,
    seed: int = 0,
) -> list[bytes]:
    """N serialised requests for 400 candidates from 3 interests, of `n_users` users."""
    generator = np.random.default_rng(seed)
    users = generator.integers(0, n_users, n).tolist()
    excluded = generator.integers(0, len(pin_ids), (n, N_EXCLUDED)).tolist()
    return [
        pb.RecommendRequest(
            user_id=user_id(user),
            exclude_pin_ids=[pin_ids[at] for at in places],
            seed=seed * n + number,
            merge_policy=merge_policy,
        ).SerializeToString()
        for number, (user, places) in enumerate(zip(users, excluded, strict=True))
    ]


def batch_requests(n: int, users_each: int, *, n_users: int, pin_ids: Sequence[str]) -> Iterator[bytes]:
    """N serialised requests of RecommendBatch, with the users and options of `recommend_requests`."""
    generator = np.random.default_rng(3)
    for number in range(n):
        users = generator.integers(0, n_users, users_each).tolist()
        excluded = generator.integers(0, len(pin_ids), N_EXCLUDED).tolist()
        yield pb.RecommendBatchRequest(
            user_ids=[user_id(user) for user in users],
            exclude_pin_ids=[pin_ids[at] for at in excluded],
            seed=number,
            merge_policy=pb.MERGE_POLICY_INTERLEAVED,
        ).SerializeToString()


def without_common_medoids(
    requests: Sequence[bytes], answers: Sequence[bytes]
) -> tuple[list[bytes], list[list[str]]]:
    """Requests that share no medoid, and the medoids of each."""
    taken: set[str] = set()
    kept, medoids = [], []
    for request, answer in zip(requests, answers, strict=True):
        own = [each.medoid_pin_id for each in pb.RecommendResponse.FromString(answer).interests]
        if taken.isdisjoint(own):
            taken.update(own)
            kept.append(request)
            medoids.append(own)
    return kept, medoids
