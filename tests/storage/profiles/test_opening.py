"""One URL names a profile store; one that names none is refused in a sentence."""

from pathlib import Path

import pytest

from storage.errors import DamagedArtefactError, DamagedRecordError, NoVersionError, StoreUnavailableError
from storage.profiles.lmdb.batch import FILE
from storage.profiles.opening import open_batch_publisher, open_online_writer, open_reader, profiles_folder
from tests.storage.profiles.people import encoded, manifest


@pytest.mark.parametrize("url", ["/data/profiles", "file:///data/profiles"])
def test_a_folder_may_be_a_path_or_a_url(url: str) -> None:
    """Both name the same folder."""
    assert profiles_folder(url) == Path("/data/profiles")


def test_a_relative_folder_stays_relative() -> None:
    """As every other path on a command line."""
    assert profiles_folder("build/profiles") == Path("build/profiles")


@pytest.mark.parametrize("open_store", [open_reader, open_batch_publisher, open_online_writer])
def test_a_store_of_another_kind_is_refused(open_store: object) -> None:
    """The password in the URL is not repeated."""
    assert callable(open_store)
    with pytest.raises(StoreUnavailableError) as refusal:
        open_store("memcached://user:secret@host:6379/0")

    assert str(refusal.value) == (
        "profiles at memcached://: there is no such store. Give a folder, or redis://HOST:PORT/DB."
    )


@pytest.mark.parametrize("checksums", [True, False])
def test_checksums_are_compared_unless_somebody_has_done_so(tmp_path: Path, checksums: bool) -> None:
    """A supervisor compares them once for all its workers; a record's own checksum is compared always."""
    published = open_batch_publisher(str(tmp_path)).publish([encoded("ann", "cat-1")], [], manifest)
    path = Path(published.place) / FILE
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"cat-1", b"cat-2"))

    with pytest.raises(DamagedArtefactError if checksums else DamagedRecordError):
        open_reader(str(tmp_path), checksums=checksums).batch("ann")


def test_a_missing_batch_says_what_to_run(tmp_path: Path) -> None:
    """Through the one entrance that programs use."""
    with pytest.raises(NoVersionError, match="python -m profile_builder batch"):
        open_reader(str(tmp_path / "nothing"))
