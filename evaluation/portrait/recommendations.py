"""Figure 6: what the sampled interests of one user recommend, beside the fused list."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.drawing import draws
from evaluation.embeddings import Embeddings
from evaluation.methods import DEFAULT, Method
from evaluation.portrait.shelf import Shelf, letter
from evaluation.portrait.subject import Person
from evaluation.results import Gallery, Group, Tile
from model.fusing import NOT_COUNTED, SPREAD_OVER, Spread, fuse, fused_scores, spread_of, union

_N_SHOWN = 7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """What one user is recommended.

    Attributes:
        places: int64 [e], the sampled interests, in order of importance.
        lists: Of each, floor(n / e) rows.
        fused: Rows, of the fused method.
    """

    places: NDArray[np.int64]
    lists: list[NDArray[np.int64]]
    fused: NDArray[np.int64]


def answers_of(person: Person, chosen: Method, representatives: Embeddings, shelf: Shelf, n: int) -> Answers:
    """Both answers of n candidates at most.

    Args:
        person: Who.
        chosen: The fused method.
        representatives: Its embeddings of this person.
        shelf: The pool.
        n: Candidates.
    """
    generator = np.random.default_rng((person.case.user, person.case.day, 1))
    places = draws(person.interests.importances, DEFAULT.e, 1, generator)[0]
    lists = shelf.unseen(person.interests.vectors[places], [person.case] * len(places), n // len(places))
    heads = shelf.unseen(representatives.vectors, [person.case] * len(representatives.rows), n)
    return Answers(places=places, lists=lists, fused=_fused(heads, representatives, chosen, shelf, n))


def recommendations_gallery(person: Person, chosen: Method, answers: Answers, shelf: Shelf) -> Gallery:
    """The first pins of each list."""
    groups = [
        Group(
            title=shelf.title(int(person.interests.rows[place])),
            letter=letter(place),
            kind="several",
            share=float(person.shares()[place]),
            note=f"the first of {len(of_list):,}",
            tiles=_tiles(of_list[:_N_SHOWN], person, shelf),
        )
        for place, of_list in zip(answers.places.tolist(), answers.lists, strict=True)
    ]
    fused = Group(
        title=chosen.title,
        kind="fused",
        note=f"the first of {len(answers.fused):,}",
        tiles=_tiles(answers.fused[:_N_SHOWN], person, shelf),
    )
    return Gallery(
        title="Figure 6: what is recommended",
        finding=_finding(person.case.positives, answers),
        note=(
            "Letter and number: the interest that a pin is nearest to, and the cosine to its medoid. "
            "A star: the user acted on it that day."
        ),
        value_title="cosine to the nearest medoid",
        groups=(*groups, fused),
    )


def _fused(
    heads: Sequence[NDArray[np.int64]],
    representatives: Embeddings,
    chosen: Method,
    shelf: Shelf,
    n: int,
) -> NDArray[np.int64]:
    rows, places = union(heads)
    cosines = representatives.vectors @ shelf.vectors(rows).T
    spread = _spread(representatives, chosen.policy.perplexity, shelf)
    scores = fused_scores(cosines, representatives.importances, spread)
    return rows[fuse(places, scores, fused_share=chosen.policy.fused_share, n=n)]


def _spread(representatives: Embeddings, perplexity: float, shelf: Shelf) -> Spread:
    """Each representative over the first of its own list, but for itself, seen or not."""
    cosines, rows = shelf.retriever.nearest(representatives.vectors, SPREAD_OVER)
    is_itself = rows == representatives.rows[:, np.newaxis]
    return spread_of(np.where(is_itself, NOT_COUNTED, cosines), perplexity)


def _tiles(rows: NDArray[np.int64], person: Person, shelf: Shelf) -> tuple[Tile, ...]:
    cosines = shelf.vectors(rows) @ person.interests.vectors.T
    return tuple(
        Tile(
            title=shelf.title(row),
            value=float(of_pin.max()),
            letter=letter(int(of_pin.argmax())),
            is_hit=row in person.case.positives,
        )
        for row, of_pin in zip(rows.tolist(), cosines, strict=True)
    )


def _finding(positives: NDArray[np.int64], answers: Answers) -> str:
    sampled = np.unique(np.concatenate(answers.lists))
    return (
        f"The lists of the {len(answers.places)} sampled interests hold {len(sampled):,} pins, "
        f"{len(np.intersect1d(sampled, answers.fused)):,} of them also in the fused list. That day the user "
        f"acted on {_counted(len(positives))}, {_shared(positives, sampled)} in the sampled interests’ lists "
        f"and {_shared(positives, answers.fused)} in the fused one."
    )


def _shared(a: NDArray[np.int64], b: NDArray[np.int64]) -> str:
    return f"{len(np.intersect1d(a, b)) or 'none'}"


def _counted(n: int) -> str:
    return f"{n:,} new pins" if n > 1 else "1 new pin"
