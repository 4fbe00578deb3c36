"""Requests are read as the parser and the rules have it, and what is asked for again is read once."""

from collections.abc import Sequence
from dataclasses import fields
from types import ModuleType
from typing import Any, NoReturn

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pinnersage.v1 import recommender_pb2 as pb
from server.encoding import varint
from server.errors import InvalidRequestError
from server.limits import LIMITS
from server.reading import Reader, parse
from server.settings import MergePolicy
from server.validation import Defaults, Options, validate_recommend
from server.variants import Budget, Variant, Variants
from storage.hashes import hash_ids
from storage.pins.filters import ColumnKind
from tests.compiling import compiled_or_skip

VARIANTS = Variants(
    [
        Variant(name="few", share=0.3, max_interests=1, budget=Budget.BY_IMPORTANCE, lambda_per_day=0.1),
        Variant(name="near", share=0.3, min_score=0.5, merge_policy=MergePolicy.FUSED),
        Variant(name="by name"),
    ]
)
DEFAULTS = Defaults(variants=VARIANTS)
KINDS = {"country": ColumnKind.TEXT}
READER = Reader(DEFAULTS)


@pytest.fixture(scope="module")
def loop() -> ModuleType:
    """The compiled module."""
    return compiled_or_skip("server._reading")


def told(user_id: str, options: Options) -> dict[str, Any]:
    values = {each.name: getattr(options, each.name) for each in fields(options)}
    return {"user_id": user_id} | values | {"excluded": options.excluded.tolist()}


def as_it_is_read(serialised: bytes, reader: Reader = READER) -> object:
    """All that is asked for, or all that is wrong."""
    try:
        return told(*reader.recommend(serialised, KINDS))
    except InvalidRequestError as error:
        return error.violations


def as_it_is_defined(serialised: bytes) -> object:
    try:
        return told(*validate_recommend(parse(pb.RecommendRequest, serialised), DEFAULTS, KINDS))
    except InvalidRequestError as error:
        return error.violations


def serialised(**of_fields: Any) -> bytes:
    return pb.RecommendRequest(**of_fields).SerializeToString()


def text_field(number: int, value: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(value)) + value


