"""RELIABILITY 2 and 22: a damaged artefact is never served, and no header makes a reader allocate."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from storage.errors import ArtefactError
from storage.manifests import MANIFEST, describe_files, encode_manifest, identity
from storage.pins.layout import COLUMNS, EMBEDDINGS, FILES, INDEX, REPRESENTATIVE
from storage.pins.layout import PINS as PIN_IDS
from storage.profiles.lmdb.batch import FILE as PROFILE_FILE
from tests.reliability import actions
from tests.reliability.actions import folder_of, publish_one, read_one
from tests.reliability.damages import DAMAGES, Damage, lying
from tests.reliability.shares import chance, seeds
from tests.reliability.zygote import Zygote

pytestmark = pytest.mark.reliability

EVERY_FILE = [
    *((actions.PINS, name) for name in (MANIFEST, *FILES, COLUMNS)),
    *((actions.SIDE, name) for name in (MANIFEST, PIN_IDS, EMBEDDINGS, REPRESENTATIVE, COLUMNS, INDEX)),
    *((actions.PROFILES, name) for name in (MANIFEST, PROFILE_FILE)),
]


# Pins carry golden queries. Of the others a checksum says only that they are what the builder wrote. Golden
# queries let one answer in fifty be another: where one vector of an index is wrong, its own pin is not found.
_MAY_BE_OTHERWISE = {each for each in EVERY_FILE if each[0] != actions.PINS} | {(actions.PINS, INDEX)}


def rewrite(path: Path, content: bytes) -> None:
    """A new file, as a disk would give it back to whoever opens it: no map of the old one changes."""
    path.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize("damage", DAMAGES, ids=[damage.__name__ for damage in DAMAGES])
@pytest.mark.parametrize(("kind", "name"), EVERY_FILE)
def test_a_damaged_file_is_refused_before_any_library_sees_it(
    tmp_path: Path, zygote: Zygote, tally: Counter[tuple[str, ...]], *, kind: str, name: str, damage: Damage
) -> None:
    """Of every file of both artefacts; the version before, named, answers all the while."""
    publish_one(kind, tmp_path, "good")
    publish_one(kind, tmp_path, "bad")
    good, bad = folder_of(kind, tmp_path).versions()
    root = folder_of(kind, tmp_path).root
    path = root / bad.name / name
    whole, other = path.read_bytes(), (root / good.name / name).read_bytes()
    assert other != whole, "nothing would be spliced"
    for seed in seeds(200):
        content = damage(whole, other, chance(kind, name, damage.__name__, seed))
        ended = "unchanged"
        if content != whole:
            rewrite(path, content)
            ended = zygote.run("open_untouched", kind, str(tmp_path))
        tally[kind, name, damage.__name__, ended] += 1
        assert ended in {"refused", "unchanged"}, f"seed {seed}"
    assert read_one(kind, tmp_path, good.name) == "good"


@pytest.mark.parametrize(("kind", "name"), EVERY_FILE)
def test_a_header_that_lies_under_a_right_checksum_allocates_nothing(
    tmp_path: Path, zygote: Zygote, tally: Counter[tuple[str, ...]], *, kind: str, name: str
) -> None:
    """A broken builder sealed it. With 512 MB there is an answer or a sentence, never a crash."""
    publish_one(kind, tmp_path, "sealed")
    folder = folder_of(kind, tmp_path).folder()
    whole, manifest = (folder / name).read_bytes(), json.loads((folder / MANIFEST).read_bytes())
    for seed in seeds(1_000):
        if name == MANIFEST:
            sealed = _lying_manifest(whole, seed)
        else:
            rewrite(folder / name, lying(whole, whole, chance(name, seed)))
            files = describe_files(path for path in folder.iterdir() if path.name != MANIFEST)
            sealed = {**manifest, "files": files}
        folder = _seal(folder, sealed)
        # What it is named may be what was changed: then that is its name.
        ended = zygote.run("open_capped", kind, str(tmp_path)).partition(" named ")[0]
        tally[kind, name, "lying under a right checksum", ended] += 1
        may_be = {"refused", "opened", *(["answered otherwise"] if (kind, name) in _MAY_BE_OTHERWISE else [])}
        assert ended in may_be, f"seed {seed}"


def _seal(folder: Path, manifest: dict[str, object]) -> Path:
    """Publish the folder under this manifest, with the name that goes with it."""
    rewrite(folder / MANIFEST, encode_manifest(manifest))
    try:
        tag = identity(manifest)[:8]
    except (KeyError, AttributeError, TypeError):
        tag = "00000000"
    named = folder.rename(folder.with_name(f"000001-{tag}"))
    (folder.parent / "CURRENT").write_text(named.name)
    return named


def _lying_manifest(whole: bytes, seed: int) -> dict[str, object]:
    """One value somewhere in it becomes another."""
    draw = chance(MANIFEST, seed)
    manifest: dict[str, object] = json.loads(whole)
    place: Any = manifest
    while True:
        key = draw.choice(list(place) if isinstance(place, dict) else list(range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or draw.random() < 0.2:
            break
        place = place[key]
    place[key] = draw.choice([2**40, -1, 2**63, 1e300, "x", None, [], {}, [[]], "../../etc/passwd"])
    return manifest


@pytest.mark.parametrize(
    "content", [b"[" * 1_000_000, b'{"a":' * 100_000, b"1" * 1_000_000, b" " * (64 << 20)]
)
def test_a_manifest_that_is_a_bomb_is_refused(tmp_path: Path, content: bytes) -> None:
    """Nested beyond all depth, a number of a million digits, or far longer than any manifest."""
    publish_one(actions.PINS, tmp_path, "bomb")
    rewrite(folder_of(actions.PINS, tmp_path).folder() / MANIFEST, content)
    with pytest.raises(ArtefactError, match=r"manifest\.json"):
        read_one(actions.PINS, tmp_path)
