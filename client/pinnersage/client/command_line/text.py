"""The answers as lines for people."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import Enum

from pinnersage.client._enums import AnswerReason, Degradation, MergePolicy
from pinnersage.client._health import HealthStatus
from pinnersage.client._values import (
    CandidateGroup,
    Interest,
    Profile,
    Recommendation,
    RecordedAction,
    SimilarPins,
)
from pinnersage.client.command_line.columns import printable, table

Titles = Mapping[str, str]

_WHY_EMPTY = {
    AnswerReason.UNKNOWN_USER: "the server knows nothing about this user",
    AnswerReason.NO_USABLE_INTERESTS: "none of the user's interests can be used with the pins served now",
    AnswerReason.ALL_FILTERED: "exclusions, conditions and the lowest score left no candidate",
}


def recommendation(
    user_id: str, answer: Recommendation, titles: Titles, asked: int | None = None
) -> list[str]:
    """The candidates under the saved pin that each was found near.

    Args:
        user_id: Who they are for.
        answer: The server's.
        titles: Of pins, by id.
        asked: At most so many candidates were asked for.
    """
    without = "  no candidate is left"
    if asked is not None and len(answer.candidates) >= asked:
        without = f"  none of the {_count(asked, 'candidate')} asked for; more: --max-candidates"
    lines = [f"{printable(user_id)}: {_summary(answer)}", *_degraded(answer.degraded)]
    for group in answer.by_medoid() if answer.candidates else ():
        lines += ["", _because(group, titles), *(_candidates(group, titles) or [without])]
    return lines


def similar_pins(pin_id: str, answer: SimilarPins, titles: Titles) -> list[str]:
    """The neighbours, nearest first."""
    count = _count(len(answer.pins), "pin")
    head = f"{count} near {_named(pin_id, titles)}, artefact {printable(answer.artefact_version)}"
    shown = _scored(((pin.score, pin.pin_id) for pin in answer.pins), titles)
    return [head, *_degraded(answer.degraded), "", *shown]


def profile(answer: Profile) -> list[str]:
    """The interests, most important first, and what they were computed from."""
    head = f"{printable(answer.user_id)}: {_count(len(answer.interests), 'interest')}"
    facts = [
        ("seen pins", f"{answer.seen_pins:,}"),
        ("computed at", _time(answer.computed_at)),
        ("actions until", _time(answer.actions_until)),
        ("embedding space", answer.embedding_space),
        ("parameters", answer.parameters_version),
        ("profiles", answer.profiles_version),
        ("artefact", answer.artefact_version),
    ]
    shown = [(name, printable(value)) for name, value in facts if value]
    return [head, *_degraded(answer.degraded), "", *_interests(answer.interests), "", *table(shown)]


def recorded(user_id: str, pin_id: str, action: str, answer: RecordedAction) -> list[str]:
    """What the event stream keeps."""
    what = f"{printable(user_id)}: {printable(action)} {printable(pin_id)}"
    return [f"{what}, {answer.action_time:%Y-%m-%d %H:%M:%S} UTC, event {printable(answer.event_id)}"]


def health(server: str, answer: HealthStatus) -> list[str]:
    """The server's word on itself."""
    return [f"{server}: {_words(answer)}"]


def _summary(answer: Recommendation) -> str:
    if answer.reason in _WHY_EMPTY:
        instead = f"; {_count(len(answer.candidates), 'popular pin')} instead" if answer.candidates else ""
        return _WHY_EMPTY[answer.reason] + instead
    candidates = _count(len(answer.candidates), "candidate")
    interests = _count(len(answer.interests), "interest")
    together = " together" if answer.merge_policy is MergePolicy.FUSED else ""
    variant = f", variant {printable(answer.variant)}" if answer.variant else ""
    return f"{candidates} from {interests}{together}{variant}, artefact {printable(answer.artefact_version)}"


def _degraded(degraded: Iterable[Degradation]) -> Iterator[str]:
    words = ", ".join(map(_words, degraded))
    if words:
        yield f"degraded: {words}"


def _because(group: CandidateGroup, titles: Titles) -> str:
    if group.medoid_pin_id is None:
        return "popular with everyone:"
    because = f"because you saved {_named(group.medoid_pin_id, titles)}"
    if group.interest is None:
        return because
    return f"{because}: {group.interest.probability:.0%} of importance, {_words(group.interest.origin)}"


def _candidates(group: CandidateGroup, titles: Titles) -> list[str]:
    return _scored(((candidate.score, candidate.pin_id) for candidate in group.candidates), titles)


def _scored(pins: Iterable[tuple[float | None, str]], titles: Titles) -> list[str]:
    rows = [
        ("" if score is None else f"{score:.3f}", printable(pin_id), printable(titles.get(pin_id, "")))
        for score, pin_id in pins
    ]
    return table(rows, right=(0,))


def _interests(interests: Iterable[Interest]) -> list[str]:
    rows = [_interest_row(interest) for interest in interests]
    if not rows:
        return ["  no interests"]
    return table(
        [("share", "importance", "pins", "last action", "origin", "pin", "title"), *rows], right=(0, 1, 2)
    )


def _share(interest: Interest) -> str:
    if interest.blocked:
        return "blocked"
    return f"{interest.probability:.0%}" if interest.in_artefact else "skipped"


def _interest_row(interest: Interest) -> tuple[str, ...]:
    return (
        _share(interest),
        f"{interest.importance:.3g}",
        f"{interest.size:,}",
        f"{interest.last_action_time:%Y-%m-%d}" if interest.last_action_time else "",
        _words(interest.origin),
        printable(interest.medoid_pin_id),
        printable(interest.title or ""),
    )


def _named(pin_id: str, titles: Titles) -> str:
    title = titles.get(pin_id)
    return printable(f"{title} ({pin_id})" if title else pin_id)


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _words(value: Enum) -> str:
    return value.name.lower().replace("_and_", "+").replace("_", " ")


def _time(time: datetime | None) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if time else ""
