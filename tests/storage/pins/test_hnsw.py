"""The index: built, written, opened, searched."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from storage.errors import DamagedArtefactError
from storage.pins import hnsw
from storage.pins.hnsw import Hnsw, HnswSearch
from storage.pins.scoring import exact_search
from tests.storage.pins.worlds import cloud, compass, index_of


def test_it_holds_the_vectors_it_was_given() -> None:
    """In float16, without any loss against what is stored beside it."""
    world = cloud(100, 24)
    index = index_of(world)
    assert (len(index), index.dimension) == (100, 24)
    np.testing.assert_array_equal(index.stored(20, 50), world.rows.embeddings[20:70])


def test_a_saved_index_answers_as_before(tmp_path: Path) -> None:
    """Mapped into memory instead of built, so that all workers of a machine share one copy."""
    world = cloud(500, 24)
    index = index_of(world)
    index.save(tmp_path / "i")
    opened = Hnsw.open(tmp_path / "i")
    assert str(tmp_path / "i") in Path("/proc/self/maps").read_text()
    queries = world.rows.embeddings[:50]
    np.testing.assert_array_equal(
        opened.nearest(queries, 10, ef_search=64), index.nearest(queries, 10, ef_search=64)
    )


@pytest.mark.parametrize("worse", [{"m": 2, "ef_construction": 100}, {"m": 16, "ef_construction": 2}])
def test_more_links_chosen_with_more_care_find_more(worse: dict[str, int]) -> None:
    """M and efConstruction both reach the graph."""
    pool = cloud(1_000, 24).rows.embeddings
    exact = exact_search(pool[:100], pool, 10)[1]

    def recall(**parameters: int) -> float:
        index = Hnsw.empty(24, **parameters)
        index.add(pool, threads=1)
        found = index.nearest(pool[:100], 10, ef_search=10)
        return float(np.mean([np.isin(a, b).mean() for a, b in zip(found, exact, strict=True)]))

    assert recall(**worse) < recall(m=16, ef_construction=100) - 0.1


def test_its_answers_are_those_of_exact_search() -> None:
    """With an efSearch as large as the pool."""
    world = cloud(400, 24)
    pool = world.rows.embeddings
    scores, rows = HnswSearch(index_of(world), pool).search(pool[:50], 20, ef_search=400)
    exact_scores, exact_rows = exact_search(pool[:50], pool, 20)
    assert rows.tolist() == exact_rows.tolist()
    np.testing.assert_array_equal(scores, exact_scores)


def test_a_graph_that_leads_nowhere_falls_back_to_exact_search() -> None:
    """FAISS pads with -1 what it did not reach; a caller always gets k rows."""

    class Disconnected(Hnsw):
        def nearest(self, queries: NDArray[np.float16], k: int, *, ef_search: int) -> NDArray[np.int64]:
            rows = super().nearest(queries, k, ef_search=ef_search)
            rows[0, 1:] = -1
            return rows

    world = compass()
    whole = index_of(world)
    broken = Disconnected(whole._index)
    # 91, which is near and outside the pool, is no answer here either.
    queries = world.rows.embeddings[8:10]
    scores, rows = HnswSearch(broken, world.rows.embeddings).search(queries, 5, ef_search=64)
    expected_scores, expected = HnswSearch(whole, world.rows.embeddings).search(queries, 5, ef_search=64)
    assert rows.tolist() == expected.tolist()
    assert rows.max() < world.n_indexed
    np.testing.assert_array_equal(scores, expected_scores)


@pytest.mark.parametrize("ef_search", [1, 10, 200])
def test_ef_search_is_always_passed_and_never_below_k(
    monkeypatch: pytest.MonkeyPatch, ef_search: int
) -> None:
    """FAISS's own default is 16, whatever was set before."""
    passed: list[int] = []

    def spy(*, efSearch: int) -> Any:
        passed.append(efSearch)
        return real(efSearch=efSearch)

    real = hnsw.faiss.SearchParametersHNSW
    monkeypatch.setattr(hnsw.faiss, "SearchParametersHNSW", spy)
    world = compass()
    index_of(world).nearest(world.rows.embeddings[:1], 10, ef_search=ef_search)
    assert passed == [max(ef_search, 10)]


