"""Figure 2: the average of three interests, and whether it stands for any of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.portrait.shelf import Shelf, letter
from evaluation.portrait.subject import Person, Rule
from evaluation.results import Gallery, Group, Tile
from model.merging import interleave

N_NEAREST = 10
"""Pins that the statistic looks at: about what a person sees at once."""
_N_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Ten pins against three interests, in the mean over cases.

    Attributes:
        strays: The share of the pins that resemble none of the interests.
        served: How many of the interests some pin resembles.
    """

    strays: float
    served: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Averages:
    """What becomes of the average.

    Attributes:
        n_cases: With so many interests or more.
        average: The pins nearest to the average of the interests.
        in_turn: As many, taken from the interests' own lists in turn.
    """

    n_cases: int
    average: Company
    in_turn: Company


def averages(persons: Sequence[Person], shelf: Shelf, rule: Rule, threshold: float) -> Averages | None:
    """The statistic over all who have so many interests; None where nobody has.

    Args:
        persons: Any.
        shelf: The pool.
        rule: How many interests are averaged.
        threshold: The cosine from which two pins resemble each other.
    """
    persons = [person for person in persons if len(person) >= rule.n_interests]
    if not persons:
        return None
    tops = [person.top(rule.n_interests) for person in persons]
    cases = [person.case for person in persons]
    nearest = shelf.unseen(np.stack([average_of(top) for top in tops]), cases, N_NEAREST)
    of_each = [case for case in cases for _ in range(rule.n_interests)]
    own = shelf.unseen(np.concatenate(tops), of_each, N_NEAREST)
    lists = [own[at : at + rule.n_interests] for at in range(0, len(own), rule.n_interests)]
    return Averages(
        n_cases=len(persons),
        average=_company(tops, nearest, shelf, threshold),
        in_turn=_company(tops, [in_turn(of_case, N_NEAREST) for of_case in lists], shelf, threshold),
    )


def averages_gallery(person: Person, shelf: Shelf, rule: Rule, threshold: float, found: Averages) -> Gallery:
    """The pins nearest to the average beside those nearest to each interest."""
    top = person.top(rule.n_interests)
    near = shelf.unseen(np.stack([*top, average_of(top)]), [person.case] * (len(top) + 1), _N_SHOWN)
    groups = [
        Group(
            title=shelf.title(int(person.interests.rows[at])),
            letter=letter(at),
            kind="several",
            note="nearest to this medoid",
            tiles=_tiles(near[at], top, shelf),
        )
        for at in range(len(top))
    ]
    average = Group(
        title="The average of the three" if len(top) == 3 else "Their average",
        kind="single",
        note="nearest to the average",
        tiles=_tiles(near[-1], top, shelf),
    )
    return Gallery(
        title="Figure 2: three interests and their average" if len(top) == 3 else "Figure 2: the average",
        finding=_finding(found, rule, threshold),
        note=(
            "Letter and number: the interest that a pin is nearest to, and the cosine to its medoid. Pins "
            f"that the user has acted on are left out. {rule}."
        ),
        value_title="cosine to the nearest of the medoids",
        groups=(*groups, average),
    )


def average_of(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 [d]: the mean of float32 [n, d]; its length does not matter to a search."""
    mean: NDArray[np.float32] = vectors.mean(axis=0)
    return mean


def in_turn(lists: Sequence[NDArray[np.int64]], n: int) -> NDArray[np.int64]:
    """int64 [n]: the first n distinct pins of the lists, one of each list at a time."""
    merged = interleave(lists, budget=n, max_candidates=n)
    return np.array([lists[i][at] for i, at in zip(merged.lists, merged.positions, strict=True)], np.int64)


def _company(
    tops: Sequence[NDArray[np.float32]],
    answers: Sequence[NDArray[np.int64]],
    shelf: Shelf,
    threshold: float,
) -> Company:
    resembles = [
        shelf.vectors(rows) @ top.T >= threshold for top, rows in zip(tops, answers, strict=True) if len(rows)
    ]
    return Company(
        strays=float(np.mean([1 - of_case.any(axis=1).mean() for of_case in resembles])),
        served=float(np.mean([of_case.any(axis=0).sum() for of_case in resembles])),
    )


def _tiles(rows: NDArray[np.int64], top: NDArray[np.float32], shelf: Shelf) -> tuple[Tile, ...]:
    cosines = shelf.vectors(rows) @ top.T
    return tuple(
        Tile(title=shelf.title(row), value=float(of_pin.max()), letter=letter(int(of_pin.argmax())))
        for row, of_pin in zip(rows.tolist(), cosines, strict=True)
    )


def _finding(found: Averages, rule: Rule, threshold: float) -> str:
    n = rule.n_interests
    return (
        f"The {N_NEAREST} pins nearest to the average of a user’s {n} most important medoids resemble "
        f"{found.average.served:.1f} of the {n} in the mean; {N_NEAREST} pins taken from the {n} lists in "
        f"turn, {found.in_turn.served:.1f}. Of the average’s pins {found.average.strays:.0%} resemble none "
        f"of the {n}; of those taken in turn, {found.in_turn.strays:.0%}. To resemble is a cosine of "
        f"{threshold:.2f} or more; there are {found.n_cases:,} cases with {n} interests or more."
    )
