"""Alpha is where light users have a median of 4 clusters, or as near to that as their pins allow."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.calibration import (
    MIN_LIGHT_USERS,
    alpha_of_random_pairs,
    calibrate_alpha,
    describe_alpha,
    merge_heights,
    n_clusters_at,
)
from model.errors import CalibrationError
from model.interests import Actions
from tests.model.people import Action, actions_of
from tests.model.vectors import TIED, unit_vectors

Heights = NDArray[np.float64]


def users(*heights: float, n: int = MIN_LIGHT_USERS) -> list[Heights]:
    """Users who all have these merge heights."""
    return [np.array(heights, np.float64)] * n


def test_alpha_is_the_middle_of_the_step_at_four() -> None:
    """Ten pins that merge at 1, 2, ..., 9: four clusters are left from 6 up to 7, so alpha is 6.5."""
    found = calibrate_alpha(users(1, 2, 3, 4, 5, 6, 7, 8, 9))
    assert found.alpha == 6.5
    assert found.interval == (6, 7)
    assert found.median_clusters == 4
    assert found.reached_target
    assert (found.n_light_users, found.n_users) == (50, 50)


@pytest.mark.parametrize(
    ("heights", "alpha", "median"),
    [
        ([1] * 5 + [2] * 4, 1.5, 5),  # 10, then 5, then 1: five is nearer to four than one is
        ([1] * 7 + [2] * 2, 1.5, 3),  # 10, then 3, then 1
        ([1] * 5 + [2] * 2 + [3] * 2, 1.5, 5),  # 10, 5, 3, 1: of two as near, the one with more clusters
        ([1] * 9, 1.0, 1),  # 10, then 1: there is no alpha in between
        ([0] * 5 + [2] * 4, 1.0, 5),  # twins merge at any alpha
    ],
)
def test_when_four_is_jumped_over_the_nearest_median_decides(
    heights: list[float], alpha: float, median: float
) -> None:
    """The calibration says that it did not reach the target."""
    found = calibrate_alpha(users(*heights))
    assert found.alpha == alpha
    assert found.median_clusters == median
    assert not found.reached_target


def test_an_even_number_of_users_can_have_a_median_between() -> None:
    """Half have 5 clusters where the others have 4: the median of 4.5 is not 4."""
    early, late = [1.0] * 6 + [9] * 3, [1.0] * 5 + [9] * 4
    found = calibrate_alpha(users(*early, n=30) + users(*late, n=30))
    assert found.median_clusters == 4.5
    assert found.interval == (1, 9)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n_values=st.sampled_from([2, 5, 1_000]))
def test_no_alpha_brings_the_median_nearer(seed: int, n_values: int) -> None:
    """Tried at every height, no alpha is nearer to a median of 4 than the one found."""
    generator = np.random.default_rng(seed)
    light = [
        np.sort(generator.integers(1, n_values + 1, size=generator.integers(9, 30)) / n_values)
        for _ in range(MIN_LIGHT_USERS + seed % 2)
    ]
    found = calibrate_alpha(light)
    medians = [describe_alpha(alpha, light).median_clusters for alpha in np.unique(np.concatenate(light))]
    assert found.median_clusters is not None
    assert abs(found.median_clusters - 4) == min(abs((median or 0) - 4) for median in [*medians, 10])
    assert found.interval is not None
    assert found.interval[0] <= found.alpha <= found.interval[1]


def test_only_light_users_decide() -> None:
    """Users with 9 or 31 distinct pins change nothing about alpha."""
    light = users(1, 2, 3, 4, 5, 6, 7, 8, 9)
    others = users(*[0.1] * 8, n=500) + users(*[20.0] * 30, n=500)
    found = calibrate_alpha(light + others)
    assert found.alpha == 6.5
    assert (found.n_light_users, found.n_users) == (50, 1_050)


def test_too_many_clusters_for_the_heaviest_is_a_warning() -> None:
    """Of 200 users the two with the most pins are looked at; the paper's heavy users have up to 100."""
    light = users(1, 2, 3, 4, 5, 6, 7, 8, 9, n=197)
    many, more, most = ([np.full(n, 7.0)] for n in (80, 99, 100))
    found = calibrate_alpha(light + many + more + most)
    assert found.heaviest_clusters == 101
    assert found.too_many_for_heaviest
    found = calibrate_alpha(light + many + more + more)
    assert found.heaviest_clusters == 100
    assert not found.too_many_for_heaviest


