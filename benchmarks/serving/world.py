"""The world that is served: pins in an artefact and users in a profile store, made once and kept."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from index_builder.build import BuildPolicy, build
from index_builder.hnsw import HnswParameters
from model.interests import Interests
from model.parameters import Parameters
from process.progress import Reporter
from storage.hashes import hash_ids
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.port import Pins
from storage.profiles.encoding import EncodedUser, encode_profile, encode_seen
from storage.profiles.opening import open_batch_publisher
from storage.profiles.records import Profile
from storage.profiles.store import BatchDescription, BatchManifest

CUT_S = 1_760_000_000
PINS_A_THEME = 1_000
_BUILD_BLOCK = 100_000


@dataclass(frozen=True, kw_only=True)
class Users:
    """Who is served.

    Attributes:
        n: How many.
        fewest, most: Interests of a user, evenly between.
        medoids: Distinct medoids of all users together; fewer where the artefact has fewer candidates.
        zipf: The r-th most popular medoid is an interest in proportion to r ** -zipf.
        seen: Pins that each has acted on, their medoids among them.
    """

    n: int = 100_000
    fewest: int = 3
    most: int = 100
    medoids: int = 200_000
    zipf: float = 1.0
    seen: int = 200


def synthetic_pins(folder: Path, n: int, dimension: int, reporter: Reporter) -> Path:
    """An artefact of random pins around random themes, ids of 12 bytes; built unless it is there."""
    root = folder / f"pins-{n}-{dimension}"
    if not (root / "CURRENT").exists():
        root.mkdir(parents=True, exist_ok=True)
        built_from = _write_pins(root / "pins.parquet", n, dimension)
        build(
            built_from,
            "themes",
            pin_versions(root),
            rejects_path=root / "rejects.jsonl",
            policy=BuildPolicy(hnsw=HnswParameters(threads=2)),
            reporter=reporter,
        )
    return root


def users_of(pins: Path, users: Users, folder: Path, reporter: Reporter) -> Path:
    """A profile folder of these users over an artefact; written unless it is there."""
    artefact = PinArtefact.open(pins, checksums=False)
    key = "-".join(f"{value}" for value in asdict(users).values())
    root = folder / f"profiles-{artefact.version}-{key}"
    if not (root / "written.json").exists():
        _publish(root, artefact, users, reporter)
        (root / "written.json").write_text(json.dumps(asdict(users)))
    artefact.close()
    return root


def user_id(number: int) -> str:
    """12 bytes, as pin ids have."""
    return f"user-{number:07d}"


def _write_pins(path: Path, n: int, dimension: int) -> Path:
    """Unit vectors, each at a cosine of about 0.5 to the others of its theme."""
    generator = np.random.default_rng(0)
    themes = generator.normal(size=(-(-n // PINS_A_THEME), dimension)).astype(np.float32)
    schema = pa.schema([("pin_id", pa.string()), ("embedding", pa.list_(pa.float16(), dimension))])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, n, _BUILD_BLOCK):
            at = np.arange(start, min(start + _BUILD_BLOCK, n))
            X = themes[at // PINS_A_THEME] + generator.standard_normal((len(at), dimension), np.float32)
            X /= np.linalg.norm(X, axis=1, keepdims=True)
            embeddings = pa.FixedSizeListArray.from_arrays(pa.array(X.astype(np.float16).ravel()), dimension)
            ids = pa.array([f"pin-{row:08d}" for row in at.tolist()])
            writer.write_table(pa.Table.from_arrays([ids, embeddings], schema=schema))
    return path


def _publish(root: Path, pins: Pins, users: Users, reporter: Reporter) -> None:
    description = BatchDescription(
        version="",
        embedding_space=pins.embedding_space,
        parameters=Parameters(alpha=1.0),
        parameters_version="benchmark",
        computed_at_s=CUT_S,
        actions_until_s=CUT_S,
        n_users=users.n,
    )
    written = reporter.each("Write users", _encoded(pins, users), users.n)
    open_batch_publisher(str(root)).publish(written, (), lambda: BatchManifest(description=description))


def _encoded(pins: Pins, users: Users) -> Iterator[EncodedUser]:
    generator = np.random.default_rng(1)
    medoids = generator.permutation(pins.n_indexed)[: users.medoids]
    bounds = np.cumsum(np.arange(1.0, len(medoids) + 1) ** -users.zipf)
    medoid_ids = np.array(pins.pin_ids(medoids), object)
    hashes = hash_ids(pins.pin_ids(np.arange(pins.n_indexed)))
    for number in range(users.n):
        c = int(generator.integers(users.fewest, users.most + 1))
        own = distinct_by_popularity(generator, bounds, min(c, len(medoids)))
        seen = generator.integers(0, pins.n_indexed, users.seen)
        seen[: len(own)] = medoids[own][: users.seen]
        yield EncodedUser(
            user_id=user_id(number),
            profile=encode_profile(_profile(number, medoid_ids[own].tolist(), pins, generator)),
            seen=encode_seen(hashes[seen]),
        )


def distinct_by_popularity(
    generator: np.random.Generator, bounds: NDArray[np.float64], n: int
) -> NDArray[np.int64]:
    """int64 [n]: distinct places, drawn in proportion to the steps of `bounds`, in the order drawn."""
    drawn = np.empty(0, np.int64)
    while len(drawn) < n:
        further = np.searchsorted(bounds, generator.random(2 * n) * bounds[-1])
        together = np.concatenate([drawn, further])
        _, first = np.unique(together, return_index=True)
        drawn = together[np.sort(first)]
    return drawn[:n]


def _profile(number: int, medoids: list[str], pins: Pins, generator: np.random.Generator) -> Profile:
    c = len(medoids)
    interests = Interests(
        medoid_pin_ids=tuple(medoids),
        importances=np.sort(generator.standard_exponential(c))[::-1],
        sizes=np.full(c, 4),
        last_action_times_s=np.full(c, CUT_S),
        computed_at_s=CUT_S,
    )
    return Profile(
        user_id=user_id(number),
        embedding_space=pins.embedding_space,
        parameters_version="benchmark",
        interests=replace(interests, representatives=interests.medoids_alone()),
        actions_until_s=CUT_S,
    )
