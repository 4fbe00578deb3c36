"""The deep check says exactly what is wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from storage.errors import DamagedArtefactError, NoVersionError
from storage.pins import verifying
from storage.pins.ids import id_table
from storage.pins.layout import EMBEDDINGS, IDS, REPRESENTATIVE
from storage.pins.verifying import verify_version
from tests.storage.pins.worlds import cloud, compass, publish, strings

Spoil = Callable[[Path], None]


def changed(name: str, at: object, value: object) -> Spoil:
    """Writes another value into an array, as a bug in a builder might."""

    def spoil(folder: Path) -> None:
        array = np.load(folder / name)
        array[at] = value
        np.save(folder / name, array)

    return spoil


@pytest.mark.parametrize("block", [7, 10_000])
def test_a_good_version_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """The live one, or the one named, in blocks of any size."""
    monkeypatch.setattr(verifying, "_BLOCK_ROWS", block)
    first = publish(tmp_path, compass()).version
    publish(tmp_path, cloud(500, 16))
    assert verify_version(tmp_path).n_pins == 500
    assert verify_version(tmp_path, first).n_pins == 38


def test_an_unknown_version_is_none(tmp_path: Path) -> None:
    """As everywhere."""
    with pytest.raises(NoVersionError):
        verify_version(tmp_path, "000001-00000000")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """Checksums are part of the deep check."""
    path = publish(tmp_path, compass()).folder / EMBEDDINGS
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(DamagedArtefactError, match=r"embeddings\.npy does not match its checksum"):
        verify_version(tmp_path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (changed(IDS, (1, 5), 3), r"pin '\d+N' is in row \d+ but looked up in another"),
        (changed(REPRESENTATIVE, 9, 8), "the indexed row 9 does not stand for itself"),
        (changed(REPRESENTATIVE, 36, 37), "row 36 is represented by row 37, which is not indexed"),
        (changed(REPRESENTATIVE, 37, -2), "row 37 is represented by row -2, which is not indexed"),
        (changed(EMBEDDINGS, 37, 0), r"the vector of row 37 has norm 0\.000, not 1"),
        (changed(EMBEDDINGS, 37, np.nan), "the vector of row 37 has norm nan, not 1"),
        (
            changed(EMBEDDINGS, 1, [0.985, 0.1727]),
            r"hnsw\.faiss holds another vector for row 1 than embeddings",
        ),
    ],
)
def test_files_that_disagree_are_found(tmp_path: Path, spoil: Spoil, message: str) -> None:
    """Each of them whole by its checksum, and wrong."""
    publish(tmp_path, compass(), spoil=spoil)
    with pytest.raises(DamagedArtefactError, match=message):
        verify_version(tmp_path)


def test_an_id_that_comes_twice_is_found(tmp_path: Path) -> None:
    """Its two rows cannot both be looked up."""
    world = compass()
    twice = [*strings(world.rows.pin_ids)[:-1], "0N"]

    def spoil(folder: Path) -> None:
        np.save(folder / IDS, id_table(twice))

    publish(tmp_path, world, spoil=spoil)
    with pytest.raises(DamagedArtefactError, match="pin '225N' is in row 37 but looked up in another"):
        verify_version(tmp_path)
