"""The refined pool: who is in it, in which order, and who stands for the others."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from index_builder.reading import UNKNOWN_TIME_S, ValidPins
from index_builder.refining import Refinement, rank, refine
from index_builder.validating import unit_vectors
from storage.errors import DataError
from storage.pins.port import NO_ROW
from tests.index_builder.tables import QUIET, circle

COS_15 = float(np.cos(np.deg2rad(15)))


def pins_at(angles: list[float], **columns: Any) -> ValidPins:
    """Pins on a circle; an id is the angle."""
    return ValidPins(
        n_read=len(angles),
        pin_ids=pa.array([str(angle) for angle in angles], pa.large_string()),
        embeddings=circle(angles).astype(np.float16),
        titles=pa.array([f"{angle}°" for angle in angles], pa.large_string()),
        quality=np.array(columns["quality"]) if "quality" in columns else None,
        created_at_s=np.array(columns["created_at_s"]) if "created_at_s" in columns else None,
    )


def ranked_ids(pins: ValidPins) -> list[str | None]:
    return pins.pin_ids.take(rank(pins)).to_pylist()


def test_the_best_pins_come_first() -> None:
    """By quality, then the earlier one, then the id."""
    pins = pins_at(
        [1, 2, 3, 4, 5],
        quality=[0.5, 0.9, 0.5, 0.5, 0.5],
        created_at_s=[20, UNKNOWN_TIME_S, 10, 20, UNKNOWN_TIME_S],
    )
    assert ranked_ids(pins) == ["2", "3", "1", "4", "5"]


def test_without_quality_and_time_the_id_decides() -> None:
    """In the order of its bytes: nothing depends on the order of the input."""
    assert ranked_ids(pins_at([30, 4, 200])) == ["200", "30", "4"]


def test_pool_first_then_the_others_with_their_stand_ins() -> None:
    """5 is near 0 and worse; 92 is of low quality and near 90; 200 is of low quality and near nobody."""
    pins = pins_at([200, 5, 92, 0, 90], quality=[0.4, 0.6, 0.4999, 0.9, 0.5])
    refined = refine(pins, Refinement(near_duplicate_cosine=COS_15), QUIET)
    assert (refined.indexed, refined.near_duplicates, refined.low_quality) == (2, 1, 2)
    assert refined.rows.pin_ids.to_pylist() == ["0", "90", "5", "92", "200"]
    assert refined.rows.titles is not None
    assert refined.rows.titles.to_pylist() == ["0°", "90°", "5°", "92°", "200°"]
    assert refined.rows.representatives.dtype == np.int32
    assert refined.rows.representatives.tolist() == [0, 1, 0, 1, NO_ROW]
    np.testing.assert_array_equal(refined.rows.embeddings, circle([0, 90, 5, 92, 200]).astype(np.float16))


def test_a_low_quality_pin_pushes_nobody_out() -> None:
    """However near: it is not in the pool itself."""
    pins = pins_at([0, 5], quality=[0.4, 0.9])
    assert refine(pins, Refinement(near_duplicate_cosine=COS_15), QUIET).rows.pin_ids.to_pylist() == [
        "5",
        "0",
    ]


def test_without_quality_nothing_is_low() -> None:
    """The threshold is about a column that may not be there."""
    refined = refine(pins_at([0, 90]), Refinement(quality_threshold=1.0), QUIET)
    assert (refined.indexed, refined.low_quality) == (2, 0)


def test_the_order_of_the_input_does_not_matter() -> None:
    """Pins shuffled are the same artefact, row by row."""
    generator = np.random.default_rng(0)
    angles = generator.permutation(360)
    quality = dict(zip(angles.tolist(), generator.choice([0.2, 0.6, 0.9], 360).tolist(), strict=True))
    results = []
    for _ in range(2):
        order = generator.permutation(angles).tolist()
        pins = pins_at(order, quality=[quality[angle] for angle in order])
        results.append(refine(pins, Refinement(near_duplicate_cosine=COS_15), QUIET).rows)
    assert results[0].pin_ids.equals(results[1].pin_ids)
    np.testing.assert_array_equal(results[0].representatives, results[1].representatives)


def test_no_pin_left_says_what_to_do() -> None:
    """A quality on another scale, perhaps."""
    with pytest.raises(DataError) as caught:
        refine(pins_at([0, 90], quality=[0.1, 0.2]), Refinement(), QUIET)
    assert str(caught.value) == (
        "no pin is left to index: the quality of all 2 valid pins is below 0.5. "
        "Lower --quality-threshold, or mend the quality column."
    )


@pytest.mark.parametrize("cosine", [0.95, 0.8])
def test_a_large_pool_is_refined_as_a_small_one(cosine: float) -> None:
    """In cells, or by comparing all where the threshold is too far for cells: low quality included."""
    generator = np.random.default_rng(0)
    around = np.repeat(generator.standard_normal((60, 16)), 5, axis=0)
    pins = ValidPins(
        n_read=300,
        pin_ids=pa.array([f"p{at}" for at in range(300)], pa.large_string()),
        embeddings=unit_vectors(around + 0.1 * generator.standard_normal((300, 16))),
        titles=None,
        quality=generator.random(300),
        created_at_s=None,
    )
    small, large = (
        refine(pins, Refinement(near_duplicate_cosine=cosine, compare_all_up_to=n), QUIET) for n in (300, 299)
    )
    assert small.near_duplicates > 50
    assert large.rows.pin_ids.to_pylist() == small.rows.pin_ids.to_pylist()
    np.testing.assert_array_equal(large.rows.representatives, small.rows.representatives)
