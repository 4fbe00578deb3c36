"""The world that benchmarks run in: pins around random themes, and one user who cares for a few of them."""

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from model.fusing import FusePolicy
from model.interests import Interests, Representatives
from model.parameters import Parameters
from server.candidate_cache import CandidateCache
from server.filling import Filling
from server.filtering import FilteredRetrieval
from server.metrics import Metrics
from server.profile_cache import ProfileCache
from server.profiles import ProfileSource
from server.recommending import Recommender
from server.retrieval import Retrieval
from server.sampling import Sampler
from server.users import ServedProfiles
from storage.embedding_space import EmbeddingSpace
from storage.hashes import hash_ids
from storage.pins.memory import InMemoryPins
from storage.profiles.memory import InMemoryProfiles
from storage.profiles.records import Profile
from storage.profiles.store import BatchDescription

USER = "ann"
N_INTERESTS, N_SEEN = 5, 200
PINS_A_THEME = 1_000

_NOW_S = 1_700_000_000
_CACHE_BYTES = 100_000_000


class CountedPins(InMemoryPins):
    """Pins that count what is searched for."""

    n_searches = 0

    def search(
        self, queries: NDArray[np.float16], k: int, *, ef_search: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The nearest, exactly."""
        self.n_searches += len(queries)
        return super().search(queries, k, ef_search=ef_search)


def themed_pins(n: int, d: int) -> CountedPins:
    """Unit vectors around themes, each at a cosine of about 0.5 to the others of its theme."""
    generator = np.random.default_rng(0)
    themes = generator.normal(size=(-(-n // PINS_A_THEME), d))
    X = np.repeat(themes, PINS_A_THEME, axis=0)[:n] + generator.normal(size=(n, d))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    space = EmbeddingSpace("themes", d)
    return CountedPins([f"pin-{i:08}" for i in range(n)], X.astype(np.float16), embedding_space=space)


def recommender_of(pins: InMemoryPins, *, n_medoids: int) -> Recommender:
    """The server's stages over these pins and the one user, who is stood for by about so many medoids."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    profiles = InMemoryProfiles(
        _description(pins.embedding_space),
        profiles=[_profile(pins, n_medoids // N_INTERESTS)],
        seen={USER: hash_ids(pins.pin_ids(np.arange(0, N_INTERESTS * PINS_A_THEME, 25)[:N_SEEN]))},
    )
    cache = CandidateCache(_CACHE_BYTES)
    retrieval = Retrieval(pins, cache, ef_search=256, perplexity=FusePolicy().perplexity, metrics=metrics)
    filtering = FilteredRetrieval(pins, retrieval, ef_search=256, metrics=metrics)
    source = ProfileSource(profiles, pins, metrics)
    return Recommender(
        pins=pins,
        profiles=source,
        users=ServedProfiles(source, ProfileCache(1_000_000)),
        sampler=Sampler(0),
        filling=Filling(pins=pins, retrieval=retrieval, filtering=filtering, metrics=metrics),
        metrics=metrics,
        popular=None,
        clock=lambda: _NOW_S,
    )


def _profile(pins: InMemoryPins, medoids_each: int) -> Profile:
    """Interests of falling importance, each with its share of medoids."""
    theme_of = np.repeat(np.arange(N_INTERESTS), medoids_each)
    rows = theme_of * PINS_A_THEME + np.tile(np.arange(medoids_each), N_INTERESTS)
    medoids = tuple(pins.pin_ids(rows))
    interests = Interests(
        medoid_pin_ids=medoids[::medoids_each],
        importances=1 / np.arange(1.0, N_INTERESTS + 1),
        sizes=np.full(N_INTERESTS, N_SEEN // N_INTERESTS),
        last_action_times_s=np.full(N_INTERESTS, _NOW_S),
        computed_at_s=_NOW_S,
        representatives=Representatives(
            pin_ids=medoids, weights=1 / (theme_of + 1.0) / medoids_each, interests=theme_of
        ),
    )
    return Profile(
        user_id=USER,
        embedding_space=pins.embedding_space,
        parameters_version="benchmark",
        interests=interests,
        actions_until_s=_NOW_S,
    )


def _description(space: EmbeddingSpace) -> BatchDescription:
    return BatchDescription(
        version="benchmark",
        embedding_space=space,
        parameters=Parameters(alpha=1.0),
        parameters_version="benchmark",
        computed_at_s=_NOW_S,
        actions_until_s=_NOW_S,
        n_users=1,
    )
