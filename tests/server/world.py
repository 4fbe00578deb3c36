"""A world whose answers a person can see: three topics at right angles, each a fan of pins around its axis.

Pin `cat-0` lies on the first axis, `cat-1` a little beside it, and so on; `car-*` around the second, `cake-*`
around the third. So the pins nearest to `cat-0` are `cat-1`, `cat-2`, ... in this order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from model.interests import Interests, Representatives
from model.parameters import Parameters
from storage.embedding_space import EmbeddingSpace
from storage.hashes import hash_ids
from storage.pins.memory import InMemoryPins
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.records import OnlineProfile, Profile
from storage.profiles.store import BatchDescription

TOPICS = ("cat", "car", "cake")
PINS_PER_TOPIC = 60
DIMENSION = 8
SPACE = EmbeddingSpace("three-topics-1", DIMENSION)
CUT_S = 1_700_000_000
DAY_S = 86_400
PARAMETERS = Parameters(alpha=0.5)
NO_WEIGHTS: Mapping[str, float] = {}
NO_MEDOIDS: Mapping[str, tuple[float, int]] = {}


def fan(axis: int, n: int) -> NDArray[np.float16]:
    """float16 [n, d]: unit vectors that turn from `axis` to a private direction, a degree a step at most."""
    angles = np.deg2rad(np.arange(n) * min(1, 90 / n))
    vectors = np.zeros((n, DIMENSION))
    vectors[:, axis] = np.cos(angles)
    vectors[:, axis + len(TOPICS)] = np.sin(angles)
    return vectors.astype(np.float16)


def make_pins(
    *, topics: tuple[str, ...] = TOPICS, n: int = PINS_PER_TOPIC, version: str = "000001-test"
) -> InMemoryPins:
    """All topics' pins, with two refined out: `cat-twin` (stands behind cat-1) and `blurred` (no one's)."""
    pin_ids = [f"{topic}-{i}" for topic in topics for i in range(n)] + ["cat-twin", "blurred"]
    fans = [fan(TOPICS.index(topic), n) for topic in topics]
    twin, blurred = fans[0][1:2], np.eye(1, DIMENSION, DIMENSION - 1, dtype=np.float16)
    n_indexed = len(topics) * n
    representatives = np.array([*range(n_indexed), 1, -1], np.int32)
    return InMemoryPins(
        pin_ids,
        np.concatenate([*fans, twin, blurred]),
        embedding_space=SPACE,
        titles=[f"Title of {pin_id}" for pin_id in pin_ids],
        representatives=representatives,
        n_indexed=n_indexed,
        version=version,
    )


def stood_for_by(interests: Interests, medoids: Mapping[str, tuple[float, int]]) -> Interests:
    """The interests with these representatives: by pin its weight and the interest, heaviest first."""
    return replace(
        interests,
        representatives=Representatives(
            pin_ids=tuple(medoids),
            weights=np.array([weight for weight, _ in medoids.values()], np.float64),
            interests=np.array([interest for _, interest in medoids.values()], np.int64),
        ),
    )


def make_interests(shares: dict[str, float]) -> Interests:
    """Interests by medoid and importance at the cut, most important first."""
    ordered = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return Interests(
        medoid_pin_ids=tuple(pin_id for pin_id, _ in ordered),
        importances=np.array([share for _, share in ordered]),
        sizes=np.full(len(ordered), 2, np.int64),
        last_action_times_s=np.full(len(ordered), CUT_S - DAY_S, np.int64),
        computed_at_s=CUT_S,
    )


def make_profile(
    user_id: str,
    shares: dict[str, float],
    medoids: Mapping[str, tuple[float, int]] = NO_MEDOIDS,
    *,
    space: EmbeddingSpace = SPACE,
) -> Profile:
    """A profile as the batch stores it; without medoids, each interest is stood for by its own."""
    return Profile(
        user_id=user_id,
        embedding_space=space,
        parameters_version="model-1",
        interests=stood_for_by(make_interests(shares), medoids),
        actions_until_s=CUT_S,
    )


def make_online(
    user_id: str,
    actions: dict[str, int],
    interests: Interests,
    *,
    after_s: int,
    weights: Mapping[str, float] = NO_WEIGHTS,
) -> OnlineProfile:
    """An online record of pins and their times; a pin without a weight has weight 1."""
    return OnlineProfile(
        user_id=user_id,
        embedding_space=SPACE,
        parameters_version="model-1",
        pin_ids=tuple(actions),
        times_s=np.array(list(actions.values()), np.int64),
        weights=np.array([weights.get(pin_id, 1.0) for pin_id in actions]),
        actions_after_s=after_s,
        interests=interests,
    )


def describe(
    *, space: EmbeddingSpace = SPACE, n_users: int = 0, parameters: Parameters = PARAMETERS
) -> BatchDescription:
    return BatchDescription(
        version="000007-test",
        embedding_space=space,
        parameters=parameters,
        parameters_version="model-1",
        computed_at_s=CUT_S,
        actions_until_s=CUT_S,
        n_users=n_users,
    )


@dataclass(kw_only=True)
class People:
    """The users of the test world, kept as a test sets them up."""

    shares: dict[str, dict[str, float]] = field(default_factory=dict)
    medoids: dict[str, dict[str, tuple[float, int]]] = field(default_factory=dict)
    seen: dict[str, list[str]] = field(default_factory=dict)
    online: list[OnlineProfile] = field(default_factory=list)
    popular: tuple[str, ...] = ()
    parameters: Parameters = PARAMETERS

    def store(self) -> InMemoryProfiles:
        return InMemoryProfiles(
            describe(n_users=len(self.shares), parameters=self.parameters),
            profiles=[
                make_profile(user_id, shares, self.medoids.get(user_id, NO_MEDOIDS))
                for user_id, shares in self.shares.items()
            ],
            seen={user_id: np.sort(hash_ids(pin_ids)) for user_id, pin_ids in self.seen.items()},
            popular=self.popular,
            online=self.online,
        )


def default_people() -> People:
    """Ann likes cats and cars alike, Ben cats far more than cake, Gus' medoid has left the artefact."""
    return People(
        shares={
            "ann": {"cat-0": 1.0, "car-0": 1.0},
            "ben": {"cat-0": 9.0, "cake-0": 1.0},
            "gus": {"gone-1": 1.0},
            "85123A": {"cake-5": 1.0, "gone-1": 1.0},
        },
        seen={"ann": ["cat-0", "car-0", "cat-twin", "car-2"], "ben": ["cat-0", "cake-0"]},
        popular=("cat-3", "car-3", "gone-1", "cat-twin"),
    )
