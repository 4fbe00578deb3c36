"""What a child of the zygote does: publishes, reads, is killed."""

import resource
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa

from storage.embedding_space import EmbeddingSpace
from storage.errors import ArtefactError, ProfileStoreError, PublishError, TakedownError
from storage.pins import takedown_writing
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.filters import AnyOf, Filter
from storage.pins.hnsw import Hnsw
from storage.pins.side import Beside, Side, SideRows, side_versions, write_side
from storage.pins.takedown import Block
from storage.profiles.lmdb import batch
from storage.profiles.lmdb.batch import BatchProfiles, batch_folder
from storage.profiles.lmdb.online import FILE as ONLINE_FILE
from storage.profiles.lmdb.online import ONLINE_FOLDER, LmdbOnlineWriter
from storage.profiles.lmdb.publisher import LmdbBatchPublisher
from storage.publishing import Manifest, VersionedFolder
from tests.reliability import faults
from tests.reliability.damages import PAGE
from tests.reliability.shares import chance
from tests.storage.pins import worlds
from tests.storage.profiles.people import encoded, manifest, online, profile, same

PINS, SIDE, PROFILES = KINDS = ("pins", "side", "profiles")
ACKNOWLEDGED = "acknowledged"
_CAP_BYTES = 512 << 20

faiss.omp_set_num_threads(1)


def folder_of(kind: str, root: Path) -> VersionedFolder:
    return {PINS: pin_versions, SIDE: side_versions, PROFILES: batch_folder}[kind](root)


def publish_one(kind: str, root: Path, name: str) -> None:
    """Publish a small artefact that says its name."""
    {PINS: publish_pins, SIDE: publish_side, PROFILES: _publish_profiles}[kind](root, name)


def turn_of(name: str) -> int:
    """Degrees, 1 to 9: versions of other names hold other bytes in every file."""
    return 1 + zlib.crc32(name.encode()) % 9


def publish_pins(root: Path, name: str) -> None:
    """The compass turned by the name, with a column: red are those in front."""
    turn, compass = turn_of(name), worlds.compass()
    angles = [int(pin_id[:-1]) + turn for pin_id in worlds.strings(compass.rows.pin_ids)]
    colours = worlds.texts("red" if row < turn else "blue" for row in range(len(angles)))
    rows = replace(
        compass.rows,
        pin_ids=worlds.texts(f"{angle}N" for angle in angles),
        embeddings=worlds.on_circle(angles),
        representatives=np.array([*range(36), 9, turn], np.int32),
        columns={"colour": colours},
    )
    world = replace(compass, rows=rows)
    worlds.publish(
        root,
        world,
        change=lambda made: replace(made, libraries={"named": name}, filter_columns=("colour",)),
    )


def publish_side(root: Path, name: str, beside: str = "000001-00000000") -> None:
    """Two candidates, turned by the name, and a pin that one of the compass stands for, with an index."""
    turn, n_main = turn_of(name), len(worlds.compass().rows.pin_ids)
    angles = [45 + turn, 135 + turn, 91 + turn]
    rows = SideRows(
        beside=Beside(beside, n_main),
        embedding_space=EmbeddingSpace("compass-1", 2),
        pin_ids=tuple(f"{angle}E" for angle in angles),
        titles=(name, "", ""),
        quality=np.full(3, np.nan),
        embeddings=worlds.on_circle(angles),
        representatives=np.array([n_main, n_main + 1, turn], np.int32),
        n_indexed=2,
        columns={"colour": worlds.texts(["red", "blue", f"colour {turn}"])},
    )
    index = Hnsw.empty(2, m=16, ef_construction=100)
    index.add(rows.pool, threads=1)

    def write(draft: Path) -> Manifest:
        return write_side(draft, rows, index)

    side_versions(root).publish(write)


def _publish_profiles(root: Path, name: str) -> None:
    users = [encoded(user, f"pin-{name}-{user}") for user in ("ann", "ben")]
    LmdbBatchPublisher(root).publish(users, [name], manifest)


def read_one(kind: str, root: Path, version: str | None = None) -> str:
    """Open a version with every check, ask it something, and return its name."""
    return {PINS: _read_pins, SIDE: _read_side, PROFILES: _read_profiles}[kind](root, version)


