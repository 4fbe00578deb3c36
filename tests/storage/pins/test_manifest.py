"""The pin manifest to and from JSON."""

import json

import pytest

from storage.errors import DamagedArtefactError
from storage.pins.layout import FILES
from storage.pins.manifest import Measured, Measurement, PinManifest
from storage.publishing import Manifest
from tests.storage.pins.worlds import compass, index_of, manifest_of


@pytest.fixture
def manifest() -> PinManifest:
    return manifest_of(compass(), index_of(compass()))


def stored(manifest: PinManifest) -> Manifest:
    """What a reader gets back from the file."""
    content: Manifest = json.loads(json.dumps(manifest.to_json()))
    return content | {"files": {name: {} for name in FILES}}


def test_what_was_written_is_read(manifest: PinManifest) -> None:
    """Every part of it, measurements included."""
    at = (Measurement(ef_search=134, recall=0.99, mean_us=250.0, p99_us=400.5),)
    manifest = PinManifest(
        embedding_space=manifest.embedding_space,
        counts=manifest.counts,
        parameters=manifest.parameters,
        libraries=manifest.libraries,
        golden=manifest.golden,
        measured=Measured(k=134, n_queries=200, at=at),
    )
    assert PinManifest.from_json(stored(manifest), where="here") == manifest


def test_another_kind_is_refused(manifest: PinManifest) -> None:
    """Somebody swapped --pins and --profiles."""
    content = stored(manifest) | {"kind": "profiles"}
    with pytest.raises(DamagedArtefactError, match=r"^here holds profiles, not pins: is it the right folder"):
        PinManifest.from_json(content, where="here")


@pytest.mark.parametrize("part", ["counts", "embedding_space", "observed", "parameters", "libraries"])
def test_a_missing_part_is_named(manifest: PinManifest, part: str) -> None:
    """Rather than a KeyError somewhere else."""
    content = stored(manifest)
    del content[part]
    with pytest.raises(DamagedArtefactError, match=f"the manifest in here lacks a part: '{part}'"):
        PinManifest.from_json(content, where="here")


def test_a_file_it_does_not_list_is_missed(manifest: PinManifest) -> None:
    """A version is all of its five files."""
    content = stored(manifest) | {"files": {name: {} for name in FILES[1:]}}
    with pytest.raises(DamagedArtefactError, match=r"lacks a part: 'pins\.arrow'"):
        PinManifest.from_json(content, where="here")
