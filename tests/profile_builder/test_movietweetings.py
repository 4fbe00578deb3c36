"""Real people: 141,695 ratings of films become everybody's interests."""

from pathlib import Path

import numpy as np
import pytest

from storage.pins.artefact import PinArtefact
from storage.profiles.opening import open_reader
from storage.profiles.store import ProfileReader
from tests.profile_builder.conftest import Terminal

pytestmark = pytest.mark.data


@pytest.mark.slow
def test_real_people_have_interests(
    run: Terminal, movietweetings: Path, movie_pins: Path, tmp_path: Path
) -> None:
    """Alpha is found by light users; every person with a usable rating has medoids that they rated."""
    actions = ("--actions", movietweetings / "actions.parquet", "--pins", movie_pins)
    model, profiles = ("--model", tmp_path / "model.toml"), ("--profiles", tmp_path / "profiles")
    assert run("calibrate", *actions, "--out", tmp_path / "model.toml") == 0
    assert "light users (10 to 30 pins) have a median of 4 interests" in run.out

    assert run("batch", *actions, *model, *profiles, "--processes", 2) == 0
    assert "unknown pin" in run.out
    reader, films = open_reader(str(tmp_path / "profiles")), PinArtefact.open(movie_pins)
    assert reader.describe().n_users == 9_859
    _check(reader, films)
    assert len(reader.popular()) == 400
    reader.close()
    films.close()

    assert run("batch", *actions, *model, *profiles, "--processes", 1) == 0
    assert "(the same as before: nothing was written)" in run.out


def _check(reader: ProfileReader, films: PinArtefact) -> None:
    """Of the first thousand people numbers: interests in order, medoids seen and in the artefact."""
    n_found = 0
    for number in range(1_000):
        profile = reader.batch(str(number))
        if profile is None:
            continue
        n_found += 1
        interests = profile.interests
        assert (np.diff(interests.importances) <= 0).all()
        rows = films.rows(interests.medoid_pin_ids)
        assert (rows >= 0).all()
        seen = films.rows_of_hashes(reader.seen(str(number)))
        assert set(rows.tolist()) <= set(seen.tolist())
        assert interests.sizes.sum() <= len(seen)
    assert n_found > 100
