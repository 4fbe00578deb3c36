"""The window's most acted-on pins: what a user without a profile may be shown."""

import numpy as np
from numpy.typing import NDArray

from profile_builder.actions import ActionTable
from storage.pins.port import NO_ROW, Pins


def popular_pins(actions: ActionTable, pins: Pins, n: int) -> list[str]:
    """The n representatives with the most positive actions on their groups; ties go to the smaller id.

    Near-duplicates count for the pin that stands for them: only it can be a candidate.
    """
    rows, counts = counted(actions, pins)
    if len(rows) > n:
        # All that could be among the first n, ties at the border included.
        least = np.partition(counts, -n)[-n] if n else counts.max() + 1
        rows, counts = rows[counts >= least], counts[counts >= least]
    return ranked(rows, counts, pins, n)


def counted(actions: ActionTable, pins: Pins) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64 [r] each: the representatives that were acted on, and how often."""
    representatives = pins.representatives[actions.rows[actions.weights > 0]]
    rows, counts = np.unique(representatives[representatives != NO_ROW], return_counts=True)
    return rows.astype(np.int64), counts


def ranked(rows: NDArray[np.int64], counts: NDArray[np.int64], pins: Pins, n: int) -> list[str]:
    """The n of these representatives with the most actions."""
    in_order = sorted(zip(-counts, pins.pin_ids(rows), strict=True))
    return [pin_id for _, pin_id in in_order[:n]]
