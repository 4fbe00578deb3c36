"""A request's filter, checked against the columns of the artefact served: every broken rule is told."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from pinnersage.v1 import recommender_pb2 as pb
from server.limits import LIMITS
from storage.pins.filters import AnyOf, ColumnKind, Condition, Equals, Filter, NoneOf, Within

Report = Callable[[str, str], None]
Kinds = Mapping[str, ColumnKind]

# Timestamp's own range: the years 1 to 9999. Times in milliseconds lie far beyond it.
EARLIEST_S, LATEST_S = -62_135_596_800, 253_402_300_799

_TESTS = {
    "any_of": ColumnKind.TEXT,
    "none_of": ColumnKind.TEXT,
    "within": ColumnKind.TIME,
    "equals": ColumnKind.BOOLEAN,
}


def read_filter(message: pb.Filter, kinds: Kinds, report: Report) -> Filter:
    """The filter asked for; of no use when anything was reported.

    Args:
        message: As it came.
        kinds: The artefact's filter columns.
        report: Takes a field and what is wrong with it.
    """
    n, at_most = len(message.conditions), LIMITS.filter_conditions
    if not 1 <= n <= at_most:
        report("filter.conditions", f"has {n:,} entries; allowed are 1 to {at_most}")
    conditions = [
        condition
        for at, each in enumerate(message.conditions[: at_most + 1])
        if (condition := _read_condition(each, f"filter.conditions[{at}]", kinds, report)) is not None
    ]
    _check_contradictions(conditions, report)
    return Filter(tuple(conditions))


def _read_condition(message: pb.Condition, field: str, kinds: Kinds, report: Report) -> Condition | None:
    test = message.WhichOneof("test")
    if test is None:
        report(field, f"needs one of {', '.join(_TESTS)}")
        return None
    kind = kinds.get(message.column)
    if kind is None:
        report(f"{field}.column", _unknown(message.column, kinds))
        return None
    if kind is not _TESTS[test]:
        right = " or ".join(name for name, of in _TESTS.items() if of is kind)
        report(f"{field}.{test}", f"is for {_TESTS[test]}; the column {message.column!r} is {kind}: {right}")
        return None
    return _READ[test](message, f"{field}.{test}", report)


def _unknown(column: str, kinds: Kinds) -> str:
    if not kinds:
        return (
            "the artefact has no filter columns: name them under [filters] in dataset.toml, or with "
            "--filter-column, and build it again"
        )
    known = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
    return f"is {column[: LIMITS.id_bytes]!r}; the artefact's filter columns are {known}"


def _read_any_of(message: pb.Condition, field: str, report: Report) -> Condition:
    return AnyOf(message.column, _values(message.any_of, field, report))


def _read_none_of(message: pb.Condition, field: str, report: Report) -> Condition:
    return NoneOf(message.column, _values(message.none_of, field, report))


def _read_equals(message: pb.Condition, _field: str, _report: Report) -> Condition:
    return Equals(message.column, message.equals)


def _read_within(message: pb.Condition, field: str, report: Report) -> Condition:
    ends = {
        name: getattr(message.within, name) for name in ("since", "before") if message.within.HasField(name)
    }
    if not ends:
        report(field, "needs since, before or both")
    for name, end in ends.items():
        if not EARLIEST_S <= end.seconds <= LATEST_S:
            report(f"{field}.{name}", f"is {end.seconds} seconds from 1970: outside the years 1 to 9999")
    since_s, before_s = (_whole_s(ends.get(name)) for name in ("since", "before"))
    if since_s is not None and before_s is not None and since_s >= before_s:
        report(field, "since is not earlier than before: nothing would pass")
    return Within(message.column, since_s, before_s)


_READ = {
    "any_of": _read_any_of,
    "none_of": _read_none_of,
    "within": _read_within,
    "equals": _read_equals,
}


def _values(message: pb.Values, field: str, report: Report) -> tuple[str, ...]:
    n, at_most = len(message.values), LIMITS.filter_values
    if not 1 <= n <= at_most:
        report(f"{field}.values", f"has {n:,} entries; allowed are 1 to {at_most}")
    return tuple(message.values[:at_most])


def _whole_s(time: Timestamp | None) -> int | None:
    """The first whole second that is not before `time`: pins' times have no fractions."""
    return None if time is None else time.seconds + (time.nanos > 0)


def _check_contradictions(conditions: Sequence[Condition], report: Report) -> None:
    """Two conditions that each can hold, and never together: most likely not what was meant."""
    by_column: dict[str, list[Condition]] = defaultdict(list)
    for condition in conditions:
        by_column[condition.column].append(condition)
    for column, several in by_column.items():
        if len(several) > 1 and _contradict(several):
            report("filter.conditions", f"those on {column!r} contradict each other: nothing would pass")


def _contradict(conditions: Sequence[Condition]) -> bool:
    since = [each.since_s for each in conditions if isinstance(each, Within) and each.since_s is not None]
    before = [each.before_s for each in conditions if isinstance(each, Within) and each.before_s is not None]
    if since and before:
        return max(since) >= min(before)
    wanted = [set(each.values) for each in conditions if isinstance(each, AnyOf)]
    unwanted = [set(each.values) for each in conditions if isinstance(each, NoneOf)]
    if wanted:
        return not set.intersection(*wanted).difference(*unwanted)
    return len({each.value for each in conditions if isinstance(each, Equals)}) > 1
