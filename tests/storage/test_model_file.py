"""model.toml: the same parameters have the same version, an edit by hand has its own."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model.fusing import FusePolicy
from model.parameters import Parameters
from storage.embedding_space import EmbeddingSpace
from storage.errors import DataError, PublishError
from storage.model_file import ModelFile, read_model_file, write_model_file


def model(space: EmbeddingSpace, parameters: Parameters) -> ModelFile:
    return ModelFile(embedding_space=space, parameters=parameters)


MODEL = model(EmbeddingSpace("shop-2", 64), Parameters(alpha=1.25))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A model file as calibrate writes it."""
    write_model_file(tmp_path / "model.toml", MODEL)
    return tmp_path / "model.toml"


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


positive = st.floats(1e-300, 1e300)


@example(ModelFile(embedding_space=EmbeddingSpace('a\x7f"b\\', 1), parameters=Parameters(alpha=1.0)))
@given(
    st.builds(
        ModelFile,
        embedding_space=st.builds(
            EmbeddingSpace, st.text(st.characters(codec="utf-8"), min_size=1), st.integers(1, 4_096)
        ),
        parameters=st.builds(
            Parameters,
            alpha=positive,
            lambda_per_day=positive | st.just(0.0),
            window_days=st.integers(1, 999),
            representative_lambda_per_day=positive | st.just(0.0),
            fusing=st.builds(
                FusePolicy,
                n_representatives=st.integers(1, 64),
                perplexity=st.floats(1, 400),
                fused_share=st.floats(0, 1),
            ),
        ),
    ).filter(lambda written: written.embedding_space.name.strip() != "")
)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, written: ModelFile) -> None:
    """Any name and any number, to the bit."""
    path = tmp_path_factory.mktemp("model") / "model.toml"
    write_model_file(path, written)
    assert read_model_file(path) == written


def test_a_person_can_read_it(path: Path) -> None:
    """Comments say what the numbers are."""
    assert path.read_text() == (
        "# PinnerSage's parameters for one embedding space, written by `profile_builder calibrate`.\n"
        "# They may be edited by hand; the version is computed anew from the lines below it.\n"
        f'version = "{MODEL.version}"\n\n'
        "[embedding_space]\n"
        'name = "shop-2"\n'
        "dimension = 64\n\n"
        "[parameters]\n"
        "# Ward's threshold: clusters merge while their squared distance is at most this.\n"
        "alpha = 1.25\n"
        "# Decay of an action's weight per day of age.\n"
        "lambda_per_day = 0.01\n"
        "# Days of actions that count.\n"
        "window_days = 90\n\n"
        "# For requests that all of a user's representatives answer together.\n"
        "[fusing]\n"
        "# Saved pins that stand for a user, at most.\n"
        "n_representatives = 40\n"
        "# Decay of an action's weight per day of age where they are chosen and weighed.\n"
        "representative_lambda_per_day = 0.02\n"
        "# Over how many of the 400 pins nearest to it each is spread, as if evenly.\n"
        "perplexity = 325.0\n"
        "# The part of an answer that is taken by score; the rest is interleaved.\n"
        "fused_share = 0.9\n"
    )


def test_a_file_of_an_earlier_version_has_the_defaults(path: Path) -> None:
    """Without the table on fusing, or with a part of it, what is not said is as if it had been written."""
    text = path.read_text()
    path.write_text(text[: text.index("# For requests")])
    assert read_model_file(path) == MODEL
    path.write_text(path.read_text() + "[fusing]\nperplexity = 100\nrepresentative_lambda_per_day = 0\n")
    expected = Parameters(alpha=1.25, representative_lambda_per_day=0, fusing=FusePolicy(perplexity=100))
    assert read_model_file(path).parameters == expected


def test_the_same_content_has_the_same_version() -> None:
    """On every machine and every day: the version is in manifests that are compared by bytes."""
    again = model(EmbeddingSpace("shop-2", 64), Parameters(alpha=1.25))
    assert again.version == MODEL.version == "6bbb7f3f746b"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("alpha = 1.25", "alpha = 1.26"),
        ("lambda_per_day = 0.01", "lambda_per_day = 0"),
        ("window_days = 90", "window_days = 30"),
        ("dimension = 64", "dimension = 65"),
        ('name = "shop-2"', 'name = "shop-3"'),
        ("n_representatives = 40", "n_representatives = 20"),
        ("representative_lambda_per_day = 0.02", "representative_lambda_per_day = 0.01"),
        ("perplexity = 325.0", "perplexity = 100"),
        ("fused_share = 0.9", "fused_share = 1"),
    ],
)
def test_an_edit_by_hand_has_a_version_of_its_own(path: Path, old: str, new: str) -> None:
    """Though the version line still says the old one."""
    rewrite(path, old, new)
    edited = read_model_file(path)

    assert edited.version != MODEL.version
    assert edited.version == model(edited.embedding_space, edited.parameters).version


