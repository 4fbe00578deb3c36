"""Writing the files of a version."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from storage.pins import writing
from storage.pins.layout import EMBEDDINGS, FILES, IDS, PINS, REPRESENTATIVE
from storage.pins.writing import write_pins
from tests.storage.pins.worlds import compass, index_of


@pytest.mark.parametrize("block", [1, 7, 1_000])
def test_anybody_can_read_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """They are plain .npy and Arrow, whatever blocks they were written in."""
    monkeypatch.setattr(writing, "_BLOCK_ROWS", block)
    world = compass()
    write_pins(tmp_path, world.rows, index_of(world))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    np.testing.assert_array_equal(np.load(tmp_path / EMBEDDINGS), world.rows.embeddings)
    np.testing.assert_array_equal(np.load(tmp_path / REPRESENTATIVE), world.rows.representatives)
    assert np.load(tmp_path / IDS).shape == (2, 38)
    table = pa.ipc.open_file(str(tmp_path / PINS)).read_all()
    assert table.schema == pa.schema({"pin_id": pa.large_string(), "title": pa.large_string()})
    assert table.column("pin_id").combine_chunks().equals(world.rows.pin_ids)


@pytest.mark.parametrize("name", FILES)
def test_a_full_disk_is_an_error_in_every_file(tmp_path: Path, name: str) -> None:
    """Not a crash, and not a file that ends too early."""
    (tmp_path / name).symlink_to("/dev/full")
    world = compass()
    with pytest.raises(OSError, match="No space left on device"):
        write_pins(tmp_path, world.rows, index_of(world))
