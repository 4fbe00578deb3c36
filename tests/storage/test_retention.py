"""Old versions are collected, but never one that somebody uses, the live one, or the one to go back to."""

import errno
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage import publishing
from storage.errors import NoVersionError, PublishError, PublishLockedError
from storage.leases import Use, take_lease, use_of
from storage.manifests import MANIFEST
from storage.publication import version_names
from storage.publishing import Manifest, VersionedFolder
from tests.waiting import HANG_S

READER = """
import sys, time
from pathlib import Path
from storage.publishing import VersionedFolder
lease = VersionedFolder(Path(sys.argv[1])).lease(sys.argv[2])
print("using", flush=True)
time.sleep(600)
"""

KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from storage.publishing import VersionedFolder
shutil.rmtree = lambda path: os.kill(os.getpid(), signal.SIGKILL)
VersionedFolder(Path(sys.argv[1])).prune(1)
"""


def publish(root: Path, text: str) -> str:
    def write(folder: Path) -> Manifest:
        (folder / "data.txt").write_text(text)
        return {"kind": "test"}

    return VersionedFolder(root).publish(write).version


@pytest.fixture
def versions(tmp_path: Path) -> list[str]:
    """Five of them, the last one live."""
    return [publish(tmp_path, str(number) * 100) for number in range(5)]


def names(root: Path) -> list[str]:
    return [each.name for each in VersionedFolder(root).versions()]


def everything(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()}


@contextmanager
def reader_of(root: Path, version: str) -> Iterator["subprocess.Popen[str]"]:
    """Another process that uses a version."""
    command = [sys.executable, "-c", READER, str(root), version]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "using\n"
        yield reader
        reader.kill()


def is_open_for_writing(descriptor: int) -> bool:
    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY


def on_manifests(monkeypatch: pytest.MonkeyPatch, gives: Callable[[int], bool]) -> None:
    """Have exclusive locks on manifests refused unless the file system gives them, as NFS refuses."""
    lock = fcntl.flock

    def flock(descriptor: int, kind: int) -> None:
        is_manifest = os.readlink(f"/proc/self/fd/{descriptor}").endswith(MANIFEST)
        if is_manifest and kind & fcntl.LOCK_EX and not gives(descriptor):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        lock(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", flock)


def as_nobody_special(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have read-only files read-only, as they are to everybody but root."""
    opened = os.open

    def strict(path: str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_ACCMODE != os.O_RDONLY and not os.stat(path).st_mode & stat.S_IWUSR:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", strict)


class TestPrune:
    """Which versions go."""

    def test_the_newest_stay(self, tmp_path: Path, versions: list[str]) -> None:
        """And everything is told: what is gone, what it took, what stays and why."""
        sizes = [sum(path.stat().st_size for path in (tmp_path / name).iterdir()) for name in versions]
        pruned = VersionedFolder(tmp_path).prune(3)
        assert names(tmp_path) == versions[2:]
        assert [(each.name, each.n_bytes) for each in pruned.collected] == list(
            zip(versions[:2], sizes[:2], strict=True)
        )
        assert pruned.n_bytes == sum(sizes[:2])
        assert [(each.name, each.why) for each in pruned.kept] == [
            (versions[2], "among the newest 3"),
            (versions[3], "to roll back to"),
            (versions[4], "live"),
        ]
        assert everything(tmp_path) == {*versions[2:], "CURRENT", ".lock"}

    def test_the_one_to_roll_back_to_stays(self, tmp_path: Path, versions: list[str]) -> None:
        """Also where one version is all that is asked to be kept."""
        VersionedFolder(tmp_path).prune(1)
        assert names(tmp_path) == versions[3:]
        assert VersionedFolder(tmp_path).roll_back() == versions[3]

    def test_a_damaged_one_is_nothing_to_roll_back_to(self, tmp_path: Path, versions: list[str]) -> None:
        """The next older whole one is kept for that."""
        (tmp_path / versions[3] / "data.txt").unlink()
        VersionedFolder(tmp_path).prune(1)
        assert names(tmp_path) == [versions[2], versions[4]]

    def test_after_a_rollback_the_live_one_and_the_newest_stay(
        self, tmp_path: Path, versions: list[str]
    ) -> None:
        """And the one before it: the way back and the way forward are both open."""
        VersionedFolder(tmp_path).make_current(versions[2])
        VersionedFolder(tmp_path).prune(1)
        assert names(tmp_path) == [versions[1], versions[2], versions[4]]

    def test_what_cannot_be_read_is_left_to_people(self, tmp_path: Path, versions: list[str]) -> None:
        """It may be of a newer version of this software; it does not count as one of the newest either."""
        (tmp_path / versions[0] / "manifest.json").unlink()
        pruned = VersionedFolder(tmp_path).prune(2)
        assert names(tmp_path) == [versions[0], *versions[3:]]
        assert pruned.kept[0].why == "cannot be read: remove it by hand"

    def test_nothing_to_collect(self, tmp_path: Path, versions: list[str]) -> None:
        """A second time, or with room for all."""
        assert VersionedFolder(tmp_path).prune(5).collected == ()
        assert names(tmp_path) == versions

    def test_a_folder_without_versions(self, tmp_path: Path) -> None:
        """It is not made, and it is said that there is none."""
        with pytest.raises(NoVersionError, match="is not a folder that exists"):
            VersionedFolder(tmp_path / "no").prune(1)
        assert not (tmp_path / "no").exists()

    def test_only_a_publisher_collects(self, tmp_path: Path, versions: list[str]) -> None:
        """A build that is under way is not disturbed."""

        def prune_meanwhile(folder: Path) -> Manifest:
            with pytest.raises(PublishLockedError):
                VersionedFolder(tmp_path).prune(1)
            (folder / "data.txt").write_text("new")
            return {}

        VersionedFolder(tmp_path).publish(prune_meanwhile)
        assert len(names(tmp_path)) == len(versions) + 1


class TestInUse:
    """Versions that somebody uses."""

    def test_a_reader_in_another_process_keeps_its_version(self, tmp_path: Path, versions: list[str]) -> None:
        """For as long as it lives: kill -9 frees it, and nothing has to be cleaned up."""
        with reader_of(tmp_path, versions[1]) as reader:
            pruned = VersionedFolder(tmp_path).prune(1)
            assert names(tmp_path) == [versions[1], *versions[3:]]
            assert (versions[1], "in use") in {(each.name, each.why) for each in pruned.kept}
            os.kill(reader.pid, signal.SIGKILL)
            reader.wait(HANG_S)
            VersionedFolder(tmp_path).prune(1)
        assert names(tmp_path) == versions[3:]

    def test_a_version_is_used_until_all_its_readers_are_done(
        self, tmp_path: Path, versions: list[str]
    ) -> None:
        """Two in one process hold it apart from each other; closing twice is closing once."""
        folder = VersionedFolder(tmp_path)
        first, second = folder.lease(versions[0]), folder.lease(versions[0])
        first.close()
        first.close()
        folder.prune(1)
        assert versions[0] in names(tmp_path)
        second.close()
        folder.prune(1)
        assert versions[0] not in names(tmp_path)

    def test_a_forgotten_reader_lets_go(self, tmp_path: Path, versions: list[str]) -> None:
        """A lease that nobody knows any more keeps nothing."""
        lease = VersionedFolder(tmp_path).lease(versions[0])
        assert lease.folder == tmp_path / versions[0]
        del lease
        VersionedFolder(tmp_path).prune(1)
        assert versions[0] not in names(tmp_path)

    def test_readers_and_collectors_at_once(self, tmp_path: Path) -> None:
        """A reader that follows CURRENT gets a whole version that stays, whatever is collected."""
        publish(tmp_path, "first")
        done, failures = threading.Event(), list[str]()

        def read() -> None:
            while not done.is_set():
                lease = VersionedFolder(tmp_path).lease()
                if not (lease.folder / "data.txt").exists():
                    failures.append(lease.folder.name)
                lease.close()

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for number in range(30):
            publish(tmp_path, str(number))
            VersionedFolder(tmp_path).prune(1)
        done.set()
        for reader in readers:
            reader.join(HANG_S)
        assert failures == []
        assert len(names(tmp_path)) <= 4

    def test_a_version_without_its_manifest_is_used_and_kept(
        self, tmp_path: Path, versions: list[str]
    ) -> None:
        """Whoever reads it says that it is damaged; nobody can tell who uses it, so it is not collected."""
        (tmp_path / versions[0] / MANIFEST).unlink()
        lease = VersionedFolder(tmp_path).lease(versions[0])
        assert lease.folder.name == versions[0]
        lease.close()
        with use_of(tmp_path / versions[0]) as use:
            assert use is Use.UNKNOWN

    @pytest.mark.parametrize("refuses", ["open", "flock"])
    def test_without_locks_a_version_is_used_all_the_same(
        self, tmp_path: Path, versions: list[str], monkeypatch: pytest.MonkeyPatch, refuses: str
    ) -> None:
        """A file system that knows none, or a manifest that may not be opened: nor is it collected there."""

        def refusing(*_: object) -> int:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr(os if refuses == "open" else fcntl, refuses, refusing)
        lease = take_lease(tmp_path / versions[0])
        assert lease is not None
        with use_of(tmp_path / versions[0]) as use:
            assert use is Use.UNKNOWN
        lease.close()

    def test_where_no_locks_are_given_that_is_said(
        self, tmp_path: Path, versions: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is collected there, and nobody is told that versions are in use which nobody uses."""
        on_manifests(monkeypatch, lambda _: False)
        pruned = VersionedFolder(tmp_path).prune(1)
        assert names(tmp_path) == versions
        assert {each.why for each in pruned.kept[:3]} == {Use.UNKNOWN.value}

    def test_where_only_writers_get_a_lock_old_versions_are_collected(
        self, tmp_path: Path, versions: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As on NFS, by an owner who is not root: those in use stay, and stay read-only."""
        on_manifests(monkeypatch, is_open_for_writing)
        as_nobody_special(monkeypatch)
        lease = VersionedFolder(tmp_path).lease(versions[1])
        VersionedFolder(tmp_path).prune(1)
        assert names(tmp_path) == [versions[1], *versions[3:]]
        assert stat.S_IMODE((lease.folder / MANIFEST).stat().st_mode) == 0o444
        lease.close()
        VersionedFolder(tmp_path).prune(1)
        assert names(tmp_path) == versions[3:]

    def test_where_only_writers_get_a_lock_and_versions_are_others_that_is_said(
        self, tmp_path: Path, versions: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who may not write to a manifest cannot know, and collects nothing."""

        def refuse(path: Path, _: int) -> None:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))

        on_manifests(monkeypatch, is_open_for_writing)
        as_nobody_special(monkeypatch)
        with monkeypatch.context() as others:
            others.setattr(Path, "chmod", refuse)
            with use_of(tmp_path / versions[0]) as use:
                assert use is Use.UNKNOWN

    def test_a_version_that_was_replaced_while_it_was_locked_is_not_used(
        self, tmp_path: Path, versions: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Collected between being opened and being locked: there is no lease on what is gone."""
        folder, lock = tmp_path / versions[0], fcntl.flock

        def after_collecting(descriptor: int, kind: int) -> None:
            shutil.rmtree(folder)
            lock(descriptor, kind)

        monkeypatch.setattr(fcntl, "flock", after_collecting)
        assert take_lease(folder) is None
        assert take_lease(folder) is None

    @pytest.mark.parametrize("use", [VersionedFolder.current, VersionedFolder.folder, VersionedFolder.lease])
    def test_the_live_version_may_be_another_at_the_second_look(
        self,
        tmp_path: Path,
        versions: list[str],
        monkeypatch: pytest.MonkeyPatch,
        use: Callable[[VersionedFolder], object],
    ) -> None:
        """Two were published and the one found first was collected: nobody is told that it is missing."""

        def after_two_more(root: Path) -> list[str]:
            monkeypatch.undo()
            publish(root, "sixth")
            publish(root, "seventh")
            VersionedFolder(root).prune(1)
            return version_names(root)

        monkeypatch.setattr(publishing, "version_names", after_two_more)
        use(VersionedFolder(tmp_path))
        assert versions[-1] not in names(tmp_path)

    def test_a_version_that_is_not_there_cannot_be_used(self, tmp_path: Path, versions: list[str]) -> None:
        """As everywhere."""
        with pytest.raises(NoVersionError, match="holds no version"):
            VersionedFolder(tmp_path).lease("000009-00000000")


class TestFailure:
    """Collecting that fails or is killed."""

    def test_a_killed_collector_leaves_no_half_version(self, tmp_path: Path, versions: list[str]) -> None:
        """What it was removing has no name already; the next one finishes the work."""
        command = [sys.executable, "-c", KILLED, str(tmp_path)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        assert names(tmp_path) == versions[1:]
        VersionedFolder(tmp_path).prune(1)
        assert everything(tmp_path) == {*versions[3:], "CURRENT", ".lock"}

    def test_a_version_is_gone_for_good_before_it_is_removed(
        self, tmp_path: Path, versions: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The move is on the disk first: after a loss of power nobody finds half of it under its name."""
        events: list[str] = []
        remove = shutil.rmtree

        def spy_sync(descriptor: int) -> None:
            events.append(os.readlink(f"/proc/self/fd/{descriptor}"))

        def spy_remove(folder: Path) -> None:
            events.append("remove")
            remove(folder)

        monkeypatch.setattr(os, "fsync", spy_sync)
        monkeypatch.setattr(shutil, "rmtree", spy_remove)
        VersionedFolder(tmp_path).prune(4)
        assert events == [str(tmp_path), "remove"]

    def test_what_the_system_refuses_is_told(
        self, tmp_path: Path, versions: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With what it says; what is left is whole."""

        def refuse(path: Path) -> None:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

        monkeypatch.setattr(shutil, "rmtree", refuse)
        with pytest.raises(
            PublishError, match=r"cannot be collected: Read-only file system \(.*\)\. The others"
        ):
            VersionedFolder(tmp_path).prune(1)
        assert names(tmp_path) == versions[1:]
