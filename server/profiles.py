"""The profile stage: what the store knows of a user, brought to this moment and to this artefact."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.combining import Origin, combine
from model.exclusion import representative_rows
from model.interests import Actions, Interests, Representatives, no_interests
from model.profile import build_interests, interests_at
from pinnersage.v1 import recommender_pb2 as pb
from server.metrics import Metrics
from server.validation import RecentAction
from storage.pins.port import NO_ROW, Pins
from storage.profiles.records import OnlineProfile
from storage.profiles.store import BatchDescription, ProfileReader

_WIRE_ORIGIN = {
    Origin.BATCH: pb.INTEREST_ORIGIN_BATCH,
    Origin.ONLINE: pb.INTEREST_ORIGIN_ONLINE,
    Origin.BATCH_AND_ONLINE: pb.INTEREST_ORIGIN_BATCH_AND_ONLINE,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UserProfile:
    """One user, now.

    Attributes:
        interests: Those that the artefact holds a medoid of, importances now, most important first. Their
            other representatives may be missing there: see ProfileSource.representatives.
        rows: int64 [c], the medoids' rows.
        origins: Where each interest comes from.
        skipped: Batch interests whose medoid the artefact does not hold.
        seen: int64 [s], representative rows of the pins the user acted on, their medoids among them.
    """

    interests: Interests
    rows: NDArray[np.int64]
    origins: tuple["pb.InterestOrigin.ValueType", ...]
    skipped: Interests
    seen: NDArray[np.int64]


class ProfileSource:
    """Reads users from the store as the recommender needs them.

    Args:
        reader: The profile store.
        pins: The artefact the interests are used with; the same embedding space (checked at start).
        metrics: Counts interests skipped.
    """

    def __init__(self, reader: ProfileReader, pins: Pins, metrics: Metrics) -> None:
        self._reader = reader
        self._pins = pins
        self._metrics = metrics
        self._batch: BatchDescription = reader.describe()

    def load(self, user_id: str, now_s: int) -> UserProfile | None:
        """The user's interests now, or None when the store knows nothing of them.

        Raises:
            StoreUnavailableError: The store does not answer.
            DamagedRecordError: What is stored cannot be trusted.
        """
        batch, online = self._reader.batch(user_id), self._reader.online(user_id)
        seen = self._reader.seen(user_id)
        if batch is None and online is None and not len(seen):
            return None
        stored = no_interests(now_s) if batch is None else batch.interests
        usable, rows, skipped = self._split(
            interests_at(stored, now_s, self._batch.parameters.lambda_per_day)
        )
        self._metrics.count_skipped(len(skipped))
        origins = (Origin.BATCH,) * len(usable)
        if online is not None:
            usable, rows, origins = self._with_online(usable, rows, online, now_s)
        newest = () if online is None else online.pin_ids
        acted_on = np.concatenate([rows, self._pins.rows_of_hashes(seen), self._pins.rows(newest)])
        return UserProfile(
            interests=usable,
            rows=rows,
            origins=tuple(_WIRE_ORIGIN[each] for each in origins),
            skipped=skipped,
            seen=representative_rows(acted_on, self._pins.representatives),
        )

    def from_recent(self, actions: list[RecentAction], now_s: int) -> tuple[UserProfile, int]:
        """Interests made by Algorithm 2 from a request's pins, and how many pins are unknown."""
        rows = self._pins.rows([each.pin_id for each in actions])
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
        )
        return profile, len(actions) - len(known)

    def representatives(self, interests: Interests) -> tuple[Representatives, NDArray[np.int64]]:
        """Who of the representatives the artefact holds, the heaviest of them, and their rows.

        Where it holds none, the medoids stand for the interests.
        """
        stood_for = interests.representatives
        rows = self._pins.rows(stood_for.pin_ids)
        if (rows == NO_ROW).all():
            stood_for = interests.medoids_alone()
            rows = self._pins.rows(stood_for.pin_ids)
        # A record of an earlier version has all its medoids here: no more answer than of any other.
        held = np.flatnonzero(rows != NO_ROW)[: self._batch.parameters.fusing.n_representatives]
        return stood_for.take(held), rows[held]

    def popular_rows(self) -> NDArray[np.int64]:
        """int64 [p]: the indexed rows of the window's most acted-on pins, most acted-on first."""
        rows = self._pins.rows(self._reader.popular())
        indexed: NDArray[np.int64] = rows[(rows != NO_ROW) & (rows < self._pins.n_indexed)]
        return indexed

    @property
    def batch(self) -> BatchDescription:
        """The live batch profiles."""
        return self._batch

    def _split(self, interests: Interests) -> tuple[Interests, NDArray[np.int64], Interests]:
        interests, rows = self._stood_in(interests, self._pins.rows(interests.medoid_pin_ids))
        held = rows != NO_ROW
        return interests.take(np.flatnonzero(held)), rows[held], interests.take(np.flatnonzero(~held))

    def _stood_in(self, interests: Interests, rows: NDArray[np.int64]) -> tuple[Interests, NDArray[np.int64]]:
        """Where the artefact lacks a medoid, the heaviest representative that it holds stands in."""
        if (rows != NO_ROW).all():
            return interests, rows
        stood_for, medoids = interests.representatives, list(interests.medoid_pin_ids)
        their_rows = self._pins.rows(stood_for.pin_ids)
        for at in np.flatnonzero(rows == NO_ROW):
            for each in np.flatnonzero((stood_for.interests == at) & (their_rows != NO_ROW))[:1]:
                medoids[at], rows[at] = stood_for.pin_ids[each], their_rows[each]
        return replace(interests, medoid_pin_ids=tuple(medoids)), rows

    def _with_online(
        self, batch: Interests, batch_rows: NDArray[np.int64], online: OnlineProfile, now_s: int
    ) -> tuple[Interests, NDArray[np.int64], tuple[Origin, ...]]:
        newest = self._online_interests(online, now_s)
        newest_rows = self._pins.rows(newest.medoid_pin_ids)
        vectors = self._pins.embeddings
        combined = combine(
            batch, vectors[batch_rows], newest, vectors[newest_rows], self._batch.parameters, now_s
        )
        return combined.interests, self._pins.rows(combined.interests.medoid_pin_ids), combined.origins

    def _online_interests(self, online: OnlineProfile, now_s: int) -> Interests:
        """The online interests after the batch's watermark: the stored ones, or recomputed from the actions.

        A roll-back or a late swap of the batch moves the watermark, a new model or embedding space makes
        other clusters, and a new artefact may lack a medoid; the raw actions make the answer exact all the
        same, from the pins that the artefact holds.
        """
        watermark_s = self._batch.actions_until_s
        computed_from = online.actions_after_s, online.parameters_version, online.embedding_space
        present = watermark_s, self._batch.parameters_version, self._pins.embedding_space
        if computed_from == present and (self._pins.rows(online.interests.medoid_pin_ids) != NO_ROW).all():
            return online.interests
        rows = self._pins.rows(online.pin_ids)
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
