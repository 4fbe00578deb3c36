"""The profile stage: what the store knows of a user, brought to this moment and to this artefact."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.combining import Origin, combine
from model.exclusion import representative_rows
from model.interests import Actions, Interests, Representatives, no_interests
from model.profile import build_interests, interests_at
from pinnersage.v1 import recommender_pb2 as pb
from server.metrics import Metrics
from server.newest import Newest, RowsOf, Shown, newest_of, split, watermark_s_of, without_hidden
from server.takedown import BlockedRows, no_rows_blocked
from server.validation import RecentAction
from storage.pins.joined import JoinedPins
from storage.pins.port import NO_ROW, PinView
from storage.profiles.records import OnlineProfile, StoredUser, Tombstone
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
        self.reader = reader
        self.pins = pins
        self.metrics = metrics
        self.blocked = blocked
        self._batch: BatchDescription = reader.describe()

    def load(self, user_id: str, now_s: int) -> UserProfile | None:
        """The user's interests now, or None when the store knows nothing of them.

        Raises:
            StoreUnavailableError: The store does not answer.
            DamagedRecordError: What is stored cannot be trusted.
        """
        user = self.reader.read(user_id)
        return None if user.is_unknown else self.profile_of(user, now_s)

    def profile_of(self, user: StoredUser, now_s: int) -> UserProfile:
        """The interests now, of a user of whom something is stored."""
        stored, online = no_interests(now_s) if user.batch is None else user.batch.interests, user.online
        blocked = self.blocked()
        rows_of = self._rows_to_show(blocked)
        usable, rows, skipped = split(interests_at(stored, now_s, self._batch.parameters), rows_of)
        self.metrics.count_skipped(len(skipped))
        shown = Shown(interests=usable, rows=rows, origins=(Origin.BATCH,) * len(usable))
        acted_on = [self.pins.rows_of_hashes(user.seen)]
        if online is not None:
            newest = self._newest(online, watermark_s_of(user, self._batch.actions_until_s), rows_of, now_s)
            shown = self._with_newest(shown, newest, rows_of, now_s)
            acted_on.append(self.pins.rows(online.pin_ids))
        return UserProfile(
            interests=shown.interests,
            rows=shown.rows,
            origins=tuple(map(_WIRE_ORIGIN.__getitem__, shown.origins)),
            skipped=skipped,
            seen=representative_rows(np.concatenate([shown.rows, *acted_on]), self.pins.representatives),
            blocked=blocked,
            degraded=(pb.DEGRADATION_ONLINE_IGNORED,) if user.is_online_damaged else (),
        )

    def from_recent(self, actions: list[RecentAction], now_s: int) -> tuple[UserProfile, int]:
        """Interests made by Algorithm 2 from a request's pins, and how many are unknown or blocked."""
        blocked = self.blocked()
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
            rows=self.pins.rows(interests.medoid_pin_ids),
            origins=(pb.INTEREST_ORIGIN_REQUEST,) * len(interests),
            skipped=no_interests(now_s),
            seen=representative_rows(rows[known], self.pins.representatives),
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
        rows = self.pins.rows(self.reader.popular())
        rows = rows[rows != NO_ROW]
        indexed: NDArray[np.int64] = rows[self.pins.representatives[rows] == rows]
        return indexed

    def newest_tombstone(self) -> int:
        """The number of the last user's who asked to be forgotten; 0 before the first."""
        return self.reader.newest_tombstone()

    def tombstones(self, after: int) -> list[Tombstone]:
        """Who asked to be forgotten since the tombstone of that number."""
        return self.reader.tombstones(after)

    @property
    def batch(self) -> BatchDescription:
        """The live batch profiles."""
        return self._batch

    @property
    def artefact_version(self) -> str:
        """Of the pins, without what was added to them; see `n_lasting_rows`."""
        return self._main.version

    @property
    def n_lasting_rows(self) -> int:
        """So many rows, from 0, are of the same pins as long as `artefact_version` is the same.

        Those of added pins change whenever others are added.
        """
        return self._main.n_pins

    @property
    def _main(self) -> PinView:
        return self.pins.main if isinstance(self.pins, JoinedPins) else self.pins

    def _rows_to_show(self, blocked: BlockedRows) -> RowsOf:
        """Finds the rows of the pins that an answer may name; NO_ROW for the unknown and the blocked."""
        return lambda pin_ids: blocked.without(self.pins.rows(pin_ids))

    def _with_newest(self, shown: Shown, newest: Newest, rows_of: RowsOf, now_s: int) -> Shown:
        """The batch's interests, and what the newest actions make of them."""
        vectors, newest_rows = self.pins.embeddings, rows_of(newest.interests.medoid_pin_ids)
        combined = combine(
            shown.interests,
            vectors[shown.rows],
            newest.interests,
            vectors[newest_rows],
            self._batch.parameters,
            now_s,
            newest.disliked,
        )
        rows = rows_of(combined.interests.medoid_pin_ids)
        both = Shown(interests=combined.interests, rows=rows, origins=combined.origins)
        return without_hidden(both, newest.hidden, rows_of) if newest.hidden else both

    def _newest(self, online: OnlineProfile, watermark_s: int, rows_of: RowsOf, now_s: int) -> Newest:
        """What the actions after the watermark come to: the stored interests, or recomputed from the actions.

        A roll-back or a late swap of the batch moves the watermark, a new model or embedding space makes
        other clusters, and a new artefact may lack a medoid or a takedown hide it; the raw actions make the
        answer exact all the same, from the pins that are left. What is disliked falls into interests of the
        batch, too, and is never in the stored ones.
        """
        is_later = online.times_s > watermark_s
        computed_from = online.actions_after_s, online.parameters_version, online.embedding_space
        present = watermark_s, self._batch.parameters_version, self.pins.embedding_space
        is_liked = not (online.weights[is_later] < 0).any()
        if (
            is_liked
            and computed_from == present
            and (rows_of(online.interests.medoid_pin_ids) != NO_ROW).all()
        ):
            return Newest(interests=online.interests)
        # What a takedown hides from all may be hidden by a user as well.
        rows = np.where(online.weights < 0, self.pins.rows(online.pin_ids), rows_of(online.pin_ids))
        counts = np.flatnonzero(is_later & (rows != NO_ROW) & (online.weights != 0))
        actions = Actions(
            pin_ids=tuple(online.pin_ids[at] for at in counts),
            vectors=self.pins.embeddings[rows[counts]],
            times_s=online.times_s[counts],
            weights=online.weights[counts],
        )
        return newest_of(actions, self._batch.parameters, now_s)

    def _build(
        self,
        pin_ids: tuple[str, ...],
        rows: NDArray[np.int64],
        times_s: NDArray[np.int64],
        weights: NDArray[np.float64],
        now_s: int,
    ) -> Interests:
        actions = Actions(
            pin_ids=pin_ids, vectors=self.pins.embeddings[rows], times_s=times_s, weights=weights
        )
        return build_interests(actions, self._batch.parameters, now_s)
