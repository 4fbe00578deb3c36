"""The candidate cache: least recently used goes first, and the budget is in real bytes."""

import tracemalloc

import numpy as np

from server.candidate_cache import CandidateCache, CandidateList, pin_id_of
from server.encoding import encode_list


def a_list(medoid: str, k: int = 200, wanted: int | None = None) -> CandidateList:
    pin_ids = [b"pin-%08d" % i for i in range(k)]
    rows, scores = np.arange(k), np.linspace(1, 0, k, dtype=np.float32)
    return encode_list(rows, pin_ids, scores, medoid_pin_id=medoid, wanted=wanted or k)


def test_the_least_recently_used_list_goes_first() -> None:
    """A list that was asked for stays; the one nobody asked for makes room."""
    one = a_list("a").size_bytes
    cache = CandidateCache(2 * one + 100)
    cache.put(("v", "a"), a_list("a"))
    cache.put(("v", "b"), a_list("b"))
    cache.get(("v", "a"), 200)
    cache.put(("v", "c"), a_list("c"))

    assert [cache.get(("v", each), 200) is not None for each in "abc"] == [True, False, True]
    assert cache.size_bytes <= 2 * one + 100


def test_a_narrower_list_never_replaces_a_wider_one() -> None:
    """Whoever comes last, the wider list stays."""
    cache = CandidateCache(1_000_000)
    cache.put(("v", "a"), a_list("a", 400))
    cache.put(("v", "a"), a_list("a", 200))

    kept = cache.get(("v", "a"), 400)
    assert kept is not None
    assert len(kept) == 400


def test_a_list_can_be_cut_to_what_fewer_would_have_been() -> None:
    """The nearest, and as many asked for; a list of a small pool stays the whole of it where it fits."""
    cut = a_list("a", 400).first(200)
    assert (len(cut), cut.wanted, cut.is_whole_pool) == (200, 200, False)
    assert len(cut.scores) == len(cut.elements) == 200

    whole = a_list("a", 150, wanted=400)
    assert whole.first(200).is_whole_pool
    assert not whole.first(100).is_whole_pool
    assert whole.first(800) is whole


def test_a_list_larger_than_the_budget_is_not_kept() -> None:
    """An oversized list is served by its caller and not kept; nothing is thrown out for it."""
    cache = CandidateCache(a_list("a").size_bytes + 10)
    cache.put(("v", "a"), a_list("a"))
    cache.put(("v", "b"), a_list("b", 400))

    assert cache.get(("v", "a"), 200) is not None
    assert len(cache) == 1


def test_another_version_of_the_artefact_is_another_key() -> None:
    """A list of one artefact version is never served for another."""
    cache = CandidateCache(1_000_000)
    cache.put(("v1", "a"), a_list("a"))

    assert cache.get(("v2", "a"), 200) is None


def test_the_size_is_what_the_memory_really_costs() -> None:
    """The accounted bytes are within 10 % of what the interpreter allocates for the lists."""
    cache = CandidateCache(100_000_000)
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    for i in range(200):
        cache.put(("version", f"medoid-{i}"), a_list(f"medoid-{i}"))
    after = tracemalloc.take_snapshot()
    tracemalloc.stop()
    allocated = sum(change.size_diff for change in after.compare_to(before, "filename"))

    assert 0.9 <= cache.size_bytes / allocated <= 1.1


def test_a_replaced_version_goes_from_the_cache_and_no_other() -> None:
    """However many lists there are of it; room is what the rest leaves."""
    cache = CandidateCache(10_000_000)
    for medoid in range(150):
        for version in ("old", "new"):
            cache.put((version, medoid), a_list(str(medoid), 10))
    cache.forget("old")

    assert {cache.get(("old", medoid), 0) for medoid in range(150)} == {None}
    assert len(cache) == 150
    assert cache.size_bytes == sum(a_list(str(medoid), 10).size_bytes for medoid in range(150))


def test_the_hottest_are_those_asked_for_last() -> None:
    """Of one version, latest first, as many as fit half of the budget; a medoid comes as its field."""
    cache = CandidateCache(8 * a_list("a").size_bytes)
    for medoid in "abcd":
        cache.put(("v", medoid), a_list(medoid))
    cache.put(("w", "e"), a_list("e"))
    cache.get(("v", "b"), 200)

    assert [(pin_id_of(medoid), wanted) for medoid, wanted in cache.hottest("v").items()] == [
        ("b", 200),
        ("d", 200),
        ("c", 200),
    ]
