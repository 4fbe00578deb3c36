"""From actions to the points that Ward clusters: one a distinct pin, in an order that is always the same."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import InvalidInputError
from model.interests import Actions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DistinctPins:
    """A user's m distinct pins in the order of their first actions, and which action was on which pin.

    Everything follows the canonical order of actions (time, pin id, weight), so that the order in which they
    arrived changes nothing: neither Ward's choice between tied distances nor the rounding of a sum.

    Attributes:
        pin_ids: The m pins.
        vectors: float16 [m, d].
        newest_s: int64 [m], each pin's newest action, Unix seconds UTC.
        preference: int64 [m], the pin's rank as a medoid among equals: newest action first, then smallest id.
        pin_of_action: int64 [a], canonical order: each action's pin, an index into the above.
        times_s: int64 [a], canonical order.
        weights: float64 [a], canonical order.
    """

    pin_ids: tuple[str, ...]
    vectors: NDArray[np.float16]
    newest_s: NDArray[np.int64]
    preference: NDArray[np.int64]
    pin_of_action: NDArray[np.int64]
    times_s: NDArray[np.int64]
    weights: NDArray[np.float64]


def distinct_pins(actions: Actions) -> DistinctPins:
    """Sort the actions and number their pins.

    Raises:
        InvalidInputError: One pin with two different vectors, or a weight that is not positive and finite.
    """
    _check_weights(actions)
    ranks = _id_ranks(actions.pin_ids)
    order = np.lexsort((actions.weights, ranks, actions.times_s))
    ranks, times_s = ranks[order], actions.times_s[order]
    first, pin_of_action = _first_appearances(ranks)
    newest_s = np.zeros(len(first), np.int64)
    # In canonical order a pin's last action is its newest.
    newest_s[pin_of_action] = times_s
    _check_vectors(actions, order, order[first][pin_of_action])
    return DistinctPins(
        pin_ids=tuple([actions.pin_ids[i] for i in order[first].tolist()]),
        vectors=actions.vectors.take(order[first], axis=0),
        newest_s=newest_s,
        preference=_ranked(np.lexsort((ranks[first], -newest_s))),
        pin_of_action=pin_of_action,
        times_s=times_s,
        weights=actions.weights[order],
    )


def _id_ranks(pin_ids: tuple[str, ...]) -> NDArray[np.int64]:
    """Each id's place among the sorted ids. Python's order of strings: numpy would drop trailing NULs."""
    rank_of = {pin_id: rank for rank, pin_id in enumerate(sorted(set(pin_ids)))}
    return np.array([rank_of[pin_id] for pin_id in pin_ids], np.int64)


def _first_appearances(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each distinct key appears first, ascending; and which of those each element is."""
    # Dictionaries: most users are small, and a call of numpy takes longer than all of their actions.
    each = keys.tolist()
    # Backwards, so that what is said last of a key is where it is first.
    first_of = dict(zip(reversed(each), range(len(each) - 1, -1, -1), strict=True))
    number_of = {key: number for number, key in enumerate(dict.fromkeys(each))}
    first = [first_of[key] for key in number_of]
    return np.array(first, np.int64), np.array([number_of[key] for key in each], np.int64)


def _ranked(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The inverse of a permutation: from 'who comes at place k' to 'at which place does i come'."""
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return ranks


def _check_weights(actions: Actions) -> None:
    good = np.isfinite(actions.weights) & (actions.weights > 0)
    if not good.all():
        bad = int(np.argmin(good))
        raise InvalidInputError(
            f"the weight of an action must be positive and finite, got {actions.weights[bad]} "
            f"for pin {actions.pin_ids[bad]!r}"
        )


def _check_vectors(actions: Actions, order: NDArray[np.int64], stands_for: NDArray[np.int64]) -> None:
    repeated = order != stands_for
    if not repeated.any():
        return
    same = (actions.vectors[order[repeated]] == actions.vectors[stands_for[repeated]]).all(axis=1)
    if not same.all():
        pin_id = actions.pin_ids[order[repeated][np.argmin(same)]]
        raise InvalidInputError(f"pin {pin_id!r} was given two different vectors")
