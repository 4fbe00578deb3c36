"""Calibration turns what users did into one alpha, once, and does not write over another."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from model.calibration import Calibration
from model.parameters import Parameters
from process.progress import Reporter
from profile_builder.calibrating import CalibrateParts, CalibratePolicy, CalibrateResult, run_calibration
from profile_builder.errors import ModelExistsError
from profile_builder.inputs import ActionInput
from profile_builder.reading import find_action_files
from profile_builder.summary import describe_calibration
from storage.errors import DataError
from storage.model_file import ModelFile, read_model_file, write_model_file
from storage.rejects import Rejects
from tests.profile_builder.world import READ, SPACE, WEIGHTS, Act, light_users, make_pins, write_actions

POLICY = CalibratePolicy(read=READ, lambda_per_day=0.01, max_actions=2_000, replace=False)
# The squared distance of two pins of one topic is at most 0.54, of two topics nearly 2.
WITHIN, ACROSS = 0.6, 1.0


def calibrate(folder: Path, acts: Sequence[Act], policy: CalibratePolicy = POLICY) -> CalibrateResult:
    """Calibrate on these acts; the model file is FOLDER/model.toml."""
    path = write_actions(folder / "actions.parquet", acts)
    with Rejects(folder / "rejects.jsonl") as rejects:
        parts = CalibrateParts(
            source=ActionInput(files=find_action_files(path), weights=WEIGHTS),
            pins=make_pins(),
            out=folder / "model.toml",
            rejects=rejects,
            reporter=Reporter(quiet=True),
        )
        return run_calibration(parts, policy)


def said(result: CalibrateResult, folder: Path) -> list[str]:
    with Rejects(folder / "rejects.jsonl") as rejects:
        return describe_calibration(result, folder / "model.toml", rejects)


def test_light_users_decide(tmp_path: Path) -> None:
    """Four topics each: any alpha between two pins of one topic and two topics gives a median of 4."""
    result = calibrate(tmp_path, light_users(60))
    low, high = result.calibration.interval or (0, 0)

    assert 0 < low < WITHIN < ACROSS < high
    assert result.calibration.alpha == (low + high) / 2
    assert read_model_file(tmp_path / "model.toml") == ModelFile(
        embedding_space=SPACE,
        parameters=Parameters(alpha=result.calibration.alpha, lambda_per_day=0.01, window_days=90),
    )


def test_the_numbers_are_said_in_sentences(tmp_path: Path) -> None:
    """Alpha, who decided, what it leads to, where it is written, which actions it rests on."""
    result = calibrate(tmp_path, [*light_users(60), Act("ann", "dog-1"), Act("ann", "cat-1", action="click")])
    low, high = result.calibration.interval or (0, 0)
    span = f"from {low:.4g} to {high:.4g}"

    assert said(result, tmp_path) == [
        f"Alpha is {result.calibration.alpha:.4g} for topics-1 (8 dimensions).",
        f"60 light users (10 to 30 pins) have a median of 4 interests at any alpha {span}; the target is 4.",
        "Of the 60 users clustered, the 1 % with the most pins have at most 4 interests.",
        f"Written to {tmp_path}/model.toml as version {result.model_file.version}.",
        "Window 2023-08-16 22:13:20 UTC to 2023-11-14 22:13:20 UTC: 720 actions of 722 rows.",
        "Rows left out: 1 of actions not listed.",
    ]


def test_the_same_actions_give_the_same_model(tmp_path: Path) -> None:
    """To the byte; calibrating again changes nothing and is not refused."""
    first = calibrate(tmp_path, light_users(60))
    content = (tmp_path / "model.toml").read_bytes()
    second = calibrate(tmp_path, list(reversed(light_users(60))))

    assert first.model_file == second.model_file
    assert (tmp_path / "model.toml").read_bytes() == content


def test_lambda_and_window_go_into_the_file(tmp_path: Path) -> None:
    """Batch and online read them there."""
    policy = replace(POLICY, lambda_per_day=0.05, read=replace(READ, window_days=60))
    parameters = calibrate(tmp_path, light_users(60), policy).model_file.parameters
    assert (parameters.lambda_per_day, parameters.window_days) == (0.05, 60)


def test_only_positive_actions_of_the_window_decide(tmp_path: Path) -> None:
    """Hides, looks and old actions on other topics change nothing."""
    noise = [
        Act(f"user-{user:02}", f"cow-{i}", days=days, action=action)
        for user in range(60)
        for i in range(10)
        for days, action in ((1, "hide"), (1, "look"), (95, "save"))
    ]
    quiet = [act for act in light_users(60) if act.pin is not None and not act.pin.startswith("cow")]
    (tmp_path / "a").mkdir()
    alone, among_noise = calibrate(tmp_path / "a", quiet), calibrate(tmp_path, [*quiet, *noise])
    assert among_noise.calibration == alone.calibration


def test_with_few_light_users_random_pairs_decide(tmp_path: Path) -> None:
    """And the person hears of it, with the cosine."""
    result = calibrate(tmp_path, light_users(49))

    assert result.calibration.interval is None
    assert 0 < result.calibration.alpha < WITHIN
    assert said(result, tmp_path)[1] == (
        "There are only 49 light users (10 to 30 pins), calibration needs 50. So alpha is the squared "
        "distance that 0.5 % of random pairs of pins stay within, a cosine of "
        f"{1 - result.calibration.alpha / 2:.3f}. Calibrate again when there are more users."
    )


def test_actions_that_make_nobody_an_interest_make_no_model(tmp_path: Path) -> None:
    """As a batch of them is refused: most likely their pins are those of another artefact."""
    acts = [Act("ann", "nowhere"), Act("ben", "cat-1", action="hide")]
    with pytest.raises(
        DataError, match=r"no user has a usable action: .* pin that the artefact does not hold"
    ):
        calibrate(tmp_path, acts)
    assert not (tmp_path / "model.toml").exists()


def test_another_model_is_not_written_over(tmp_path: Path) -> None:
    """Somebody may have edited it; profiles depend on it. --replace says that it is meant."""
    edited = ModelFile(embedding_space=SPACE, parameters=Parameters(alpha=0.77))
    write_model_file(tmp_path / "model.toml", edited)

    with pytest.raises(
        ModelExistsError, match=r"holds another model: .* alpha 0\.77, for topics-1 .*or say --replace"
    ):
        calibrate(tmp_path, light_users(60))
    assert read_model_file(tmp_path / "model.toml") == edited
    replaced = calibrate(tmp_path, light_users(60), replace(POLICY, replace=True))
    assert read_model_file(tmp_path / "model.toml") == replaced.model_file


def test_a_model_file_that_cannot_be_read_is_not_written_over(tmp_path: Path) -> None:
    """It may be anything."""
    (tmp_path / "model.toml").write_text("alpha: 1")
    with pytest.raises(DataError, match="cannot be read as TOML"):
        calibrate(tmp_path, light_users(60))
    assert (tmp_path / "model.toml").read_text() == "alpha: 1"


def test_many_users_are_sampled(tmp_path: Path) -> None:
    """A median does not need millions; the sample is the same every time."""
    policy = replace(POLICY, max_users=55)
    first = calibrate(tmp_path, light_users(60), policy)

    assert first.calibration.n_users == 55
    assert first.calibration.median_clusters == 4
    assert calibrate(tmp_path, light_users(60), policy).calibration == first.calibration


def warnings_about(calibration: Calibration, folder: Path) -> list[str]:
    result = replace(calibrate(folder, light_users(60)), calibration=calibration)
    return [line for line in said(result, folder) if line.startswith("Warning")]


def test_what_the_paper_does_not_have_is_warned_of(tmp_path: Path) -> None:
    """More than 100 interests of the heaviest; a median that jumps over 4; neither, no warning."""
    good = Calibration(
        alpha=1.0,
        interval=(0.9, 1.1),
        median_clusters=4.0,
        n_light_users=60,
        n_users=60,
        heaviest_clusters=100,
    )
    assert warnings_about(good, tmp_path) == []
    assert warnings_about(replace(good, heaviest_clusters=101), tmp_path) == [
        "Warning: more than 100 interests are beyond the paper's 75 to 100."
    ]
    assert warnings_about(replace(good, median_clusters=3.5), tmp_path) == [
        "Warning: no alpha gives a median of 4; this one is nearest."
    ]