def test_comments_spaces_and_the_version_line_do_not_matter(path: Path) -> None:
    """Only what the parameters are does; a whole number is as good as one with a point."""
    path.write_text(
        '[parameters]\nalpha=1.25\nlambda_per_day=1e-2\nwindow_days=90\n[embedding_space]\nname="shop-2"\ndimension=64'
    )
    assert read_model_file(path) == MODEL
    one = Parameters(alpha=1, lambda_per_day=0)
    assert (
        model(MODEL.embedding_space, one).version
        == model(MODEL.embedding_space, Parameters(alpha=1.0, lambda_per_day=0.0)).version
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("alpha = 1.25", "alpha = 0", "parameters: alpha must be a positive squared distance, got 0.0"),
        ("alpha = 1.25", "", "parameters.alpha is missing. Write, for example: alpha = 1.5"),
        (
            "alpha = 1.25",
            'alpha = "1.25"',
            "parameters.alpha must be a finite number, for example 1.5; got '1.25'",
        ),
        (
            "window_days = 90",
            "window_days = 1.5",
            "parameters.window_days must be a whole number from 1, for example 90",
        ),
        ("dimension = 64", "dimension = true", "embedding_space.dimension must be a whole number"),
        (
            "dimension = 64",
            "dimension = 0",
            "embedding_space.dimension must be a whole number from 1, for example 256; got 0",
        ),
        ("lambda_per_day", "lambda", "parameters.lambda is not known here; known are: alpha, lambda_per_day"),
        ("[parameters]", "[params]", "params is not known here"),
        ("perplexity = 325.0", "perplexity = 0", "fusing: perplexity must be 1 to 400, got 0.0"),
        (
            "n_representatives = 40",
            "n_representatives = 0",
            "fusing.n_representatives must be a whole number",
        ),
        (
            "representative_lambda_per_day = 0.02",
            "representative_lambda_per_day = -1",
            "fusing: representative_lambda_per_day must be a number, 0 or more, got -1",
        ),
        ("fused_share = 0.9", "share = 0.7", "fusing.share is not known here; known are: fused_share"),
        ('name = "shop-2"', "name = 2", "embedding_space.name must be a text that is not empty"),
    ],
)
def test_a_mistake_is_named_by_its_key(path: Path, old: str, new: str, message: str) -> None:
    """File, key, what was found, what to write."""
    rewrite(path, old, new)
    with pytest.raises(DataError) as refusal:
        read_model_file(path)
    assert str(path) in str(refusal.value)
    assert message in str(refusal.value)


def test_a_missing_file_says_what_to_run(tmp_path: Path) -> None:
    """Nobody writes one from nothing."""
    with pytest.raises(
        DataError, match=r"does not exist\. Make one with: python -m profile_builder calibrate"
    ):
        read_model_file(tmp_path / "model.toml")


def test_it_is_written_in_place_of_an_earlier_one(path: Path) -> None:
    """Whole, and nothing else is left beside it."""
    other = model(MODEL.embedding_space, Parameters(alpha=2.0))
    write_model_file(path, other)

    assert read_model_file(path) == other
    assert [each.name for each in path.parent.iterdir()] == ["model.toml"]


def test_a_full_disk_leaves_the_earlier_one(path: Path) -> None:
    """And nothing else, and says what is the matter."""
    (path.parent / f".model.toml.{os.getpid()}.draft").symlink_to("/dev/full")
    with pytest.raises(PublishError, match=r"model\.toml cannot be written: No space left on device"):
        write_model_file(path, model(MODEL.embedding_space, Parameters(alpha=2.0)))
    assert read_model_file(path) == MODEL
    assert [each.name for each in path.parent.iterdir()] == ["model.toml"]


def test_its_folder_is_made(tmp_path: Path) -> None:
    """As for every other output."""
    write_model_file(tmp_path / "new" / "model.toml", MODEL)
    assert read_model_file(tmp_path / "new" / "model.toml") == MODEL


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file where the folder should be; nothing is changed."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(PublishError, match=r"file/model\.toml cannot be written: "):
        write_model_file(tmp_path / "file" / "model.toml", MODEL)
    assert (tmp_path / "file").read_text() == "mine"
