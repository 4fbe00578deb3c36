"""Dislikes: actions of negative weight, which lower the interest that they fall into.

The paper has only actions that speak for a pin. One that speaks against it enters eq. 3 with its sign: it is
decayed by its age like any other and taken off an importance. Whose, Ward's criterion says (eq. 1).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.distances import squared_distances_between
from model.errors import InvalidInputError
from model.importance import importances
from model.interests import Actions, Interests
from model.parameters import Parameters
from model.ward import threshold


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Feelings:
    """A user's actions, told apart.

    Attributes:
        liked: Those that make interests; every weight is positive.
        disliked: Those of negative weight, and all others on hidden pins: a pin is hidden when its newest
            action has a negative weight. In canonical order (time, pin id, weight).
    """

    liked: Actions
    disliked: Actions


def told_apart(actions: Actions) -> Feelings:
    """Which actions make interests, and which fall into them.

    Raises:
        InvalidInputError: A weight that is 0 or not finite.
    """
    _check_weights(actions)
    hidden = hidden_pins(actions)
    is_liked = (actions.weights > 0) & np.array(
        [pin_id not in hidden for pin_id in actions.pin_ids], np.bool_
    )
    fallen = np.flatnonzero(~is_liked).tolist()
    fallen.sort(key=lambda i: (actions.times_s[i], actions.pin_ids[i], actions.weights[i]))
    return Feelings(
        liked=actions.take(np.flatnonzero(is_liked)), disliked=actions.take(np.array(fallen, np.int64))
    )


def hidden_pins(actions: Actions) -> frozenset[str]:
    """The pins whose newest action has a negative weight; of several at one time any such counts."""
    newest: dict[str, tuple[int, bool]] = {}
    for pin_id, time_s, weight in zip(actions.pin_ids, actions.times_s, actions.weights, strict=True):
        newest[pin_id] = max(newest.get(pin_id, (time_s, False)), (time_s, weight < 0))
    return frozenset(pin_id for pin_id, (_, is_hidden) in newest.items() if is_hidden)


def lowered(
    interests: Interests,
    medoid_vectors: NDArray[np.float16],
    disliked: Actions,
    parameters: Parameters,
) -> tuple[Interests, NDArray[np.int64]]:
    """The interests with what fell into them taken off, each at its place; and the places of those left.

    An action falls into the interest nearest to its pin by Ward's distance, with the medoid in place of the
    mean, 2 n / (n + 1) |x - m|^2, when that is at most alpha: Ward would have merged them. Of equally near
    ones it is the first. What falls into no interest lowers nobody. No importance falls below zero: an
    interest of which nothing is left has vanished. The weights of its representatives fall in proportion.

    Args:
        interests: At their `computed_at_s`.
        medoid_vectors: float16 [c, d], unit vectors of the medoids.
        disliked: As `told_apart` gives them: in canonical order.
        parameters: The model's parameters.

    Raises:
        InvalidInputError: Vectors that are not unit vectors of one dimension.
    """
    if not len(interests) or not len(disliked):
        return interests, np.arange(len(interests))
    into = _fallen_into(interests, medoid_vectors, disliked, parameters.alpha)
    taken = importances(
        into,
        disliked.times_s,
        disliked.weights,
        # The last is nobody's.
        n_clusters=len(interests) + 1,
        now_s=interests.computed_at_s,
        lambda_per_day=parameters.lambda_per_day,
    )[:-1]
    before, left = interests.importances, np.maximum(interests.importances + taken, 0)
    shares = np.divide(left, before, out=np.ones(len(left)), where=before > 0)
    stood_for = interests.representatives
    after = replace(
        interests,
        importances=left,
        representatives=replace(stood_for, weights=stood_for.weights * shares[stood_for.interests]),
    )
    return after, np.flatnonzero((left > 0) | (taken == 0))


def _fallen_into(
    interests: Interests, medoid_vectors: NDArray[np.float16], disliked: Actions, alpha: float
) -> NDArray[np.int64]:
    """int64 [a]: the interest that each action falls into; c for none."""
    n = interests.sizes
    distances = 2 * n / (n + 1) * squared_distances_between(disliked.vectors, medoid_vectors)
    is_within = distances.min(axis=1) <= threshold(alpha)
    return np.where(is_within, distances.argmin(axis=1), len(interests))


def _check_weights(actions: Actions) -> None:
    good = np.isfinite(actions.weights) & (actions.weights != 0)
    if not good.all():
        bad = int(np.argmin(good))
        raise InvalidInputError(
            f"the weight of an action must be finite and not 0, got {actions.weights[bad]} "
            f"for pin {actions.pin_ids[bad]!r}"
        )
