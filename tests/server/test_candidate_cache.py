"""The candidate cache: about the least used goes first, and the budget is in real bytes."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from server.candidate_cache import CandidateCache
from server.candidate_lists import CandidateList, pin_id_of
from server.encoding import encode_list
from tests.allocating import allocated_bytes


def a_list(medoid: str, k: int = 200, wanted: int | None = None) -> CandidateList:
    pin_ids = [b"pin-%08d" % i for i in range(k)]
    rows, scores = np.arange(k), np.linspace(1, 0, k, dtype=np.float32)
    return encode_list(rows, pin_ids, scores, medoid_pin_id=medoid, wanted=wanted or k)


def got(cache: CandidateCache, version: str, medoid: int | str, at_least: int) -> CandidateList | None:
    return cache.get_each(version, [medoid], at_least)[0]


def test_the_least_recently_used_list_goes_first() -> None:
    """A list that was asked for stays; the one nobody asked for makes room."""
    one = a_list("a").size_bytes
    cache = CandidateCache(2 * one + 100)
    cache.put("v", "a", a_list("a"))
    cache.put("v", "b", a_list("b"))
    got(cache, "v", "a", 200)
    cache.put("v", "c", a_list("c"))

    assert [got(cache, "v", each, 200) is not None for each in "abc"] == [True, False, True]
    assert cache.size_bytes <= 2 * one + 100


def test_a_narrower_list_never_replaces_a_wider_one() -> None:
    """Whoever comes last, the wider list stays."""
    cache = CandidateCache(1_000_000)
    cache.put("v", "a", a_list("a", 400))
    cache.put("v", "a", a_list("a", 200))

    kept = got(cache, "v", "a", 400)
    assert kept is not None
    assert len(kept) == 400


def lowered(medoid: str, k: int) -> CandidateList:
    return replace(a_list(medoid, k), lowered=True)


def widths(cache: CandidateCache, *, also_lowered: bool) -> list[int | None]:
    """How long the list is that whoever wants so many gets."""
    found = [
        cache.get_each("v", ["a"], at_least, also_lowered=also_lowered)[0] for at_least in (200, 400, 800)
    ]
    return [None if each is None else len(each) for each in found]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (2, 0, 1), (0, 2, 1), (1, 2, 0)])
def test_a_list_of_a_lower_ef_never_takes_the_place_of_another(order: tuple[int, ...]) -> None:
    """Whichever comes first. What it serves besides it serves under pressure; it goes when that is none."""
    cache = CandidateCache(1_000_000)
    lists = a_list("a", 200), lowered("a", 400), lowered("a", 200)
    for at in order:
        cache.put("v", "a", lists[at])
    assert widths(cache, also_lowered=False) == [200, None, None]
    assert widths(cache, also_lowered=True) == [200, 400, None]
    assert cache.size_bytes == sum(each.size_bytes for each in lists[:2])

    cache.put("v", "a", a_list("a", 800))
    assert widths(cache, also_lowered=True) == widths(cache, also_lowered=False) == [800] * 3
    assert len(cache) == 1
    cache.put("v", "a", lowered("a", 800))
    assert len(cache) == 1


def test_a_medoid_of_two_lists_is_warmed_once_as_wide_as_the_wider() -> None:
    """A new version begins with what was asked for of both."""
    cache = CandidateCache(1_000_000)
    cache.put("v", "a", a_list("a", 200))
    cache.put("v", "a", lowered("a", 400))
    cache.get_each("v", ["a"], 200)

    assert [(pin_id_of(medoid), wanted) for medoid, wanted in cache.hottest("v").items()] == [("a", 400)]


def test_a_list_that_is_too_short_was_not_used() -> None:
    """It is asked for no more, and need not be spared."""
    cache = CandidateCache(1_000_000)
    for medoid in "ab":
        cache.put("v", medoid, a_list(medoid))
    got(cache, "v", "a", 400)
    got(cache, "v", "b", 200)

    assert [pin_id_of(medoid) for medoid in cache.hottest("v")] == ["b", "a"]


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
    cache.put("v", "a", a_list("a"))
    cache.put("v", "b", a_list("b", 400))

    assert got(cache, "v", "a", 200) is not None
    assert len(cache) == 1


def test_another_version_of_the_artefact_is_another_key() -> None:
    """A list of one artefact version is never served for another."""
    cache = CandidateCache(1_000_000)
    cache.put("v1", "a", a_list("a"))

    assert got(cache, "v2", "a", 200) is None


def test_the_size_is_what_the_memory_really_costs() -> None:
    """The accounted bytes are within 10 % of what the interpreter allocates for the lists."""
    cache = CandidateCache(100_000_000)

    def fill() -> None:
        for i in range(200):
            cache.put("version", f"medoid-{i}", a_list(f"medoid-{i}"))

    assert 0.9 <= allocated_bytes(fill) / cache.size_bytes <= 1.1


def test_a_replaced_version_goes_from_the_cache_and_no_other() -> None:
    """However many lists there are of it; room is what the rest leaves."""
    cache = CandidateCache(10_000_000)
    for medoid in range(150):
        for version in ("old", "new"):
            cache.put(version, medoid, a_list(str(medoid), 10))
    cache.keep_only("new")

    assert {got(cache, "old", medoid, 0) for medoid in range(150)} == {None}
    assert len(cache) == 150
    assert cache.size_bytes == sum(a_list(str(medoid), 10).size_bytes for medoid in range(150))


def test_a_replaced_version_stays_away() -> None:
    """A call still under way may search in it: that list is not kept, whether others were there or not."""
    cache = CandidateCache(1_000_000)
    cache.put("new", "a", a_list("a"))
    cache.keep_only("new")
    cache.put("old", "a", a_list("a"))
    cache.put("new", "b", a_list("b"))

    assert got(cache, "old", "a", 0) is None
    assert len(cache) == 2


def test_a_version_that_is_gone_back_to_is_kept_again() -> None:
    """From when it is expected: it is warmed before it is served, beside the one that still is."""
    cache = CandidateCache(1_000_000)
    for version, before in (("old", ""), ("new", "old"), ("old", "new")):
        cache.expect(version)
        cache.put(version, "warm", a_list("a"))
        cache.put(before, "late", a_list("a"))
        assert got(cache, version, "warm", 0) is not None
        cache.keep_only(version)
        cache.put(version, "later", a_list("b"))

    assert [got(cache, "old", medoid, 0) is not None for medoid in ("warm", "later")] == [True, True]
    assert len(cache) == 2


def test_a_list_is_spared_as_often_as_it_was_asked_for() -> None:
    """So those in use stay however many come, and what nobody asks for any more goes in its turn."""
    cache = CandidateCache(2 * a_list("a").size_bytes)
    cache.put("v", "a", a_list("a"))
    for _ in range(2):
        got(cache, "v", "a", 200)
    stayed = []
    for medoid in "bcdef":
        cache.put("v", medoid, a_list(medoid))
        stayed.append(any(pin_id_of(each) == "a" for each in cache.hottest("v")))

    assert stayed == [True, True, True, False, False]


def test_room_is_made_in_few_steps_however_many_lists_are_in_use() -> None:
    """A search waits for a handful of them, not for the whole cache to be looked through."""
    cache = CandidateCache(100 * a_list("a", 1).size_bytes)
    for medoid in range(100):
        cache.put("v", medoid, a_list("a", 1))
        got(cache, "v", medoid, 1)
    cache.put("v", 100, a_list("a", 1))

    assert [medoid for medoid in range(101) if got(cache, "v", medoid, 1) is None] == [16]


def test_the_version_with_most_lists_makes_room() -> None:
    """One that is being warmed keeps what it has, however busy the one is that it will replace."""
    cache = CandidateCache(10 * a_list("a").size_bytes)
    for medoid in range(4):
        cache.put("new", medoid, a_list("a"))
    for medoid in range(20):
        cache.put("old", medoid, a_list("a"))

    assert [got(cache, "new", medoid, 200) is not None for medoid in range(4)] == [True] * 4
    assert len(cache) == 10


def test_all_are_found_or_none() -> None:
    """A call whose lists are not all there, and wide enough, goes another way."""
    cache = CandidateCache(1_000_000)
    cache.put("v", 1, a_list("a"))
    cache.put("v", 2, a_list("b", 3, wanted=400))
    cache.put("v", 3, replace(a_list("c"), lowered=True))

    found = cache.get_all("v", [2, 1], 200)
    assert found is not None
    assert [pin_id_of(each.candidates.medoid) for each in found] == ["b", "a"]
    assert all(each.cache_hit for each in found)
    assert cache.get_all("v", [1], 201) is None
    assert cache.get_all("v", [2], 6_400) is not None
    assert cache.get_all("v", [3], 0) is None
    assert cache.get_all("v", [1, 4], 200) is None
    assert cache.get_all("w", [1], 200) is None


def test_the_hottest_are_those_asked_for_most() -> None:
    """Of one version, in the order they came where that is alike, as many as fit half of the budget."""
    cache = CandidateCache(7 * a_list("a").size_bytes)
    for medoid in "abcd":
        cache.put("v", medoid, a_list(medoid))
    cache.put("w", "e", a_list("e"))
    for medoid in "dcd":
        got(cache, "v", medoid, 200)

    assert [(pin_id_of(medoid), wanted) for medoid, wanted in cache.hottest("v").items()] == [
        ("d", 200),
        ("c", 200),
        ("a", 200),
    ]


def test_a_wider_list_is_as_hot_as_the_one_that_it_replaces() -> None:
    """It is the medoid that is asked for."""
    cache = CandidateCache(1_000_000)
    for medoid in "ab":
        cache.put("v", medoid, a_list(medoid))
        got(cache, "v", medoid, 200)
    got(cache, "v", "b", 200)
    cache.put("v", "b", a_list("b", 400))

    assert [pin_id_of(medoid) for medoid in cache.hottest("v")] == ["b", "a"]


@pytest.fixture
def _restless() -> Iterator[None]:
    """Threads that take turns all the time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_restless")
def test_calls_and_swaps_go_on_beside_each_other() -> None:
    """Any number of threads look, put and drop: nothing fails, and the bytes are those of what is there."""
    one, lists = a_list("a", 5).size_bytes, [a_list(str(medoid), 5) for medoid in range(40)]
    cache = CandidateCache(20 * one)

    def ask(seed: int) -> None:
        random = np.random.default_rng(seed)
        for number, chance in zip(
            random.integers(80, size=2_000).tolist(), random.random(2_000), strict=True
        ):
            version, medoid = "vw"[number % 2], number // 2
            if cache.get_all(version, [medoid], 5) is None:
                cache.put(version, medoid, lists[medoid])
            if chance < 0.005:
                cache.hottest(version)
                cache.keep_only(version)
                cache.expect("v" if chance < 0.0025 else "w")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(ask, range(4)))

    held = [got(cache, version, medoid, 5) for version in "vw" for medoid in range(40)]
    assert cache.size_bytes == sum(each.size_bytes for each in held if each is not None) <= 20 * one