def test_searching_uses_one_thread_in_whatever_thread() -> None:
    """OpenMP counts for each calling thread: a search after a build sets it back."""
    world = compass()
    index = index_of(world)
    faiss.omp_set_num_threads(2)
    index.nearest(world.rows.embeddings, 3, ef_search=16)
    assert faiss.omp_get_max_threads() == 1


@pytest.fixture
def limits_kept() -> Iterator[None]:
    """Fails a test that leaves FAISS's limits, which are the whole process's, other than it found them."""
    found = _limits()
    _set_limits(10**9, 10**6)
    yield
    left = _limits()
    _set_limits(*found)
    assert left == (10**9, 10**6)


def _limits() -> tuple[int, int]:
    return (
        hnsw.faiss.get_deserialization_vector_byte_limit(),
        hnsw.faiss.get_deserialization_loop_limit(),
    )


def _set_limits(vector_bytes: int, loops: int) -> None:
    hnsw.faiss.set_deserialization_vector_byte_limit(vector_bytes)
    hnsw.faiss.set_deserialization_loop_limit(loops)


@pytest.mark.usefixtures("limits_kept")
def test_no_vector_in_a_file_may_be_larger_than_the_file(tmp_path: Path) -> None:
    """A lie about a length is refused before memory is taken."""
    n = 200
    index_of(cloud(n, 24)).save(tmp_path / "honest")
    honest = (tmp_path / "honest").read_bytes()
    # The header's number of vectors comes first, then the length of HNSW's levels.
    levels = honest.index(n.to_bytes(8, "little"), honest.index(n.to_bytes(8, "little")) + 8)
    (tmp_path / "lie").write_bytes(honest[:levels] + (10**6).to_bytes(8, "little") + honest[levels + 8 :])
    with pytest.raises(
        DamagedArtefactError, match=r"/lie cannot be read by FAISS: .*vector_byte_limit.*levels"
    ):
        Hnsw.open(tmp_path / "lie")


@pytest.mark.usefixtures("limits_kept")
def test_a_file_cannot_keep_faiss_busy(tmp_path: Path) -> None:
    """Counts in a file, here of transforms, are refused before they are looped over."""
    chain = faiss.IndexPreTransform(faiss.RandomRotationMatrix(4, 4), faiss.IndexFlatIP(4))
    chain.prepend_transform(faiss.RandomRotationMatrix(4, 4))
    faiss.write_index(chain, str(tmp_path / "chain"))
    with pytest.raises(DamagedArtefactError, match=r"/chain cannot be read by FAISS: .*loop_limit"):
        Hnsw.open(tmp_path / "chain")


@pytest.mark.parametrize(
    "other",
    [
        faiss.IndexFlatIP(4),
        hnsw.faiss.IndexHNSWSQ(4, hnsw.faiss.ScalarQuantizer.QT_fp16, 8, faiss.METRIC_L2),
    ],
    ids=["flat", "squared distance"],
)
def test_another_kind_of_index_is_refused(tmp_path: Path, other: faiss.Index) -> None:
    """Only what this software writes is searched."""
    faiss.write_index(other, str(tmp_path / "other"))
    with pytest.raises(DamagedArtefactError, match="/other is not an HNSW index by inner product"):
        Hnsw.open(tmp_path / "other")


def test_a_full_disk_is_an_error() -> None:
    """FAISS's own writer would lose what did not fit into the last buffer, in silence."""
    with pytest.raises(OSError, match="No space left on device"):
        index_of(compass()).save(Path("/dev/full"))
