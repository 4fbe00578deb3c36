"""Each experiment on worlds whose answer is known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.explaining import budgets, denoising, drawing_interests, granularity, hubs, list_size, steps
from evaluation.explaining.anisotropy import principal
from evaluation.explaining.answering import portions
from evaluation.explaining.experiment import Bench, Experiment, Observation, Observed
from evaluation.explaining.experiments import EXPERIMENTS
from evaluation.explaining.running import observe, of_experiment
from evaluation.explaining.sights import Sight
from evaluation.protocol import Protocol
from evaluation.worlds import World
from process.progress import Reporter
from tests.evaluation.explaining.hamlet import hamlet, on_circle, pool
from tests.evaluation.town import DAY_0, case_of, log_of, setting_of, town

RECALL = 2


def bench_of(world: World, n_candidates: int = 6) -> Bench:
    protocol = Protocol(n_candidates=n_candidates, n_seeds=5, n_resamples=20)
    return Bench(world=world, protocol=protocol, thresholds=np.array([0.95, 0.8]))


def shown(experiment: Experiment, sight: Sight, n_candidates: int = 6) -> Observation:
    return experiment.observer(bench_of(town(log_of((0, 0, -1, True))), n_candidates))(sight)


def observed_of(world: World, folder: Path, experiment: Experiment) -> Observed:
    setting = setting_of(world, folder, protocol=Protocol(n_candidates=30, n_seeds=5, n_resamples=20))
    observed, _ = observe((experiment,), setting, Reporter(quiet=True))
    return of_experiment(observed, experiment)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.key)
def test_every_experiment_answers_in_a_sentence(experiment: Experiment, tmp_path: Path) -> None:
    """Made of numbers: it names none that is not one."""
    conclusion = experiment.conclude(observed_of(hamlet(), tmp_path, experiment))
    assert conclusion.answer.endswith(".")
    assert "nan" not in conclusion.answer
    assert conclusion.figures or conclusion.tables


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.key)
def test_every_experiment_bears_a_world_without_answers(experiment: Experiment, tmp_path: Path) -> None:
    """One user with one pin, who then acts on the far side: every method finds nothing, and that is said."""
    lost = town(log_of((0, 0, -1, True), (0, 12, 0.5, True)))
    observed = observed_of(lost, tmp_path, experiment)
    assert experiment.conclude(observed).answer.endswith(".")


def test_no_two_experiments_share_a_key() -> None:
    """Keys name stages and sections, and their modules."""
    assert len({one.key for one in EXPERIMENTS}) == len(EXPERIMENTS)
    assert all(one.question.endswith("?") for one in EXPERIMENTS)


def test_portions_by_hand() -> None:
    """Half, a third and a sixth of ten: 5, 3.33 and 1.67, and the one left over goes to the largest rest."""
    assert portions(10, np.array([3.0, 2.0, 1.0])).tolist() == [5, 3, 2]
    assert portions(400, np.ones(3)).tolist() == [134, 133, 133]


@given(
    n=st.integers(1, 1000),
    weights=st.lists(st.floats(0.001, 1000), min_size=1, max_size=12),
)
def test_portions_add_up_and_stay_near_their_quota(n: int, weights: list[float]) -> None:
    """Nothing is lost, and nobody is a whole candidate off."""
    given_out = portions(n, np.array(weights))
    quotas = n * np.array(weights) / sum(weights)
    assert given_out.sum() == n
    assert (np.abs(given_out - quotas) < 1 + 1e-9).all()


def test_a_budget_by_importance_serves_the_important_interest() -> None:
    """Five actions in the east, one in the west: by importance the east reaches pin 3, in equal parts not."""
    sight = on_circle(case_of([12, 0, 1, 23, 22, 0], [3], seen=[0, 1, 12, 22, 23]), alpha=0.6)
    found = shown(budgets.EXPERIMENT, sight)
    assert found["medoid.3.proportional"][RECALL] == 1
    assert found["medoid.3.equal"][RECALL] == 0


def test_both_ends_of_alpha_are_reached() -> None:
    """Every pin for itself, and one cluster: five interests and one."""
    found = shown(granularity.EXPERIMENT, on_circle(case_of([0, 1, 12, 13, 6], [3])))
    assert found["clusters.0"].tolist() == [5]
    assert found["clusters.inf"].tolist() == [1]
    assert found["centroid.inf"].tolist() == found["decay-0"].tolist()
    assert found["centroid.0"].tolist() == found["sampled.0"].tolist()


def test_a_medoid_of_two_opposite_halves_is_noisy() -> None:
    """Of pins at 0 and 60 degrees the mean is at 30; either pin has a cosine of 0.87 to it."""
    found = shown(denoising.EXPERIMENT, on_circle(case_of([0, 4], [2]), alpha=4.0))
    assert found["size-2.medoid"][[3, 4]] == pytest.approx([1, np.cos(np.pi / 6)], abs=1e-3)
    assert found["size-2.centroid"][[3, 4]] == pytest.approx([1, 1], abs=1e-3)


def test_the_mean_of_all_pins_is_the_centroid() -> None:
    """Eight pins drawn of eight are all of them, however often they are drawn."""
    found = shown(denoising.EXPERIMENT, on_circle(case_of([*range(8)], [9]), alpha=100.0))
    assert found["cluster.8"] == pytest.approx(found["cluster.centroid"])


def test_with_no_more_interests_than_are_drawn_nothing_is_noise() -> None:
    """Every draw is the same, one request or several a day."""
    found = shown(drawing_interests.EXPERIMENT, on_circle(case_of([0, 12], [1, 13])), n_candidates=16)
    assert found["variance"].tolist() == [0, 0, 0]
    assert found["sampled"].tolist() == found["top"].tolist() == found["day-4"].tolist()


def test_drawn_again_a_list_is_read_on() -> None:
    """One interest, two requests of three candidates: pins one to three steps away, as one request of six."""
    found = shown(drawing_interests.EXPERIMENT, on_circle(case_of([0], [3], seen=[0])))
    assert found["day-2"][RECALL] == found["top"][RECALL] == 1


def test_a_list_of_the_whole_pool_finds_everything() -> None:
    """At 50 candidates of 24 pins."""
    found = shown(list_size.EXPERIMENT, on_circle(case_of([0, 6], [12])))
    assert found["last-pin.50.1"].tolist() == [1, 1, 1]


def test_centred_and_whitened_cosines_are_those_of_changed_vectors() -> None:
    """The short way, from inner products, gives what changing every vector gives."""
    X = pool().astype(np.float64)
    mean = X.mean(axis=0)
    _, _, axes = np.linalg.svd(X - mean)
    deviations = ((X - mean) @ axes.T).std(axis=0)
    a, b = np.array([0, 3]), np.arange(len(X))
    for k in range(4):
        gains = np.ones(len(axes))
        gains[:k] = deviations[k] / deviations[:k]
        changed = (X - mean) @ axes.T * gains
        changed /= np.linalg.norm(changed, axis=1, keepdims=True)
        found = principal(pool(), 3).cosines((X[a] @ X[b].T).astype(np.float32), a, b, k)
        assert found == pytest.approx(changed[a] @ changed[b].T, abs=1e-3)


def test_a_pin_at_the_mean_has_no_direction_and_no_nan() -> None:
    """Opposite pins have their mean at the origin; identical ones are all mean, and get cosines of 0."""
    same = np.tile(np.eye(2)[:1], (4, 1)).astype(np.float16)
    a = np.array([0])
    assert np.isfinite(principal(same, 1).cosines(np.ones((1, 1), np.float32), a, a, 0)).all()


def test_popularity_is_the_share_of_earlier_actions_below() -> None:
    """Of three earlier actions two are on pin 7 and one on pin 3; later ones do not count."""
    log = log_of((0, 7, -2, True), (1, 7, -1, True), (0, 3, -1, True), (0, 9, 0.5, True), (1, 9, 0.5, True))
    places = hubs.popularity(town(log))
    assert places[[7, 3, 9, 0]].tolist() == pytest.approx([2 / 3, 1 / 6, -1, -1])


def test_stages_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run observes nobody."""
    first = observed_of(hamlet(), tmp_path, budgets.EXPERIMENT)
    monkeypatch.setattr("evaluation.explaining.running.sight_of", None)
    again = observed_of(hamlet(), tmp_path, budgets.EXPERIMENT)
    assert {key: values.tolist() for key, values in first.values.items()} == {
        key: values.tolist() for key, values in again.values.items()
    }


