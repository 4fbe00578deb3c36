"""A folder in our format becomes a world; whatever could not be read is counted and written out."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from evaluation.data_set import world as world_module
from evaluation.data_set.period import Period
from evaluation.errors import EvaluationError
from storage.errors import DataError, TooManyRejectsError
from tests.evaluation.data_set.conftest import DAY_S, Shop, wheel_columns


def reasons(shop: Shop) -> list[tuple[int, str]]:
    lines = map(json.loads, shop.rejects.read_text().splitlines())
    return [(line["row"], line["reason"]) for line in lines]


@pytest.fixture
def tolerant(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a world of four pins one bad row is a quarter."""
    monkeypatch.setattr(world_module, "MAX_REJECT_SHARE", 0.9)


def test_actions_become_a_log_in_order_of_time(shop: Shop) -> None:
    """Users are numbered as they come, pins by their place; only a positive weight is positive."""
    log = shop.read().log
    columns = (log.times_s, log.users, log.rows, log.is_positive)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == [
        (5, 1, 0, True),
        (8 * DAY_S, 1, 1, True),
        (8 * DAY_S, 1, 2, False),
        (9 * DAY_S, 0, 3, True),
    ]


def test_vectors_get_unit_norm_and_titles_are_kept(shop: Shop) -> None:
    """However long they are in the file; a pin without a title goes by its id."""
    world = shop.read()
    assert world.vectors.tolist() == [[1, 0], [0, 1], [-1, 0], [0, -1]]
    assert world.vectors.dtype == np.float16
    assert world.titles == ["East", "north", "West", "South"]
    assert world.name == world.title == "wheel"
    assert world.note == ""


def test_pins_without_titles_go_by_their_ids(shop: Shop) -> None:
    """The column is optional, and a report still names its pins."""
    columns = wheel_columns()
    del columns["title"]
    shop.write_pins(columns)
    assert shop.read().titles == ["east", "north", "west", "south"]


def test_files_of_a_folder_are_one_pool(shop: Shop) -> None:
    """In order of their names; ids of fixed-size and of free lists alike."""
    (shop.folder / "pins.parquet").unlink()
    (shop.folder / "pins.parquet").mkdir()
    shop.write_pins(wheel_columns(), "pins.parquet/b.parquet")
    fixed = pa.array([[1.0, 1.0]], pa.list_(pa.float16(), 2))
    shop.write_pins({"pin_id": ["first"], "embedding": fixed}, "pins.parquet/a.parquet")
    assert shop.read().titles == ["first", "East", "north", "West", "South"]


def test_without_weights_every_action_is_positive(shop: Shop) -> None:
    """As everywhere else, an action then counts 1."""
    (shop.folder / "dataset.toml").write_text(
        'name = "wheel"\npins = "pins.parquet"\nactions = "actions.parquet"\nembedding_space = "wheel-1"\n'
    )
    assert shop.read().log.is_positive.all()


def test_an_unlisted_action_is_an_impression(shop: Shop) -> None:
    """A film rated low was seen and not liked, though nobody listed low ratings."""
    shop.write_actions(
        ("ann", "east", 5, "save"), ("ann", "west", 9 * DAY_S, "loathe"), ("ann", "north", 9 * DAY_S, "save")
    )
    assert shop.read().log.is_positive.tolist() == [True, True, False]


def test_an_event_twice_is_one(shop: Shop) -> None:
    """The same user, pin and time, liked both times."""
    shop.write_actions(*[("ann", "east", 5, "save")] * 2, ("ann", "north", 9 * DAY_S, "save"))
    assert len(shop.read().log) == 2


@pytest.mark.usefixtures("tolerant")
def test_bad_pins_are_written_out_with_their_reason(shop: Shop) -> None:
    """Each kind by its own; the good ones and their actions remain."""
    embeddings = [[0, 0], [float("nan"), 1], [1, 2, 3], None, [0, 1], [0, 1], [1, 1], [1, 0]]
    ids = ["zero", "nan", "three", "none", "north", "north", None, "east"]
    shop.write_pins({"pin_id": ids, "embedding": pa.array(embeddings, pa.list_(pa.float32()))})
    shop.write_actions(("ann", "east", 5, "save"), ("ann", "north", 9 * DAY_S, "save"))
    world = shop.read()
    assert reasons(shop) == [
        (0, "zero vector"),
        (1, "NaN or infinity in the embedding"),
        (2, "wrong dimension"),
        (3, "no embedding"),
        (5, "duplicate id"),
        (6, "no id"),
    ]
    assert world.vectors.tolist() == [[0, 1], [1, 0]]
    assert world.log.rows.tolist() == [1, 0]
    assert world.note == "Left out: 6 pins (see rejects.jsonl)."


