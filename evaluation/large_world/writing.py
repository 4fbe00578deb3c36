"""The large world as a data set in our format, with evaluation.toml beside it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from evaluation.data_set.about import About, write_about
from evaluation.large_world.people import Event
from evaluation.large_world.titles import Titles
from evaluation.large_world.vectors import DIMENSION, EMBEDDING_SPACE
from storage.dataset import DATASET_FILE

ACT, LOOK = "act", "look"

_ROWS_AT_ONCE = 50_000
_PIN_SCHEMA = pa.schema(
    {
        "pin_id": pa.string(),
        "title": pa.string(),
        "embedding": pa.list_(pa.float16(), DIMENSION),
    }
)


def write_pins(path: Path, titles: Titles, vectors: NDArray[np.float16]) -> None:
    """Write every title as a pin with its vector, float16 [len(titles), 256]."""
    with pq.ParquetWriter(path, _PIN_SCHEMA, compression="none", use_dictionary=False) as writer:
        for start in range(0, len(titles), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            embedding = pa.FixedSizeListArray.from_arrays(pa.array(vectors[part].reshape(-1)), DIMENSION)
            columns = {"pin_id": titles.ids[part], "title": titles.texts[part], "embedding": embedding}
            writer.write_table(pa.table(columns, schema=_PIN_SCHEMA))


def write_actions(
    path: Path, people: Iterable[Sequence[Event]], pin_ids: Sequence[str], begin_s: int
) -> None:
    """Write everybody's events, person after person, each in order of time.

    Args:
        path: The file.
        people: Each person's events.
        pin_ids: The id of each row.
        begin_s: Unix seconds of the first simulated day.
    """
    events = [(f"person-{number:05d}", event) for number, life in enumerate(people) for event in life]
    table = pa.table(
        {
            "user_id": [user_id for user_id, _ in events],
            "pin_id": [pin_ids[event.row] for _, event in events],
            "timestamp": pa.array([begin_s + event.time_s for _, event in events], pa.int64()),
            "action": [ACT if event.acted else LOOK for _, event in events],
        }
    )
    pq.write_table(table, path)


def write_dataset(folder: Path, name: str, about: About) -> None:
    """Write evaluation.toml, then dataset.toml: a folder that has it is whole."""
    write_about(folder, about)
    text = (
        f'name = "{name}"\npins = "pins.parquet"\nactions = "actions.parquet"\n'
        f'embedding_space = "{EMBEDDING_SPACE}"\n\n[action_weights]\n{ACT} = 1.0\n{LOOK} = 0.0\n'
    )
    (folder / DATASET_FILE).write_text(text, encoding="utf-8")
