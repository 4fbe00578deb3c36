"""The commands: each asks the server, and gives the answer as lines for people and as a document."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pinnersage.client._client import Client
from pinnersage.client._errors import CallError, UnsupportedError
from pinnersage.client._health import HealthStatus
from pinnersage.client.command_line import documents, text
from pinnersage.client.command_line.arguments import Arguments
from pinnersage.client.command_line.failures import Status
from pinnersage.client.command_line.where import together

# The most that GetPins takes.
_PINS_PER_CALL = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command found out.

    Attributes:
        document: For scripts.
        lines: For people.
        notes: Sentences for stderr.
        status: The command's exit status.
    """

    document: Mapping[str, object]
    lines: Sequence[str]
    notes: tuple[str, ...] = ()
    status: Status = Status.DONE


def recommend(client: Client, arguments: Arguments) -> Answer:
    """Candidates for a user, by the interest they come from."""
    answer = client.recommend(
        arguments.user,
        max_candidates=arguments.max_candidates,
        max_interests=arguments.max_interests,
        exclude_pin_ids=arguments.exclude,
        seed=arguments.seed,
        min_score=arguments.min_score,
        merge_policy=arguments.merge_policy,
        filters=together(arguments.where),
        variant=arguments.variant,
    )
    medoids = [group.medoid_pin_id for group in answer.by_medoid() if group.medoid_pin_id]
    shown = [*medoids, *(candidate.pin_id for candidate in answer.candidates)]
    titles, notes = _titles(client, shown) if arguments.titles else ({}, ())
    return Answer(
        document=documents.recommendation(arguments.user, answer, titles),
        lines=text.recommendation(arguments.user, answer, titles, arguments.max_candidates),
        notes=notes,
    )


def similar(client: Client, arguments: Arguments) -> Answer:
    """The pins nearest to a pin."""
    answer = client.similar_pins(
        arguments.pin,
        max_candidates=arguments.max_candidates,
        exclude_pin_ids=arguments.exclude,
        min_score=arguments.min_score,
        filters=together(arguments.where),
    )
    shown = [arguments.pin, *(pin.pin_id for pin in answer.pins)]
    titles, notes = _titles(client, shown) if arguments.titles else ({}, ())
    return Answer(
        document=documents.similar_pins(arguments.pin, answer, titles),
        lines=text.similar_pins(arguments.pin, answer, titles),
        notes=notes,
    )


def profile(client: Client, arguments: Arguments) -> Answer:
    """Everything stored about a user's interests."""
    answer = client.profile(arguments.user)
    return Answer(document=documents.profile(answer), lines=text.profile(answer))


def record(client: Client, arguments: Arguments) -> Answer:
    """What a user did, in the server's event stream."""
    user, pin, action = arguments.user, arguments.pin, arguments.action
    recorded = client.record(user, pin, action, action_time=arguments.at, event_id=arguments.event_id)
    return Answer(
        document=documents.recorded(user, pin, action, recorded),
        lines=text.recorded(user, pin, action, recorded),
    )


def health(client: Client, arguments: Arguments) -> Answer:
    """Whether the server is there and serves."""
    answer = client.health()
    return Answer(
        document=documents.health(arguments.server, answer),
        lines=text.health(arguments.server, answer),
        status=Status.DONE if answer is HealthStatus.SERVING else Status.UNREACHABLE,
    )


def _titles(client: Client, pin_ids: Iterable[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The titles of these pins, and what to say if they cannot be had: the answer stands without them."""
    wanted = list(dict.fromkeys(pin_ids))
    titles: dict[str, str] = {}
    try:
        for some in _in_calls(wanted):
            titles |= {pin.pin_id: pin.title for pin in client.pins(some).pins if pin.title}
    except UnsupportedError:
        return titles, ()
    except CallError as error:
        return titles, (f"titles are missing: {error.message}",)
    return titles, ()


def _in_calls(pin_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(pin_ids), _PINS_PER_CALL):
        yield pin_ids[start : start + _PINS_PER_CALL]
