"""A small data set as a newcomer would bring it: two files and a dataset.toml."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

TOPICS = ("cat", "car", "cake")
PINS_PER_TOPIC = 60
N_USERS = 60
ACTIONS_PER_USER = 12
DIMENSION = 16
NEWEST_S = 1_700_000_000
DAY_S = 86_400

DATASET = """\
name = "topics"
pins = "pins.parquet"
actions = "actions.parquet"
embedding_space = "topics-1"

[action_weights]
save = 1.0
look = 0.0
"""


def write_world(folder: Path) -> Path:
    """Three topics at right angles; each of 60 users saves pins of two of them over 60 days."""
    folder.mkdir(parents=True)
    (folder / "dataset.toml").write_text(DATASET)
    pq.write_table(_pins(), folder / "pins.parquet")
    pq.write_table(_actions(), folder / "actions.parquet")
    return folder


def topics_of(user: int) -> tuple[str, str]:
    """The two topics user number `user` likes."""
    return TOPICS[user % 3], TOPICS[(user + 1) % 3]


def _pins() -> pa.Table:
    rng = np.random.default_rng(1)
    vectors = np.repeat(np.eye(len(TOPICS), DIMENSION), PINS_PER_TOPIC, axis=0)
    vectors += rng.normal(scale=0.08, size=vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [f"{topic}-{i}" for topic in TOPICS for i in range(PINS_PER_TOPIC)]
    # A near-duplicate of cat-0, and a pin nobody should be shown.
    ids += ["cat-0-again", "blurred"]
    vectors = np.concatenate([vectors, vectors[:1], vectors[1:2]]).astype(np.float32)
    return pa.table(
        {
            "pin_id": ids,
            "title": [f"Picture {pin_id}" for pin_id in ids],
            "quality": pa.array([0.9] * (len(ids) - 2) + [0.8, 0.1], pa.float32()),
            "embedding": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIMENSION),
        }
    )


def _actions() -> pa.Table:
    rng = np.random.default_rng(2)
    rows = []
    for user in range(N_USERS):
        for n in range(ACTIONS_PER_USER):
            topic = topics_of(user)[n % 2]
            pin_id = f"{topic}-{rng.integers(PINS_PER_TOPIC)}"
            rows.append((f"user-{user}", pin_id, NEWEST_S - int(rng.integers(60 * DAY_S)), "save"))
    rows += [("shop-85123A", "cat-0", NEWEST_S, "save"), ("shop-85123A", "car-3", NEWEST_S - 5, "look")]
    users, pins, times, kinds = zip(*rows, strict=True)
    return pa.table(
        {"user_id": users, "pin_id": pins, "timestamp": pa.array(times, pa.int64()), "action": kinds}
    )
