"""Which rows are valid, and what is wrong with the others."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_builder.validating import check_batch, unit_vectors

NAN, INF = math.nan, math.inf
GOOD = [3.0, 4.0]


def batch(
    pin_ids: list[str | None],
    embeddings: list[Any],
    quality: list[float | None] | None = None,
    created_at: list[int | None] | None = None,
) -> pa.RecordBatch:
    columns: dict[str, Any] = {
        "pin_id": pa.array(pin_ids, pa.large_string()),
        "embedding": pa.array(embeddings, pa.list_(pa.float64())),
    }
    if quality is not None:
        columns["quality"] = pa.array(quality, pa.float64())
    if created_at is not None:
        columns["created_at"] = pa.array(created_at, pa.int64())
    return pa.record_batch(columns)


def reason_for(
    pin_id: str | None = "a", embedding: Any = None, quality: float | None = 0.5
) -> tuple[str, Any]:
    """The reason a row is rejected for, with the value shown; a good row stands beside it."""
    rows = batch(["good", pin_id], [GOOD, embedding], [1.0, quality])
    checked = check_batch(rows, 2)
    assert checked.valid.tolist() == [True, False]
    return checked.fault(1)


@pytest.mark.parametrize(
    ("embedding", "expected"),
    [
        (None, ("no embedding", None)),
        ([], ("wrong dimension", 0)),
        ([1.0], ("wrong dimension", 1)),
        ([1.0, 2.0, 3.0], ("wrong dimension", 3)),
        ([1.0, NAN], ("NaN in the embedding", None)),
        ([1.0, None], ("NaN in the embedding", None)),
        ([NAN, INF], ("NaN in the embedding", None)),
        ([1.0, INF], ("infinity in the embedding", None)),
        ([-INF, 1.0], ("infinity in the embedding", None)),
        ([0.0, -0.0], ("zero vector", None)),
    ],
)
def test_bad_embeddings(embedding: Any, expected: tuple[str, Any]) -> None:
    """Each with one reason, the first found."""
    assert reason_for(embedding=embedding) == expected


@pytest.mark.parametrize(
    ("pin_id", "expected"),
    [
        (None, ("no id", None)),
        ("", ("no id", None)),
        ("x" * 129, ("id longer than 128 bytes", 129)),
        ("é" * 65, ("id longer than 128 bytes", 130)),
    ],
)
def test_bad_ids(pin_id: str | None, expected: tuple[str, Any]) -> None:
    """The limit is in bytes of UTF-8, not in characters."""
    assert reason_for(pin_id=pin_id, embedding=GOOD) == expected


@pytest.mark.parametrize(
    ("quality", "expected"),
    [
        (None, ("no quality", None)),
        (-0.01, ("quality outside [0, 1]", -0.01)),
        (1.01, ("quality outside [0, 1]", 1.01)),
        (INF, ("quality outside [0, 1]", INF)),
    ],
)
def test_bad_qualities(quality: float | None, expected: tuple[str, Any]) -> None:
    """Where the data has a quality, every pin needs one."""
    assert reason_for(embedding=GOOD, quality=quality) == expected


def test_a_quality_that_is_not_a_number() -> None:
    """NaN is on no side of any limit."""
    reason, value = reason_for(embedding=GOOD, quality=NAN)
    assert reason == "quality outside [0, 1]"
    assert math.isnan(value)


def test_times_after_2100_are_impossible() -> None:
    """2100-01-01 itself is not, nor is a missing one, nor any before 1970; nanoseconds are."""
    times = [None, -4_000_000_000, 4_102_444_800, 4_102_444_801, 1_700_000_000 * 10**9]
    checked = check_batch(batch(list("abcde"), [GOOD] * 5, created_at=times), 2)
    assert checked.valid.tolist() == [True, True, True, False, False]
    assert checked.fault(3) == ("created_at after 2100 (not in seconds?)", 4_102_444_801)


def test_an_id_of_128_bytes_and_the_ends_of_quality_are_good() -> None:
    """Limits belong to what is allowed."""
    checked = check_batch(batch(["x" * 128, "b"], [GOOD, GOOD], [0.0, 1.0]), 2)
    assert checked.valid.all()
    assert checked.vectors.tolist() == [[np.float16(0.6), np.float16(0.8)]] * 2


def test_a_batch_of_bad_rows_only() -> None:
    """Nothing to normalise is no error."""
    checked = check_batch(batch(["a", None], [None, GOOD]), 2)
    assert checked.valid.tolist() == [False, False]
    assert checked.vectors.shape == (0, 2)


@pytest.mark.parametrize("size", [1e-300, 1e-40, 1.0, 1e6, 1e300])
def test_vectors_of_any_length_become_unit_vectors(size: float) -> None:
    """Without overflow and without vanishing."""
    assert unit_vectors(np.array([[3 * size, -4 * size]])).tolist() == [[np.float16(0.6), np.float16(-0.8)]]


@given(st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=8).filter(any))
def test_stored_vectors_have_norm_one(vector: list[float]) -> None:
    """Within what float16 can hold, whatever the input."""
    stored = unit_vectors(np.array([vector])).astype(np.float64)
    assert abs(np.linalg.norm(stored) - 1) < 2e-3
