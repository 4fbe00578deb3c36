"""Algorithm 2 of the paper: users' actions in, users' interests out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from model.clusters import Members, members_of
from model.dislikes import Feelings, lowered, told_apart
from model.distances import Widened, widen
from model.distinct import DistinctPins, distinct_pins
from model.importance import decay_factor, importances
from model.interests import (
    Actions,
    Interests,
    Representatives,
    heaviest,
    no_interests,
    order_of_importance,
)
from model.medoid import medoids_of
from model.parameters import Parameters
from model.representatives import ChosenPins, choose_seated, seats_of, weight_of_each
from model.ward import cut, dendrogram_of

_PINS_TOGETHER = 2_048
"""Enough to share what a call of numpy costs among small users; 4 MB of vectors of 256 dimensions."""


_NOW_S = 0
"""Within a batch times are as seen from each user's own now."""


def build_interests(actions: Actions, parameters: Parameters, now_s: int) -> Interests:
    """Cluster a user's pins and describe each cluster by its medoid and its importance (Algorithm 2).

    The most important clusters get further representatives, for requests that are answered by all of them
    together.

    A pin acted on twice is one point for Ward and the medoid; both actions count in its cluster's
    importance. Medoid ties go to the pin with the newest action, then to the smallest id. The result does
    not depend on the order of the actions, to the bit.

    An action of negative weight lowers the interest that it falls into, and the pin is no point of any as
    long as no newer action speaks for it (model.dislikes).

    Args:
        actions: All of the user's actions that count: choosing those of the window is the caller's part.
        parameters: The model's parameters.
        now_s: Unix seconds UTC; the importances are those at this time.

    Raises:
        InvalidInputError: Vectors that are not unit vectors, a weight that is 0 or not finite, one pin with
            two vectors, or a cluster too large for exact costs (model.medoid).
    """
    (interests,) = build_many([actions], parameters, now_s)
    return interests


def build_many(
    users: Sequence[Actions], parameters: Parameters, now_s: int | Sequence[int]
) -> list[Interests]:
    """`build_interests` of each user, the same to the bit whoever they are built together with.

    Small users take a fraction of the time together: they share what a call of numpy costs.

    Args:
        users: Their actions.
        parameters: The model's parameters.
        now_s: Unix seconds UTC, the same for all or of each.

    Raises:
        InvalidInputError: As `build_interests`, or vectors of several dimensions.
    """
    nows_s = [now_s] * len(users) if isinstance(now_s, int) else now_s
    # Few users dislike anything: the others pay for looking only.
    mixed = {i: told_apart(actions) for i, actions in enumerate(users) if not (actions.weights > 0).all()}
    pins = [distinct_pins(mixed[i].liked if i in mixed else actions) for i, actions in enumerate(users)]
    found = [no_interests(each) for each in nows_s]
    for together in _runs([len(each.pin_ids) for each in pins]):
        built = _interests_of([pins[i] for i in together], parameters, [nows_s[i] for i in together])
        for i, interests in zip(together, built, strict=True):
            found[i] = interests
    for i, feelings in mixed.items():
        found[i] = _lowered(found[i], feelings, parameters)
    return found


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


