"""RELIABILITY 26: this version reads what the versions before it wrote, and refuses what later ones will."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from storage.errors import UnknownFormatError
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.filters import AnyOf, Filter
from storage.pins.joined import JoinedPins
from storage.pins.side import Side
from storage.pins.takedown import Block, read_takedown
from storage.pins.verifying import verify_version
from storage.profiles.lmdb.reader import LmdbProfiles
from tests.fixtures.format_1 import EF_SEARCH, N_PINS, USERS, K, world
from tests.reliability.actions import KINDS, folder_of, read_one
from tests.storage.pins.worlds import on_circle
from tests.storage.profiles.people import online, profile, same

pytestmark = pytest.mark.reliability

_FIXTURE = Path(__file__).parents[1] / "fixtures" / "format-1"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy: reading takes a lock beside the online file."""
    return Path(shutil.copytree(_FIXTURE, tmp_path / "old"))


def test_pins_of_the_first_format_answer_as_they_did(old: Path) -> None:
    """The same ten nearest pins to each of 1,000 queries, but for ties of another CPU; the same rows."""
    verify_version(old / "pins")
    pins = PinArtefact.open(old / "pins")
    _, rows = pins.search(np.load(old / "queries.npy"), K, ef_search=EF_SEARCH)
    answers = np.load(old / "answers.npy")
    same_answers = [set(found) == set(expected) for found, expected in zip(rows, answers, strict=True)]
    assert np.mean(same_answers) >= 0.999
    np.testing.assert_array_equal(pins.embeddings, world().rows.embeddings)
    np.testing.assert_array_equal(pins.rows_of_hashes(np.load(old / "pin_id_hashes.npy")), np.arange(N_PINS))
    pins.close()


def test_profiles_of_the_first_format_are_read(old: Path) -> None:
    """Batch profiles, seen pins, the popular ones, and online records."""
    profiles = LmdbProfiles(old / "profiles")
    assert profiles.popular() == ("p1", "p2")
    for user in USERS:
        assert same(profiles.batch(user), profile(user, f"pin-of-{user}", "p7"))
        assert len(profiles.seen(user)) == 2
        assert same(profiles.online(user), online(user, f"pin-of-{user}", "p9"))
    profiles.close()


def test_what_belongs_to_pins_of_the_first_format_is_read(old: Path) -> None:
    """A filter column, pins added beside them with an index and a column of their own, the takedown list."""
    verify_version(old / "shop")
    pins, side = PinArtefact.open(old / "shop"), Side.open(old / "shop")
    red = Filter((AnyOf("colour", ("red",)),))
    assert np.flatnonzero(pins.columns.passing(red)).tolist() == list(range(4))
    joined = JoinedPins(pins, side)
    assert joined.pin_ids(joined.search(on_circle([47]), 3, ef_search=10)[1][0]) == ["48E", "44N", "54N"]
    assert joined.pin_ids(np.flatnonzero(joined.columns.passing(red))) == [
        *pins.pin_ids(np.arange(4)),
        "48E",
    ]
    assert joined.representatives.tolist()[-3:] == [38, 39, 3]
    assert read_takedown(old / "shop").blocks == (
        Block("274N"),
        Block("95N", only=True, note="an example"),
    )
    pins.close()


def test_a_folder_of_the_first_format_is_published_into(old: Path) -> None:
    """The next version is the second one there; going back to the first works."""
    folder = pin_versions(old / "pins")
    first = folder.current()
    folder.publish(lambda _: {"kind": "pins"})
    assert [info.name[:6] for info in folder.versions()] == ["000001", "000002"]
    folder.make_current(first)
    assert PinArtefact.open(old / "pins").version == first


@pytest.mark.parametrize("kind", KINDS)
def test_a_format_of_the_future_is_refused_with_what_to_do(tmp_path: Path, kind: str) -> None:
    """By software of this version, as that of the version before refuses ours."""
    version = folder_of(kind, tmp_path).publish(lambda _: {"format": 999}).version
    sentence = "is of format 999, this software knows formats 1 to"
    with pytest.raises(UnknownFormatError, match=rf"{version}.*{re.escape(sentence)}.*Upgrade .*roll back"):
        read_one(kind, tmp_path)
