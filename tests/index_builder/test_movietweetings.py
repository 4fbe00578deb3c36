"""The build on real films: text vectors of all, behaviour vectors of those with enough ratings."""

from pathlib import Path

import numpy as np
import pytest

from index_builder.build import BuildPolicy, Built, build
from index_builder.hnsw import HnswParameters
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.port import NO_ROW
from storage.pins.verifying import verify_version
from tests.index_builder.tables import QUIET

pytestmark = [pytest.mark.data, pytest.mark.slow]


def built_from(file: Path, root: Path) -> Built:
    return build(
        file,
        file.stem,
        pin_versions(root),
        rejects_path=root / "rejects.jsonl",
        policy=BuildPolicy(hnsw=HnswParameters(threads=2)),
        reporter=QUIET,
    )


@pytest.fixture(scope="module")
def text(movietweetings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artefact of the text vectors."""
    root = tmp_path_factory.mktemp("text")
    built_from(movietweetings / "pins_text384.parquet", root)
    return root


@pytest.fixture(scope="module")
def behaviour(movietweetings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artefact of the behaviour vectors."""
    root = tmp_path_factory.mktemp("behaviour")
    built_from(movietweetings / "pins_behaviour64.parquet", root)
    return root


def check(pins: PinArtefact) -> None:
    """Recall is that of a good graph, and each film outside the pool has a near one inside."""
    assert all(at.recall > 0.98 for at in pins.manifest.measured.at)
    rows = np.arange(pins.n_indexed, pins.n_pins)
    stand_ins = pins.representatives[rows]
    assert (stand_ins != NO_ROW).all()
    outside, inside = (pins.embeddings[at].astype(np.float64) for at in (rows, stand_ins))
    assert (np.einsum("nd,nd->n", outside, inside) > 0.979).all()


def test_text_vectors_of_all_films(text: Path) -> None:
    """Three titles come twice, and the two parts of Che differ in one word."""
    verify_version(text)
    pins = PinArtefact.open(text, checksums=False)
    assert (pins.n_pins, pins.embedding_space.dimension) == (12_611, 384)
    assert pins.manifest.counts.near_duplicates == 4
    check(pins)


def test_behaviour_vectors_of_rated_films(behaviour: Path) -> None:
    """Films that the same few people rated are one point: nearly half are represented by another."""
    verify_version(behaviour)
    pins = PinArtefact.open(behaviour, checksums=False)
    assert (pins.n_pins, pins.embedding_space.dimension) == (7_077, 64)
    assert pins.manifest.counts.near_duplicates == 3_001
    check(pins)


def test_a_sequel_is_near_its_film(text: Path) -> None:
    """A person sees at a glance that neighbours make sense."""
    pins = PinArtefact.open(text)
    titles = pins.titles(np.arange(pins.n_pins))
    row = next(row for row, title in enumerate(titles) if title.startswith("The Godfather ("))
    _, found = pins.search(pins.embeddings[row][np.newaxis], 10, ef_search=256)
    assert any("Godfather: Part II" in titles[other] for other in found[0])
