"""Every row is used, or counted by the reason it was not; nothing depends on the rows' order."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_builder.reading import find_action_files, read_batches
from profile_builder.selecting import TEXTS, RowCounts, Selected, select
from profile_builder.window import Window
from storage.errors import TooManyRejectsError
from storage.rejects import Rejects
from tests.profile_builder.world import DAY_S, NEWEST_S, WEIGHTS, Act, make_pins, write_actions

WINDOW = Window(after_s=NEWEST_S - 90 * DAY_S, watermark_s=NEWEST_S, cut_s=NEWEST_S)
PINS = make_pins()


def selected_of(
    path: Path,
    rejects: Rejects,
    *,
    weights: dict[str, float] | None = WEIGHTS,
    window: Window = WINDOW,
    max_reject_share: float = 1.0,
) -> Selected:
    files = find_action_files(path)
    return select(
        read_batches(files, TEXTS),
        files,
        pins=PINS,
        window=window,
        weights=weights,
        rejects=rejects,
        max_reject_share=max_reject_share,
    )


def shown(selected: Selected) -> list[tuple[str, str, int, float]]:
    """The actions as (user, pin, days before the newest, weight), in the table's order."""
    return [
        (actions.user_id, pin_id, int(NEWEST_S - time_s) // DAY_S, weight)
        for actions in selected.actions
        for pin_id, time_s, weight in zip(
            PINS.pin_ids(actions.rows), actions.times_s.tolist(), actions.weights.tolist(), strict=True
        )
    ]


@pytest.fixture
def rejects(tmp_path: Path) -> Iterator[Rejects]:
    with Rejects(tmp_path / "rejects.jsonl") as rejects:
        yield rejects


def written(rejects: Rejects) -> list[dict[str, object]]:
    rejects.close()
    return [json.loads(line) for line in rejects.path.read_text().splitlines()]


def test_actions_ahead_of_the_clock_are_rejected(tmp_path: Path, rejects: Rejects) -> None:
    """As in an event stream, and by the same name; they are not what a later batch is going to count."""
    acts = [Act("ann", "cat-1", days=1), Act("ann", "cat-2", days=-1), Act("ann", "cat-3", days=-3)]
    window = replace(WINDOW, latest_s=NEWEST_S + 2 * DAY_S)
    selected = selected_of(write_actions(tmp_path / "a.parquet", acts), rejects, window=window)

    assert shown(selected) == [("ann", "cat-1", 1, 1.0)]
    assert selected.counts.after_watermark == 1
    (line,) = written(rejects)
    assert (line["row"], line["reason"], line["value"]) == (2, "time in the future", NEWEST_S + 3 * DAY_S)


def test_actions_are_laid_out_by_user_and_time(tmp_path: Path, rejects: Rejects) -> None:
    """Users in ascending order, each one's oldest first, with the weight of the action."""
    acts = [
        Act("ben", "bee-1", days=1, action="love"),
        Act("ann", "cat-2", days=1),
        Act("ann", "cat-1", days=3, action="look"),
        Act("ann", "cat-3", days=2, action="hide"),
    ]
    selected = selected_of(write_actions(tmp_path / "a.parquet", acts), rejects)

    assert shown(selected) == [
        ("ann", "cat-1", 3, 0.0),
        ("ann", "cat-3", 2, -1.0),
        ("ann", "cat-2", 1, 1.0),
        ("ben", "bee-1", 1, 3.0),
    ]
    assert selected.counts == RowCounts(read=4, used=4)


def test_rows_are_counted_by_why_they_are_left_out(tmp_path: Path, rejects: Rejects) -> None:
    """Not listed, too old, too new: ordinary, not rejected. 90 days old is too old; at W is in."""
    acts = [
        Act("ann", "cat-1", action="click"),
        Act("ann", "cat-1", action="click"),
        Act("ann", "cat-1", days=90),
        Act("ann", "cat-2", days=89.9),
        Act("ann", "cat-3", days=0),
        Act("ann", "cat-4", days=-0.1),
    ]
    selected = selected_of(write_actions(tmp_path / "a.parquet", acts), rejects)

    assert selected.counts == RowCounts(read=6, not_listed=2, before_window=1, after_watermark=1, used=2)
    assert [pin_id for _, pin_id, _, _ in shown(selected)] == ["cat-2", "cat-3"]
    assert written(rejects) == []


def test_without_weights_every_action_counts_one(tmp_path: Path, rejects: Rejects) -> None:
    """Also one that no table ever listed."""
    path = write_actions(tmp_path / "a.parquet", [Act("ann", "cat-1", action="click"), Act("ann", "cat-2")])
    assert [weight for *_, weight in shown(selected_of(path, rejects, weights=None))] == [1.0, 1.0]


def test_bad_rows_are_written_out_with_what_was_wrong(tmp_path: Path, rejects: Rejects) -> None:
    """File, row, pin, reason, value: each row for the first thing wrong with it."""
    path = tmp_path / "a.parquet"
    table = {
        "user_id": [None, "", "u" * 129, "ann", "ann", "ann", "ann", "ann", "ann", "ann", "ü" * 64],
        "pin_id": [
            "cat-1",
            "cat-1",
            "cat-1",
            None,
            "",
            "p" * 129,
            "cat-1",
            "cat-1",
            "cat-1",
            "dog-1",
            "cat-1",
        ],
        "timestamp": pa.array([NEWEST_S] * 6 + [None, -1, NEWEST_S * 1_000, NEWEST_S, NEWEST_S], pa.int64()),
        "action": ["save"] * 11,
    }
    pq.write_table(pa.table(table), path)
    selected = selected_of(path, rejects)

    assert [(line["row"], line["reason"], line["value"]) for line in written(rejects)] == [
        (0, "no user id", None),
        (1, "no user id", ""),
        (2, "user id over 128 bytes", "u" * 129),
        (3, "no pin id", None),
        (4, "no pin id", ""),
        (5, "pin id over 128 bytes", "p" * 129),
        (6, "no time", None),
        (7, "impossible time", -1),
        (8, "impossible time", NEWEST_S * 1_000),
        (9, "unknown pin", "dog-1"),
    ]
    assert {line["file"] for line in written(rejects)} == {str(path)}
    assert [user for user, *_ in shown(selected)] == ["ü" * 64]


@pytest.mark.parametrize("weights", [WEIGHTS, None])
def test_a_missing_action_is_a_bad_row(
    tmp_path: Path, rejects: Rejects, weights: dict[str, float] | None
) -> None:
    """It is not merely unlisted: somebody lost it."""
    lost = [Act("ann", "cat-1", action=action) for action in (None, "")]
    path = write_actions(tmp_path / "a.parquet", [*lost, Act("ann", "cat-2")])
    assert selected_of(path, rejects, weights=weights).counts == RowCounts(read=3, used=1)
    assert rejects.counts == {"no action": 2}


def test_a_user_of_unknown_pins_is_still_counted(tmp_path: Path, rejects: Rejects) -> None:
    """As one without any usable action."""
    path = write_actions(tmp_path / "a.parquet", [Act("dan", "dog-1"), Act("ann", "cat-1")])
    selected = selected_of(path, rejects)

    assert selected.actions.user_ids == ("ann", "dan")
    assert [len(actions) for actions in selected.actions] == [1, 0]


def test_too_many_bad_rows_stop_the_run(tmp_path: Path, rejects: Rejects) -> None:
    """Of the rows with a listed action; the message says the share, the reasons and the file."""
    acts = [
        Act(None, "cat-1"),
        *(Act("ann", f"cat-{i}") for i in range(9)),
        *[Act(None, None, action="x")] * 90,
    ]
    path = write_actions(tmp_path / "a.parquet", acts)

    with pytest.raises(TooManyRejectsError, match=r"1 of 10 rows \(10\.0%\) .* 1 x no user id") as refusal:
        selected_of(path, rejects, max_reject_share=0.09)
    assert str(rejects.path) in str(refusal.value)
    with Rejects(tmp_path / "again.jsonl") as again:
        assert selected_of(path, again, max_reject_share=0.1).counts.used == 9


def test_unknown_pins_do_not_stop_the_run(tmp_path: Path, rejects: Rejects) -> None:
    """Pins leave the artefact every day; a catalogue may hold but half of what people once saved."""
    acts = [Act("ann", f"dog-{i}") for i in range(99)]
    path = write_actions(tmp_path / "a.parquet", [*acts, Act("ann", "cat-1")])

    assert selected_of(path, rejects, max_reject_share=0.0).counts.used == 1
    assert rejects.counts == {"unknown pin": 99}


def test_an_event_without_an_id_counts_once(tmp_path: Path, rejects: Rejects) -> None:
    """Same user, pin, time and action; whatever differs in one of them is another event."""
    event = Act("ann", "cat-1", days=1)
    others = [
        Act("ben", "cat-1", days=1),
        Act("ann", "cat-2", days=1),
        Act("ann", "cat-1", days=2),
        Act("ann", "cat-1", days=1, action="love"),
    ]
    write_actions(tmp_path / "log" / "a.parquet", [event, *others])
    write_actions(tmp_path / "log" / "b.parquet", [others[0], event, event])
    selected = selected_of(tmp_path / "log", rejects)

    assert selected.counts.used == 5
    assert [
        (Path(str(line["file"])).name, line["row"], line["id"], line["reason"]) for line in written(rejects)
    ] == [
        ("b.parquet", 0, "cat-1", "duplicate event"),
        ("b.parquet", 1, "cat-1", "duplicate event"),
        ("b.parquet", 2, "cat-1", "duplicate event"),
    ]


def test_an_event_with_an_id_is_known_by_it(tmp_path: Path, rejects: Rejects) -> None:
    """Two ids are two events though all else is equal; one id is one event though all else differs."""
    acts = [
        Act("ann", "cat-1", event="e-1"),
        Act("ann", "cat-1", event="e-2"),
        Act("ann", "cat-2", days=3, event="e-3"),
        Act("ann", "cat-3", days=5, event="e-3"),
        Act("ann", "cat-4", event=""),
        Act("ann", "cat-4", event=None),
    ]
    path = write_actions(tmp_path / "a.parquet", acts, with_events=True)

    assert [pin_id for _, pin_id, _, _ in shown(selected_of(path, rejects))] == [
        "cat-3",  # the older of e-3
        "cat-1",
        "cat-1",
        "cat-4",
    ]
    assert rejects.counts == {"duplicate event": 2}


acts = st.builds(
    Act,
    user=st.sampled_from(["ann", "ben"]),
    pin=st.sampled_from(["cat-1", "cat-2", "car-1"]),
    days=st.integers(0, 2),
    action=st.sampled_from(["save", "love", "hide"]),
    event=st.sampled_from([None, "e-1", "e-2"]),
)


@given(st.data(), st.lists(acts, min_size=1, max_size=12))
def test_the_order_of_the_rows_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, in_order: list[Act]
) -> None:
    """Nor how they are spread over files: the same actions stay and lie in the same order."""
    shuffled = data.draw(st.permutations(in_order))
    cut = data.draw(st.integers(0, len(in_order)))

    def result(*files: Sequence[Act]) -> list[tuple[str, str, int, float]]:
        folder = tmp_path_factory.mktemp("actions")
        for i, part in enumerate(files):
            write_actions(folder / f"{i}.parquet", part, with_events=True)
        with Rejects(folder / "rejects.jsonl") as rejects:
            return shown(selected_of(folder, rejects))

    assert result(in_order) == result(shuffled[:cut], shuffled[cut:])
