"""Profiles that are used while the store does not answer: without the pins that may not be used any more."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model.exclusion import representative_rows
from model.interests import Representatives, heaviest
from server.interest_records import interests_in, records_of
from server.profiles import ProfileSource
from server.served_profiles import ServedProfile, StoodFor
from server.takedown import BlockedRows
from storage.pins.port import NO_ROW


def allowed_now(
    profile: ServedProfile, source: ProfileSource, blocked: BlockedRows, *, n_rows: int
) -> ServedProfile:
    """The same user without the pins that may not be used any more.

    As `source` does it: the heaviest representative that is left stands in for a medoid that is not, an
    interest that has none goes, and where no representative is left the medoids stand for the interests.
    But only what was kept can be used: no more representatives than answer with the fused merge, nothing that
    was blocked or missing when the profile was parsed, and newest actions are not clustered anew.

    Args:
        profile: Parsed under another takedown list, or with other pins added to the artefact.
        source: Over the pins of now.
        blocked: What nobody may be shown, now.
        n_rows: Rows below it are of the same pins as when the profile was parsed. Others are not used; so an
            added pin that the user has seen may come back to them.
    """

    def may_be_used(rows: NDArray[np.integer]) -> NDArray[np.bool_]:
        is_known = rows < n_rows
        return is_known & ~blocked.among(np.where(is_known, rows, 0))

    interests, stood_for = interests_in(profile.records), profile.stood_for
    left = _taken(stood_for, may_be_used(stood_for.rows))
    medoids, stand_ins = _stood_in(interests["row"], may_be_used(interests["row"]), left)
    kept = np.flatnonzero(medoids != NO_ROW)
    shown, medoids = interests[kept], medoids[kept]
    left = _renumbered(left, kept) or _medoids_alone(medoids, shown["importance"], source)
    seen = np.concatenate([profile.seen[profile.seen < n_rows], stand_ins])
    return replace(
        profile,
        records=records_of(medoids, shown["importance"], shown["origin"]),
        representatives=left.packed(),
        seen=representative_rows(seen, source.pins.representatives).astype(np.int32),
        blocked=blocked,
    )


def _stood_in(
    medoids: NDArray[np.int32], may_be_used: NDArray[np.bool_], left: StoodFor
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The rows that stand for the interests, NO_ROW for none, and those that are no medoids of before."""
    rows = np.full(len(medoids), NO_ROW, np.int32)
    # The first of each is the heaviest.
    places, firsts = np.unique(left.interests, return_index=True)
    rows[places] = left.rows[firsts]
    stand_ins = rows[~may_be_used & (rows != NO_ROW)]
    return np.where(may_be_used, medoids, rows), stand_ins


def _taken(stood_for: StoodFor, which: NDArray[np.bool_]) -> StoodFor:
    return StoodFor(
        rows=stood_for.rows[which], weights=stood_for.weights[which], interests=stood_for.interests[which]
    )


def _renumbered(stood_for: StoodFor, kept: NDArray[np.int64]) -> StoodFor:
    """Of some interests of all; each of them is stood for by somebody who is kept, if by anybody."""
    return replace(stood_for, interests=np.searchsorted(kept, stood_for.interests).astype(np.uint32))


def _medoids_alone(
    medoids: NDArray[np.int32], importances: NDArray[np.float64], source: ProfileSource
) -> StoodFor:
    pin_ids = tuple(source.pins.pin_ids(medoids))
    each = Representatives(pin_ids=pin_ids, weights=importances, interests=np.arange(len(medoids)))
    first = heaviest(each, source.batch.parameters.fusing.n_representatives)
    return StoodFor.of(first, medoids[first.interests].astype(np.int64))