def test_too_few_light_users_determine_nothing() -> None:
    """The message says how many there are, what they are and how many it takes."""
    with pytest.raises(CalibrationError, match=r"49 users have 10 to 30 distinct pins; .* needs 50"):
        calibrate_alpha(users(*range(1, 10), n=49))


def test_pins_that_are_all_alike_determine_nothing() -> None:
    """When every pin is a twin no positive alpha means anything."""
    with pytest.raises(CalibrationError, match="pins are all alike"):
        calibrate_alpha(users(*[0.0] * 9))


def test_an_alpha_found_otherwise_can_be_described() -> None:
    """It has no step; without light users there is no median, without users no heaviest."""
    described = describe_alpha(1.5, [np.array([1.0, 2.0]), np.array([])])
    assert described.interval is None
    assert described.median_clusters is None
    assert not described.reached_target
    assert described.heaviest_clusters == 2
    assert describe_alpha(1.5, []).heaviest_clusters == 0


def test_merge_heights_are_those_of_distinct_pins() -> None:
    """Two orthogonal pins merge at 2, however often they were acted on; one pin never merges."""
    a, b = Action("a", TIED[0]), Action("b", TIED[2])
    heights = merge_heights(actions_of(a, b, a))
    np.testing.assert_allclose(heights, [2])
    assert n_clusters_at(heights, 1.9) == 2
    assert n_clusters_at(heights, 2.0) == 1
    assert merge_heights(actions_of(a)).shape == (0,)


def test_random_pairs_give_the_distance_that_a_share_stays_within() -> None:
    """Over all pairs that quantile can be counted; the sampled one is near it."""
    vectors = unit_vectors(300, 16)
    cosines = (vectors.astype(float) @ vectors.T.astype(float))[np.triu_indices(300, 1)]
    expected = 2 - 2 * np.quantile(cosines, 0.99)
    alpha = alpha_of_random_pairs(vectors, np.random.default_rng(0), share=0.01, n_pairs=50_000)
    assert alpha == pytest.approx(expected, rel=0.05)


def test_no_pin_is_paired_with_itself() -> None:
    """Of two orthogonal pins every pair is 2 apart, to the nearest one."""
    assert alpha_of_random_pairs(TIED[[0, 2]], np.random.default_rng(0), share=0.0, n_pairs=1_000) == 2.0


def test_random_pairs_of_nothing_are_refused() -> None:
    """One pin makes no pair; identical pins make no distance."""
    with pytest.raises(CalibrationError, match="random pairs of pins, got 1 pins"):
        alpha_of_random_pairs(TIED[:1], np.random.default_rng(0))
    with pytest.raises(CalibrationError, match=r"0\.5% of random pairs of pins have the same vector"):
        alpha_of_random_pairs(TIED[[0, 0, 0]], np.random.default_rng(0), n_pairs=100)


DATASETS = Path(os.environ.get("PINNERSAGE_DATASETS", "../shared/datasets"))


@pytest.mark.data
@pytest.mark.skipif(not (DATASETS / "movietweetings").is_dir(), reason=f"no movietweetings in {DATASETS}")
def test_real_people_calibrate_between_known_medians() -> None:
    """On movietweetings 1.4 gives light users a median of 5 clusters and 1.6 gives 3: alpha is between."""
    heights = [merge_heights(actions) for actions in _movie_lovers(DATASETS / "movietweetings")]
    found = calibrate_alpha(heights)
    assert found.reached_target
    assert 1.4 < found.alpha < 1.6
    assert describe_alpha(1.4, heights).median_clusters == 5
    assert describe_alpha(1.6, heights).median_clusters == 3
    assert not found.too_many_for_heaviest


def _movie_lovers(folder: Path) -> Iterator[Actions]:
    """Everyone's highly rated films."""
    pins = pq.read_table(folder / "pins_text384.parquet", columns=["pin_id", "embedding"])
    vectors = np.stack(list(pins["embedding"].to_numpy()))
    row_of = {pin: row for row, pin in enumerate(pins["pin_id"].to_pylist())}
    table = pq.read_table(folder / "actions.parquet", filters=[("action", "=", "rate_high")]).sort_by(
        "user_id"
    )
    rows = np.array([row_of[pin] for pin in table["pin_id"].to_pylist()])
    users = table["user_id"].to_numpy()
    starts = np.flatnonzero(users[1:] != users[:-1]) + 1
    for at in np.split(np.arange(len(rows)), starts):
        yield Actions(
            pin_ids=tuple(str(row) for row in rows[at]),
            vectors=vectors[rows[at]],
            times_s=table["timestamp"].to_numpy()[at],
            weights=np.ones(len(at)),
        )
