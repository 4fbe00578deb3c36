"""Asks the running server through the real client, and picks whom to show."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from demo.histories import Action, Histories
from demo.people import Interest, Person, Recent, Suggestions
from pinnersage.client import CandidateGroup, Client, NotFoundError

# What of one person fits on a screen.
RECENT_SHOWN, CANDIDATES_SHOWN = 8, 5

FEWEST_INTERESTS, MOST_INTERESTS = 3, 8
USERS_LOOKED_AT = 60
# A fixed seed: the same interests are sampled tomorrow.
SEED = 1

Titles = Mapping[str, str]


def people(client: Client, histories: Histories, n: int) -> Iterator[Person]:
    """At most n people, those with several interests first; nobody whom the server does not know."""
    looked_at = islice(histories.readable_users(), max(USERS_LOOKED_AT, n))
    interests = {user_id: n_interests(client, user_id) for user_id in looked_at}
    known = [user_id for user_id in interests if interests[user_id]]
    known.sort(key=lambda user_id: not FEWEST_INTERESTS <= interests[user_id] <= MOST_INTERESTS)
    for user_id in known[:n]:
        yield person(client, user_id, histories.of(user_id))


def n_interests(client: Client, user_id: str) -> int:
    """How many interests the server holds of the user; 0 for one it does not know."""
    try:
        return len(client.profile(user_id).interests)
    except NotFoundError:
        return 0


def person(client: Client, user_id: str, actions: Sequence[Action]) -> Person:
    """Everything the demo shows of one person, from one profile and one answer of the server.

    Args:
        client: Connected to the server.
        user_id: Known to the server.
        actions: Newest first.
    """
    profile = client.profile(user_id)
    began = time.perf_counter()
    answer = client.recommend(user_id, seed=SEED)
    answer_ms = (time.perf_counter() - began) * 1_000
    groups, recent = answer.by_medoid(), actions[:RECENT_SHOWN]
    titles = _titles(client, [*_shown_pins(groups), *(action.pin_id for action in recent)])
    verbs = {action.pin_id: action.action for action in actions}
    return Person(
        user_id=user_id,
        n_actions=len(actions),
        recent=[Recent(title=titles[each.pin_id], days_ago=each.days_ago) for each in recent],
        interests=[
            Interest(title=each.title or each.medoid_pin_id, share=each.probability, size=each.size)
            for each in profile.interests
        ],
        suggestions=[_suggestions(group, titles, verbs) for group in groups],
        answer_ms=answer_ms,
    )


def _suggestions(group: CandidateGroup, titles: Titles, verbs: Mapping[str, str]) -> Suggestions:
    return Suggestions(
        reason=_reason(group.medoid_pin_id, titles, verbs),
        candidates=[(titles[each.pin_id], each.score) for each in group.candidates[:CANDIDATES_SHOWN]],
        n_candidates=len(group.candidates),
    )


def _reason(medoid: str | None, titles: Titles, verbs: Mapping[str, str]) -> str:
    """Why the candidates are there, in the data set's own verb: only who saved something reads "saved"."""
    if medoid is None:
        return "because many people like them"
    return (
        f"because you saved {titles[medoid]}"
        if verbs.get(medoid) == "save"
        else f"because of {titles[medoid]}"
    )


def _shown_pins(groups: Iterable[CandidateGroup]) -> Iterator[str]:
    for group in groups:
        yield from (each.pin_id for each in group.candidates[:CANDIDATES_SHOWN])
        if group.medoid_pin_id is not None:
            yield group.medoid_pin_id


def _titles(client: Client, pin_ids: Iterable[str]) -> Titles:
    """The title of each pin; its id where the server has none."""
    wanted = list(dict.fromkeys(pin_ids))
    found = {pin.pin_id: pin.title for pin in client.pins(wanted).pins}
    return {pin_id: found.get(pin_id) or pin_id for pin_id in wanted}
