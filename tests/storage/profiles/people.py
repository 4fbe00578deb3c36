"""Records that a person can read, and the question whether two of them are the same."""

from dataclasses import fields, is_dataclass

import numpy as np

from model.interests import Interests
from model.parameters import Parameters
from storage.embedding_space import EmbeddingSpace
from storage.hashes import hash_ids
from storage.profiles.encoding import EncodedUser, encode_profile, encode_seen
from storage.profiles.records import OnlineProfile, Profile
from storage.profiles.store import BatchDescription, BatchManifest

SPACE = EmbeddingSpace("shop-2", 16)
CUT_S = 1_700_000_000
WATERMARK_S = CUT_S - 3_600

DESCRIPTION = BatchDescription(
    version="",
    embedding_space=SPACE,
    parameters=Parameters(alpha=1.5, lambda_per_day=0.02, window_days=30),
    parameters_version="0123456789ab",
    computed_at_s=CUT_S,
    actions_until_s=WATERMARK_S,
    n_users=2,
)


def interests(*medoids: str) -> Interests:
    """Interests of falling importance: the first pin 1, the second 1/2, the third 1/3."""
    c = len(medoids)
    return Interests(
        medoid_pin_ids=medoids,
        importances=1 / np.arange(1.0, c + 1),
        sizes=np.arange(c, 0, -1),
        last_action_times_s=CUT_S - 60 * np.arange(c),
        computed_at_s=CUT_S,
    )


def encoded(user_id: str, *medoids: str) -> EncodedUser:
    """A user as a batch stores them: these interests, whose medoids they have seen."""
    return EncodedUser(
        user_id=user_id,
        profile=encode_profile(profile(user_id, *medoids)),
        seen=encode_seen(hash_ids(medoids)),
    )


def manifest() -> BatchManifest:
    return BatchManifest(description=DESCRIPTION, details={"pins_version": "000007-cafecafe"})


def profile(user_id: str, *medoids: str) -> Profile:
    return Profile(
        user_id=user_id,
        embedding_space=SPACE,
        parameters_version="0123456789ab",
        interests=interests(*medoids),
        actions_until_s=WATERMARK_S,
    )


def online(user_id: str, *pin_ids: str) -> OnlineProfile:
    """Actions a minute apart, each pin an interest."""
    a = len(pin_ids)
    return OnlineProfile(
        user_id=user_id,
        embedding_space=SPACE,
        parameters_version="0123456789ab",
        pin_ids=pin_ids,
        times_s=WATERMARK_S + 60 * np.arange(1, a + 1),
        weights=np.full(a, 0.5),
        actions_after_s=WATERMARK_S,
        interests=interests(*pin_ids),
    )


def same(a: object, b: object) -> bool:
    """Whether two values are equal in every field, arrays in dtype and content."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if is_dataclass(a) and type(a) is type(b):
        return all(same(getattr(a, each.name), getattr(b, each.name)) for each in fields(a))
    return a == b