def _read_pins(root: Path, version: str | None) -> str:
    pins = PinArtefact.open(root, version)
    assert pins.search(pins.embeddings[9:10], 1, ef_search=10)[1].tolist() == [[9]]
    for column in pins.manifest.filter_columns:
        red = np.flatnonzero(pins.columns.passing(Filter((AnyOf(column, ("red",)),))))
        assert red.tolist() == list(range(len(red)))
    pins.close()
    return pins.manifest.libraries.get("named", "nameless")


def _read_side(root: Path, version: str | None) -> str:
    side = Side.open(root, version)
    assert side.searching.search(side.rows.embeddings[1:2], 1, ef_search=10)[1].tolist() == [[1]]
    assert all(column.to_pylist()[:2] == ["red", "blue"] for column in side.rows.columns.values())
    return side.rows.titles[0]


def _read_profiles(root: Path, version: str | None) -> str:
    profiles = BatchProfiles(root, version)
    (name,) = profiles.popular()
    for user in ("ann", "ben"):
        assert same(profiles.profile(user), profile(user, f"pin-{name}-{user}"))
    profiles.close()
    return name


def publish_faultily(kind: str, root: str, name: str, strike: tuple[str, str, int]) -> str:
    _strike(kind, root, strike)
    return _unless_refused(lambda: publish_one(kind, Path(root), name))


def go_to_faultily(kind: str, root: str, version: str, strike: tuple[str, str, int]) -> str:
    _strike(kind, root, strike)
    return _unless_refused(lambda: folder_of(kind, Path(root)).make_current(version))


def prune_faultily(kind: str, root: str, strike: tuple[str, str, int]) -> str:
    _strike(kind, root, strike)
    return _unless_refused(lambda: folder_of(kind, Path(root)).prune(1))


def block_faultily(root: str, pin_id: str, strike: tuple[str, str, int]) -> str:
    _strike("list", root, strike)
    return _unless_refused(lambda: takedown_writing.block(Path(root), [Block(pin_id)]))


def unblock_faultily(root: str, pin_id: str, strike: tuple[str, str, int]) -> str:
    _strike("list", root, strike)
    return _unless_refused(lambda: takedown_writing.unblock(Path(root), [pin_id]))


def put_cut_short(profiles: str, fault: str, seed: int) -> str:
    """Put eight records into an online file that may hardly grow; those acknowledged are lines of a file."""
    draw, folder = chance("online", fault, seed), Path(profiles)
    writer = LmdbOnlineWriter(folder)
    n_bytes = (folder / ONLINE_FOLDER / ONLINE_FILE).stat().st_size
    refused = 0
    with (
        open(folder / ACKNOWLEDGED, "ab", buffering=0) as acknowledged,
        faults.limited(fault, draw.randrange(2 * PAGE, n_bytes + 4 * PAGE)),
    ):
        for user in range(8):
            try:
                writer.put(
                    online(f"user-{user}", *(f"pin-{seed}-{at}" for at in range(draw.randint(1, 150))))
                )
                acknowledged.write(f"{user}\n".encode())
            except ProfileStoreError:
                refused += 1
    writer.close()
    return "refused" if refused else "done"


def _strike(kind: str, root: str, strike: tuple[str, str, int]) -> None:
    step, fault, seed = strike
    faults.put_into(step, fault, root, chance(kind, step, fault, seed))


def _unless_refused(act: Callable[[], object]) -> str:
    try:
        act()
    except PublishError:
        return "refused"
    except TakedownError as error:
        return "refused" if str(error).endswith("It is as it was.") else "not durable"
    return "done"


def open_untouched(kind: str, root: str) -> str:
    """Open the live version, which is damaged: neither FAISS nor Arrow nor LMDB may be shown any of it."""

    def shown(*_: object, **__: object) -> None:
        raise RuntimeError("a damaged version reached the library that would have read it")

    Hnsw.open = shown  # type: ignore[method-assign,assignment]
    readers = {np: "load", np.lib.format: "open_memmap", pa: "memory_map", pa.ipc: "open_file", batch: "Hold"}
    for module, name in readers.items():
        setattr(module, name, shown)
    return open_capped(kind, root)


def open_capped(kind: str, root: str) -> str:
    """Open the live version with 512 MB of address space beside what there is already."""
    n_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + _CAP_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))
    try:
        return f"opened named {read_one(kind, Path(root))}"
    except (ArtefactError, ProfileStoreError):
        return "refused"
    except AssertionError:
        return "answered otherwise"