def _lowered(interests: Interests, feelings: Feelings, parameters: Parameters) -> Interests:
    """What is left of the interests of what was liked, most important first."""
    vector_of = dict(zip(feelings.liked.pin_ids, feelings.liked.vectors, strict=True))
    if not len(interests):
        return interests
    vectors = np.stack([vector_of[pin_id] for pin_id in interests.medoid_pin_ids])
    after, left = lowered(interests, vectors, feelings.disliked, parameters)
    order = order_of_importance(after)
    left_over = after.take(order[np.isin(order, left)])
    stood_for = left_over.representatives
    return replace(left_over, representatives=heaviest(stood_for, len(stood_for)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Clustered:
    """Users side by side: the arrays of DistinctPins end to end, and their clusters.

    Attributes:
        users: u of them.
        points: Their m pins.
        pin_starts: u + 1, where each user's pins begin, and the end.
        members: Their c clusters.
        labels: int64 [m], each pin's cluster.
        cluster_starts: u + 1, where each user's clusters begin, and the end.
        pin_of_action: int64 [a].
        times_s: int64 [a], as seen from the user's own now: 0 is now.
        weights: float64 [a].
    """

    users: Sequence[DistinctPins]
    points: Widened
    pin_starts: NDArray[np.int64]
    members: Members
    labels: NDArray[np.int64]
    cluster_starts: NDArray[np.int64]
    pin_of_action: NDArray[np.int64]
    times_s: NDArray[np.int64]
    weights: NDArray[np.float64]


def _runs(sizes: Sequence[int]) -> Iterator[list[int]]:
    """Those who have pins, in runs of about so many pins together."""
    run: list[int] = []
    n_pins = 0
    for i in np.flatnonzero(sizes).tolist():
        if run and n_pins + sizes[i] > _PINS_TOGETHER:
            yield run
            run, n_pins = [], 0
        run.append(i)
        n_pins += sizes[i]
    if run:
        yield run


def _interests_of(
    users: Sequence[DistinctPins], parameters: Parameters, nows_s: Sequence[int]
) -> Iterator[Interests]:
    """Of users with at least one pin each."""
    table = _clustered(users, nows_s, parameters.alpha)
    members, labels = table.members, table.labels
    medoids = medoids_of(table.points, members, np.concatenate([user.preference for user in users]))
    of_clusters = importances(
        labels[table.pin_of_action],
        table.times_s,
        table.weights,
        n_clusters=len(members),
        now_s=_NOW_S,
        lambda_per_day=parameters.lambda_per_day,
    )
    newest_s = np.concatenate([user.newest_s for user in users])[members.order]
    last_action_times_s = np.maximum.reduceat(newest_s, members.starts)
    stood_for = _by_user(_chosen(table, medoids, parameters), table)
    for at, (start, end) in enumerate(pairwise(table.cluster_starts.tolist())):
        user, first_pin, chosen = users[at], table.pin_starts[at], stood_for[at]
        names = _names(user, medoids[start:end] - first_pin)
        order = _heaviest_first(names, of_clusters[start:end])
        yield Interests(
            medoid_pin_ids=tuple(names[i] for i in order),
            importances=of_clusters[start:end][order],
            sizes=members.sizes[start:end][order],
            last_action_times_s=last_action_times_s[start:end][order],
            computed_at_s=nows_s[at],
            representatives=_representatives(
                _names(user, chosen.indices - first_pin),
                chosen.weights,
                np.argsort(order)[labels[chosen.indices] - start],
            ),
        )


def _representatives(
    names: Sequence[str], weights: NDArray[np.float64], interests: NDArray[np.int64]
) -> Representatives:
    order = _heaviest_first(names, weights)
    return Representatives(
        pin_ids=tuple(names[i] for i in order), weights=weights[order], interests=interests[order]
    )


def _heaviest_first(names: Sequence[str], weights: NDArray[np.float64]) -> list[int]:
    """The order that all is stored in: ties by id."""
    falling = (-weights).tolist()
    return sorted(range(len(names)), key=list(zip(falling, names, strict=True)).__getitem__)


def _clustered(users: Sequence[DistinctPins], nows_s: Sequence[int], alpha: float) -> _Clustered:
    """Each user's pins clustered on their own."""
    points = widen(*(user.vectors for user in users))
    pin_starts = _starts([len(user.pin_ids) for user in users])
    own_labels = [cut(dendrogram_of(points.span(*span)), alpha) for span in pairwise(pin_starts.tolist())]
    cluster_starts = _starts([int(each.max()) + 1 for each in own_labels])
    labels = _end_to_end(own_labels, cluster_starts)
    return _Clustered(
        users=users,
        points=points,
        pin_starts=pin_starts,
        members=members_of(labels),
        labels=labels,
        cluster_starts=cluster_starts,
        pin_of_action=_end_to_end([user.pin_of_action for user in users], pin_starts),
        times_s=np.concatenate([user.times_s - now_s for user, now_s in zip(users, nows_s, strict=True)]),
        weights=np.concatenate([user.weights for user in users]),
    )


def _chosen(table: _Clustered, medoids: NDArray[np.int64], parameters: Parameters) -> ChosenPins:
    """The representatives of all users, as many of each as there may be."""
    X, members = table.points.X, table.members
    weights = importances(
        table.pin_of_action,
        table.times_s,
        table.weights,
        n_clusters=len(X),
        now_s=_NOW_S,
        lambda_per_day=parameters.representative_lambda_per_day,
    )
    totals = weight_of_each(table.labels, weights)
    seats = [
        seats_of(totals[start:end], members.sizes[start:end], parameters.fusing.n_representatives)
        for start, end in pairwise(table.cluster_starts.tolist())
    ]

    def within(pins: NDArray[np.int64]) -> NDArray[np.float32]:
        beside = X[pins]
        # Rounded once from the exact value, whoever is beside whom.
        return (beside @ beside.transpose(0, 2, 1)).astype(np.float32)

    return choose_seated(within, members, medoids, weights, np.concatenate(seats))


def _by_user(chosen: ChosenPins, table: _Clustered) -> list[ChosenPins]:
    """Each user's part."""
    order = np.argsort(chosen.indices)
    indices, weights = chosen.indices[order], chosen.weights[order]
    ends = np.searchsorted(indices, table.pin_starts).tolist()
    return [
        ChosenPins(indices=indices[start:end], weights=weights[start:end]) for start, end in pairwise(ends)
    ]


def _names(user: DistinctPins, pins: NDArray[np.int64]) -> list[str]:
    return [user.pin_ids[i] for i in pins.tolist()]


def _starts(sizes: Sequence[int]) -> NDArray[np.int64]:
    """Where each begins, end to end, and the end."""
    return np.cumsum([0, *sizes])


def _end_to_end(indices: Sequence[NDArray[np.int64]], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of each user's own, turned into those of all."""
    return np.concatenate([each + start for each, start in zip(indices, starts, strict=False)])
