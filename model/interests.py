"""What goes into Algorithm 2 and what comes out of it: a user's actions, a user's interests."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Actions:
    """One user's actions, in any order, as parallel arrays of length a.

    Attributes:
        pin_ids: The pin acted on; one that was acted on twice stands here twice.
        vectors: float16 [a, d], the stored unit vectors of those pins.
        times_s: int64 [a], Unix seconds UTC.
        weights: float64 [a], positive; an action's weight enters importance only, never a cluster's size.
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interests:
    """One user's interests as parallel arrays of length c, most important first, ties by medoid id.

    Attributes:
        medoid_pin_ids: The pin that stands for each cluster (eq. 2).
        importances: float64 [c], at computed_at_s (eq. 3).
        sizes: int64 [c], distinct pins in each cluster.
        last_action_times_s: int64 [c], Unix seconds UTC of each cluster's newest action.
        computed_at_s: Unix seconds UTC.
    """

    medoid_pin_ids: tuple[str, ...]
    importances: NDArray[np.float64]
    sizes: NDArray[np.int64]
    last_action_times_s: NDArray[np.int64]
    computed_at_s: int

    def __post_init__(self) -> None:
        c = len(self.medoid_pin_ids)
        if not (len(self.importances) == len(self.sizes) == len(self.last_action_times_s) == c):
            raise InvalidInputError(
                f"interests do not fit together: {c} medoids, {len(self.importances)} importances, "
                f"{len(self.sizes)} sizes, {len(self.last_action_times_s)} times"
            )

    def __len__(self) -> int:
        return len(self.medoid_pin_ids)

    def take(self, indices: NDArray[np.int64]) -> "Interests":
        """These interests only, in the order given."""
        return Interests(
            medoid_pin_ids=tuple(self.medoid_pin_ids[i] for i in indices),
            importances=self.importances[indices],
            sizes=self.sizes[indices],
            last_action_times_s=self.last_action_times_s[indices],
            computed_at_s=self.computed_at_s,
        )


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


def in_order_of_importance(interests: Interests) -> Interests:
    """The same interests, most important first, ties by medoid id."""
    return interests.take(order_of_importance(interests))