@pytest.mark.slow
def test_two_processes_observe_what_one_does(tmp_path: Path) -> None:
    """Cases come back in their order."""
    world = hamlet()
    one = observed_of(world, tmp_path / "one", budgets.EXPERIMENT)
    setting = setting_of(
        world, tmp_path / "two", n_processes=2, protocol=replace(one.protocol, n_seeds=one.protocol.n_seeds)
    )
    observed, _ = observe((budgets.EXPERIMENT,), setting, Reporter(quiet=True))
    two = of_experiment(observed, budgets.EXPERIMENT)
    assert two.values["medoid.3.equal"].tolist() == one.values["medoid.3.equal"].tolist()


def test_only_validation_is_looked_at(tmp_path: Path) -> None:
    """The test period is for the chosen method."""
    observed = observed_of(hamlet(), tmp_path, budgets.EXPERIMENT)
    assert {case.day for case in observed.cases} == {DAY_0, DAY_0 + 1}


def test_overlap_makes_room_for_more_of_all() -> None:
    """Two equal lists of four are one; filled, it goes on to six, and ends where both lists end."""
    lists = [np.arange(8), np.arange(8)]
    assert steps.filled(lists, np.ones(2), 6).tolist() == [0, 1, 2, 3, 4, 5]
    assert len(steps.filled(lists, np.ones(2), 20)) == 8


def test_the_last_steps_are_the_average() -> None:
    """One cluster a user and weights that decay: what the evaluation calls the decay average."""
    found = shown(steps.EXPERIMENT, on_circle(case_of([0, 1, 7, 13], [3, 4])))
    assert found["decayed"].tolist() == found["decay-0.01"].tolist()
    assert found["one"].tolist() == found["decay-0"].tolist()
