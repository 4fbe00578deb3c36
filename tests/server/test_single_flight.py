"""Single-flight by hand: who leads, who joins, and what an end leaves behind."""

import pytest

from server.single_flight import SingleFlight


def test_the_first_leads_and_the_next_join() -> None:
    """Of two callers the first leads every key it names, the second joins those and leads its own."""
    flights: SingleFlight[str, int] = SingleFlight()
    first, _ = flights.board(["a", "b"])
    second, joined = flights.board(["b", "c"])

    assert (first, second) == (["a", "b"], ["c"])
    flights.land({"a": 1, "b": 2})
    assert joined["b"].result(0) == 2


def test_what_has_landed_is_forgotten() -> None:
    """After a landing the next caller leads anew: results are the cache's business."""
    flights: SingleFlight[str, int] = SingleFlight()
    flights.board(["a"])
    flights.land({"a": 1})

    assert flights.board(["a"]) == (["a"], {})


def test_a_failure_reaches_those_who_wait_and_nobody_later() -> None:
    """Every led key fails for its waiters; the next caller leads anew."""
    flights: SingleFlight[str, int] = SingleFlight()
    led, _ = flights.board(["a", "b"])
    _, joined = flights.board(["a", "b"])
    flights.fail(led, MemoryError("no room"))

    for flight in joined.values():
        with pytest.raises(MemoryError, match="no room"):
            flight.result(0)
    assert flights.board(["a", "b"]) == (["a", "b"], {})
