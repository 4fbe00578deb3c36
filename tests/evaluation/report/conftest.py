"""A report small enough to check by eye, and the least report there is."""

import pytest

from evaluation.results import (
    Cell,
    Column,
    Figure,
    Gallery,
    Group,
    Lift,
    Reading,
    Report,
    Row,
    Series,
    Table,
    Threshold,
    Tile,
    WorldSummary,
)

WORLD = WorldSummary(
    name="village",
    title="the village library",
    note="Forty readers, counted by hand.",
    n_pins=1200,
    dimension=8,
    n_users=40,
    n_actions=960,
    n_impressions=300,
    alpha=1.25,
    alpha_from="light readers have a median of 4 clusters",
    first_day="2024-05-01",
    validation_days=14,
    test_days=21,
    n_validation_cases=310,
    n_test_cases=455,
)
EMBEDDINGS = tuple(float(e) for e in range(1, 11))
COLUMNS = {
    "relevance@0.8": Column(title="Relevance, cosine ≥ 0.80", unit="share"),
    "relevance@0.5%": Column(title="Relevance, cosine ≥ 0.62", unit="share"),
    "recall": Column(title="Recall", unit="share"),
}
# Name, kind, value of each column, lifts over the last pin and the best single embedding, the paper's lift.
METHODS = (
    ("Last pin", "single", (0.100, 0.400, 0.050), 0.00, -0.20, 0.00),
    ("Decay average, λ = 0.01", "single", (0.125, 0.500, 0.0625), 0.25, 0.00, 0.28),
    ("PinnerSage (sample 1 embedding)", "several", (0.110, 0.440, 0.055), 0.10, -0.12, 0.33),
    ("PinnerSage (Ward, medoid, λ = 0.01: the default)", "several", (0.120, 0.480, 0.060), 0.20, -0.04, 1.10),
    ("10 medoids fused, T = 0.3", "fused", (0.135, 0.540, 0.0675), 0.35, 0.08, None),
    ("10 medoids fused, T = 0.3, 30% interleaved", "fused", (0.140, 0.560, 0.070), 0.40, 0.12, None),
)


def around(value: float, width: float = 0.03) -> Lift:
    """A lift with an interval of `width` on each side."""
    return Lift(value=value, low=round(value - width, 6), high=round(value + width, 6))


def retrieval_table(title: str, *, shift: float = 0.0) -> Table:
    """Table 4 of the village; `shift` moves every lift over the best single embedding."""
    rows = tuple(
        Row(
            name=name,
            kind=kind,
            cells={
                key: Cell(
                    value=value,
                    over_last_pin=around(over_last),
                    over_best_single=around(round(over_best + shift, 6)),
                    paper=paper if key == "relevance@0.8" else None,
                )
                for key, value in zip(COLUMNS, values, strict=True)
            },
        )
        for name, kind, values, over_last, over_best, paper in METHODS
    )
    return Table(title=title, columns=COLUMNS, rows=rows, note="Every day weighs the same.")


def minimal() -> Report:
    """A report of a run that did nothing but read the data."""
    return Report(world=WORLD, protocol=(), thresholds=(), findings=(), tables={}, figures={})


def village() -> Report:
    """A report with every kind of part."""
    return Report(
        world=WORLD,
        protocol=(
            Reading(what="Candidates", value="400, as floor(400 / e) an embedding", is_papers=True),
            Reading(what="Lambda", value="per day", is_papers=False),
        ),
        thresholds=(
            Threshold(key="0.8", cosine=0.8, origin="The paper’s", share_of_random_pairs=0.0002),
            Threshold(key="0.5%", cosine=0.62, origin="0.5 % of random pairs", share_of_random_pairs=0.005),
        ),
        findings=("Fusion helps <b>here</b> & elsewhere.",),
        tables={
            "table4.test": retrieval_table("Table 4: relevance and recall"),
            "table4.validation": retrieval_table("Table 4 in validation", shift=0.02),
        },
        figures=figures(),
        seconds={"clustering": 12.5, "retrieval": 75.0},
        galleries=galleries(),
    )