@pytest.mark.usefixtures("tolerant")
def test_bad_actions_are_written_out_with_their_reason(shop: Shop) -> None:
    """An unknown pin, nobody, no time, milliseconds."""
    shop.write_actions(
        ("ann", "east", 5, "save"),
        ("ann", "up", 5, "save"),
        (None, "east", 5, "save"),
        ("ann", "east", None, "save"),
        ("ann", "east", 1_383_768_900_000, "save"),
        ("ann", "north", 9 * DAY_S, "save"),
    )
    world = shop.read()
    assert reasons(shop) == [
        (1, "unknown pin"),
        (2, "no user id"),
        (3, "no time, or an impossible one"),
        (4, "no time, or an impossible one"),
    ]
    assert len(world.log) == 2
    assert world.note == "Left out: 4 actions (see rejects.jsonl)."


def test_too_many_bad_rows_stop_it(shop: Shop) -> None:
    """A quarter of the pins is more than the twentieth allowed."""
    columns = wheel_columns()
    columns["pin_id"] = ["east", "east", "west", "south"]
    shop.write_pins(columns)
    with pytest.raises(TooManyRejectsError, match=r"1 of 4 rows \(25.0%\) were rejected.*duplicate id"):
        shop.read()


def test_unknown_pins_do_not_stop_it(shop: Shop) -> None:
    """Films without a vector are ordinary."""
    known = [("ann", "east", 5, "save"), ("ann", "north", 9 * DAY_S, "save")]
    shop.write_actions(*known, *[("ann", f"up-{n}", 9 * DAY_S, "save") for n in range(20)])
    assert len(shop.read().log) == 2


def test_a_data_set_without_actions_is_refused(shop: Shop) -> None:
    """Nobody's next action can be predicted from pins alone."""
    (shop.folder / "dataset.toml").write_text(
        'name = "wheel"\npins = "pins.parquet"\nembedding_space = "wheel-1"\n'
    )
    with pytest.raises(EvaluationError, match=r'wheel names no actions.*actions = "actions.parquet"'):
        shop.read()


def test_actions_that_nobody_liked_are_refused(shop: Shop) -> None:
    """It says where to look."""
    shop.write_actions(("ann", "east", 5, "look"))
    with pytest.raises(DataError, match=r"no action with a positive weight.*\[action_weights\]"):
        shop.read()


def test_pins_without_any_valid_are_refused(shop: Shop) -> None:
    """It says where the reasons are."""
    shop.write_pins({"pin_id": ["zero"], "embedding": pa.array([[0.0, 0.0]])})
    with pytest.raises(DataError, match=r"holds no valid pin.*rejects.jsonl"):
        shop.read()


def test_pins_without_any_embedding_are_refused(shop: Shop) -> None:
    """There is no dimension to go by."""
    shop.write_pins({"pin_id": ["a"], "embedding": pa.array([None], pa.list_(pa.float32()))})
    with pytest.raises(DataError, match="no embedding among its rows"):
        shop.read()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("embedding", ["text"] * 4, r"column 'embedding' is string; write it as a list of float16"),
        ("pin_id", [1, 2, 3, 4], r"column 'pin_id' is int64; write it as string"),
    ],
)
def test_a_column_of_the_wrong_type_is_named(shop: Shop, column: str, value: object, message: str) -> None:
    """With what to write instead."""
    shop.write_pins(wheel_columns() | {column: value})
    with pytest.raises(DataError, match=message):
        shop.read()


def test_the_last_days_are_judged_by_default(shop: Shop) -> None:
    """The data ends on day 9: one day of validation and one of test are days 8 and 9."""
    world = shop.read()
    assert list(world.validation) == [8]
    assert list(world.test) == [9]


def test_a_first_day_may_be_named(shop: Shop) -> None:
    """1970-01-02 is day 1, at 00:00 UTC."""
    world = shop.read(Period(test_from=date(1970, 1, 2), validation_days=3, test_days=5))
    assert world.test_from_s == DAY_S
    assert (list(world.validation), list(world.test)) == ([1, 2, 3], [4, 5, 6, 7, 8])


@pytest.mark.parametrize("day", [date(1970, 1, 1), date(2020, 1, 1), date(1970, 1, 3)])
def test_days_that_cannot_be_judged_are_refused(shop: Shop, day: date) -> None:
    """Nothing before them, or nothing on them; the data's own days and the flags are named."""
    ways = "--test-from, or fewer days: --validation-days .here 1. and --test-days .here 1."
    with pytest.raises(EvaluationError, match=f"actions are of 1970-01-01 to 1970-01-10.*{ways}"):
        shop.read(Period(test_from=day, validation_days=1, test_days=1))


@pytest.mark.slow
@pytest.mark.data
def test_real_films_become_a_world(movietweetings: Path, tmp_path: Path) -> None:
    """All 12,611 films and 141,695 ratings are read; light people have four interests at alpha."""
    shop = Shop(tmp_path)
    for file in ("dataset.toml", "actions.parquet", "pins_text384.parquet"):
        (tmp_path / file).symlink_to(movietweetings / file)
    world = shop.read(Period(test_from=date(2013, 8, 8), validation_days=30, test_days=60))
    assert (world.n_pins, len(world.log), int(world.log.is_positive.sum())) == (12_611, 141_695, 102_400)
    assert 1.4 < world.alpha < 1.6
    assert "have a median of 4 interests" in world.alpha_from
    assert world.note == ""
