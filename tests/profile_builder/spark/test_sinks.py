"""Parts come together as one batch, whatever was written twice, and only where they can be."""

import platform
from pathlib import Path

import pytest

from profile_builder.errors import UsageError
from profile_builder.spark.sinks import FolderSink, gathered, merged, this_machine
from profile_builder.spark.targets import folder_target
from storage.errors import PublishError, PublishLockedError
from storage.profiles.encoding import EncodedUser
from storage.profiles.opening import open_batch_publisher

USERS = [
    EncodedUser(user_id=f"user-{number:02}", profile=b"p" if number % 3 else None, seen=b"s")
    for number in range(30)
]


def test_parts_are_merged_in_order(tmp_path: Path) -> None:
    """As one process would have built them; a part that was written twice is there once."""
    sink = FolderSink(tmp_path, this_machine())
    written = [sink.write(part, USERS[part::4]) for part in (2, 0, 3, 1, 2)]
    assert list(merged({tmp_path / each["file"] for each in written})) == USERS
    assert len(list(tmp_path.iterdir())) == 4


def test_an_executor_elsewhere_is_refused(tmp_path: Path) -> None:
    """On another machine, or in a container without the folder: it is named, with what to do."""
    for sink in (FolderSink(tmp_path, "another"), FolderSink(tmp_path / "not here", this_machine())):
        with pytest.raises(
            UsageError, match=f"an executor on {platform.node()} cannot write into the folder"
        ):
            sink.require_reachable()
        with pytest.raises(UsageError, match=r"or give --profiles redis://"):
            sink.write(0, USERS)


def test_one_batch_at_a_time_uses_the_folder_for_parts(tmp_path: Path) -> None:
    """What a killed one left is taken away; afterwards nothing of it is there."""
    parts = tmp_path / "spark-parts"
    parts.mkdir()
    (parts / "part-00000.arrow").write_bytes(b"of a batch that was killed")
    publisher = open_batch_publisher(str(tmp_path))
    with folder_target(publisher, tmp_path):
        assert list(parts.iterdir()) == []
        with (
            pytest.raises(PublishLockedError, match="another Spark batch"),
            folder_target(publisher, tmp_path),
        ):
            pass
    assert not parts.exists()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    """Before any work is done."""
    (tmp_path / "profiles").write_text("a file")
    publisher = open_batch_publisher(str(tmp_path))
    with (
        pytest.raises(PublishError, match="cannot be written to"),
        folder_target(publisher, tmp_path / "profiles"),
    ):
        pass


def test_what_parts_wrote_into_a_redis_adds_up() -> None:
    """In any order, to the digest of all records."""
    parts = [
        {"keys": 2, "bytes": 10, "digest": f"{2**255:064x}"},
        {"keys": 1, "bytes": 5, "digest": f"{2**255 + 3:064x}"},
    ]
    there, back = gathered(parts), gathered(reversed(parts))
    assert (there.n_keys, there.n_bytes, there.digest.hex()) == (3, 15, f"{3:064x}")
    assert back.digest.hex() == there.digest.hex()
