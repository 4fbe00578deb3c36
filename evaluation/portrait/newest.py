"""Figure 3: a user's actions, newest first, and how often the newest resembles none of those before it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.portrait.shelf import Shelf, letter
from evaluation.portrait.subject import Person
from evaluation.results import Figure, Gallery, Group, Series, Threshold, Tile
from evaluation.worlds import ActionLog

N_BEFORE = 5
"""Actions before the newest that the paper's figure looks at."""
_N_SHOWN = 11


def cosines_before(log: ActionLog, pool: NDArray[np.float16], n: int) -> NDArray[np.float32]:
    """How near each user's newest action is to the n before it.

    Returns:
        float32 [users with n + 1 actions or more, n], newest first.
    """
    users, rows = log.users[log.is_positive], log.rows[log.is_positive]
    order = np.argsort(users, kind="stable")
    users, rows = users[order], rows[order]
    last = np.flatnonzero(np.diff(users, append=-1))
    last = last[np.diff(last, prepend=-1) > n]
    newest = pool[rows[last]].astype(np.float32)
    before = [pool[rows[last - back]].astype(np.float32) for back in range(1, n + 1)]
    return np.stack([np.einsum("ij,ij->i", newest, other) for other in before], axis=1)


def shares_alone(cosines: NDArray[np.float32], threshold: float) -> NDArray[np.float64]:
    """float64 [n]: the share of users whose newest action resembles none of the 1, 2, ... n before it."""
    nearest = np.maximum.accumulate(cosines, axis=1)
    shares: NDArray[np.float64] = (nearest < threshold).mean(axis=0)
    return shares


def newest_gallery(person: Person, shelf: Shelf, finding: str) -> Gallery:
    """The user's last actions as a strip."""
    rows = person.case.rows[::-1][:_N_SHOWN]
    cosines = shelf.vectors(rows) @ shelf.vectors(rows[:1])[0]
    interest_of = {
        int(row): int(np.flatnonzero(person.labels == label)[0])
        for row, label in zip(person.clusters.rows, person.clusters.labels, strict=True)
    }
    tiles = tuple(
        Tile(
            title=shelf.title(row),
            letter=letter(interest_of[row]),
            value=None if at == 0 else float(cosine),
        )
        for at, (row, cosine) in enumerate(zip(rows.tolist(), cosines, strict=True))
    )
    return Gallery(
        title="Figure 3: a user’s actions, newest first",
        finding=finding,
        note="Number: cosine to the newest action. Letter: the interest that an action belongs to.",
        value_title="cosine to the newest action",
        groups=(Group(title="Newest first", tiles=tiles, n_more=len(person.case.rows) - len(rows)),),
    )


def newest_figure(cosines: NDArray[np.float32], thresholds: Sequence[Threshold]) -> Figure:
    """How many users' newest action stands alone, by how far one looks back."""
    back = tuple(float(i) for i in range(1, cosines.shape[1] + 1))
    main = thresholds[0]
    by_chance = tuple((1 - main.share_of_random_pairs) ** n for n in back)
    lines = tuple(
        Series(
            name=f"cosine below {threshold.cosine:.2f}",
            kind="several",
            x=back,
            y=tuple(shares_alone(cosines, threshold.cosine).tolist()),
        )
        for threshold in thresholds[:2]
    )
    return Figure(
        title="Figure 3, over all users",
        shape="lines",
        x_title="actions before the newest",
        y_title="users whose newest resembles none of them",
        x_unit="count",
        y_unit="share",
        note=f"Of {len(cosines):,} users with {cosines.shape[1] + 1} actions or more.",
        series=(
            *lines,
            Series(
                name=f"below {main.cosine:.2f}, were they random pins", kind="single", x=back, y=by_chance
            ),
        ),
    )


def newest_finding(cosines: NDArray[np.float32], threshold: float) -> str:
    """The statistic in a sentence."""
    n = cosines.shape[1]
    alone = shares_alone(cosines, threshold)
    return (
        f"Of {len(cosines):,} users with {n + 1} actions or more, {alone[0]:.0%} acted last on a pin that "
        f"does not resemble the one before it (cosine below {threshold:.2f}), and {alone[-1]:.0%} on one "
        f"that resembles none of the {n} before it."
    )
