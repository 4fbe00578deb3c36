"""Interests drawn by bisection are drawn as successive sampling draws them, and a seed repeats the draw."""

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.interest_records import INTEREST_BYTES, records_of
from server.sampling import LEAST_LEFT, Sampler, by_bisection, uniforms
from tests.compiling import compiled_or_skip

seeds = st.integers(0, 2**64 - 1)
importances = st.lists(st.floats(0, 1e6) | st.just(0.0), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def loop() -> ModuleType:
    """The compiled module."""
    return compiled_or_skip("server._interests")


def recorded(weights: list[float]) -> bytes:
    """Interests of these importances, whose rows are their places."""
    return records_of(np.arange(len(weights)), np.array(weights), [1] * len(weights))


def drawn(weights: list[float], k: int, seed: int | None, sampler: Sampler | None = None) -> list[int]:
    _, rows = (sampler or Sampler(0)).sample(recorded(weights), k, seed)
    return rows


@given(importances, st.integers(1, 20), seeds)
def test_a_draw_is_of_distinct_interests_in_order(weights: list[float], k: int, seed: int) -> None:
    """As many as asked for, most important first, the same for the same seed, whatever the importances."""
    chosen = drawn(weights, k, seed)

    assert len(chosen) == min(k, len(weights))
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(range(len(weights)))
    assert drawn(weights, k, seed, Sampler(99)) == chosen


def test_pairs_come_as_often_as_successive_sampling_gives_them() -> None:
    """Of weights 4, 2, 1, 1 two are drawn 20,000 times: every pair within four standard deviations."""
    weights, n = [4.0, 2.0, 1.0, 1.0], 20_000
    p = np.array(weights) / sum(weights)
    came = Counter(tuple(drawn(weights, 2, seed)) for seed in range(n))

    for i, j in itertools.combinations(range(4), 2):
        expected = p[i] * p[j] / (1 - p[i]) + p[j] * p[i] / (1 - p[j])
        assert came[i, j] / n == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / n))


def test_what_is_next_to_nothing_is_drawn_last() -> None:
    """When all importance is taken, cumulated shares cannot tell the rest apart: it is drawn all the same."""
    assert drawn([1.0, 1e-9, 1e-9, 1e-300], 1, 3) == [0]
    assert drawn([1.0, 1e-9, 1e-9, 1e-300], 3, 3) == [0, 1, 2]


def test_without_a_seed_every_call_draws_anew_in_all_threads() -> None:
    """Sixty calls from four threads see every one of three equal interests."""
    sampler = Sampler()
    with ThreadPoolExecutor(4) as pool:
        chosen = pool.map(lambda _: drawn([1.0] * 3, 1, None, sampler)[0], range(60))

    assert set(chosen) == {0, 1, 2}


def test_uniform_numbers_are_splitmix64() -> None:
    """The reference's first outputs for the seed 1234567, as 53 bits of each."""
    reference = [6457827717110365317, 3203168211198807973, 9817491932198370423]

    assert uniforms(1234567, 3) == tuple([(each >> 11) / 2**53 for each in reference])


@given(importances, st.integers(1, 45), seeds)
@example([1.0, 1e-9, 1e-9], 2, 3)
@example([1.0], 1, 0)
def test_the_loop_draws_what_python_draws(loop: ModuleType, weights: list[float], k: int, seed: int) -> None:
    """The same records to the byte and the same rows, whatever the seed; None where that gives none."""
    records = recorded(weights)

    assert loop.draw(records, k, seed, LEAST_LEFT) == by_bisection(records, k, seed)


def test_what_was_rounded_is_drawn_exactly_and_nothing_else(loop: ModuleType) -> None:
    """The first of three takes all but a billionth; of thirty equal ones none of 1,000 draws needs it."""
    assert loop.draw(recorded([1.0, 1e-9, 1e-9]), 2, 3, LEAST_LEFT) is None
    assert drawn([1.0, 1e-9, 1e-9], 2, 3) in ([0, 1], [0, 2])
    assert all(loop.draw(recorded([1.0] * 30), 20, seed, LEAST_LEFT) for seed in range(1_000))


@given(st.binary(max_size=10 * INTEREST_BYTES), st.integers(0, 12), seeds)
def test_the_loop_reads_nothing_outside_of_its_records(
    loop: ModuleType, garbage: bytes, k: int, seed: int
) -> None:
    """Whatever the records hold, it draws what Python draws; half a record is refused."""
    if len(garbage) % INTEREST_BYTES:
        with pytest.raises(ValueError, match="no whole records of 32"):
            loop.draw(garbage, k, seed, LEAST_LEFT)
    whole = garbage[: len(garbage) // INTEREST_BYTES * INTEREST_BYTES]

    assert loop.draw(whole, k, seed, LEAST_LEFT) == by_bisection(whole, k, seed)


@pytest.mark.parametrize(
    "records", [None, "text", bytearray(INTEREST_BYTES), np.zeros(INTEREST_BYTES, np.uint8)]
)
def test_the_loop_takes_nothing_but_bytes(loop: ModuleType, records: object) -> None:
    """What could change while it is read is no record."""
    with pytest.raises(TypeError):
        loop.draw(records, 1, 0, LEAST_LEFT)
    with pytest.raises(ValueError, match="-1 interests"):
        loop.draw(recorded([1.0]), -1, 0, LEAST_LEFT)


def test_the_draw_is_the_same_without_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server where nothing was compiled answers a seed as any other does."""
    weights = [float(each) for each in range(50, 0, -1)]
    there = [Sampler().sample(recorded(weights), 20, seed) for seed in range(200)]
    monkeypatch.setattr("server.sampling._interests", None)
    assert [Sampler().sample(recorded(weights), 20, seed) for seed in range(200)] == there