def over_e(y: tuple[float, ...], y_title: str) -> Figure:
    """A figure by the number of embeddings."""
    low, high = (tuple(round(v * factor, 6) for v in y) for factor in (0.95, 1.05))
    return Figure(
        title=y_title,
        shape="lines",
        x_title="embeddings, e",
        y_title=y_title,
        y_unit="share",
        note="Shaded: 95 % intervals.",
        series=(
            Series(name="sampled", x=EMBEDDINGS, y=y, low=low, high=high, kind="several"),
            Series(
                name="refilled as the server does",
                x=EMBEDDINGS,
                y=tuple(round(v * 1.08, 6) for v in y),
                kind="several",
            ),
            Series(name="10 medoids fused", x=EMBEDDINGS, y=(0.07,) * 10, kind="fused"),
        ),
    )


def threshold_figure() -> Figure:
    """Lines of all methods."""
    cosines = (0.5, 0.6, 0.7, 0.8, 0.9)
    return Figure(
        title="Relevance by threshold",
        shape="lines",
        x_title="cosine from which a pin is near",
        y_title="relevance",
        x_unit="cosine",
        y_unit="share",
        series=tuple(
            Series(
                name=name,
                x=cosines,
                y=tuple(round(values[0] * (1.8 - cosine) ** 2, 6) for cosine in cosines),
                kind=kind,
            )
            for name, kind, values, *_ in METHODS
        ),
    )


def figures() -> dict[str, Figure]:
    """Lines, bars and points."""
    rising = tuple(round(0.055 + 0.002 * e, 6) for e in range(10))
    falling = tuple(round(0.12 - 0.001 * e, 6) for e in range(10))
    return {
        "figure7.relevance": over_e(falling, "Relevance"),
        "figure7.recall": over_e(rising, "Recall"),
        "threshold.relevance": threshold_figure(),
        "interests.users": Figure(
            title="Interests a user",
            shape="bars",
            x_title="interests",
            y_title="people",
            y_unit="count",
            x_unit="count",
            series=(Series(name="people", x=(1.0, 2.0, 3.0, 4.0), y=(4.0, 10.0, 18.0, 8.0)),),
        ),
        "sweep.noise": Figure(
            title="Recall by share of noise",
            shape="bars",
            x_title="noise",
            y_title="recall",
            y_unit="share",
            series=(
                Series(name="Decay average", x=("none", "20 %"), y=(0.05, 0.06), kind="single"),
                Series(name="Fused", x=("none", "20 %"), y=(0.08, 0.04), kind="fused"),
            ),
        ),
        "pools.recall": Figure(
            title="Recall by pool",
            shape="points",
            x_title="pins",
            y_title="recall",
            y_unit="share",
            x_unit="count",
            series=(Series(name="Fused", x=(1e4, 1e5, 1e6), y=(0.2, 0.1, 0.05), kind="fused"),),
        ),
    }


def galleries() -> dict[str, Gallery]:
    """A strip, and cards: a short title, one with an emoji, one that is too long, one that is markup."""
    fish = Tile(title="🐟 fish", value=0.61, letter="B")
    long = Tile(title="How " + "very " * 20 + "long", value=-0.04, letter="A", is_hit=True)
    evil = Tile(title="<b>bold</b> & brave", letter="Z")
    interest = Group(
        title="✈️ airplane",
        letter="A",
        kind="several",
        share=0.4567,
        note="7 pins",
        tiles=(fish, long),
        n_more=5,
    )
    fusion = Group(title="20 medoids fused, T = 0.3", kind="fused", note="the first of 400", tiles=(evil,))
    common = {"finding": "Of 40 readers 25% turn round.", "subject": "Reader 7 on 2024-05-20."}
    return {
        "figure3.newest": Gallery(
            title="Figure 3: newest first",
            groups=(Group(title="", tiles=(long, fish), n_more=9),),
            note="Number: cosine to the newest.",
            **common,
        ),
        "figure5.interests": Gallery(title="Figure 5: interests", groups=(interest, fusion), **common),
    }


@pytest.fixture(scope="session")
def village_report() -> Report:
    return village()


@pytest.fixture(scope="session")
def minimal_report() -> Report:
    return minimal()
