"""The people of the large world: interests taken up and dropped, sessions, noise, and what they act on.

A positive is a title that a person acted on, and nothing else. What they act on follows from the interests
they hold at that moment: a topic label, which no method sees, and a title at the interest's heart, chosen at
random among those that have many like them in the label. A title of the label attracts the more, the nearer
it is to the heart; a title of another label does not, however near. So what is right is never what some
method returns: people do not see recommendations, and a title of another label is wrong wherever it lies.
What the simulation does assume, as every method here does, is that cosines mean something to people; how much
is its breadth.

Noise is acted on like anything else, and counts as a positive that nobody could foresee, since whoever
evaluates real people cannot tell it apart either; so does the first action of an interest just taken up.
Impressions are titles of the labels that interest the person at that moment, shown as a feed of those labels
would show them and not acted on. Nobody meets a title twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.large_world.parameters import WorldParameters
from evaluation.large_world.topics import Topics
from model.parameters import SECONDS_PER_DAY

_SECONDS_BETWEEN_ACTIONS = 60


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """One person met one title.

    Attributes:
        time_s: Seconds since the first simulated day began.
        row: The title's.
        acted: Whether the person acted on it; else it was only shown.
    """

    time_s: int
    row: int
    acted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """One stretch of interest.

    Attributes:
        label: The topic.
        heart: The row of the title at its heart.
        strength: Against the person's other interests.
        begin_day: When it was taken up, in days since the first simulated one.
        end_day: When it was dropped.
    """

    label: int
    heart: int
    strength: float
    begin_day: float
    end_day: float


def simulate(topics: Topics, parameters: WorldParameters, person: int) -> list[Event]:
    """One person's events in order of time. Each person has a generator of their own."""
    generator = np.random.default_rng([parameters.seed, person])
    interests = list(_interests(topics, parameters, generator))
    life = _Life(topics, parameters, interests, generator)
    return sorted(event for begin_s in _sessions(parameters, generator) for event in life.session(begin_s))


def _interests(
    topics: Topics, parameters: WorldParameters, generator: np.random.Generator
) -> Iterator[Interest]:
    """What a person is interested in: so many at a time, each followed by another when it is dropped."""
    known: list[int] = []
    n_held = generator.integers(parameters.interests_fewest, parameters.interests_most + 1)
    for _ in range(n_held):
        day = 0.0
        while day < parameters.days:
            # Exponential times have no memory: those held on the first day need no past.
            end_day = day + generator.exponential(parameters.interest_days_mean)
            label = _label(topics, parameters, known, generator)
            known.append(label)
            yield Interest(
                label=label,
                heart=int(generator.choice(topics.hearts(label))),
                strength=generator.gamma(parameters.evenness),
                begin_day=day,
                end_day=end_day,
            )
            day = end_day


def _label(
    topics: Topics, parameters: WorldParameters, known: list[int], generator: np.random.Generator
) -> int:
    """A label to take an interest in: any, or one near to a label known already."""
    if known and generator.random() < parameters.related:
        return int(generator.choice(topics.relatives(int(generator.choice(known)))))
    return int(generator.choice(topics.labels))


def _sessions(parameters: WorldParameters, generator: np.random.Generator) -> NDArray[np.int64]:
    """When a person's sessions begin, in seconds, ascending."""
    rate = generator.lognormal(np.log(parameters.sessions_per_day_median), parameters.sessions_spread)
    n = generator.poisson(rate * parameters.days)
    return np.sort(generator.integers(parameters.days * SECONDS_PER_DAY, size=n))


class _Life:
    """A person's sessions, one after another: what they met before, they do not meet again."""

    def __init__(
        self,
        topics: Topics,
        parameters: WorldParameters,
        interests: list[Interest],
        generator: np.random.Generator,
    ) -> None:
        self._topics = topics
        self._parameters = parameters
        self._interests = interests
        self._generator = generator
        self._met = np.zeros(topics.n_titles, np.bool_)
        self._attractions = [
            topics.attraction(interest.label, interest.heart, parameters.breadth) for interest in interests
        ]

    def session(self, begin_s: int) -> Iterator[Event]:
        """The events of one session: actions a minute apart, and what was shown beside each."""
        held = self._held(begin_s / SECONDS_PER_DAY)
        current = None
        for at in range(self._generator.geometric(1 / self._parameters.session_actions_mean)):
            time_s = int(begin_s) + at * _SECONDS_BETWEEN_ACTIONS
            if self._generator.random() < self._parameters.noise:
                row = self._meet(np.array([self._generator.integers(self._topics.n_titles)]))
            else:
                current = self._interest(held, current)
                row = self._drawn(current)
            if row is not None:
                yield Event(time_s, row, True)
                yield from self._shown(time_s, held)

    def _held(self, day: float) -> list[int]:
        """The places of the interests held on a day."""
        return [
            i for i, interest in enumerate(self._interests) if interest.begin_day <= day < interest.end_day
        ]

    def _interest(self, held: list[int], current: int | None) -> int:
        """The interest that the next action follows: the one before, or one chosen by strength."""
        if current is not None and self._generator.random() < self._parameters.stickiness:
            return current
        strengths = np.array([self._interests[i].strength for i in held])
        return int(self._generator.choice(held, p=strengths / strengths.sum()))

    def _drawn(self, which: int) -> int | None:
        """A title that the interest leads to; None when it has no other left."""
        rows = self._topics.rows(self._interests[which].label)
        chances = np.where(self._met[rows], 0.0, self._attractions[which])
        if not chances.any():
            return None
        return self._meet(self._generator.choice(rows, 1, p=chances / chances.sum()))

    def _shown(self, time_s: int, held: list[int]) -> Iterator[Event]:
        """Titles of the labels of interest, shown and not acted on."""
        for _ in range(self._parameters.impressions_per_action):
            label = self._interests[int(self._generator.choice(held))].label
            row = self._meet(self._generator.choice(self._topics.rows(label), 1))
            if row is not None:
                yield Event(time_s, row, False)

    def _meet(self, row: NDArray[np.int64]) -> int | None:
        """The title; None when the person has met it before."""
        (met,) = row.tolist()
        if self._met[met]:
            return None
        self._met[met] = True
        return int(met)
