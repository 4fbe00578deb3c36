"""Figure 5: the interests of one user, as clusters of titles."""

from collections.abc import Sequence

import numpy as np

from evaluation.portrait.shelf import Shelf, letter
from evaluation.portrait.subject import Person
from evaluation.results import Gallery, Group, Tile

_N_INTERESTS = 6
_N_PINS = 5


def interests_gallery(person: Person, persons: Sequence[Person], shelf: Shelf) -> Gallery:
    """The most important clusters, each with the pins nearest to its medoid."""
    n_shown = min(_N_INTERESTS, len(person))
    rest = float(person.shares()[n_shown:].sum())
    hidden = len(person) - n_shown
    tail = f" Not shown: {hidden} more, with {rest:.0%} of importance." if hidden else ""
    return Gallery(
        title="Figure 5: a user’s interests",
        finding=_finding(person, persons),
        note=f"Bar: share of importance. Below the medoid, the pins nearest to it, with their cosine.{tail}",
        value_title="cosine to the medoid",
        groups=tuple(_group(person, place, shelf) for place in range(n_shown)),
    )


def _group(person: Person, place: int, shelf: Shelf) -> Group:
    medoid = int(person.interests.rows[place])
    members = person.clusters.rows[person.clusters.labels == person.labels[place]]
    others = members[members != medoid]
    cosines = shelf.vectors(others) @ person.interests.vectors[place]
    nearest = np.argsort(-cosines, kind="stable")[:_N_PINS]
    n = len(members)
    return Group(
        title=shelf.title(medoid),
        letter=letter(place),
        kind="several",
        share=float(person.shares()[place]),
        note=f"{n:,} pins" if n > 1 else "1 pin",
        tiles=tuple(
            Tile(title=shelf.title(int(others[i])), value=float(cosines[i])) for i in nearest.tolist()
        ),
        n_more=len(others) - len(nearest),
    )


def _finding(person: Person, persons: Sequence[Person]) -> str:
    counts = [len(one) for one in persons]
    at_three = float(np.mean([one.shares()[:3].sum() for one in persons]))
    return (
        f"{len(person.clusters.rows):,} pins in {len(person)} interests. Over {len(persons):,} cases the "
        f"median is {np.median(counts):g}, and the three most important hold {at_three:.0%} of importance "
        "in the mean."
    )
