"""The emoji world as written: a data set like any other, made for showing what refinement does."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from demo.emoji.bootstrap import write_emoji_world
from demo.emoji.pins import EmojiPin
from demo.emoji.settings import EmojiSettings
from storage.dataset import read_dataset

NEAR_DUPLICATE = 0.98


@pytest.fixture(scope="module")
def vectors(emoji_world: Path) -> dict[str, NDArray[np.float32]]:
    """Each pin's vector as stored, by pin id."""
    table = pq.read_table(emoji_world / "pins.parquet")
    assert table.schema.field("embedding").type == pa.list_(pa.float16(), 256)
    stored = np.array(table["embedding"].to_pylist(), np.float32)
    return {str(pin_id): vector for pin_id, vector in zip(table["pin_id"].to_pylist(), stored, strict=True)}


def test_it_is_a_data_set_in_our_format(emoji_world: Path) -> None:
    """dataset.toml names both files, the space and the one action."""
    dataset = read_dataset(emoji_world)
    assert dataset.name == "emoji"
    assert dataset.action_weights == {"save": 1.0}
    assert pq.read_table(dataset.pins).num_rows == 5_244
    assert dataset.actions is not None
    assert set(pq.read_table(dataset.actions)["action"].to_pylist()) == {"save"}


def test_vectors_are_of_unit_norm(vectors: dict[str, NDArray[np.float32]]) -> None:
    """Up to the rounding to float16."""
    norms = np.linalg.norm(np.stack(list(vectors.values())), axis=1)
    assert np.abs(norms - 1).max() < 1e-3


def test_tones_are_near_duplicates(
    vectors: dict[str, NDArray[np.float32]], pins: dict[str, EmojiPin]
) -> None:
    """Every toned emoji lies within the near-duplicate threshold of its plain one."""
    pairs = [
        (pin_id, plain)
        for pin_id in pins
        if pin_id.endswith("-skin-tone") and (plain := pin_id.split("-medium")[0].split("-dark")[0]) in pins
    ]
    assert len(pairs) > 500
    assert min(float(vectors[toned] @ vectors[plain]) for toned, plain in pairs) > NEAR_DUPLICATE


def test_neighbours_make_sense(vectors: dict[str, NDArray[np.float32]]) -> None:
    """A cat is nearer to a cat than to a train, a heart to a heart than to a cloud."""
    assert vectors["cat-face"] @ vectors["grinning-cat"] > vectors["cat-face"] @ vectors["bullet-train"] + 0.3
    assert vectors["red-heart"] @ vectors["blue-heart"] > vectors["red-heart"] @ vectors["cloud"] + 0.3


def test_the_same_seed_writes_the_same_bytes(emoji_world: Path, tmp_path: Path) -> None:
    """No clock and no unseeded chance goes into the files."""
    write_emoji_world(EmojiSettings(out=tmp_path))
    for name in ("pins.parquet", "actions.parquet", "dataset.toml"):
        assert (tmp_path / name).read_bytes() == (emoji_world / name).read_bytes()
