"""A few pins on the axes and people who act on them: every answer can be worked out by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from model.parameters import Parameters
from process.progress import Reporter
from profile_builder.batch import BatchParts, BatchPolicy
from profile_builder.inputs import ActionInput, ReadPolicy
from profile_builder.local import LocalPolicy
from profile_builder.reading import find_action_files
from storage.embedding_space import EmbeddingSpace
from storage.model_file import ModelFile
from storage.pins.memory import InMemoryPins
from storage.profiles.opening import open_batch_publisher
from storage.rejects import Rejects

DAY_S = 86_400
NEWEST_S = 1_700_000_000
SPACE = EmbeddingSpace("topics-1", 8)
TOPICS = ("bee", "car", "cat", "cow")
PINS_PER_TOPIC = 10
MODEL = ModelFile(embedding_space=SPACE, parameters=Parameters(alpha=0.5))

WEIGHTS = {"save": 1.0, "love": 3.0, "look": 0.0, "hide": -1.0}


def make_pins() -> InMemoryPins:
    """Ten pins of each topic, close together; topics at right angles. `cat-twin` stands behind `cat-0`."""
    pin_ids = [f"{topic}-{i}" for topic in TOPICS for i in range(PINS_PER_TOPIC)]
    vectors = np.repeat(np.eye(len(TOPICS), SPACE.dimension), PINS_PER_TOPIC, axis=0)
    vectors[:, -1] = 0.1 * np.tile(np.arange(PINS_PER_TOPIC), len(TOPICS))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cat = pin_ids.index("cat-0")
    n = len(pin_ids)
    return InMemoryPins(
        [*pin_ids, "cat-twin"],
        np.concatenate([vectors, vectors[cat : cat + 1]]).astype(np.float16),
        embedding_space=SPACE,
        representatives=np.array([*range(n), cat], np.int32),
        n_indexed=n,
        version="000007-cafecafe",
    )


@dataclass(frozen=True)
class Act:
    """One action; `days` before the newest."""

    user: str | None
    pin: str | None
    days: float = 0
    action: str | None = "save"
    event: str | None = None

    @property
    def time_s(self) -> int:
        return NEWEST_S - int(self.days * DAY_S)


def write_actions(path: Path, acts: Sequence[Act], *, with_events: bool = False) -> Path:
    """Write the acts as a parquet file, row by row."""
    columns = {
        "user_id": pa.array([act.user for act in acts], pa.string()),
        "pin_id": pa.array([act.pin for act in acts], pa.string()),
        "timestamp": pa.array([act.time_s for act in acts], pa.int64()),
        "action": pa.array([act.action for act in acts], pa.string()),
    }
    if with_events:
        columns["event_id"] = pa.array([act.event for act in acts], pa.string())
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def light_users(n: int) -> list[Act]:
    """Users with three pins of each of the four topics."""
    return [
        Act(f"user-{user:02}", f"{topic}-{(user + i) % PINS_PER_TOPIC}", days=user % 50)
        for user in range(n)
        for topic in TOPICS
        for i in range(3)
    ]


def some_acts() -> list[Act]:
    """Ann likes cats and, less, cars; Ben bees; Cid only looked; Dan likes a pin that is not there."""
    return [
        *(Act("ann", f"cat-{i}", days=i) for i in range(5)),
        *(Act("ann", f"car-{i}", days=20 + i) for i in range(3)),
        Act("ben", "bee-1", days=1, action="love"),
        Act("ben", "bee-2", days=2),
        Act("ben", "car-9", days=2, action="hide"),
        Act("cid", "cat-1", days=3, action="look"),
        Act("dan", "dog-1", days=3),
    ]


READ = ReadPolicy(now_s=None, allowed_lateness_s=3_600, window_days=90, max_reject_share=0.05)
POLICY = BatchPolicy(read=READ, max_actions=2_000, n_popular=400, local=LocalPolicy(processes=1))


def make_parts(actions: Path, profiles: Path, rejects: Rejects) -> BatchParts:
    """What a batch over these actions works with; it publishes under `profiles`."""
    return BatchParts(
        source=ActionInput(files=find_action_files(actions), weights=WEIGHTS),
        pins=make_pins(),
        open_pins=make_pins,
        model_file=MODEL,
        publisher=open_batch_publisher(str(profiles)),
        rejects=rejects,
        reporter=Reporter(quiet=True),
    )
