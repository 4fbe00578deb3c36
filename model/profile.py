"""Algorithm 2 of the paper: a user's actions in, a user's interests out."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model.distances import cosines_among
from model.distinct import DistinctPins, distinct_pins
from model.importance import decay_factor, importances
from model.interests import Actions, Interests, Representatives, heaviest, in_order_of_importance
from model.medoid import medoids
from model.parameters import Parameters
from model.representatives import choose_representatives
from model.ward import cut, ward_dendrogram


def build_interests(actions: Actions, parameters: Parameters, now_s: int) -> Interests:
    """Cluster a user's pins and describe each cluster by its medoid and its importance (Algorithm 2).

    The most important clusters get further representatives, for requests that are answered by all of them
    together.

    A pin acted on twice is one point for Ward and the medoid; both actions count in its cluster's
    importance. Medoid ties go to the pin with the newest action, then to the smallest id. The result does
    not depend on the order of the actions, to the bit.

    Args:
        actions: All of the user's actions that count: choosing those of the window is the caller's part.
        parameters: The model's parameters.
        now_s: Unix seconds UTC; the importances are those at this time.

    Raises:
        InvalidInputError: Vectors that are not unit vectors, a weight that is not positive, one pin with two
            vectors, or a cluster too large for exact costs (model.medoid).
    """
    pins = distinct_pins(actions)
    labels = cut(ward_dendrogram(pins.vectors), parameters.alpha)
    medoid_of = medoids(pins.vectors, labels, pins.preference)
    return in_order_of_importance(
        Interests(
            medoid_pin_ids=tuple(pins.pin_ids[i] for i in medoid_of),
            importances=importances(
                labels[pins.pin_of_action],
                pins.times_s,
                pins.weights,
                n_clusters=len(medoid_of),
                now_s=now_s,
                lambda_per_day=parameters.lambda_per_day,
            ),
            sizes=np.bincount(labels),
            last_action_times_s=_newest_of_each(labels, pins.newest_s, len(medoid_of)),
            representatives=_representatives(pins, labels, medoid_of, parameters, now_s),
            computed_at_s=now_s,
        )
    )


def interests_at(interests: Interests, now_s: int, parameters: Parameters) -> Interests:
    """The same interests at a later time: every importance decays by the same factor, exactly (eq. 3).

    So do the weights of representatives, by their own. At an earlier time (a clock that is off) they are what
    they were.
    """
    if now_s <= interests.computed_at_s:
        return interests
    decay, weight_decay = (
        decay_factor(interests.computed_at_s, now_s, lambda_per_day)
        for lambda_per_day in (parameters.lambda_per_day, parameters.representative_lambda_per_day)
    )
    stood_for = interests.representatives
    return replace(
        interests,
        importances=interests.importances * decay,
        representatives=replace(stood_for, weights=stood_for.weights * weight_decay),
        computed_at_s=now_s,
    )


def _representatives(
    pins: DistinctPins,
    labels: NDArray[np.int64],
    medoid_of: NDArray[np.int64],
    parameters: Parameters,
    now_s: int,
) -> Representatives:
    """Those of the clusters, which are numbered as their labels are."""
    pin_weights = importances(
        pins.pin_of_action,
        pins.times_s,
        pins.weights,
        n_clusters=len(labels),
        now_s=now_s,
        lambda_per_day=parameters.representative_lambda_per_day,
    )
    n = parameters.fusing.n_representatives
    chosen = choose_representatives(
        lambda members: cosines_among(pins.vectors[members]), labels, medoid_of, pin_weights, n
    )
    found = Representatives(
        pin_ids=tuple(pins.pin_ids[i] for i in chosen.indices),
        weights=chosen.weights,
        interests=labels[chosen.indices],
    )
    return heaviest(found, n)


def _newest_of_each(labels: NDArray[np.int64], newest_s: NDArray[np.int64], c: int) -> NDArray[np.int64]:
    newest = np.full(c, np.iinfo(np.int64).min)
    np.maximum.at(newest, labels, newest_s)
    return newest
