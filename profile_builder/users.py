"""The users' part of the batch: actions in, stored records out. Pure, and the same for every engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.interests import Actions, Interests
from model.parameters import Parameters
from model.profile import build_many
from profile_builder.actions import UserActions
from storage.embedding_space import EmbeddingSpace
from storage.hashes import hash_ids
from storage.pins.port import Pins
from storage.profiles.encoding import EncodedUser, encode_profile, encode_seen
from storage.profiles.records import Profile

MAX_SEEN_PINS = 2_000
"""The newest ones are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is the same for all users of one batch.

    Attributes:
        embedding_space: Of the artefact and the model file.
        parameters: What Algorithm 2 depends on.
        parameters_version: `version` of the model file.
        cut_s: Importances are those at this time, Unix seconds UTC.
        watermark_s: W, Unix seconds UTC.
        max_actions: The newest so many of a user's actions make their interests.
        forgotten_until_s: By user who asked to be forgotten: their actions until then are left out already.
    """

    embedding_space: EmbeddingSpace
    parameters: Parameters
    parameters_version: str
    cut_s: int
    watermark_s: int
    max_actions: int
    forgotten_until_s: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BuiltUser:
    """One user's records, and what the summary counts of them.

    Attributes:
        encoded: What is stored.
        n_interests: 0 for a user without a usable action.
        is_capped: They had more actions than the cap.
    """

    encoded: EncodedUser
    n_interests: int
    is_capped: bool


def build_together(users: Sequence[UserActions], pins: Pins, rules: Rules) -> list[BuiltUser]:
    """Turn users' actions into records; neither the order of actions nor who is beside whom matters.

    Positive actions make interests, negative ones lower them. All actions, also those of weight 0, keep their
    pin from being recommended again.
    """
    usable = [_usable(actions, pins, rules.max_actions) for actions in users]
    found = build_many([model_actions(each, pins) for each in usable], rules.parameters, rules.cut_s)
    return [_built(actions, interests, pins, rules) for actions, interests in zip(users, found, strict=True)]


def _built(actions: UserActions, interests: Interests, pins: Pins, rules: Rules) -> BuiltUser:
    until_s = rules.forgotten_until_s.get(actions.user_id, 0)
    encoded = EncodedUser(
        user_id=actions.user_id,
        profile=_encoded(actions.user_id, interests, rules, until_s) if len(interests) else None,
        seen=encode_seen(_seen_hashes(actions, pins), until_s) if len(actions) else None,
    )
    is_capped = np.count_nonzero(actions.weights > 0) > rules.max_actions
    return BuiltUser(encoded, len(interests), bool(is_capped))


def _encoded(user_id: str, interests: Interests, rules: Rules, forgotten_until_s: int) -> bytes:
    return encode_profile(
        Profile(
            user_id=user_id,
            embedding_space=rules.embedding_space,
            parameters_version=rules.parameters_version,
            interests=interests,
            actions_until_s=rules.watermark_s,
            forgotten_until_s=forgotten_until_s,
        )
    )


def _usable(actions: UserActions, pins: Pins, n: int) -> UserActions:
    """The newest n of those that make interests, and the newest n of those that lower them."""
    liked, disliked = newest(positive(actions), pins, n), np.flatnonzero(actions.weights < 0)
    return liked.and_those(newest(actions.take(disliked), pins, n)) if len(disliked) else liked


def positive(actions: UserActions) -> UserActions:
    """Those that make interests."""
    return actions.take(np.flatnonzero(actions.weights > 0))


def newest(actions: UserActions, pins: Pins, n: int) -> UserActions:
    """The newest n actions; of equally old ones the smallest pin ids, then the heaviest."""
    if len(actions) <= n:
        return actions
    ids = pins.pin_ids(actions.rows)
    order = sorted(range(len(actions)), key=lambda i: (-actions.times_s[i], ids[i], -actions.weights[i]))
    return actions.take(np.array(order[:n]))


def model_actions(actions: UserActions, pins: Pins) -> Actions:
    """The actions with their pins' ids and vectors, as the model takes them."""
    return Actions(
        pin_ids=tuple(pins.pin_ids(actions.rows)),
        vectors=pins.embeddings[actions.rows],
        times_s=actions.times_s,
        weights=actions.weights,
    )


def _seen_hashes(actions: UserActions, pins: Pins) -> NDArray[np.uint64]:
    """uint64 [at most 2,000]: the pins that were hidden, then those of the newest actions."""
    rows, which = np.unique(actions.rows, return_inverse=True)
    last_s = np.full(len(rows), np.iinfo(np.int64).min)
    np.maximum.at(last_s, which, actions.times_s)
    ids = pins.pin_ids(rows)
    if len(ids) > MAX_SEEN_PINS:
        is_hidden = np.bincount(which, actions.weights < 0) > 0
        order = sorted(range(len(ids)), key=lambda i: (not is_hidden[i], -last_s[i], ids[i]))
        ids = [ids[i] for i in order[:MAX_SEEN_PINS]]
    return hash_ids(ids)
