"""A small file that is replaced: whole, and kept by the disk, or as it was."""

import os
from pathlib import Path

import pytest

from storage.syncing import replace_text


def test_the_disk_has_it_before_it_takes_the_place_and_its_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that loses power keeps the old or the new one, not an empty file; who was told: the new."""
    path = tmp_path / "state"
    path.write_text("old")
    events: list[str] = []
    sync, replace = os.fsync, os.replace

    def spy_sync(descriptor: int) -> None:
        synced = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        events.append("the folder" if synced == tmp_path else synced.read_text())
        sync(descriptor)

    def spy_replace(source: Path, target: Path) -> None:
        events.append("in place")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", spy_sync)
    monkeypatch.setattr(os, "replace", spy_replace)
    replace_text(path, "new")

    assert events == ["new", "in place", "the folder"]
    assert path.read_text() == "new"


def test_a_full_disk_leaves_the_old_one_alone(tmp_path: Path) -> None:
    """And no draft beside it."""
    path = tmp_path / "state"
    path.write_text("old")
    (tmp_path / f".state.{os.getpid()}.draft").symlink_to("/dev/full")

    with pytest.raises(OSError, match="No space left on device"):
        replace_text(path, "new")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"state": "old"}
