"""The daily batch's interests and those of the newest actions, as one list."""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from model.dislikes import lowered
from model.distances import squared_distances_between
from model.errors import InvalidInputError
from model.interests import Actions, Interests, Representatives, heaviest, order_of_importance
from model.parameters import Parameters
from model.profile import interests_at
from model.ward import threshold

_ALONE = -1


class Origin(StrEnum):
    """Where an interest comes from."""

    BATCH = "batch"
    ONLINE = "online"
    BATCH_AND_ONLINE = "batch and online"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Combined:
    """A user's interests from both sources.

    Attributes:
        interests: Most important first.
        origins: Where each comes from.
    """

    interests: Interests
    origins: tuple[Origin, ...]


def combine(  # noqa: PLR0917 - two lists of interests, each with its vectors
    batch: Interests,
    batch_vectors: NDArray[np.float16],
    online: Interests,
    online_vectors: NDArray[np.float16],
    parameters: Parameters,
    now_s: int,
    disliked: Actions | None = None,
) -> Combined:
    """Let the newest actions strengthen the interests they belong to, and stand as new ones otherwise.

    An online cluster O joins the batch interest B that is nearest to it by Ward's distance, with the medoids
    in place of the means, 2 n_O n_B / (n_O + n_B) |m_O - m_B|^2, when that is at most alpha: Ward would have
    merged them. B keeps its medoid; importances and sizes add (a pin acted on before and after the watermark
    counts in both sizes). Of equally near interests the more important one is joined.

    Representatives stand together, those of O for the interest that O has become or joined; a pin among both
    is one, with the sum of the weights. The heaviest stay, as many as one source may have.

    What is disliked after the watermark is then taken off the interest that it falls into, wherever that
    comes from (model.dislikes).

    Args:
        batch: Interests up to the watermark.
        batch_vectors: float16 [b, d], unit vectors of its medoids.
        online: Interests after the watermark.
        online_vectors: float16 [o, d], unit vectors of its medoids.
        parameters: The model's parameters.
        now_s: Unix seconds UTC; both decay to this time, or to the later `computed_at_s` if a clock is off.
        disliked: After the watermark, as model.dislikes.told_apart gives it; `online` are the interests of
            what it gives as liked.

    Raises:
        InvalidInputError: Vectors that do not fit the interests, or are not unit vectors of one dimension.
    """
    _check(batch, batch_vectors)
    _check(online, online_vectors)
    at_s = max(now_s, batch.computed_at_s, online.computed_at_s)
    batch = interests_at(batch, at_s, parameters)
    online = interests_at(online, at_s, parameters)
    joins = _nearest_within(parameters.alpha, batch, batch_vectors, online, online_vectors)
    both = _side_by_side(_strengthened(batch, online, joins), online, joins)
    left = np.arange(len(both))
    if disliked is not None:
        vectors = np.concatenate([batch_vectors, online_vectors[joins == _ALONE]])
        both, left = lowered(both, vectors, disliked, parameters)
    stood_for = heaviest(both.representatives, parameters.fusing.n_representatives)
    return _ranked(replace(both, representatives=stood_for), len(batch), joins, left)


def _nearest_within(
    alpha: float,
    batch: Interests,
    batch_vectors: NDArray[np.float16],
    online: Interests,
    online_vectors: NDArray[np.float16],
) -> NDArray[np.int64]:
    """int64 [o]: the batch interest that each online cluster joins, or _ALONE."""
    if not len(batch) or not len(online):
        return np.full(len(online), _ALONE)
    n_o, n_b = online.sizes[:, None], batch.sizes
    distances = 2 * n_o * n_b / (n_o + n_b) * squared_distances_between(online_vectors, batch_vectors)
    nearest = np.argmin(distances, axis=1)
    return np.where(np.min(distances, axis=1) <= threshold(alpha), nearest, _ALONE)


def _strengthened(batch: Interests, online: Interests, joins: NDArray[np.int64]) -> Interests:
    """The batch interests with what joined them."""
    joined = joins != _ALONE
    to, sizes, newest_s = joins[joined], batch.sizes.copy(), batch.last_action_times_s.copy()
    importances = batch.importances.copy()
    np.add.at(importances, to, online.importances[joined])
    np.add.at(sizes, to, online.sizes[joined])
    np.maximum.at(newest_s, to, online.last_action_times_s[joined])
    return Interests(
        medoid_pin_ids=batch.medoid_pin_ids,
        importances=importances,
        sizes=sizes,
        last_action_times_s=newest_s,
        representatives=batch.representatives,
        computed_at_s=batch.computed_at_s,
    )


def _side_by_side(batch: Interests, online: Interests, joins: NDArray[np.int64]) -> Interests:
    """The batch's interests, then the online ones that stand alone; in no order of importance."""
    alone = online.take(np.flatnonzero(joins == _ALONE))
    # The number each online interest goes on under.
    becomes = np.where(joins == _ALONE, len(batch) + np.cumsum(joins == _ALONE) - 1, joins)
    return Interests(
        medoid_pin_ids=batch.medoid_pin_ids + alone.medoid_pin_ids,
        importances=np.concatenate([batch.importances, alone.importances]),
        sizes=np.concatenate([batch.sizes, alone.sizes]),
        last_action_times_s=np.concatenate([batch.last_action_times_s, alone.last_action_times_s]),
        representatives=_together(
            batch.representatives,
            replace(online.representatives, interests=becomes[online.representatives.interests]),
        ),
        computed_at_s=batch.computed_at_s,
    )


def _together(first: Representatives, second: Representatives) -> Representatives:
    """Both; a pin in both stands once, where the first has it, with the sum of its weights."""
    pin_ids = tuple(dict.fromkeys(first.pin_ids + second.pin_ids))
    place_of = {pin_id: place for place, pin_id in enumerate(pin_ids)}
    is_new = [pin_id not in first.pin_ids for pin_id in second.pin_ids]
    weights = np.zeros(len(pin_ids))
    weights[: len(first)] = first.weights
    np.add.at(weights, [place_of[pin_id] for pin_id in second.pin_ids], second.weights)
    return Representatives(
        pin_ids=pin_ids,
        weights=weights,
        interests=np.concatenate([first.interests, second.interests[is_new]]),
    )


def _ranked(both: Interests, n_batch: int, joins: NDArray[np.int64], left: NDArray[np.int64]) -> Combined:
    """Those that are left, most important first, and where each comes from."""
    joined = set(joins.tolist())
    origins = [Origin.BATCH_AND_ONLINE if b in joined else Origin.BATCH for b in range(n_batch)]
    origins += [Origin.ONLINE] * (len(both) - n_batch)
    order = order_of_importance(both)
    if len(left) < len(both):
        order = order[np.isin(order, left)]
    return Combined(interests=both.take(order), origins=tuple(origins[i] for i in order))


def _check(interests: Interests, vectors: NDArray[np.float16]) -> None:
    if len(interests) != len(vectors):
        raise InvalidInputError(f"{len(interests)} interests and {len(vectors)} vectors do not fit together")
