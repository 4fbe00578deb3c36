"""What a child of the zygote does: publishes, reads, is killed."""

import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np

from storage.errors import ArtefactError, PublishError
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.hnsw import Hnsw
from storage.profiles.lmdb import batch
from storage.profiles.lmdb.batch import BatchProfiles, batch_folder
from storage.profiles.lmdb.publisher import LmdbBatchPublisher
from storage.publishing import VersionedFolder
from tests.reliability import faults
from tests.reliability.shares import chance
from tests.storage.pins import worlds
from tests.storage.profiles.people import encoded, manifest, profile, same

PINS, PROFILES = "pins", "profiles"
_CAP_BYTES = 512 << 20

faiss.omp_set_num_threads(1)


def folder_of(kind: str, root: Path) -> VersionedFolder:
    return pin_versions(root) if kind == PINS else batch_folder(root)


def publish_one(kind: str, root: Path, name: str) -> None:
    """Publish a small artefact that says its name."""
    if kind == PINS:
        worlds.publish(root, worlds.compass(), change=lambda made: replace(made, libraries={"named": name}))
    else:
        users = [encoded(user, f"pin-{name}-{user}") for user in ("ann", "ben")]
        LmdbBatchPublisher(root).publish(users, [name], manifest)


def read_one(kind: str, root: Path, version: str | None = None) -> str:
    """Open a version with every check, ask it something, and return its name."""
    if kind == PINS:
        pins = PinArtefact.open(root, version)
        assert pins.pin_ids(pins.search(pins.embeddings[9:10], 1, ef_search=10)[1][0]) == ["90N"]
        pins.close()
        return pins.manifest.libraries.get("named", "nameless")
    profiles = BatchProfiles(root, version)
    (name,) = profiles.popular()
    for user in ("ann", "ben"):
        assert same(profiles.profile(user), profile(user, f"pin-{name}-{user}"))
    profiles.close()
    return name


def publish(kind: str, root: str, name: str) -> str:
    publish_one(kind, Path(root), name)
    return "published"


def publish_faultily(kind: str, root: str, name: str, strike: tuple[str, str, int]) -> str:
    _strike(kind, root, strike)
    return _unless_refused(lambda: publish_one(kind, Path(root), name))


def go_to_faultily(kind: str, root: str, version: str, strike: tuple[str, str, int]) -> str:
    _strike(kind, root, strike)
    return _unless_refused(lambda: folder_of(kind, Path(root)).make_current(version))


def _strike(kind: str, root: str, strike: tuple[str, str, int]) -> None:
    step, fault, seed = strike
    faults.put_into(step, fault, root, chance(kind, step, fault, seed))


def _unless_refused(act: Callable[[], object]) -> str:
    try:
        act()
    except PublishError:
        return "refused"
    return "published"


def open_untouched(kind: str, root: str) -> str:
    """Open the live version, which is damaged: neither FAISS nor Arrow nor LMDB may be shown any of it."""

    def shown(*_: object, **__: object) -> None:
        raise AssertionError("a damaged version reached the library that would have read it")

    Hnsw.open = shown  # type: ignore[method-assign,assignment]
    np.lib.format.open_memmap = shown  # type: ignore[assignment]
    setattr(batch, "Hold", shown)  # noqa: B010 - not exported, and so unknown to mypy
    return open_capped(kind, root)


def open_capped(kind: str, root: str) -> str:
    """Open the live version with 512 MB of address space beside what there is already."""
    n_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + _CAP_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))
    try:
        return f"opened {read_one(kind, Path(root))}"
    except ArtefactError:
        return "refused"
