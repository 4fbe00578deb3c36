"""A published batch is read by any number of readers, and a damaged one is refused, not mapped."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from model.fusing import FusePolicy
from model.parameters import Parameters
from storage.errors import (
    DamagedArtefactError,
    DamagedRecordError,
    NoVersionError,
    StoreUnavailableError,
    UnknownFormatError,
)
from storage.profiles.describing import decode_description, encode_manifest
from storage.profiles.encoding import encode_popular
from storage.profiles.lmdb.batch import FILE, BatchProfiles, batch_folder
from storage.profiles.lmdb.publisher import LmdbBatchPublisher, write_users
from storage.profiles.store import BatchManifest
from storage.publishing import Manifest
from tests.storage.profiles.lmdb.conftest import ReadOnly
from tests.storage.profiles.people import DESCRIPTION, encoded, manifest, profile, same


def publish(profiles: Path, *names: str) -> Path:
    """Publish a batch of these users; returns its folder."""
    users = [encoded(name, f"pin-of-{name}") for name in sorted(names)]
    return Path(LmdbBatchPublisher(profiles).publish(users, ["cat-1"], manifest).place)


def test_a_version_is_read_while_the_next_is_published(tmp_path: Path) -> None:
    """A reader stays on the version it opened; another may go back to an older one by name."""
    first = publish(tmp_path, "ann")
    reader = BatchProfiles(tmp_path)
    second = publish(tmp_path, "ben")

    assert reader.profile("ann") is not None
    assert reader.profile("ben") is None
    reader.close()
    for folder, name in ((first, "ann"), (second, "ben")):
        again = BatchProfiles(tmp_path, folder.name)
        assert again.description.version == folder.name
        assert same(again.profile(name), profile(name, f"pin-of-{name}"))
        again.close()


def test_a_batch_of_an_earlier_version_is_described() -> None:
    """Its manifest says nothing of representatives: the defaults hold, all else is as written."""
    written = encode_manifest(manifest())
    parameters = written["parameters"]
    assert isinstance(parameters, dict)
    earlier = {name: parameters[name] for name in ("version", "alpha", "lambda_per_day", "window_days")}
    description = decode_description({**written, "parameters": earlier}, version="000001", where="here")

    assert description == replace(DESCRIPTION, version="000001")
    with pytest.raises(DamagedArtefactError, match="here does not hold batch profiles"):
        decode_description(
            {**written, "parameters": {**earlier, "fusing": {}}}, version="000001", where="here"
        )


def test_what_a_batch_says_of_itself_comes_back() -> None:
    """Every parameter, those of representatives included."""
    fusing = FusePolicy(n_representatives=7, perplexity=100.0, fused_share=0.5)
    parameters = Parameters(alpha=2.0, representative_lambda_per_day=0.1, fusing=fusing)
    description = replace(DESCRIPTION, parameters=parameters, version="000001")
    written = encode_manifest(BatchManifest(description=description))

    assert decode_description(written, version="000001", where="here") == description


def test_a_version_may_be_opened_many_times_in_one_process(tmp_path: Path) -> None:
    """LMDB itself cannot; closing one reader leaves the others reading."""
    publish(tmp_path, "ann")
    first, second = BatchProfiles(tmp_path), BatchProfiles(tmp_path)
    first.close()

    assert second.profile("ann") is not None
    second.close()
    with pytest.raises(StoreUnavailableError, match="cannot be read"):
        second.profile("ann")


def test_closing_a_reader_twice_closes_no_other(tmp_path: Path) -> None:
    """A reader that was swapped out is closed, and closed again at the end."""
    publish(tmp_path, "ann")
    first, second = BatchProfiles(tmp_path), BatchProfiles(tmp_path)
    first.close()
    first.close()

    assert second.profile("ann") is not None
    second.close()
    second.close()


def test_reading_leaves_the_version_as_it_was(tmp_path: Path) -> None:
    """No lock file beside it: a version never changes, and may lie on a read-only disk."""
    folder = publish(tmp_path, "ann")
    before = sorted(path.name for path in folder.iterdir())
    reader = BatchProfiles(tmp_path)
    reader.profile("ann")

    assert sorted(path.name for path in folder.iterdir()) == before
    reader.close()


def test_a_copy_of_the_folder_is_as_good(tmp_path: Path) -> None:
    """How profiles get to another machine."""
    publish(tmp_path / "here", "ann")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    here, there = BatchProfiles(tmp_path / "here"), BatchProfiles(tmp_path / "there")

    assert same(there.profile("ann"), here.profile("ann"))
    here.close()
    there.close()


@pytest.mark.parametrize("checksums", [True, False])
def test_a_file_that_may_not_be_read_is_told(
    open_folder: Path, unprivileged: ReadOnly, checksums: bool
) -> None:
    """The server runs as another user than the batch."""
    path = publish(open_folder, "ann") / FILE
    path.chmod(0o400)
    with unprivileged(), pytest.raises(StoreUnavailableError, match=r"profiles\.lmdb cannot be read: .*ermi"):
        BatchProfiles(open_folder, checksums=checksums)


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
    path = publish(tmp_path, "ann") / FILE
    damage(path, b"pin-of-ann", b"pin-of-bob")

    with pytest.raises(DamagedArtefactError, match="does not match its checksum"):
        BatchProfiles(tmp_path)


def test_a_flipped_byte_is_refused_at_reading(tmp_path: Path) -> None:
    """Without that comparison the record's own checksum still holds."""
    path = publish(tmp_path, "ann", "cat") / FILE
    damage(path, b"pin-of-ann", b"pin-of-bob")

    reader = BatchProfiles(tmp_path, checksums=False)
    with pytest.raises(DamagedRecordError, match="batch profile of user 'ann'"):
        reader.profile("ann")
    assert reader.profile("cat") is not None
    reader.close()


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    """Its size is compared even when its checksum is not: reading past the end would kill the process."""
    path = publish(tmp_path, "ann") / FILE
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-4_096])

    with pytest.raises(DamagedArtefactError, match="bytes instead of"):
        BatchProfiles(tmp_path, checksums=False)


def test_a_file_truncated_before_it_was_published_is_refused(tmp_path: Path) -> None:
    """The manifest then agrees with the file; the file's own meta page does not."""

    def write(draft: Path) -> Manifest:
        write_users(draft, [encoded("ann", "pin-of-ann")], encode_popular([]))
        (draft / FILE).write_bytes((draft / FILE).read_bytes()[:-4_096])
        return encode_manifest(manifest())

    batch_folder(tmp_path).publish(write)
    with pytest.raises(
        DamagedArtefactError, match=r"truncated: it has [\d,]+ bytes, .* counts [\d,]+\. Roll back"
    ):
        BatchProfiles(tmp_path)


def test_a_batch_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    """An older server says so, rather than guessing."""

    def write(draft: Path) -> Manifest:
        write_users(draft, [encoded("ann", "pin-of-ann")], encode_popular([]))
        return {**encode_manifest(manifest()), "format": 2}

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
