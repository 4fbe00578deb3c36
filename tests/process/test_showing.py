"""Facts and tables line up, whatever stands in them."""

from dataclasses import dataclass

from process.showing import Column, fact_lines, shown_version, table_of_versions


@dataclass(frozen=True)
class Cake:
    """A published cake."""

    name: str
    candles: int = 0
    icing: str = ""
    n_bytes: int = 0
    problem: str = ""
    is_current: bool = False


def table(*cakes: Cake) -> list[str]:
    columns = (Column("candles"), Column("icing", is_text=True))
    return table_of_versions(
        cakes, columns, lambda cake: None if cake.problem else [f"{cake.candles:,}", cake.icing]
    ).splitlines()


def test_facts_stand_below_each_other() -> None:
    """Titles in a column, texts in the next."""
    assert fact_lines([("users", "7"), ("", "listed in x"), ("interests a user", "4")]) == [
        "  users             7",
        "                    listed in x",
        "  interests a user  4",
    ]


def test_a_version_that_was_live_before_is_told() -> None:
    """Nobody looks for what changed."""
    assert shown_version("000001-ab", already_live=False) == "000001-ab"
    assert (
        shown_version("000001-ab", already_live=True) == "000001-ab (the same as before: nothing was written)"
    )


def test_a_table_is_as_wide_as_it_must_be() -> None:
    """Texts to the left, numbers to the right, a star at the live one, nothing behind the last cell."""
    assert table(
        Cake("000001-ab", 8, "vanilla", 4_000_000),
        Cake("000002-cd", 1_200, "", 123_456_789_000, is_current=True),
    ) == [
        "version    live  candles  icing           MB",
        "000001-ab              8  vanilla        4.0",
        "000002-cd  *       1,200           123,456.8",
    ]


def test_a_version_that_cannot_be_read_hides_no_other() -> None:
    """It says below what is wrong with it."""
    assert table(Cake("b", problem="b/manifest.json is missing", is_current=True), Cake("a", 1, "lemon")) == [
        "version  live  candles  icing   MB",
        "b        *           ?  ?        ?",
        "a                    1  lemon  0.0",
        "! b: b/manifest.json is missing",
    ]
