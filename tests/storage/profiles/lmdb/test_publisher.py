"""A batch's file: the same records give the same bytes, and what cannot be written changes nothing."""

import resource
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from storage.errors import PublishError
from storage.profiles.encoding import EncodedUser, encode_popular
from storage.profiles.lmdb.batch import FILE, batch_folder
from storage.profiles.lmdb.publisher import LmdbBatchPublisher, write_users
from tests.storage.profiles.people import encoded, manifest


def many(n: int) -> Iterator[EncodedUser]:
    """Users with some 700 bytes each."""
    for i in range(n):
        yield EncodedUser(user_id=f"{i:08}", profile=b"%08d" % i * 40, seen=b"%08d" % i * 50)


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    """Also when there are so many that the map has to grow while they are written."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_users(tmp_path / name, many(30_000), encode_popular(["cat-1"]))

    assert (tmp_path / "a" / FILE).stat().st_size > 1 << 24
    assert digest(tmp_path / "a" / FILE) == digest(tmp_path / "b" / FILE)


def test_nothing_but_the_file_is_left_in_the_folder(tmp_path: Path) -> None:
    """No lock file, no spool: what is published is what is listed."""
    published = LmdbBatchPublisher(tmp_path).publish([encoded("ann", "cat-1")], [], manifest)
    assert {path.name for path in Path(published.place).iterdir()} == {FILE, "manifest.json"}


def test_pages_are_filled(tmp_path: Path) -> None:
    """Appending in order leaves little air: at most a third more than the records themselves."""
    write_users(tmp_path, many(5_000), encode_popular([]))
    assert (tmp_path / FILE).stat().st_size < 4 / 3 * 5_000 * (8 * 40 + 8 * 50 + 2 * 10)


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    """The process may write no more than some kilobytes: LMDB knows that as an input/output error."""
    publisher = LmdbBatchPublisher(tmp_path)
    live = publisher.publish([encoded("ann", "cat-1")], [], manifest).version
    large = [EncodedUser(user_id=f"{i:08}", profile=b"%08d" % i * 40, seen=None) for i in range(1_000)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(PublishError, match=rf"cannot publish into .*profiles\.lmdb\)\. .* {live}\."):
            publisher.publish(large, [], manifest)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert batch_folder(tmp_path).current() == live
    assert [version.name for version in publisher.versions()] == [live]
    assert publisher.publish(large, [], manifest).version != live


def test_a_damaged_version_is_listed_with_its_problem(tmp_path: Path) -> None:
    """It hides none of the others; nor does one that holds something else."""
    publisher = LmdbBatchPublisher(tmp_path)
    for name in ("ann", "ben"):
        publisher.publish([encoded(name, "cat-1")], [], manifest)
    batch_folder(tmp_path).publish(lambda _: {"pins": 7})
    damaged, good, other = (batch_folder(tmp_path).root / version.name for version in publisher.versions())
    (damaged / "manifest.json").unlink()

    first, second, third = publisher.versions()
    assert (first.description, first.n_bytes, first.problem[:9]) == (None, 0, str(damaged)[:9])
    assert "manifest.json is missing" in first.problem
    assert second.problem == ""
    assert second.n_bytes == (good / FILE).stat().st_size
    assert third.problem == f"{other} does not hold batch profiles: its manifest is not theirs"
