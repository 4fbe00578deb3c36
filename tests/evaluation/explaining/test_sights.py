"""What a case sees, against the evaluation's own way to the same answers."""

from pathlib import Path

import numpy as np
import pytest

from evaluation.cosines import GatheredCosines
from evaluation.drawing import draws
from evaluation.explaining.answering import (
    centroid_scores,
    fused_answer,
    interests_of,
    medoid_scores,
    ranking,
    rankings,
    single_scores,
)
from evaluation.explaining.fixed_temperature import FusePolicy
from evaluation.explaining.judging import METRICS, reach, worth
from evaluation.explaining.sights import sight_of
from evaluation.methods import PAPERS, PAPERS_LAMBDA, SINGLES, TOP_10, fused
from evaluation.protocol import Protocol
from evaluation.running import Plan, plan_cases, run
from model import fusing as model
from process.progress import Reporter
from tests.evaluation.explaining.hamlet import hamlet, on_circle
from tests.evaluation.town import case_of, setting_of

QUIET = Reporter(quiet=True)
PROTOCOL = Protocol(n_candidates=30, n_resamples=20, n_seeds=5, impressions_per_action=3)
POLICY = FusePolicy(n_representatives=4, temperature=0.3, fused_share=0.0)
"""All interleaved: scores at one temperature are an experiment's alone."""


@pytest.mark.parametrize(
    "key", [*(method.key for method in SINGLES), "pinnersage", "centroid", "top-10", "fused"]
)
def test_a_sight_finds_what_the_evaluation_finds(key: str, tmp_path: Path) -> None:
    """Relevance and recall of every case agree: here by sums of rows, there by searching for vectors."""
    setting = setting_of(hamlet(), tmp_path, protocol=PROTOCOL)
    several = tuple(method for method in PAPERS if method.key in (key, "pinnersage"))
    method = fused(model.FusePolicy(n_representatives=4, fused_share=0.0))
    plan = Plan(
        name="v",
        period="validation",
        methods=(*SINGLES, *several, TOP_10),
        fused=(method,) if key == "fused" else (),
    )
    measured = run(plan, setting, QUIET)
    expected = measured.values[method.key if key == "fused" else key][:, : len(METRICS)]
    thresholds = np.array([threshold.cosine for threshold in setting.thresholds])
    vectors, n = setting.world.vectors, setting.protocol.n_candidates
    found = []
    for case in plan_cases(plan, setting):
        sight = sight_of(case, vectors, GatheredCosines(vectors), setting.world.alpha)
        interests = interests_of(sight, PAPERS_LAMBDA)
        drawn = draws(
            interests.importances,
            3,
            setting.protocol.n_seeds,
            np.random.default_rng((case.user, case.day, 1)),
        )
        if key == "fused":
            found.append(worth(sight, fused_answer(sight, POLICY, PAPERS_LAMBDA, n), thresholds))
        elif key in (single.key for single in SINGLES):
            single = next(single for single in SINGLES if single.key == key)
            found.append(worth(sight, ranking(single_scores(sight, single), n), thresholds))
        else:
            scores = (centroid_scores if key == "centroid" else medoid_scores)(sight, interests)
            chosen = np.arange(min(10, len(interests)))[np.newaxis] if key == "top-10" else drawn
            lists = rankings(scores, n // chosen.shape[1])
            found.append(reach(sight, lists).of(chosen).worth(thresholds).mean(axis=0))
    assert np.array(found) == pytest.approx(expected)


def test_without_merging_every_pin_is_an_interest() -> None:
    """At alpha 0 clusters are pins, and a centroid is its medoid."""
    sight = on_circle(case_of([0, 1, 12, 13, 6], [3])).at(0.0)
    interests = interests_of(sight, 0.0)
    assert sorted(interests.medoids.tolist()) == [0, 1, 2, 3, 4]
    assert centroid_scores(sight, interests) == pytest.approx(medoid_scores(sight, interests))


def test_with_every_merge_the_centroid_is_the_average() -> None:
    """At an infinite alpha one cluster is left, and its centroid is the undecayed average."""
    sight = on_circle(case_of([0, 1, 12, 13, 6], [3])).at(np.inf)
    interests = interests_of(sight, 0.0)
    assert len(interests) == 1
    average = next(method for method in SINGLES if method.key == "decay-0")
    assert centroid_scores(sight, interests)[0] == pytest.approx(single_scores(sight, average), abs=1e-6)


def test_a_smaller_pool_holds_the_action_pins_where_they_were() -> None:
    """Of pins 0 to 23 every second one is kept, and action pin 3: its nearness is its own."""
    sight = on_circle(case_of([0], [3, 4], seen=[0]))
    kept = np.isin(sight.rows, [3, *range(2, 24, 2)])
    smaller = sight.within(kept)
    assert smaller.rows[smaller.targets].tolist() == [3, 4]
    assert smaller.nearness[[0, 1], smaller.targets] == pytest.approx([1, 1], abs=1e-3)


def test_past_pins_are_not_there_to_be_recommended() -> None:
    """Whatever the scores, an answer can only name what may be."""
    sight = on_circle(case_of([0, 1], [3], seen=[0, 1]))
    assert not {0, 1} & set(sight.rows.tolist())
    assert sight.to_pool.shape == (2, 22)


def test_the_newest_pin_is_that_of_the_last_action() -> None:
    """Also where it was acted on before."""
    sight = on_circle(case_of([5, 7, 5], [3]))
    assert sight.clusters.rows[sight.newest] == 5
