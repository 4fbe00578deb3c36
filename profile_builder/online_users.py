"""The users' part of the online profiles: newest actions in, records to store out. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from model.interests import Actions, Interests
from model.parameters import Parameters
from model.profile import build_many
from storage.embedding_space import EmbeddingSpace
from storage.pins.port import NO_ROW, PinView
from storage.profiles.newest import NewestAction
from storage.profiles.records import OnlineProfile


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basis:
    """What online profiles are computed with: the same for all users until another batch or artefact is live.

    Attributes:
        pins: The artefact, with what was added to it.
        parameters: The model's.
        parameters_version: `version` of the model file.
        watermark_s: W: the batch counts the actions up to it, Unix seconds UTC.
    """

    pins: PinView
    parameters: Parameters
    parameters_version: str
    watermark_s: int

    @property
    def embedding_space(self) -> EmbeddingSpace:
        """Of pins and parameters."""
        return self.pins.embedding_space


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Users' actions end to end; the user at place u has those from starts[u] to before starts[u + 1]."""

    users: Mapping[str, Sequence[NewestAction]]
    starts: NDArray[np.int64]
    pin_ids: Sequence[str]
    times_s: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    weights: NDArray[np.float64]

    def spans(self) -> Iterator[tuple[str, slice]]:
        """Each user, and the places of their actions."""
        bounds = self.starts.tolist()
        for at, user_id in enumerate(self.users):
            yield user_id, slice(bounds[at], bounds[at + 1])


def online_profiles(users: Mapping[str, Sequence[NewestAction]], basis: Basis) -> list[OnlineProfile]:
    """The records of these users: their newest actions, and the interests of those after the watermark.

    Importances are those at the time of a user's newest action that counts, so that the same actions make the
    same record whenever they are looked at. Actions on pins that the artefact does not hold wait for one that
    does.

    Args:
        users: Each with their newest actions, in canonical order.
        basis: What they are computed with.
    """
    if not users:
        return []
    table = _table(users)
    counting, ends = _counting(table, basis)
    newest_s = [
        int(counting.times_s[end - 1]) if end > start else basis.watermark_s for start, end in pairwise(ends)
    ]
    actions = [
        Actions(
            pin_ids=counting.pin_ids[start:end],
            vectors=counting.vectors[start:end],
            times_s=counting.times_s[start:end],
            weights=counting.weights[start:end],
        )
        for start, end in pairwise(ends)
    ]
    found = build_many(actions, basis.parameters, newest_s)
    return [
        _profile(user_id, table, span, interests, basis)
        for (user_id, span), interests in zip(table.spans(), found, strict=True)
    ]


def _counting(table: _Table, basis: Basis) -> tuple[Actions, list[int]]:
    """The actions that interests are made of, all users' end to end; where each user's begin, and the end."""
    rows = _rows(table.pin_ids, basis.pins)
    counts = (table.times_s > basis.watermark_s) & (table.weights > 0) & (rows != NO_ROW)
    places = np.flatnonzero(counts)
    actions = Actions(
        pin_ids=tuple([table.pin_ids[at] for at in places.tolist()]),
        vectors=basis.pins.embeddings[rows[places]],
        times_s=table.times_s[places],
        weights=table.weights[places],
    )
    return actions, places.searchsorted(table.starts).tolist()


def _rows(pin_ids: Sequence[str], pins: PinView) -> NDArray[np.int64]:
    """int64 [n]: the pins' rows; each pin is looked up once, for popular ones come again and again."""
    distinct = list(dict.fromkeys(pin_ids))
    row_of = dict(zip(distinct, pins.rows(distinct).tolist(), strict=True))
    return np.array([row_of[pin_id] for pin_id in pin_ids], np.int64)


def _table(users: Mapping[str, Sequence[NewestAction]]) -> _Table:
    actions = [action for of_user in users.values() for action in of_user]
    times_s, pin_ids, hashes, weights = zip(*actions, strict=True) if actions else ((), (), (), ())
    return _Table(
        users,
        np.cumsum([0, *map(len, users.values())]),
        pin_ids,
        np.array(times_s, np.int64),
        np.array(hashes, np.uint64),
        np.array(weights, np.float64),
    )


def _profile(user_id: str, table: _Table, span: slice, interests: Interests, basis: Basis) -> OnlineProfile:
    return OnlineProfile(
        user_id=user_id,
        embedding_space=basis.embedding_space,
        parameters_version=basis.parameters_version,
        pin_ids=tuple(table.pin_ids[span]),
        times_s=table.times_s[span],
        weights=table.weights[span],
        event_hashes=table.hashes[span],
        actions_after_s=basis.watermark_s,
        interests=interests,
    )
