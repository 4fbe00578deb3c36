"""Bad rows are counted by reason and written out, and too many of them stop a build."""

import json
from pathlib import Path
from typing import Any

import pytest

from storage.errors import PublishError, TooManyRejectsError
from storage.rejects import Rejects


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_bad_row_is_counted_and_written_out(tmp_path: Path) -> None:
    """A person finds file, row, id, reason and value of each."""
    with Rejects(tmp_path / "deep" / "rejects.jsonl") as rejects:
        rejects.add(file="pins.parquet", row=3, reason="zero vector", pin_id="85123A")
        rejects.add(file="pins.parquet", row=7, reason="quality outside [0, 1]", pin_id="é", value=1.5)
        rejects.add(file="pins.parquet", row=9, reason="zero vector")
    assert rejects.counts == {"zero vector": 2, "quality outside [0, 1]": 1}
    assert lines_of(rejects.path)[:2] == [
        {"file": "pins.parquet", "row": 3, "id": "85123A", "reason": "zero vector", "value": None},
        {"file": "pins.parquet", "row": 7, "id": "é", "reason": "quality outside [0, 1]", "value": 1.5},
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
    ],
)
def test_the_file_is_valid_json_whatever_the_value(tmp_path: Path, value: str | float, shown: str) -> None:
    """JSON knows no NaN, and an over-long id does not make an over-long line."""
    with Rejects(tmp_path / "rejects.jsonl") as rejects:
        rejects.add(file="f", row=0, reason="r", pin_id="x" * 300, value=value)
    (line,) = lines_of(rejects.path)
    assert line["value"] == shown
    assert len(line["id"]) == 200


def test_a_share_that_is_allowed_passes(tmp_path: Path) -> None:
    """Exactly the share is still allowed, and nothing read is no problem of rejects."""
    with Rejects(tmp_path / "rejects.jsonl") as rejects:
        rejects.check(n_read=0, max_share=0.0)
        rejects.add(file="f", row=0, reason="r")
        rejects.check(n_read=10, max_share=0.1)


def test_ordinary_reasons_do_not_stop_a_build(tmp_path: Path) -> None:
    """They are counted and written, but not held against the input."""
    with Rejects(tmp_path / "rejects.jsonl") as rejects:
        rejects.add(file="f", row=0, reason="unknown pin")
        rejects.check(n_read=1, max_share=0.0, tolerated={"unknown pin"})
    assert rejects.counts == {"unknown pin": 1}


def test_too_many_stop_the_build_and_say_why(tmp_path: Path) -> None:
    """The message names the share, the most frequent reasons and the file, which is complete by then."""
    path = tmp_path / "rejects.jsonl"
    rejects = Rejects(path)
    for row, reason in enumerate(["a", "b", "b", "c", "c", "c", "d"]):
        rejects.add(file="f", row=row, reason=reason)
    with pytest.raises(TooManyRejectsError) as caught:
        rejects.check(n_read=40, max_share=0.05)
    assert str(caught.value) == (
        "7 of 40 rows (17.5%) were rejected, more than the 5.0% allowed: 3 x c, 2 x b, 1 x a. "
        f"They are listed in {path}. Mend the data, or allow a larger share (--max-reject-share)."
    )
    assert len(lines_of(path)) == 7


def test_not_all_rows_are_not_a_hundred_percent(tmp_path: Path) -> None:
    """The share is not rounded up to what it is not."""
    rejects = Rejects(tmp_path / "rejects.jsonl")
    rejects.count({"a": 1_999})
    with pytest.raises(TooManyRejectsError, match=r"^1,999 of 2,000 rows \(over 99\.9%\) were rejected"):
        rejects.check(n_read=2_000, max_share=0.05)


def test_a_file_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    """Known before any work is done."""
    (tmp_path / "file").touch()
    with pytest.raises(PublishError, match=r"cannot write the rejected rows to .*/file/rejects.jsonl: "):
        Rejects(tmp_path / "file" / "rejects.jsonl")


def test_a_full_disk_is_named() -> None:
    """Lines are buffered, so that the disk may say so as late as at the end."""
    rejects = Rejects(Path("/dev/full"))
    rejects.add(file="f", row=0, reason="r")
    with pytest.raises(PublishError, match="rejected rows to /dev/full: No space left on device"):
        rejects.close()
