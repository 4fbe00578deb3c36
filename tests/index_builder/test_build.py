"""The build as a whole: from a file to a live version, twice the same, and nothing half done."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from index_builder import build as building
from index_builder.build import BuildPolicy, Built, build
from index_builder.hnsw import HnswParameters
from index_builder.refining import Refinement
from storage import publication
from storage.errors import DamagedArtefactError, DataError, PublishError, TooManyRejectsError
from storage.manifests import identity
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.hnsw import Storage
from storage.pins.port import NO_ROW
from storage.pins.verifying import verify_version
from storage.pins.writing import write_pins
from storage.publishing import read_manifest
from tests.index_builder.tables import QUIET, circle, vectors, write, write_circle

POLICY = BuildPolicy(
    refinement=Refinement(near_duplicate_cosine=float(np.cos(np.deg2rad(5)))),
    hnsw=HnswParameters(m=8, ef_construction=40, threads=2),
)


def run(pins: Path, root: Path, policy: BuildPolicy = POLICY) -> Built:
    return build(
        pins,
        "circle-1",
        pin_versions(root),
        rejects_path=root / "rejects.jsonl",
        policy=policy,
        reporter=QUIET,
    )


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    """36 pins ten degrees apart, a twin of one, one of low quality near another, a bad row."""
    angles = [*range(0, 360, 10), 91, 182, 45]
    return write(
        tmp_path / "pins.parquet",
        pin_id=[*(f"{angle}N" for angle in angles[:-1]), "45N"],
        embedding=vectors(np.concatenate([circle(angles[:-1]), [[0, 0]]])),
        title=[f"{angle}°" for angle in angles],
        quality=pa.array([0.9] * 36 + [0.8, 0.1, 0.9], pa.float32()),
    )


def test_a_file_becomes_a_live_version(pins: Path, tmp_path: Path) -> None:
    """Everything of it is there, and the deep check finds nothing wrong."""
    root = tmp_path / "artefact"
    built = run(pins, root)
    assert built.published.version == pin_versions(root).current()
    verify_version(root)
    artefact = PinArtefact.open(root)
    assert artefact.embedding_space.name == "circle-1"
    assert (artefact.n_pins, artefact.n_indexed) == (38, 36)
    twin, weak = artefact.rows(["91N", "182N"])
    assert artefact.pin_ids(artefact.representatives[[twin, weak]]) == ["90N", "180N"]
    assert artefact.titles(np.array([twin])) == ["91°"]
    assert artefact.row("45N") == NO_ROW


def test_the_manifest_tells_the_whole_story(pins: Path, tmp_path: Path) -> None:
    """Counts, parameters, libraries and what was measured."""
    run(pins, tmp_path / "artefact")
    manifest = PinArtefact.open(tmp_path / "artefact").manifest
    counts = manifest.counts
    assert (counts.read, counts.low_quality, counts.near_duplicates, counts.indexed) == (39, 1, 1, 36)
    assert counts.rejected == {"zero vector": 1}
    assert (manifest.parameters.m, manifest.parameters.storage) == (8, "float16")
    assert set(manifest.libraries) == {"faiss-cpu", "numpy"}
    assert manifest.measured.k == 35
    assert [at.recall for at in manifest.measured.at] == [1.0, 1.0, 1.0]


def test_the_same_input_is_the_same_version(pins: Path, tmp_path: Path) -> None:
    """Here and in another folder, whatever threads did to the graph; and nothing is written twice."""
    root = tmp_path / "artefact"
    first, again, elsewhere = run(pins, root), run(pins, root), run(pins, tmp_path / "other")
    assert again.published.already_live
    assert first.published.version == again.published.version == elsewhere.published.version
    assert len(pin_versions(root).versions()) == 1
    manifests = [read_manifest(built.published.folder) for built in (first, elsewhere)]
    assert identity(manifests[0]) == identity(manifests[1])


def test_the_same_rows_in_another_order_are_the_same_version(tmp_path: Path) -> None:
    """Good ones and bad ones: a table has no order."""
    pin_ids = ["0N", "90N", "zero", "180N", "", "270N", "broken"]
    rows = [*circle([0, 90]).tolist(), [0, 0], *circle([180, 190, 270]).tolist(), [np.nan, 0]]
    versions = set()
    for name, step in (("forward", 1), ("backward", -1)):
        path = write(tmp_path / name, pin_id=pin_ids[::step], embedding=vectors(rows[::step]))
        built = run(path, tmp_path / f"{name}-artefact", replace(POLICY, max_reject_share=0.5))
        versions.add(built.published.version)
    assert len(versions) == 1


def test_one_thread_builds_the_same_bytes(pins: Path, tmp_path: Path) -> None:
    """Then even the graph is the same."""
    policy = replace(POLICY, hnsw=replace(POLICY.hnsw, threads=1))
    files = [
        read_manifest(run(pins, tmp_path / name, policy).published.folder)["files"] for name in ("one", "two")
    ]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    "policy",
    [
        replace(POLICY, hnsw=replace(POLICY.hnsw, m=16)),
        replace(POLICY, hnsw=replace(POLICY.hnsw, ef_construction=50)),
        replace(POLICY, hnsw=replace(POLICY.hnsw, storage=Storage.INT8)),
        replace(POLICY, refinement=replace(POLICY.refinement, quality_threshold=0.4)),
    ],
    ids=["M", "efConstruction", "storage", "quality threshold"],
)
def test_another_parameter_is_another_version(pins: Path, tmp_path: Path, policy: BuildPolicy) -> None:
    """Even one that changed no file but the graph."""
    root = tmp_path / "artefact"
    run(pins, root)
    assert not run(pins, root, policy).published.already_live
    assert len(pin_versions(root).versions()) == 2


def test_the_graph_is_built_as_told(pins: Path, tmp_path: Path) -> None:
    """More links a node make a larger file."""

    def graph_bytes(m: int) -> int:
        policy = replace(POLICY, hnsw=replace(POLICY.hnsw, m=m))
        return (run(pins, tmp_path / f"{m}", policy).published.folder / "hnsw.faiss").stat().st_size

    assert graph_bytes(8) < graph_bytes(32)


@pytest.mark.parametrize("storage", list(Storage))
def test_every_storage_is_verified_and_answers(pins: Path, tmp_path: Path, storage: Storage) -> None:
    """The manifest says which, and the deep check knows how near int8 must be."""
    run(pins, tmp_path / "a", replace(POLICY, hnsw=replace(POLICY.hnsw, storage=storage)))
    verify_version(tmp_path / "a")
    artefact = PinArtefact.open(tmp_path / "a")
    assert artefact.manifest.parameters.storage == storage.value
    found = artefact.search(artefact.embeddings[:5], 1, ef_search=36)[1]
    assert found[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_one_pin_is_enough(tmp_path: Path) -> None:
    """It finds itself."""
    run(write_circle(tmp_path / "p.parquet", [7]), tmp_path / "artefact")
    verify_version(tmp_path / "artefact")
    artefact = PinArtefact.open(tmp_path / "artefact")
    assert artefact.search(artefact.embeddings, 5, ef_search=16)[1].tolist() == [[0]]


class TestFailure:
    """What goes wrong leaves the live version as it was."""

    @pytest.fixture
    def root(self, pins: Path, tmp_path: Path) -> Path:
        run(pins, tmp_path / "artefact")
        return tmp_path / "artefact"

    @pytest.fixture(autouse=True)
    def still_live(self, root: Path) -> object:
        live = pin_versions(root).current()
        yield
        assert pin_versions(root).current() == live
        assert verify_version(root).version == live
        assert len(pin_versions(root).versions()) == 1

    def test_bad_rows_beyond_the_share_allowed(self, root: Path, tmp_path: Path) -> None:
        """They are listed where the message says."""
        path = write(tmp_path / "bad.parquet", pin_id=["a", "b"], embedding=vectors([[1.0, 0.0], [0.0, 0.0]]))
        with pytest.raises(TooManyRejectsError, match=rf"listed in {root}/rejects\.jsonl"):
            run(path, root)
        assert '"reason": "zero vector"' in (root / "rejects.jsonl").read_text()

    def test_no_pin_left(self, root: Path, tmp_path: Path) -> None:
        """All of low quality."""
        path = write_circle(tmp_path / "bad.parquet", [0], quality=pa.array([0.1], pa.float32()))
        with pytest.raises(DataError, match="no pin is left to index"):
            run(path, root)

    def test_a_full_disk(self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """While the largest file is written."""

        def link_to_full(draft: Any) -> None:
            create(draft)
            (root / ".draft" / "embeddings.npy").symlink_to("/dev/full")

        create = publication.PREPARE[1]
        monkeypatch.setattr(
            publication, "PREPARE", (publication.PREPARE[0], link_to_full, *publication.PREPARE[2:])
        )
        message = rf"cannot publish into {root}: No space left on device\. The live version there: 000001-"
        with pytest.raises(PublishError, match=message):
            run(write_circle(tmp_path / "p.parquet", [0, 90]), root)
        assert ".draft" not in os.listdir(root)

    def test_what_cannot_be_read_back_is_not_published(
        self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A writer's bug is met before anything is live."""

        def write_wrongly(folder: Path, *arguments: Any) -> None:
            write_pins(folder, *arguments)
            (folder / "representative.npy").write_bytes(b"")

        monkeypatch.setattr(building, "write_pins", write_wrongly)
        with pytest.raises(DamagedArtefactError, match=r"representative\.npy cannot be read"):
            run(write_circle(tmp_path / "p.parquet", [0, 90]), root)
