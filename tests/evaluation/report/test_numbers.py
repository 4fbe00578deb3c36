"""Numbers read as people write them, and say nothing that rounding has taken away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.report import numbers
from evaluation.results import Cell, Lift, Unit


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.1234, "share", "12.3 %"),
        (0.01234, "share", "1.23 %"),
        (0.1234, "lift", "+12.3 %"),
        (-0.1234, "lift", "−12.3 %"),
        (0.5, "cosine", "0.500"),
        (12611.0, "count", "12,611"),
        (4.5, "count", "4.5"),
        (0.25, "ms", "0.25 ms"),
        (2_700_000_000.0, "bytes", "2.7 GB"),
        (14.0, "none", "14"),
        (1.41421, "none", "1.414"),
    ],
)
def test_a_value_carries_its_unit(value: float, unit: Unit, expected: str) -> None:
    """Each unit is written in the way of its field."""
    assert numbers.number(value, unit).replace(numbers.NARROW_SPACE, " ") == expected


def test_what_rounds_to_nothing_has_no_sign() -> None:
    """A lift of -0.0004 is 0.0 %, neither a gain nor a loss."""
    assert not numbers.lift(Lift(value=-0.0004)).startswith(("+", numbers.MINUS))


def test_an_interval_names_its_unit_once() -> None:
    """It reads "-1.5 to 3.0 %", and is empty where an end is unknown."""
    shown = numbers.interval(-0.015, 0.03).replace(numbers.NARROW_SPACE, " ")
    assert shown == "−1.5 to 3.0 %"
    assert not numbers.interval(None, 0.03)


def test_the_papers_figures_get_no_decimals_they_do_not_have() -> None:
    """The paper prints 110 %: 110.0 % would claim more."""
    assert numbers.paper(Cell(value=None, paper=1.10), "lift") == f"+110{numbers.NARROW_SPACE}%"
    assert not numbers.paper(Cell(value=None), "lift")


def test_a_column_has_one_number_of_decimals() -> None:
    """Shares that all lie under 10 % are read with one decimal more."""
    assert numbers.decimals([0.012, 0.034, None], "share") == 2
    assert numbers.decimals([0.012, 0.34], "share") == 1


@given(st.floats(-50, 50))
def test_a_lift_is_read_back_as_it_was(value: float) -> None:
    """What is written is the value to a tenth of a per cent."""
    written = numbers.lift(Lift(value=value))
    plain = written.replace(numbers.MINUS, "-").replace(",", "").rstrip("%").strip()
    assert float(plain) == pytest.approx(100 * value, abs=0.0500001)


def test_a_sign_stays_with_its_number() -> None:
    """No line ends between "λ =" and "0.01"."""
    assert " " not in numbers.glued("λ = 0.01")
    assert numbers.glued("30% of it, 95 %") == numbers.glued("30 % of it, 95%")


def test_a_number_below_zero_has_a_minus() -> None:
    """A hyphen within a date or a name is no minus."""
    assert numbers.glued("-3.4 to 2, (-1)") == "−3.4 to 2, (−1)"
    assert numbers.glued("Catch-22 on 2024-05-01") == "Catch-22 on 2024-05-01"
