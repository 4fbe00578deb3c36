"""What goes into Algorithm 2 and what comes out of it: a user's actions, a user's interests."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from model.errors import InvalidInputError

_NOWHERE = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Actions:
    """One user's actions, in any order, as parallel arrays of length a.

    Attributes:
        pin_ids: The pin acted on; one that was acted on twice stands here twice.
        vectors: float16 [a, d], the stored unit vectors of those pins.
        times_s: int64 [a], Unix seconds UTC.
        weights: float64 [a], not 0; an action's weight enters importance only, never a cluster's size. A
            negative one speaks against the pin (model.dislikes).
    """

    pin_ids: tuple[str, ...]
    vectors: NDArray[np.float16]
    times_s: NDArray[np.int64]
    weights: NDArray[np.float64]

    def __post_init__(self) -> None:
        a = len(self.pin_ids)
        if self.vectors.ndim != 2 or not (len(self.vectors) == len(self.times_s) == len(self.weights) == a):
            raise InvalidInputError(
                f"actions do not fit together: {a} pin ids, vectors {self.vectors.shape}, "
                f"{len(self.times_s)} times, {len(self.weights)} weights"
            )

    def __len__(self) -> int:
        return len(self.pin_ids)

    def take(self, indices: NDArray[np.int64]) -> "Actions":
        """These only, in the order given."""
        return Actions(
            pin_ids=_taken(self.pin_ids, indices),
            vectors=self.vectors[indices],
            times_s=self.times_s[indices],
            weights=self.weights[indices],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Representatives:
    """The saved pins that stand for a user when all of them answer together (model.fusing).

    Parallel arrays of length r, heaviest first, ties by pin id. An important interest has several, its medoid
    among them; an unimportant one may have none.

    Attributes:
        pin_ids: Each once.
        weights: float64 [r], at the time of the interests: the decayed weights of the actions on the pins of
            its interest that it is nearest to.
        interests: int64 [r], the interest it stands for, an index into those of the user.
    """

    pin_ids: tuple[str, ...]
    weights: NDArray[np.float64]
    interests: NDArray[np.int64]

    def __post_init__(self) -> None:
        r = len(self.pin_ids)
        if not (len(self.weights) == len(self.interests) == r):
            raise InvalidInputError(
                f"representatives do not fit together: {r} pins, {len(self.weights)} weights, "
                f"{len(self.interests)} interests"
            )

    def __len__(self) -> int:
        return len(self.pin_ids)

    def take(self, indices: NDArray[np.int64]) -> "Representatives":
        """These only, in the order given."""
        return Representatives(
            pin_ids=_taken(self.pin_ids, indices),
            weights=self.weights[indices],
            interests=self.interests[indices],
        )


def heaviest(representatives: Representatives, n: int) -> Representatives:
    """The n heaviest at most, heaviest first, ties by pin id."""
    ids, weights = representatives.pin_ids, representatives.weights.tolist()
    order = sorted(range(len(ids)), key=lambda i: (-weights[i], ids[i]))
    return representatives.take(np.array(order[:n], np.int64))


def _nobody() -> Representatives:
    return Representatives(pin_ids=(), weights=np.empty(0), interests=np.empty(0, np.int64))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interests:
    """One user's interests as parallel arrays of length c, most important first, ties by medoid id.

    Attributes:
        medoid_pin_ids: The pin that stands for each cluster (eq. 2).
        importances: float64 [c], at computed_at_s (eq. 3).
        sizes: int64 [c], distinct pins in each cluster.
        last_action_times_s: int64 [c], Unix seconds UTC of each cluster's newest action.
        computed_at_s: Unix seconds UTC.
        representatives: The pins that stand for them when all answer together. Where none are given each
            interest is stood for by its medoid, with its importance.
    """

    medoid_pin_ids: tuple[str, ...]
    importances: NDArray[np.float64]
    sizes: NDArray[np.int64]
    last_action_times_s: NDArray[np.int64]
    computed_at_s: int
    representatives: Representatives = field(default_factory=_nobody)

    def __post_init__(self) -> None:
        c = len(self.medoid_pin_ids)
        if not (len(self.importances) == len(self.sizes) == len(self.last_action_times_s) == c):
            raise InvalidInputError(
                f"interests do not fit together: {c} medoids, {len(self.importances)} importances, "
                f"{len(self.sizes)} sizes, {len(self.last_action_times_s)} times"
            )
        if c and not len(self.representatives):
            object.__setattr__(self, "representatives", self.medoids_alone())
        of = self.representatives.interests
        if ((of < 0) | (of >= c)).any():
            raise InvalidInputError(f"representatives of interests {of.min()} to {of.max()}, among {c}")

    def __len__(self) -> int:
        return len(self.medoid_pin_ids)

    def take(self, indices: NDArray[np.int64]) -> "Interests":
        """These interests only, in the order given, and their representatives."""
        places = np.full(len(self), _NOWHERE)
        places[indices] = np.arange(len(indices))
        at = places[self.representatives.interests]
        kept = self.representatives.take(np.flatnonzero(at != _NOWHERE))
        return Interests(
            medoid_pin_ids=_taken(self.medoid_pin_ids, indices),
            importances=self.importances[indices],
            sizes=self.sizes[indices],
            last_action_times_s=self.last_action_times_s[indices],
            computed_at_s=self.computed_at_s,
            representatives=replace(kept, interests=at[at != _NOWHERE]),
        )

    def medoids_alone(self) -> Representatives:
        """Every interest stood for by its medoid, with its importance."""
        each = Representatives(
            pin_ids=self.medoid_pin_ids, weights=self.importances, interests=np.arange(len(self))
        )
        return heaviest(each, len(self))


def no_interests(computed_at_s: int) -> Interests:
    """The interests of someone without actions."""
    return Interests(
        medoid_pin_ids=(),
        importances=np.empty(0),
        sizes=np.empty(0, np.int64),
        last_action_times_s=np.empty(0, np.int64),
        computed_at_s=computed_at_s,
    )


def order_of_importance(interests: Interests) -> NDArray[np.int64]:
    """int64 [c]: the indices from the most important interest to the least, ties by medoid id."""
    ids, values = interests.medoid_pin_ids, interests.importances.tolist()
    order = sorted(range(len(interests)), key=lambda i: (-values[i], ids[i]))
    return np.array(order, np.int64)


def _taken(pin_ids: tuple[str, ...], indices: NDArray[np.int64]) -> tuple[str, ...]:
    return tuple([pin_ids[i] for i in indices.tolist()])
