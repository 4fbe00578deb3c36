"""A pool's index is built once; what is half written, damaged or another pool's is never used."""

from pathlib import Path

import numpy as np
import pytest

from evaluation.indexes import INDEX, CachedIndex, IndexParameters, cached_index
from process.progress import Reporter
from storage.errors import DamagedArtefactError
from storage.pins.hnsw import Hnsw
from tests.evaluation.town import circle

QUIET = Reporter(quiet=True)
PARAMETERS = IndexParameters(m=8, ef_construction=20)


def cached(folder: Path, *, turned: int = 0, parameters: IndexParameters = PARAMETERS) -> CachedIndex:
    """The index of a circle of pins, of which the first comes after `turned` others."""
    return cached_index(np.roll(circle(), turned, axis=0), folder, parameters, QUIET)


@pytest.fixture
def no_building(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, building fails."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("built again")

    monkeypatch.setattr(Hnsw, "empty", fail)


def test_it_holds_the_pool(tmp_path: Path) -> None:
    """Row by row, and says what building took."""
    index = cached(tmp_path)
    assert Hnsw.open(index.file).stored(0, len(circle())).tolist() == circle().tolist()
    assert index.build_s > 0


def test_a_second_run_builds_nothing(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """It gets the first one's file, and hears what that took."""
    first = cached(tmp_path)
    request.getfixturevalue("no_building")
    assert cached(tmp_path) == first


def test_other_vectors_have_an_index_of_their_own(tmp_path: Path) -> None:
    """The same vectors in another order are another pool; so are other parameters of the graph."""
    files = {
        cached(tmp_path).file,
        cached(tmp_path, turned=1).file,
        cached(tmp_path, parameters=IndexParameters(m=4, ef_construction=20)).file,
    }
    assert len(files) == 3


def test_an_index_of_other_vectors_is_refused(tmp_path: Path) -> None:
    """However it came by the name."""
    wanted, other = cached(tmp_path).file.parent, cached(tmp_path, turned=1).file.parent
    wanted.rename(tmp_path / "aside")
    other.rename(wanted)
    with pytest.raises(DamagedArtefactError, match=r"an index of other vectors. Delete it and run again"):
        cached(tmp_path)


def test_a_damaged_index_is_refused(tmp_path: Path) -> None:
    """One bit of difference; the message says what to delete, and that is enough."""
    file = cached(tmp_path).file
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)
    with pytest.raises(DamagedArtefactError, match=rf"{INDEX} .* Delete {file.parent}\.") as refusal:
        cached(tmp_path)
    assert str(refusal.value).startswith("the cached index is damaged: ")


@pytest.mark.parametrize("name", [INDEX, "manifest.json"])
def test_an_index_with_a_part_missing_is_refused(tmp_path: Path, name: str) -> None:
    """Whichever part it is."""
    (cached(tmp_path).file.parent / name).unlink()
    with pytest.raises(DamagedArtefactError, match="the cached index is damaged"):
        cached(tmp_path)


def test_a_build_that_is_killed_leaves_no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped while it writes; the next run builds as if it had never been."""

    def killed(_: Hnsw, path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Hnsw, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            cached(tmp_path)
    assert len(Hnsw.open(cached(tmp_path).file)) == len(circle())


def test_of_two_builds_at_once_the_first_to_finish_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second finds the first one's index in place, uses it, and takes its own away."""
    save, overtaking = Hnsw.save, [1, 0]

    def save_late(index: Hnsw, path: Path) -> None:
        save(index, path)
        if overtaking.pop(0):
            monkeypatch.setattr("os.getpid", lambda: 1)
            cached(tmp_path)

    monkeypatch.setattr(Hnsw, "save", save_late)
    second = cached(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [second.file.parent.name]
