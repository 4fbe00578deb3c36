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
from storage.pins.hnsw import Hnsw, HnswSearch, Storage
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

    def recall(m: int, ef_construction: int) -> float:
        index = Hnsw.empty(24, m=m, ef_construction=ef_construction)
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


@pytest.mark.parametrize(("k", "ef_search"), [(1, 1), (10, 16), (10, 200), (200, 200)])
def test_its_answers_are_those_of_the_bounded_queue(
    monkeypatch: pytest.MonkeyPatch, k: int, ef_search: int
) -> None:
    """Which of its two queues FAISS searches by is a matter of time alone."""
    world = cloud(2_000, 24)
    index, queries = index_of(world), world.rows.embeddings[::10]
    found = index.nearest(queries, k, ef_search=ef_search)
    monkeypatch.setattr(hnsw, "_parameters", lambda ef: hnsw.faiss.SearchParametersHNSW(efSearch=ef))
    bounded = index.nearest(queries, k, ef_search=ef_search)
    np.testing.assert_array_equal(np.sort(found), np.sort(bounded))


def test_a_graph_that_leads_nowhere_falls_back_to_exact_search() -> None:
    """FAISS pads with -1 what it did not reach; a caller always gets k rows."""

    class Disconnected(Hnsw):
        def nearest(
            self,
            queries: NDArray[np.float16],
            k: int,
            *,
            ef_search: int,
            bitmap: NDArray[np.uint8] | None = None,
        ) -> NDArray[np.int64]:
            rows = super().nearest(queries, k, ef_search=ef_search, bitmap=bitmap)
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
    world = compass()
    index = index_of(world)
    passed: list[int] = []
    search = index._index.search

    def spy(queries: object, k: int, *, params: Any) -> Any:
        passed.append(params.efSearch)
        return search(queries, k, params=params)

    monkeypatch.setattr(index._index, "search", spy)
    index.nearest(world.rows.embeddings[:1], 10, ef_search=ef_search)
    index.nearest(world.rows.embeddings[:1], 10, ef_search=ef_search, bitmap=np.full(100, 255, np.uint8))
    assert passed == [max(ef_search, 10)] * 2


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


def stored_as(storage: Storage, pool: NDArray[np.float16]) -> Hnsw:
    index = Hnsw.empty(pool.shape[1], m=16, ef_construction=100, storage=storage)
    index.learn_range(pool)
    index.add(pool, threads=1)
    return index


@pytest.mark.parametrize("storage", list(Storage))
class TestStorage:
    """Whatever an element is stored as."""

    def test_it_survives_a_file(self, tmp_path: Path, storage: Storage) -> None:
        """Mapped or to be added to, it answers as before and knows what it is."""
        pool = cloud(300, 24).rows.embeddings
        index = stored_as(storage, pool)
        index.save(tmp_path / "i")
        for to_add in (False, True):
            opened = Hnsw.open(tmp_path / "i", to_add=to_add)
            assert opened.storage == storage
            np.testing.assert_array_equal(
                opened.nearest(pool[:20], 10, ef_search=64), index.nearest(pool[:20], 10, ef_search=64)
            )

    def test_one_read_to_be_added_to_grows(self, tmp_path: Path, storage: Storage) -> None:
        """What comes later is found beside what was there."""
        pool = cloud(300, 24).rows.embeddings
        index = Hnsw.empty(24, m=16, ef_construction=100, storage=storage)
        index.learn_range(pool)
        index.add(pool[:200], threads=1)
        index.save(tmp_path / "i")
        opened = Hnsw.open(tmp_path / "i", to_add=True)
        opened.add(pool[200:], threads=1)
        assert opened.holds(0, pool).all()
        assert opened.nearest(pool, 1, ef_search=64)[:, 0].tolist() == list(range(300))

    def test_it_tells_its_vectors_from_others(self, storage: Storage) -> None:
        """Row by row, by a step of int8; of a dimension without any range, too."""
        pool = cloud(300, 24).rows.embeddings.copy()
        pool[:, 3] = 0.25
        index = stored_as(storage, pool)
        assert index.holds(0, pool).all()
        other = pool[100:200].copy()
        other[7, 5] += np.float16(0.01)
        other[9, 3] += np.float16(0.01)
        assert np.flatnonzero(~index.holds(100, other)).tolist() == [7, 9]

    def test_it_finds_what_exact_search_finds(self, storage: Storage) -> None:
        """What it found is scored by the float16 vectors: int8 may leave out, never misorder."""
        pool = cloud(1_000, 24).rows.embeddings
        search = HnswSearch(stored_as(storage, pool), pool)
        scores, rows = search.search(pool[:50], 10, ef_search=200)
        exact_scores, exact = exact_search(pool[:50], pool, 10)
        assert np.mean([np.isin(a, b).mean() for a, b in zip(rows, exact, strict=True)]) > 0.97
        assert (np.diff(scores, axis=1) <= 0).all()
        assert np.abs(scores - exact_scores).max() < 0.02


def test_int8_is_half_of_float16_and_that_half_of_float32(tmp_path: Path) -> None:
    """Links aside, of which there are the same number."""
    pool = cloud(500, 256).rows.embeddings
    sizes = {}
    for storage in Storage:
        stored_as(storage, pool).save(tmp_path / storage)
        sizes[storage] = (tmp_path / storage).stat().st_size
    assert sizes[Storage.FLOAT16] - sizes[Storage.INT8] == pytest.approx(500 * 256, rel=0.03)
    assert sizes[Storage.FLOAT32] - sizes[Storage.FLOAT16] == pytest.approx(500 * 512, rel=0.03)


def test_a_way_of_storing_that_nobody_writes_is_refused(tmp_path: Path) -> None:
    """An index of another tool, whose vectors could not be checked."""
    untyped: Any = faiss
    index = untyped.IndexHNSWSQ(8, untyped.ScalarQuantizer.QT_bf16, 8, untyped.METRIC_INNER_PRODUCT)
    faiss.write_index(index, str(tmp_path / "i"))
    with pytest.raises(DamagedArtefactError, match="is not an HNSW index by inner product"):
        Hnsw.open(tmp_path / "i")
