"""The emoji world as a data set in our format: pins.parquet, actions.parquet, dataset.toml."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from demo.emoji.people import Save
from demo.emoji.pins import EmojiPin
from demo.emoji.vectors import DIMENSION, EMBEDDING_SPACE

DATASET_TOML = f"""\
name = "emoji"
pins = "pins.parquet"
actions = "actions.parquet"
embedding_space = "{EMBEDDING_SPACE}"

[action_weights]
save = 1.0
"""


def write_pins(path: Path, pins: Sequence[EmojiPin], vectors: NDArray[np.float16]) -> None:
    """Write every pin with its vector, float16 [len(pins), 256]."""
    table = pa.table(
        {
            "pin_id": [pin.pin_id for pin in pins],
            "title": [pin.title for pin in pins],
            "embedding": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), DIMENSION),
            "quality": pa.array([pin.quality for pin in pins], pa.float32()),
            "created_at": pa.array([pin.created_at_s for pin in pins], pa.int64()),
        }
    )
    pq.write_table(table, path)


def write_actions(path: Path, saves: Sequence[Save]) -> None:
    """Write every save as one action."""
    table = pa.table(
        {
            "user_id": [save.user_id for save in saves],
            "pin_id": [save.pin_id for save in saves],
            "timestamp": pa.array([save.timestamp_s for save in saves], pa.int64()),
            "action": ["save"] * len(saves),
        }
    )
    pq.write_table(table, path)


def write_dataset(folder: Path) -> None:
    """Write dataset.toml, which names the two files and what they mean."""
    (folder / "dataset.toml").write_text(DATASET_TOML, encoding="utf-8")
