"""Everything the large world depends on, as one frozen record; and how it is varied.

The numbers were fixed before any method was run on the world, and are not to be changed after one was: a new
question gets a new setting. They were chosen by looking at the titles alone. Random pairs of titles exceed a
cosine of 0.23 in 0.5 % of cases; two titles of one label have 0.08 in the mean, so labels say little about
vectors. With the breadth and the hearts below, an interest spreads over about 30 titles (the exponential of
its entropy), and two of six that it leads to have 0.36 in the median: interests show in the vectors, and can
be missed.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldParameters:
    """How large the world is, and how its people live.

    Attributes:
        seed: Of everything random.
        n_titles: The pool: whole topic labels, chosen at random, until there are so many titles.
        n_people: How many are simulated.
        history_days: Days before the first that is judged.
        validation_days: Judged days on which a method may be chosen.
        test_days: Judged days after those.
        interests_fewest: The fewest interests somebody holds at a time; one dropped makes room for another.
        interests_most: The most.
        interest_days_mean: How long an interest is held: exponential, in days.
        evenness: How even a person's interests are in strength: the shape of a gamma distribution.
        related: Share of the interests taken up in a label near that of an earlier one of the same person.
        relatives: How many labels count as near one.
        hearts: The title at an interest's heart is among this share of its label's titles: those with the
            most titles of the label like them.
        breadth: The temperature of an interest: a title of its label, with cosine c to the title at its
            heart, is e times as likely to be acted on as one with c - breadth.
        sessions_per_day_median: A person's rate; rates are log-normal among people.
        sessions_spread: The log-normal's sigma.
        session_actions_mean: Actions of one session: geometric.
        stickiness: Share of a session's further actions that stay with the interest of the one before.
        noise: Share of actions that follow no interest: any title of the pool.
        impressions_per_action: Titles shown and not acted on, for each action.
    """

    seed: int = 1
    n_titles: int = 1_000_000
    n_people: int = 1_000
    history_days: int = 90
    validation_days: int = 10
    test_days: int = 20
    interests_fewest: int = 2
    interests_most: int = 6
    interest_days_mean: float = 60.0
    evenness: float = 1.0
    related: float = 0.3
    relatives: int = 50
    hearts: float = 0.5
    breadth: float = 0.06
    sessions_per_day_median: float = 0.25
    sessions_spread: float = 0.8
    session_actions_mean: float = 3.0
    stickiness: float = 0.5
    noise: float = 0.1
    impressions_per_action: int = 2

    @property
    def days(self) -> int:
        """All simulated days."""
        return self.history_days + self.validation_days + self.test_days


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """One world of the sweep.

    Attributes:
        name: "interests-5".
        axis: What is varied, for people: "interests held at a time".
        value: Its value, for people and for the plot's axis.
        parameters: The whole record.
    """

    name: str
    axis: str
    value: float
    parameters: WorldParameters


MAIN = WorldParameters()
SMALL = replace(MAIN, n_titles=50_000, n_people=300)
"""For trying things out. No finding rests on it."""

_SWEPT = replace(MAIN, n_titles=100_000)
"""What every sweep but that of the pool departs from, one field at a time."""


def sweep() -> tuple[Variation, ...]:
    """All worlds of the sweep.

    Expected beforehand: a single average wins with one interest, and where nearly all interests are related;
    it loses by more the more interests there are; broad interests and noise bring all methods together; an
    average gains on several lists as the pool shrinks towards the length of the answer.
    """
    return (
        *(_variation("interests", "interests held at a time", n, _holding(n)) for n in (1, 2, 3, 5, 10, 20)),
        *(_variation("noise", "share of noise", x, replace(_SWEPT, noise=x)) for x in (0.0, 0.1, 0.25, 0.5)),
        *(
            _variation("breadth", "breadth of an interest", x, replace(_SWEPT, breadth=x))
            for x in (0.04, 0.06, 0.08, 0.12, 0.2, 1.0)
        ),
        *(
            _variation("related", "share of related interests", x, replace(_SWEPT, related=x))
            for x in (0.0, 0.3, 0.6, 0.9)
        ),
        *(
            _variation("days", "days an interest is held", n, replace(_SWEPT, interest_days_mean=float(n)))
            for n in (7, 30, 60, 365)
        ),
        *(
            _variation("sessions", "sessions a day", x, replace(_SWEPT, sessions_per_day_median=x))
            for x in (0.05, 0.25, 1.0)
        ),
        *(
            _variation("pool", "titles in the pool", n, replace(MAIN, n_titles=n))
            for n in (10_000, 30_000, 100_000, 300_000, 1_000_000)
        ),
    )


def _holding(n: int) -> WorldParameters:
    return replace(_SWEPT, interests_fewest=n, interests_most=n)


def _variation(short: str, axis: str, value: float, parameters: WorldParameters) -> Variation:
    return Variation(name=f"{short}-{value:.10g}", axis=axis, value=value, parameters=parameters)


def known_worlds() -> dict[str, WorldParameters]:
    """Every world by name: "main", "small", and those of the sweep."""
    return {"main": MAIN, "small": SMALL} | {variation.name: variation.parameters for variation in sweep()}
