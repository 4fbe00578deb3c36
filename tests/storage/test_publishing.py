"""A version is published whole or not at all, and whoever reads meets a whole one."""

import errno
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from storage import publication
from storage.errors import (
    DamagedArtefactError,
    NoVersionError,
    PublishError,
    PublishLockedError,
    UnknownFormatError,
)
from storage.manifests import encode_manifest, identity
from storage.publishing import Manifest, VersionedFolder, read_manifest, verify_files
from tests.storage.page_cache import require_that_it_forgets, share_in_memory
from tests.waiting import wait_until

Write = Callable[[Path], Manifest]
STEPS = [*publication.PREPARE, *publication.COMMIT]
SHOWN_FROM = [step.__name__ for step in STEPS].index("_replace_current") + 1


def writing(text: str, **manifest: object) -> Write:
    """Writes a version of one file."""

    def write(folder: Path) -> Manifest:
        (folder / "data.txt").write_text(text)
        return {"kind": "test", **manifest}

    return write


def live_text(root: Path) -> str:
    """What a reader reads, after checking it in full."""
    folder = VersionedFolder(root).folder()
    verify_files(folder, read_manifest(folder), checksums=True)
    return (folder / "data.txt").read_text()


@contextmanager
def reader_of(root: Path) -> Iterator[set[str]]:
    """Reads what is live over and over, in a thread: once before the block, and until it ends.

    Gives what it met, raises what it could not read.
    """
    done, met = threading.Event(), set[str]()

    def read() -> None:
        while not done.is_set():
            met.add(live_text(root))

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        try:
            wait_until(lambda: met or reading.done())
            yield met
        finally:
            done.set()
        reading.result()


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def versions(root: Path) -> list[str]:
    return [info.name for info in VersionedFolder(root).versions()]


