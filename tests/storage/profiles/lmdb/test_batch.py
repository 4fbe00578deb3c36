"""The batch's file: the same records give the same bytes, and a damaged one is refused, not mapped."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from storage.errors import (
    DamagedArtefactError,
    DamagedRecordError,
    NoVersionError,
    StoreUnavailableError,
    UnknownFormatError,
)
from storage.profiles.encoding import EncodedUser, encode_popular, encode_profile, encode_seen
from storage.profiles.lmdb.batch import (
    FILE,
    BatchProfiles,
    batch_folder,
    manifest_of,
    write_users,
)
from storage.publishing import Manifest, Published
from tests.storage.profiles.lmdb.conftest import ReadOnly
from tests.storage.profiles.people import DESCRIPTION, profile, same


def users(*names: str) -> list[EncodedUser]:
    return [
        EncodedUser(
            user_id=name,
            profile=encode_profile(profile(name, f"pin-of-{name}")),
            seen=encode_seen(np.array([7], np.uint64)),
        )
        for name in sorted(names)
    ]


def publish(profiles: Path, *names: str) -> Published:
    def write(draft: Path) -> Manifest:
        write_users(draft, users(*names), encode_popular(["cat-1"]))
        return manifest_of(DESCRIPTION)

    return batch_folder(profiles).publish(write)


def many(n: int) -> Iterator[EncodedUser]:
    """Users with some 700 bytes each."""
    for i in range(n):
        yield EncodedUser(user_id=f"{i:08}", profile=b"%08d" % i * 40, seen=b"%08d" % i * 50)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    """Also when there are so many that the map has to grow while they are written."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_users(tmp_path / name, many(30_000), encode_popular(["cat-1"]))

    assert (tmp_path / "a" / FILE).stat().st_size > 1 << 24
    assert digest(tmp_path / "a" / FILE) == digest(tmp_path / "b" / FILE)


def test_nothing_but_the_file_is_left_in_the_folder(tmp_path: Path) -> None:
    """No lock file, no spool: what is published is what is listed."""
    published = publish(tmp_path, "ann")
    assert {path.name for path in published.folder.iterdir()} == {FILE, "manifest.json"}


def test_pages_are_filled(tmp_path: Path) -> None:
    """Appending in order leaves little air: at most a third more than the records themselves."""
    write_users(tmp_path, many(5_000), encode_popular([]))
    assert (tmp_path / FILE).stat().st_size < 4 / 3 * 5_000 * (8 * 40 + 8 * 50 + 2 * 10)


def test_a_version_is_read_while_the_next_is_published(tmp_path: Path) -> None:
    """A reader stays on the version it opened; another may go back to an older one by name."""
    first = publish(tmp_path, "ann")
    reader = BatchProfiles(tmp_path)
    second = publish(tmp_path, "ben")

    assert reader.profile("ann") is not None
    assert reader.profile("ben") is None
    reader.close()
    for published, name in ((first, "ann"), (second, "ben")):
        again = BatchProfiles(tmp_path, published.version)
        assert again.description.version == published.version
        assert same(again.profile(name), profile(name, f"pin-of-{name}"))
        again.close()


def test_a_version_may_be_opened_many_times_in_one_process(tmp_path: Path) -> None:
    """LMDB itself cannot; closing one reader leaves the others reading."""
    publish(tmp_path, "ann")
    first, second = BatchProfiles(tmp_path), BatchProfiles(tmp_path)
    first.close()

    assert second.profile("ann") is not None
    second.close()
    with pytest.raises(StoreUnavailableError, match="cannot be read"):
        second.profile("ann")


def test_a_read_only_folder_is_read(open_folder: Path, read_only: ReadOnly) -> None:
    """Serving needs no right to write."""
    publish(open_folder, "ann")
    with read_only():
        reader = BatchProfiles(open_folder)
        assert reader.profile("ann") is not None
        assert reader.popular() == ("cat-1",)
        reader.close()


def test_without_a_batch_a_person_is_told_what_to_run(tmp_path: Path) -> None:
    """A new installation, or a wrong folder."""
    with pytest.raises(NoVersionError, match="Run: python -m profile_builder batch"):
        BatchProfiles(tmp_path)


def damage(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert content.count(old) >= 1
    path.chmod(0o644)
    path.write_bytes(content.replace(old, new))


def test_a_flipped_byte_is_refused_at_opening(tmp_path: Path) -> None:
    """The SHA-256 of the manifest is compared before anything is served."""
    path = publish(tmp_path, "ann").folder / FILE
    damage(path, b"pin-of-ann", b"pin-of-bob")

    with pytest.raises(DamagedArtefactError, match="does not match its checksum"):
        BatchProfiles(tmp_path)


def test_a_flipped_byte_is_refused_at_reading(tmp_path: Path) -> None:
    """Without that comparison the record's own checksum still holds."""
    path = publish(tmp_path, "ann", "cat").folder / FILE
    damage(path, b"pin-of-ann", b"pin-of-bob")

    reader = BatchProfiles(tmp_path, checksums=False)
    with pytest.raises(DamagedRecordError, match="batch profile of user 'ann'"):
        reader.profile("ann")
    assert reader.profile("cat") is not None
    reader.close()


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    """Its size is compared even when its checksum is not: reading past the end would kill the process."""
    path = publish(tmp_path, "ann").folder / FILE
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-4_096])

    with pytest.raises(DamagedArtefactError, match="bytes instead of"):
        BatchProfiles(tmp_path, checksums=False)


def test_a_file_truncated_before_it_was_published_is_refused(tmp_path: Path) -> None:
    """The manifest then agrees with the file; the file's own meta page does not."""

    def write(draft: Path) -> Manifest:
        write_users(draft, users("ann"), encode_popular([]))
        (draft / FILE).write_bytes((draft / FILE).read_bytes()[:-4_096])
        return manifest_of(DESCRIPTION)

    batch_folder(tmp_path).publish(write)
    with pytest.raises(
        DamagedArtefactError, match=r"truncated: it has [\d,]+ bytes, .* counts [\d,]+\. Roll back"
    ):
        BatchProfiles(tmp_path)


def test_a_batch_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    """An older server says so, rather than guessing."""

    def write(draft: Path) -> Manifest:
        write_users(draft, users("ann"), encode_popular([]))
        return {**manifest_of(DESCRIPTION), "format": 2}

    batch_folder(tmp_path).publish(write)
    with pytest.raises(UnknownFormatError, match="format 2"):
        BatchProfiles(tmp_path)


def test_a_version_of_something_else_is_refused(tmp_path: Path) -> None:
    """Published by the same code, undamaged, yet no profiles."""
    batch_folder(tmp_path).publish(lambda _: {"embedding_space": {"name": "shop-2", "dimension": 16}})
    with pytest.raises(
        DamagedArtefactError, match="does not hold batch profiles: its manifest is not theirs"
    ):
        BatchProfiles(tmp_path)