def only(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """The bytes of a message that has nothing but this."""
    return values.map(lambda value: serialised(**{name: value}))


ids = (
    st.sampled_from(["ann", "ben", "cid", "", "naïve", "x" * 127, "x" * 128, "x" * 129, "ü" * 64]) | st.text()
)
from_france = pb.Filter(conditions=[pb.Condition(column="country", any_of=pb.Values(values=["fr"]))])
pieces = st.one_of(
    only("user_id", ids),
    only("exclude_pin_ids", st.lists(ids, max_size=4)),
    only("seed", st.integers(0, 2**64 - 1)),
    only("max_candidates", st.integers(0, 1_100)),
    only("max_interests", st.integers(0, 22)),
    only("min_score", st.sampled_from([0.0, -1.0, 0.25, 1.5, float("nan")])),
    only("merge_policy", st.integers(-1, 3)),
    only("variant", st.sampled_from(["few", "near", "by name", "unknown", "", "é"])),
    only("filter", st.sampled_from([from_france, pb.Filter()])),
)
tags = st.builds(lambda number, wire_type: number << 3 | wire_type, st.integers(0, 15), st.integers(0, 7))
numbers = st.integers(0, 2**64 - 1).map(varint)
# What no library writes: padded numbers, half texts, fields of other types and unknown ones.
odd_pieces = st.one_of(
    st.binary(max_size=12),
    st.builds(lambda tag, value: varint(tag) + value, tags, numbers | st.binary(max_size=6)),
    st.builds(text_field, st.integers(0, 15), st.binary(max_size=140)),
    st.builds(
        lambda tag, value, padding: bytes([tag]) + value[:-1] + bytes([value[-1] | 0x80]) + padding,
        st.sampled_from([5 << 3, 2 << 3, 7 << 3, 1 << 3 | 2, 4 << 3 | 2]),
        numbers,
        st.sampled_from(
            [b"\x00", b"\x80\x00", b"\x80" * 5 + b"\x00", b"\x80" * 10 + b"\x00", b"\x02", b"\x7f"]
        ),
    ),
)


@given(st.lists(pieces, max_size=8).map(b"".join), st.booleans())
@example(b"", True)
@example(serialised(user_id="x" * 127), True)
@example(serialised(exclude_pin_ids=["x" * 127]), False)
def test_however_it_is_read_a_request_asks_for_the_same(request: bytes, named: bool) -> None:
    """Right or wrong, whatever fields it has, in any order, some of them twice: the last one holds."""
    request = request if named else serialised(user_id="ann") + request
    assert as_it_is_read(request) == as_it_is_defined(request)


@given(st.lists(pieces | odd_pieces, max_size=6).map(b"".join))
@example(serialised(user_id="ann") + bytes([5 << 3]) + b"\xff" * 9 + b"\x01")
@example(serialised(user_id="ann") + bytes([5 << 3]) + b"\xff" * 9 + b"\x03")
@example(serialised(user_id="ann") + bytes([5 << 3]) + b"\x80" * 10 + b"\x00")
@example(serialised(user_id="ann") + bytes([2 << 3]) + b"\x85" + b"\x80" * 8 + b"\x7f")
@example(serialised(user_id="ann") + text_field(4, b"\xff"))
@example(serialised(user_id="ann") + text_field(9, b"\xff"))
@example(serialised(user_id="ann") + bytes([0, 0]))
@example(serialised(user_id="ann") + bytes([4 << 3 | 3, 4 << 3 | 4]))
@example(serialised(user_id="ann") + bytes([1 << 3 | 2, 0x83, 0x00]) + b"ben")
@example(serialised(user_id="ann") + bytes([0x8A, 0x00, 3]) + b"ben")
def test_no_bytes_are_read_as_what_they_are_not(request: bytes) -> None:
    """Whatever comes: the same is asked for, or refused in the same words."""
    request = serialised(user_id="ben") + request
    assert as_it_is_read(request) == as_it_is_defined(request)


WHOLE = serialised(
    user_id="ann", max_candidates=7, exclude_pin_ids=["a", "bb"], seed=300, min_score=0.5, variant="few"
)


def test_what_breaks_off_is_read_as_far_as_the_parser_reads_it() -> None:
    """At each byte."""
    for n in range(len(WHOLE)):
        assert as_it_is_read(WHOLE[:n]) == as_it_is_defined(WHOLE[:n])


@pytest.mark.parametrize("n", [0, 1, LIMITS.exclude_pin_ids, LIMITS.exclude_pin_ids + 1])
def test_up_to_the_limit_pins_are_excluded(n: int) -> None:
    """One more is refused, and the words are those of the rule."""
    request = serialised(user_id="ann", exclude_pin_ids=["cat-1"] * n)
    assert as_it_is_read(request) == as_it_is_defined(request)


def test_each_has_the_parameters_of_their_variant() -> None:
    """Whoever came first: what is kept is kept by variant; a named one goes first, the empty name is none."""
    reader = Reader(DEFAULTS)
    users = [f"user-{n}" for n in range(40)]
    assert {VARIANTS.of_user(user).name for user in users} == {"", "few", "near"}
    for fields_of_all in ({}, {"variant": "by name"}, {"variant": ""}, {"max_interests": 2}):
        for user in users:
            request = serialised(user_id=user, **fields_of_all)
            assert as_it_is_read(request, reader) == as_it_is_defined(request)


def test_a_request_is_taken_apart(loop: ModuleType) -> None:
    """Who, without what, by which seed; and the rest, which is all that is parsed."""
    user_id, excluded, seed, rest = loop.split(WHOLE)
    assert (user_id, excluded.tolist(), seed) == ("ann", hash_ids(["a", "bb"]).tolist(), 300)
    assert rest == serialised(max_candidates=7, min_score=0.5, variant="few")
    user_id, excluded, seed, rest = loop.split(serialised(user_id="ann"))
    assert (user_id, excluded.tolist(), seed, rest) == ("ann", [], None, b"")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"",
        serialised(seed=1),
        serialised(user_id="naïve"),
        serialised(user_id="x" * 128),
        serialised(user_id="ann", exclude_pin_ids=[""]),
        serialised(user_id="ann", exclude_pin_ids=["x"] * 2_001),
        serialised(user_id="ann", variant="x" * 127),
        serialised(user_id="ann", filter=from_france),
        b"\x0a\x03an",
        b"\x0a",
        b"\x0a\x03ann\x35\x00\x00\x00",
        b"\x0a\x03ann\x28",
    ],
)
def test_what_looks_unusual_is_left_to_the_parser(loop: ModuleType, request_bytes: bytes) -> None:
    """Nobody, other letters, long ids, more than is allowed, filters, half fields."""
    assert loop.split(request_bytes) is None


@pytest.mark.parametrize("nothing", [None, "ann", bytearray(b"ann"), memoryview(b"ann")])
def test_only_bytes_are_taken_apart(loop: ModuleType, nothing: object) -> None:
    """Nothing that somebody else could change meanwhile."""
    with pytest.raises(TypeError):
        loop.split(nothing)


@pytest.mark.usefixtures("loop")
def test_what_is_asked_for_again_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another user, with other exclusions and another seed; who asks for anything else is read anew."""
    reader = Reader(Defaults())
    reader.recommend(serialised(user_id="ann", max_candidates=7), KINDS)

    def read_again(*_: object, **__: object) -> NoReturn:
        raise LookupError

    monkeypatch.setattr("server.reading.validate_recommend", read_again)
    again = serialised(user_id="ben", exclude_pin_ids=["cat-1"], seed=2, max_candidates=7)
    user_id, options = reader.recommend(again, KINDS)
    assert (user_id, options.max_candidates, options.seed) == ("ben", 7, 2)
    assert options.excluded.tolist() == hash_ids(["cat-1"]).tolist()
    for other in (
        serialised(user_id="ann", max_candidates=8),
        serialised(user_id="ann", filter=from_france),
    ):
        with pytest.raises(LookupError):
            reader.recommend(other, KINDS)


def test_without_compiled_loops_the_same_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has no compiler is only slower."""
    requests: Sequence[bytes] = [WHOLE, serialised(), serialised(user_id="ann", max_candidates=0)]
    expected = [as_it_is_read(each) for each in requests]
    monkeypatch.setattr("server.reading._reading", None)
    assert [as_it_is_read(each) for each in requests] == expected