class TestPublish:
    """Publishing a version."""

    def test_the_first_version_is_live_and_described(self, tmp_path: Path) -> None:
        """CURRENT names it; its manifest has the size and SHA-256 of each file; nothing can be written to."""
        published = VersionedFolder(tmp_path / "new" / "root").publish(writing("hello", d=3))
        assert (published.folder.parent / "CURRENT").read_text() == f"{published.version}\n"
        manifest = read_manifest(published.folder)
        assert manifest["d"] == 3
        assert manifest["format"] == 1
        sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        assert manifest["files"] == {"data.txt": {"bytes": 5, "sha256": sha256}}
        assert {stat.S_IMODE(path.stat().st_mode) for path in published.folder.iterdir()} == {0o444}
        assert not published.already_live

    def test_it_is_read_from_the_disk(self, tmp_path: Path) -> None:
        """In memory it would stay in small pages, as it was written; see storage.pins.mapping."""
        require_that_it_forgets(tmp_path)
        folder = VersionedFolder(tmp_path).publish(writing("text " * 100_000)).folder

        assert {path.name: share_in_memory(path) for path in folder.iterdir()} == {
            "data.txt": 0,
            "manifest.json": 0,
        }

    def test_it_may_stay_in_memory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file system that does not take the hint fails no publish."""

        def refuse(*_: int) -> None:
            raise OSError(errno.EINVAL, "no such hint here")

        monkeypatch.setattr(os, "posix_fadvise", refuse)
        folder = VersionedFolder(tmp_path).publish(writing("text")).folder

        assert (folder / "data.txt").read_text() == "text"

    def test_a_folder_that_cannot_be_listed_stays_in_memory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By then all of it is on the disk: no failure to take it out of memory fails a publish."""
        *steps, leave_memory = publication.PREPARE

        def refuse(_: Path) -> NoReturn:
            raise OSError(errno.EMFILE, "too many open files")

        def leave_memory_unlisted(under_way: publication.Publication) -> None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Path, "iterdir", refuse)
                leave_memory(under_way)

        monkeypatch.setattr(publication, "PREPARE", (*steps, leave_memory_unlisted))
        folder = VersionedFolder(tmp_path).publish(writing("text")).folder

        assert (folder / "data.txt").read_text() == "text"

    def test_other_users_can_read_it(self, tmp_path: Path) -> None:
        """The server is seldom run by whoever builds, and a build's umask may be strict."""
        before = os.umask(0o077)
        try:
            published = VersionedFolder(tmp_path).publish(writing("hello"))
        finally:
            os.umask(before)
        assert stat.S_IMODE(published.folder.stat().st_mode) == 0o755
        assert stat.S_IMODE((tmp_path / "CURRENT").stat().st_mode) == 0o644

    def test_versions_are_numbered_and_named_by_what_they_are(self, tmp_path: Path) -> None:
        """No clock: the same two publishes in two places give the same names."""
        first, second = VersionedFolder(tmp_path / "1"), VersionedFolder(tmp_path / "2")
        for folder in (first, second):
            folder.publish(writing("a"))
            folder.publish(writing("b"))
        assert [info.name for info in first.versions()] == [info.name for info in second.versions()]
        assert [info.name[:7] for info in first.versions()] == ["000001-", "000002-"]
        assert [info.is_current for info in first.versions()] == [False, True]

    def test_the_tenth_version_comes_after_the_ninth(self, tmp_path: Path) -> None:
        """Order is by number, to any number of digits."""
        folder = VersionedFolder(tmp_path)
        folder.publish(writing("a"))
        (tmp_path / folder.current()).rename(tmp_path / "999999-00000000")
        (tmp_path / "CURRENT").write_text("999999-00000000")
        assert folder.publish(writing("b")).version.startswith("1000000-")
        assert [info.name[:7] for info in folder.versions()] == ["999999-", "1000000"]

    def test_what_is_live_already_is_not_written_again(self, tmp_path: Path) -> None:
        """A night without news leaves the folder as it was."""
        folder = VersionedFolder(tmp_path)
        first = folder.publish(writing("a"))
        before = names(tmp_path)
        again = folder.publish(writing("a"))
        assert again.already_live
        assert (again.version, again.folder) == (first.version, first.folder)
        assert names(tmp_path) == before

    def test_a_night_without_news_is_told_from_one_that_did_not_come(self, tmp_path: Path) -> None:
        """By the time of the live version's manifest, whose bytes stay."""
        folder = VersionedFolder(tmp_path)
        first, second = folder.publish(writing("a")), folder.publish(writing("b"))
        times = [published.folder / "manifest.json" for published in (first, second)]
        content = times[1].read_bytes()
        for path in times:
            os.utime(path, (1_000_000, 1_000_000))

        assert folder.publish(writing("b")).already_live
        assert times[0].stat().st_mtime == 1_000_000
        assert times[1].stat().st_mtime > 1_000_000
        assert times[1].read_bytes() == content

    def test_what_was_only_observed_makes_no_new_version(self, tmp_path: Path) -> None:
        """Measured times, and files whose bytes depend on threads, may differ between two equal builds."""

        def measured(graph: str, seconds: float) -> Write:
            def write(folder: Path) -> Manifest:
                (folder / "graph").write_text(graph)
                (folder / "data.txt").write_text("a")
                return {"observed": {"files": ["graph"], "seconds": seconds}}

            return write

        folder = VersionedFolder(tmp_path)
        folder.publish(measured("x", 1.0))
        assert folder.publish(measured("another", 2.0)).already_live

    def test_a_damaged_twin_is_replaced(self, tmp_path: Path) -> None:
        """Publishing the same thing again mends it."""
        folder = VersionedFolder(tmp_path)
        damaged = folder.publish(writing("a")).folder / "data.txt"
        damaged.chmod(0o644)
        damaged.write_text("b")
        assert not folder.publish(writing("a")).already_live
        assert live_text(tmp_path) == "a"

    def test_a_lost_twin_is_replaced(self, tmp_path: Path) -> None:
        """CURRENT may name a version that somebody removed."""
        folder = VersionedFolder(tmp_path)
        shutil.rmtree(folder.publish(writing("a")).folder)
        assert not folder.publish(writing("a")).already_live
        assert live_text(tmp_path) == "a"

    def test_only_one_publishes_at_a_time(self, tmp_path: Path) -> None:
        """The second is told so at once and harms nobody."""
        folder = VersionedFolder(tmp_path)

        def publish_meanwhile(draft: Path) -> Manifest:
            with pytest.raises(
                PublishLockedError, match=f"another process is publishing into {tmp_path}: wait"
            ):
                VersionedFolder(tmp_path).publish(writing("second"))
            with pytest.raises(PublishLockedError):
                VersionedFolder(tmp_path).make_current(live)
            return writing("first")(draft)

        live = folder.publish(writing("zeroth")).version
        folder.publish(publish_meanwhile)
        assert live_text(tmp_path) == "first"

    def test_a_reader_meets_a_whole_version_at_any_instant(self, tmp_path: Path) -> None:
        """Forty publishes and rollbacks under a reader that checks everything it reads."""
        folder = VersionedFolder(tmp_path)
        first = folder.publish(writing("0")).version
        with reader_of(tmp_path) as met:
            for number in range(1, 21):
                folder.publish(writing(str(number)))
                folder.make_current(first)
        assert "0" in met
        assert met <= {str(number) for number in range(21)}


