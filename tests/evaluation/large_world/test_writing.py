"""The world is written in our own format, and read back like anybody's data set."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.data_set.about import about_of, data_set_of
from evaluation.data_set.world import read_world
from evaluation.errors import EvaluationError
from evaluation.large_world import bootstrap
from evaluation.large_world.bootstrap import write_large_world
from evaluation.large_world.parameters import WorldParameters
from evaluation.large_world.settings import LargeWorldSettings
from evaluation.worlds import World
from process.progress import Reporter
from storage.errors import DataError

TINY = WorldParameters(n_titles=40, n_people=12, relatives=2, sessions_per_day_median=0.5)

SUBJECTS = ("cat", "train", "guitar")
WORDS = ("old", "new", "red", "small", "fast", "loud", "lost", "found", "wet", "dry", "cheap", "strange")


def write_titles(path: Path) -> Path:
    """Twelve titles in each of three forums, and one of no known word."""
    titles = [f"{word} {subject}" for subject in SUBJECTS for word in WORDS]
    table = {
        "item_id": [f"t{n}" for n in range(len(titles) + 1)],
        "title": [*titles, ""],
        "subreddit": [*np.repeat(SUBJECTS, len(WORDS)).tolist(), "cat"],
    }
    pq.write_table(pa.table(table), path)
    return path


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LargeWorldSettings:
    monkeypatch.setattr(bootstrap, "known_worlds", lambda: {"tiny": TINY})
    titles = write_titles(tmp_path / "titles.parquet")
    return LargeWorldSettings(titles=titles, out=tmp_path / "world", world="tiny", cache=tmp_path / "cache")


def read(folder: Path) -> World:
    about = about_of(folder)
    return read_world(
        data_set_of(folder, about),
        about.period,
        title=about.title,
        note=about.note,
        rejects_file=folder.parent / "rejects.jsonl",
        reporter=Reporter(quiet=True),
    )


def test_the_world_is_read_like_any_data_set(settings: LargeWorldSettings) -> None:
    """Every title with a known word is a pin; acts are positive, looks are not; 10 and 20 days are judged."""
    write_large_world(settings)
    world = read(settings.out)
    assert world.n_pins == 36
    assert world.titles is not None
    assert world.titles[0] == "old cat"
    assert world.log.is_positive.any()
    assert not world.log.is_positive.all()
    assert (len(world.validation), len(world.test)) == (10, 20)
    assert world.log.times_s[0] >= world.test_from_s - 90 * 86_400
    assert world.title == "Large world, tiny"
    assert world.note.startswith("Simulated people over 36 real titles: 12 people who hold 2 to 6 interests")


def test_titles_of_one_forum_are_alike(settings: LargeWorldSettings) -> None:
    """Two cats are nearer than a cat and a train, as WordLlama sees them."""
    write_large_world(settings)
    vectors = read(settings.out).vectors.astype(np.float64)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[12]
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(36), abs=1e-3)


def test_the_same_setting_writes_the_same_bytes(settings: LargeWorldSettings, tmp_path: Path) -> None:
    """With the vectors made anew or from the cache."""
    names = ("pins.parquet", "actions.parquet", "dataset.toml", "evaluation.toml")
    write_large_world(settings)
    before = [(settings.out / name).read_bytes() for name in names]
    (cached,) = (tmp_path / "cache").glob("*.npy")
    write_large_world(settings)
    assert [(settings.out / name).read_bytes() for name in names] == before
    cached.unlink()
    write_large_world(settings)
    assert [(settings.out / name).read_bytes() for name in names] == before


def test_an_unknown_world_is_refused(settings: LargeWorldSettings) -> None:
    """It says which there are."""
    wrong = LargeWorldSettings(titles=settings.titles, out=settings.out, world="huge")
    with pytest.raises(EvaluationError, match=r"no world 'huge'. Choose one of: tiny"):
        write_large_world(wrong)


def test_missing_titles_are_named(settings: LargeWorldSettings, tmp_path: Path) -> None:
    """With what the file must hold."""
    wrong = LargeWorldSettings(titles=tmp_path / "gone", out=settings.out, world="tiny")
    with pytest.raises(DataError, match=r"gone does not exist.*item_id, title and subreddit.*--titles"):
        write_large_world(wrong)


def test_titles_without_labels_are_refused(settings: LargeWorldSettings) -> None:
    """The column is named."""
    pq.write_table(pa.table({"item_id": ["a"], "title": ["b"]}), settings.titles)
    with pytest.raises(DataError, match="no column 'subreddit'"):
        write_large_world(settings)
