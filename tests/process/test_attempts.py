"""What is attempted again and again tells a problem when it is new, and never ends whoever attempts it."""

from collections.abc import Callable

from process.attempts import Attempts


def failing(error: Exception) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def well() -> None:
    """Nothing is wrong."""


def told_by(*works: Callable[[], None]) -> list[str]:
    """What attempts at these are heard to say, one after the other."""
    told: list[str] = []
    attempts = Attempts(expected=LookupError)
    for work in works:
        attempts.make(work, told.append)
    return told


def test_a_problem_is_told_once() -> None:
    """However often it is met in a row; another one is news."""
    gone, full = failing(LookupError("the file is gone")), failing(LookupError("the disk is full"))
    assert told_by(gone, gone, full, full, gone) == [
        "the file is gone",
        "the disk is full",
        "the file is gone",
    ]


def test_a_problem_that_comes_back_is_told_again() -> None:
    """Between the two all was well."""
    gone = failing(LookupError("the file is gone"))
    assert told_by(gone, well, gone) == ["the file is gone", "the file is gone"]


def test_an_error_that_nobody_expected_is_told_with_its_type() -> None:
    """Its own words say little: of a KeyError only the key."""
    assert told_by(failing(KeyError("ann")), failing(ValueError("ann"))) == ["'ann'", "ValueError: ann"]


def test_an_attempt_says_whether_it_went_well() -> None:
    """So that what was to follow can be left out."""
    told: list[str] = []
    attempts = Attempts(expected=LookupError)
    went_well = [attempts.make(work, told.append) for work in (well, failing(ValueError("no")), well)]
    assert went_well == [True, False, True]
