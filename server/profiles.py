"""The profile stage: what the store knows of a user, brought to this moment and to this artefact."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.combining import Origin, combine
from model.exclusion import representative_rows
from model.interests import Actions, Interests, Representatives, no_interests
from model.profile import build_interests, interests_at
from pinnersage.v1 import recommender_pb2 as pb
from server.metrics import Metrics
from server.takedown import BlockedRows, no_rows_blocked
from server.validation import RecentAction
from storage.pins.joined import JoinedPins
from storage.pins.port import NO_ROW, PinView
from storage.profiles.records import OnlineProfile, StoredUser
from storage.profiles.store import BatchDescription, ProfileReader

RowsOf = Callable[[Sequence[str]], NDArray[np.int64]]

_WIRE_ORIGIN = {
    Origin.BATCH: pb.INTEREST_ORIGIN_BATCH,
    Origin.ONLINE: pb.INTEREST_ORIGIN_ONLINE,
    Origin.BATCH_AND_ONLINE: pb.INTEREST_ORIGIN_BATCH_AND_ONLINE,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UserProfile:
    """One user, now.

    Attributes:
        interests: Those that a pin can stand for: one that the artefact holds and that is not blocked.
            Importances now, most important first. Their other representatives may be missing or blocked: see
            ProfileSource.representatives.
        rows: int64 [c], the medoids' rows.
        origins: Where each interest comes from.
        skipped: Batch interests that no pin can stand for.
        seen: int64 [s], representative rows of the pins the user acted on, their medoids among them.
        blocked: What nobody may be shown, at the moment the profile was read.
        degraded: What was given up to have the profile at all.
    """

    interests: Interests
    rows: NDArray[np.int64]
    origins: tuple["pb.InterestOrigin.ValueType", ...]
    skipped: Interests
    seen: NDArray[np.int64]
    blocked: BlockedRows
    degraded: tuple["pb.Degradation.ValueType", ...] = ()


class ProfileSource:
    """Reads users from the store as the recommender needs them.

    Args:
        reader: The profile store.
        pins: The artefact the interests are used with; the same embedding space (checked at start).
        metrics: Counts interests skipped.
        blocked: What nobody may be shown, now.
    """

    def __init__(
        self,
        reader: ProfileReader,
        pins: PinView,
        metrics: Metrics,
        blocked: Callable[[], BlockedRows] = no_rows_blocked,
    ) -> None:
        self._reader = reader
        self._pins = pins
        self.metrics = metrics
        self._blocked = blocked
        self._batch: BatchDescription = reader.describe()

    def load(self, user_id: str, now_s: int) -> UserProfile | None:
        """The user's interests now, or None when the store knows nothing of them.

        Raises:
            StoreUnavailableError: The store does not answer.
            DamagedRecordError: What is stored cannot be trusted.
        """
        user = self.read(user_id)
        return None if user.is_unknown else self.profile_of(user, now_s)

    def read(self, user_id: str, held: StoredUser | None = None) -> StoredUser:
        """All that is stored of a user; `held` itself when that has not changed since it was read here.

        Raises:
            StoreUnavailableError, DamagedRecordError: As `load`.
        """
        return self._reader.read(user_id, held)

    def profile_of(self, user: StoredUser, now_s: int) -> UserProfile:
        """The interests now, of a user of whom something is stored."""
        stored, online = no_interests(now_s) if user.batch is None else user.batch.interests, user.online
        blocked = self._blocked()
        rows_of = self._rows_to_show(blocked)
        usable, rows, skipped = _split(interests_at(stored, now_s, self._batch.parameters), rows_of)
        self.metrics.count_skipped(len(skipped))
        origins = (Origin.BATCH,) * len(usable)
        if online is not None:
            usable, rows, origins = self._with_online(usable, rows, online, rows_of, now_s)
        newest = () if online is None else online.pin_ids
        acted_on = np.concatenate([rows, self._pins.rows_of_hashes(user.seen), self._pins.rows(newest)])
        return UserProfile(
            interests=usable,
            rows=rows,
            origins=tuple(_WIRE_ORIGIN[each] for each in origins),
            skipped=skipped,
            seen=representative_rows(acted_on, self._pins.representatives),
            blocked=blocked,
            degraded=(pb.DEGRADATION_ONLINE_IGNORED,) if user.is_online_damaged else (),
        )

    def from_recent(self, actions: list[RecentAction], now_s: int) -> tuple[UserProfile, int]:
        """Interests made by Algorithm 2 from a request's pins, and how many are unknown or blocked."""
        blocked = self._blocked()
        rows = self._rows_to_show(blocked)([each.pin_id for each in actions])
        known = [at for at in range(len(actions)) if rows[at] != NO_ROW]
        times_s = [now_s if (time_s := actions[at].time_s) is None else time_s for at in known]
        interests = self._build(
            tuple(actions[at].pin_id for at in known),
            rows[known],
            np.array(times_s, np.int64),
            np.ones(len(known)),
            now_s,
        )
        profile = UserProfile(
            interests=interests,
            rows=self._pins.rows(interests.medoid_pin_ids),
            origins=(pb.INTEREST_ORIGIN_REQUEST,) * len(interests),
            skipped=no_interests(now_s),
            seen=representative_rows(rows[known], self._pins.representatives),
            blocked=blocked,
        )
        return profile, len(actions) - len(known)

    def representatives(self, profile: UserProfile) -> tuple[Representatives, NDArray[np.int64]]:
        """Who of the representatives the artefact holds and may be shown, the heaviest, and their rows.

        Where there is none, the medoids stand for the interests.
        """
        rows_of, stood_for = self._rows_to_show(profile.blocked), profile.interests.representatives
        rows = rows_of(stood_for.pin_ids)
        if (rows == NO_ROW).all():
            stood_for = profile.interests.medoids_alone()
            rows = rows_of(stood_for.pin_ids)
        # A record of an earlier version has all its medoids here: no more answer than of any other.
        held = np.flatnonzero(rows != NO_ROW)[: self._batch.parameters.fusing.n_representatives]
        return stood_for.take(held), rows[held]

    def popular_rows(self) -> NDArray[np.int64]:
        """int64 [p]: the indexed rows of the window's most acted-on pins, most acted-on first."""
        rows = self._pins.rows(self._reader.popular())
        rows = rows[rows != NO_ROW]
        indexed: NDArray[np.int64] = rows[self._pins.representatives[rows] == rows]
        return indexed

    @property
    def batch(self) -> BatchDescription:
        """The live batch profiles."""
        return self._batch

    @property
    def blocked(self) -> BlockedRows:
        """What nobody may be shown, now."""
        return self._blocked()

    @property
    def artefact_version(self) -> str:
        """Of the pins, without what was added to them: rows keep their meaning as long as it is the same."""
        return self._pins.main.version if isinstance(self._pins, JoinedPins) else self._pins.version

    def _rows_to_show(self, blocked: BlockedRows) -> RowsOf:
        """Finds the rows of the pins that an answer may name; NO_ROW for the unknown and the blocked."""
        return lambda pin_ids: blocked.without(self._pins.rows(pin_ids))

    def _with_online(
        self,
        batch: Interests,
        batch_rows: NDArray[np.int64],
        online: OnlineProfile,
        rows_of: RowsOf,
        now_s: int,
    ) -> tuple[Interests, NDArray[np.int64], tuple[Origin, ...]]:
        newest = self._online_interests(online, rows_of, now_s)
        newest_rows = rows_of(newest.medoid_pin_ids)
        vectors = self._pins.embeddings
        combined = combine(
            batch, vectors[batch_rows], newest, vectors[newest_rows], self._batch.parameters, now_s
        )
        return combined.interests, rows_of(combined.interests.medoid_pin_ids), combined.origins

    def _online_interests(self, online: OnlineProfile, rows_of: RowsOf, now_s: int) -> Interests:
        """The online interests after the batch's watermark: the stored ones, or recomputed from the actions.

        A roll-back or a late swap of the batch moves the watermark, a new model or embedding space makes
        other clusters, and a new artefact may lack a medoid or a takedown hide it; the raw actions make the
        answer exact all the same, from the pins that are left.
        """
        watermark_s = self._batch.actions_until_s
        computed_from = online.actions_after_s, online.parameters_version, online.embedding_space
        present = watermark_s, self._batch.parameters_version, self._pins.embedding_space
        if computed_from == present and (rows_of(online.interests.medoid_pin_ids) != NO_ROW).all():
            return online.interests
        rows = rows_of(online.pin_ids)
        later = np.flatnonzero((online.times_s > watermark_s) & (rows != NO_ROW) & (online.weights > 0))
        return self._build(
            tuple(online.pin_ids[at] for at in later),
            rows[later],
            online.times_s[later],
            online.weights[later],
            now_s,
        )

    def _build(
        self,
        pin_ids: tuple[str, ...],
        rows: NDArray[np.int64],
        times_s: NDArray[np.int64],
        weights: NDArray[np.float64],
        now_s: int,
    ) -> Interests:
        actions = Actions(
            pin_ids=pin_ids, vectors=self._pins.embeddings[rows], times_s=times_s, weights=weights
        )
        return build_interests(actions, self._batch.parameters, now_s)


def _split(interests: Interests, rows_of: RowsOf) -> tuple[Interests, NDArray[np.int64], Interests]:
    """The interests that a pin can stand for, the rows of those pins, and the other interests."""
    interests, rows = _stood_in(interests, rows_of)
    held = rows != NO_ROW
    return interests.take(np.flatnonzero(held)), rows[held], interests.take(np.flatnonzero(~held))


def _stood_in(interests: Interests, rows_of: RowsOf) -> tuple[Interests, NDArray[np.int64]]:
    """Where a medoid is missing or blocked, the heaviest representative that is neither stands in."""
    rows = rows_of(interests.medoid_pin_ids)
    if (rows != NO_ROW).all():
        return interests, rows
    stood_for, medoids = interests.representatives, list(interests.medoid_pin_ids)
    their_rows = rows_of(stood_for.pin_ids)
    for at in np.flatnonzero(rows == NO_ROW):
        for each in np.flatnonzero((stood_for.interests == at) & (their_rows != NO_ROW))[:1]:
            medoids[at], rows[at] = stood_for.pin_ids[each], their_rows[each]
    return replace(interests, medoid_pin_ids=tuple(medoids)), rows