class TestFailure:
    """A publish that fails or is killed."""

    def test_what_writing_raises_is_passed_on_and_changes_nothing(self, tmp_path: Path) -> None:
        """A bug in the caller is not disguised."""
        folder = VersionedFolder(tmp_path)
        folder.publish(writing("old"))
        before = names(tmp_path)

        def fail(_: Path) -> Manifest:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            folder.publish(fail)
        assert names(tmp_path) == before
        assert live_text(tmp_path) == "old"

    def test_a_full_disk_names_the_folder_and_what_is_live(self, tmp_path: Path) -> None:
        """/dev/full answers as a full disk does."""
        folder = VersionedFolder(tmp_path)

        def fill(_: Path) -> Manifest:
            Path("/dev/full").write_text("x")
            return {}

        with pytest.raises(PublishError) as first:
            folder.publish(fill)
        assert str(first.value) == (
            f"cannot publish into {tmp_path}: No space left on device. The live version there: none."
        )
        live = folder.publish(writing("old")).version
        with pytest.raises(PublishError, match=f"The live version there: {live}"):
            folder.publish(fill)
        assert live_text(tmp_path) == "old"

    def test_a_folder_that_cannot_be_made_is_named(self, tmp_path: Path) -> None:
        """With what the system says about it."""
        (tmp_path / "file").touch()
        with pytest.raises(
            PublishError, match=r"cannot publish into .*/file/pins: Not a directory \(.*/file"
        ):
            VersionedFolder(tmp_path / "file" / "pins").publish(writing("a"))

    @pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS])
    @pytest.mark.parametrize("at", range(len(STEPS)), ids=[step.__name__ for step in STEPS])
    def test_an_error_before_any_step_leaves_a_whole_version(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, number: int
    ) -> None:
        """The old one, or the new one where CURRENT was replaced already; and no draft."""

        def fail(_: object) -> None:
            raise OSError(number, os.strerror(number))

        folder = VersionedFolder(tmp_path)
        folder.publish(writing("old"))
        with monkeypatch.context() as patched:
            _insert_step(patched, at, fail)
            with pytest.raises(PublishError, match=os.strerror(number)):
                folder.publish(writing("new"))
        assert names(tmp_path) == [".lock", *versions(tmp_path), "CURRENT"]
        assert len(versions(tmp_path)) == (2 if at >= SHOWN_FROM else 1)
        assert live_text(tmp_path) == ("new" if at >= SHOWN_FROM else "old")
        folder.publish(writing("newer"))
        assert live_text(tmp_path) == "newer"

    @pytest.mark.parametrize("at", range(len(STEPS)), ids=[step.__name__ for step in STEPS])
    def test_a_kill_before_any_step_leaves_a_whole_version(self, tmp_path: Path, at: int) -> None:
        """Also for a reader that loops all the while. The next publisher collects what was left."""
        folder = VersionedFolder(tmp_path)
        folder.publish(writing("old"))
        with reader_of(tmp_path) as met:
            command = [sys.executable, "-c", _KILLED_PUBLISH, str(tmp_path), str(at)]
            killed = subprocess.run(command, check=False)
        assert killed.returncode == -signal.SIGKILL
        assert met <= {"old", "new"}
        assert live_text(tmp_path) == ("new" if at >= SHOWN_FROM else "old")
        folder.publish(writing("newer"))
        assert live_text(tmp_path) == "newer"
        assert names(tmp_path) == [".lock", *versions(tmp_path), "CURRENT"]
        assert len(versions(tmp_path)) == (3 if at >= SHOWN_FROM else 2)

    @pytest.mark.parametrize("content", ["", "000002-", "000009-00000000", "../old"])
    def test_an_announcement_that_names_no_version_removes_none(self, tmp_path: Path, content: str) -> None:
        """Its write may have been cut short, or its version never have come."""
        folder = VersionedFolder(tmp_path)
        kept = folder.publish(writing("old")).version
        (tmp_path / ".arriving").write_text(content)
        added = folder.publish(writing("new")).version
        assert versions(tmp_path) == [kept, added]
        assert ".arriving" not in names(tmp_path)

    def test_a_version_that_has_been_live_is_never_collected(self, tmp_path: Path) -> None:
        """Its publisher died before it said so; somebody rolled back, and may go forward again."""
        folder = VersionedFolder(tmp_path)
        old, new = folder.publish(writing("old")).version, folder.publish(writing("new")).version
        (tmp_path / ".arriving").write_text(new + "\n")
        folder.make_current(old)
        newer = folder.publish(writing("newer")).version
        assert versions(tmp_path) == [old, new, newer]

    def test_a_version_never_shown_is_collected_after_a_rollback_too(self, tmp_path: Path) -> None:
        """Going back to another one says nothing of it: it was never live."""
        folder = VersionedFolder(tmp_path)
        old, live = folder.publish(writing("old")).version, folder.publish(writing("live")).version
        unshown = folder.publish(writing("unshown")).version
        (tmp_path / "CURRENT").write_text(live)
        (tmp_path / ".arriving").write_text(unshown)
        folder.make_current(old)
        newer = folder.publish(writing("newer")).version
        assert versions(tmp_path) == [old, live, newer]

    def test_what_a_dead_publisher_showed_is_durable_before_its_announcement_goes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It may have died between the two: what was announced is collected unless it is known to be live."""
        folder = VersionedFolder(tmp_path)
        (tmp_path / ".arriving").write_text(folder.publish(writing("shown")).version)
        is_announced: list[bool] = []

        def spy_sync(descriptor: int) -> None:
            if os.readlink(f"/proc/self/fd/{descriptor}") == str(tmp_path):
                is_announced.append((tmp_path / ".arriving").exists())

        monkeypatch.setattr(os, "fsync", spy_sync)
        folder.publish(writing("shown"))
        assert is_announced[0]
        assert not (tmp_path / ".arriving").exists()

    def test_a_version_never_shown_is_collected_in_one_step(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody finds half of it under its name, even where the system does not let it be removed."""
        folder = VersionedFolder(tmp_path)
        old, unshown = folder.publish(writing("old")).version, folder.publish(writing("unshown")).version
        (tmp_path / "CURRENT").write_text(old)
        (tmp_path / ".arriving").write_text(unshown)

        def refusing(_: Path) -> None:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(shutil, "rmtree", refusing)
        with pytest.raises(PublishError, match="Operation not permitted"):
            folder.publish(writing("newer"))
        assert versions(tmp_path) == [old]

    def test_a_version_never_shown_can_be_made_live_and_then_stays(self, tmp_path: Path) -> None:
        """Its publisher died when it was whole: a person may want it."""
        folder = VersionedFolder(tmp_path)
        old, whole = folder.publish(writing("old")).version, folder.publish(writing("whole")).version
        (tmp_path / "CURRENT").write_text(old)
        (tmp_path / ".arriving").write_text(whole)
        folder.make_current(whole)
        folder.publish(writing("newer"))
        assert whole in versions(tmp_path)

    def test_without_knowing_what_is_live_nothing_is_collected(self, tmp_path: Path) -> None:
        """CURRENT cannot be read: the version on its way may be the live one."""
        folder = VersionedFolder(tmp_path)
        old, new = folder.publish(writing("old")).version, folder.publish(writing("new")).version
        (tmp_path / ".arriving").write_text(new)
        (tmp_path / "CURRENT").unlink()
        (tmp_path / "CURRENT").mkdir()
        with pytest.raises(PublishError, match=r"Is a directory \(.*CURRENT\)"):
            folder.publish(writing("newer"))
        assert versions(tmp_path) == [old, new]

    def test_everything_is_on_disk_before_it_is_shown(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Files and their folder are synced before the rename, the root before and after CURRENT changes."""
        events: list[str] = []
        sync, rename, replace = os.fsync, Path.rename, os.replace

        def spy_sync(descriptor: int) -> None:
            events.append(f"sync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
            sync(descriptor)

        def spy_rename(path: Path, target: Path) -> Path:
            events.append("rename")
            return rename(path, target)

        def spy_replace(source: Path, target: Path) -> None:
            events.append("replace")
            replace(source, target)

        monkeypatch.setattr(os, "fsync", spy_sync)
        monkeypatch.setattr(Path, "rename", spy_rename)
        monkeypatch.setattr(os, "replace", spy_replace)
        root = tmp_path / "root"
        VersionedFolder(root).publish(writing("a"))
        assert events == [
            *("sync data.txt", "sync manifest.json", "sync .draft"),
            *("sync .arriving", "sync root", "rename", "sync root"),
            *("sync .CURRENT", "replace", "sync root"),
        ]


_KILLED_PUBLISH = """
import os, signal, sys
from pathlib import Path
from storage import publication, publishing

def write(folder):
    (folder / "data.txt").write_text("new")
    return {"kind": "test"}

def die(_):
    os.kill(os.getpid(), signal.SIGKILL)

root, at = Path(sys.argv[1]), int(sys.argv[2])
n = len(publication.PREPARE)
steps = [*publication.PREPARE, *publication.COMMIT]
steps.insert(at, die)
publication.PREPARE, publication.COMMIT = tuple(steps[:n]), tuple(steps[n:])
publishing.VersionedFolder(root).publish(write)
"""


def _insert_step(monkeypatch: pytest.MonkeyPatch, at: int, step: Callable[[object], None]) -> None:
    prepare, commit = list(publication.PREPARE), list(publication.COMMIT)
    if at < len(prepare):
        prepare.insert(at, step)
    else:
        commit.insert(at - len(prepare), step)
    monkeypatch.setattr(publication, "PREPARE", tuple(prepare))
    monkeypatch.setattr(publication, "COMMIT", tuple(commit))


class TestReaders:
    """What a reader without a version is told."""

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        """It says what to run."""
        folder = VersionedFolder(tmp_path / "no", made_by="python -m index_builder build")
        with pytest.raises(NoVersionError) as caught:
            folder.current()
        assert str(caught.value) == (
            f"{tmp_path}/no is not a folder that exists. Run: python -m index_builder build"
        )
        assert folder.versions() == []

    def test_an_empty_folder(self, tmp_path: Path) -> None:
        """An empty folder is not a missing one."""
        with pytest.raises(NoVersionError, match="is empty: nothing was published there"):
            VersionedFolder(tmp_path).folder()

    def test_a_half_written_version(self, tmp_path: Path) -> None:
        """Files of a publisher that died before its first version was whole are never taken for one."""
        (tmp_path / ".draft").mkdir()
        (tmp_path / ".draft" / "data.txt").touch()
        with pytest.raises(
            NoVersionError, match="holds no readable CURRENT: nothing was published there whole"
        ):
            VersionedFolder(tmp_path).current()

    def test_a_current_that_names_a_missing_version(self, tmp_path: Path) -> None:
        """The versions that are there are named: one can be made live."""
        folder = VersionedFolder(tmp_path)
        kept = folder.publish(writing("a")).version
        shutil.rmtree(folder.publish(writing("b")).folder)
        with pytest.raises(
            NoVersionError, match=rf"names version '000002-\w+', which is missing. .*: {kept}\.$"
        ):
            folder.current()

    def test_an_unknown_version(self, tmp_path: Path) -> None:
        """Names that are no versions' cannot lead out of the folder."""
        folder = VersionedFolder(tmp_path, made_by="build")
        with pytest.raises(
            NoVersionError, match=r"holds no version '\.\./x'\. No version is there\. Run: build"
        ):
            folder.folder("../x")
        with pytest.raises(NoVersionError, match="holds no version '000009-00000000'"):
            folder.make_current("000009-00000000")

    def test_a_list_with_a_damaged_version(self, tmp_path: Path) -> None:
        """The others are listed, and the damaged one says what is wrong with it."""
        folder = VersionedFolder(tmp_path)
        broken = folder.publish(writing("a")).folder
        folder.publish(writing("b"))
        (broken / "manifest.json").unlink()
        first, second = folder.versions()
        assert first.manifest == {}
        assert "manifest.json is missing: the version was never finished" in first.problem
        assert second.manifest["kind"] == "test"
        assert second.problem == ""


class TestRollback:
    """Making a version live that is there already."""

    def test_rolling_back_and_forward(self, tmp_path: Path) -> None:
        """Both directions are one replaced file."""
        folder = VersionedFolder(tmp_path)
        old, new = folder.publish(writing("old")).version, folder.publish(writing("new")).version
        folder.make_current(old)
        assert live_text(tmp_path) == "old"
        folder.make_current(new)
        assert live_text(tmp_path) == "new"

    def test_the_next_version_after_a_rollback_is_a_new_one(self, tmp_path: Path) -> None:
        """Numbers are never used twice."""
        folder = VersionedFolder(tmp_path)
        old = folder.publish(writing("old")).version
        folder.publish(writing("bad"))
        folder.make_current(old)
        assert folder.publish(writing("good")).version.startswith("000003-")

    def test_a_damaged_version_is_not_made_live(self, tmp_path: Path) -> None:
        """The live one stays."""
        folder = VersionedFolder(tmp_path)
        old = folder.publish(writing("old"))
        folder.publish(writing("new"))
        (old.folder / "data.txt").unlink()
        with pytest.raises(DamagedArtefactError, match=r"data\.txt is missing"):
            folder.make_current(old.version)
        assert live_text(tmp_path) == "new"


class TestManifest:
    """The manifest proves itself and its files."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return VersionedFolder(tmp_path).publish(writing("hello", name="naïve")).folder

    def test_it_is_json_that_a_person_can_read(self, folder: Path) -> None:
        """Indented, in UTF-8, without surprises."""
        text = (folder / "manifest.json").read_text(encoding="utf-8")
        assert '\n  "name": "naïve",\n' in text
        assert json.loads(text) == read_manifest(folder)

    def test_a_version_under_another_name_is_noticed(self, folder: Path) -> None:
        """Names are what versions are: a folder that was renamed is another's, whole as it is."""
        renamed = folder.rename(folder.with_name("000001-00000000"))
        with pytest.raises(DamagedArtefactError, match="is another version's, or its folder was renamed"):
            read_manifest(renamed)

    @pytest.mark.parametrize("name", ["../data.txt", "/etc/passwd", "..", ".", "", "a/b"])
    def test_a_file_outside_the_folder_is_nobodys(self, tmp_path: Path, name: str) -> None:
        """Whoever sealed the manifest: nothing but the folder's own files is ever looked at."""
        files = {name: {"bytes": 1, "sha256": "0" * 64}}
        (tmp_path / "manifest.json").write_bytes(encode_manifest({"format": 1, "files": files}))
        with pytest.raises(DamagedArtefactError, match="does not say which files belong to the version"):
            read_manifest(tmp_path)

    def test_every_changed_byte_is_noticed(self, folder: Path) -> None:
        """One flipped bit anywhere in it, even one that leaves valid JSON."""
        path = folder / "manifest.json"
        whole = path.read_bytes()
        path.chmod(0o644)
        for at in range(len(whole)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(DamagedArtefactError, match=r"manifest\.json (cannot be read|does not match)"):
                read_manifest(folder)

    @pytest.mark.parametrize(
        "content", [b"", b"[]", b"{}", b'{"format": 1', b'{"format": NaN}', b'{"format": "\\ud800"}']
    )
    def test_what_is_no_manifest_is_refused(self, folder: Path, content: bytes) -> None:
        """Empty, cut off, or JSON of something else."""
        (folder / "manifest.json").chmod(0o644)
        (folder / "manifest.json").write_bytes(content)
        with pytest.raises(DamagedArtefactError, match="Restore it from a copy, roll back"):
            read_manifest(folder)

    @pytest.mark.parametrize("written", [2, 0, "1", None])
    def test_an_unknown_format_is_refused(self, tmp_path: Path, written: object) -> None:
        """A newer version's folder is not guessed at."""
        (tmp_path / "manifest.json").write_bytes(encode_manifest({"format": written, "files": {}}))
        message = rf"is of format {written}, this software knows formats 1 to 1: .* Upgrade"
        with pytest.raises(UnknownFormatError, match=message):
            read_manifest(tmp_path)

    def test_old_and_new_software_share_a_folder(self, tmp_path: Path) -> None:
        """The new one lists, repeats and rolls back both; the old one refuses what it does not know."""
        old, new = VersionedFolder(tmp_path), VersionedFolder(tmp_path, newest_format=2)
        first = old.publish(writing("a")).version
        second = new.publish(writing("b", format=2)).version
        assert new.publish(writing("b", format=2)).already_live
        new.make_current(first)
        new.make_current(second)
        assert [info.problem for info in new.versions()] == ["", ""]
        fine, unknown = old.versions()
        assert (fine.problem, unknown.manifest) == ("", {})
        assert "Upgrade this software, or roll back to an older version" in unknown.problem
        old.make_current(first)
        with pytest.raises(UnknownFormatError, match="formats 1 to 1"):
            old.make_current(second)

    def test_a_known_newer_format_is_read(self, tmp_path: Path) -> None:
        """The caller says what it understands."""
        (tmp_path / "manifest.json").write_bytes(encode_manifest({"format": 2, "files": {}}))
        assert read_manifest(tmp_path, newest_format=2)["format"] == 2

    def test_a_missing_file_is_named(self, folder: Path) -> None:
        """Without reading any other."""
        (folder / "data.txt").unlink()
        with pytest.raises(DamagedArtefactError, match=r"/data\.txt is missing\. Restore it"):
            verify_files(folder, read_manifest(folder), checksums=False)

    def test_a_wrong_size_is_named(self, folder: Path) -> None:
        """Truncation needs no checksum to be noticed."""
        (folder / "data.txt").chmod(0o644)
        (folder / "data.txt").write_text("hell")
        with pytest.raises(DamagedArtefactError, match=r"/data\.txt has 4 bytes instead of 5: it is damaged"):
            verify_files(folder, read_manifest(folder), checksums=False)

    def test_a_wrong_byte_is_noticed_by_its_checksum_only(self, folder: Path) -> None:
        """That is what the checksum is for."""
        (folder / "data.txt").chmod(0o644)
        (folder / "data.txt").write_text("hellp")
        verify_files(folder, read_manifest(folder), checksums=False)
        with pytest.raises(
            DamagedArtefactError, match=r"/data\.txt does not match its checksum: it is damaged"
        ):
            verify_files(folder, read_manifest(folder), checksums=True)

    def test_identity_forgets_what_was_observed_and_nothing_else(self) -> None:
        """Any other difference makes another version."""
        one: Manifest = {"d": 3, "observed": {"ms": 1, "files": ["g"]}, "files": {"g": 1, "h": 2}}
        assert identity(one) == identity(
            one | {"observed": {"ms": 9, "files": ["g"]}, "files": {"g": 7, "h": 2}}
        )
        assert identity(one) != identity(one | {"d": 4})
        assert identity(one) != identity(one | {"files": {"g": 1, "h": 3}})
        assert identity(one) != identity(one | {"files": {"h": 2}})
