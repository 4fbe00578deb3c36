"""Mapped files: read in large pages where there are such, and let go when others take their place."""

import mmap
import re
from pathlib import Path

import numpy as np
import pytest

from storage.pins.mapping import let_pages_go, mapped_array, read_in_large_pages
from storage.syncing import drop_from_page_cache, sync
from tests.storage.page_cache import require_that_it_forgets, share_in_memory

SMAPS = Path("/proc/self/smaps")


def resident_kb(path: Path) -> int:
    """Of one mapped file."""
    mappings = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", SMAPS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    of_file = [each for each in mappings if str(path) in each]
    return sum(int(size) for each in of_file for size in re.findall(r"^Rss:\s+(\d+) kB", each, re.MULTILINE))


@pytest.mark.skipif(not SMAPS.exists(), reason="needs Linux's /proc")
def test_pages_are_let_go_of_one_folder_alone(tmp_path: Path) -> None:
    """A version's that was replaced; what is served in its place keeps its own."""
    numbers = np.arange(1_000_000)
    arrays = {}
    for version in ("old", "new"):
        (tmp_path / version).mkdir()
        np.save(tmp_path / version / "numbers.npy", numbers)
        arrays[version] = mapped_array(tmp_path / version / "numbers.npy")
        assert arrays[version].sum() == numbers.sum()
    let_pages_go(tmp_path / "old")

    assert resident_kb(tmp_path / "old" / "numbers.npy") == 0
    assert resident_kb(tmp_path / "new" / "numbers.npy") > numbers.nbytes / 1024 / 2
    assert (arrays["old"] == numbers).all()


def test_a_folder_without_mapped_files_is_no_error(tmp_path: Path) -> None:
    """Pins in memory have none."""
    let_pages_go(tmp_path / "nothing")


@pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="needs Linux")
def test_a_folder_is_read_before_anybody_looks_at_it(tmp_path: Path) -> None:
    """More than is read at once, to the last byte; what is empty, no file, or not there is passed over."""
    require_that_it_forgets(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    file = tmp_path / "index"
    file.write_bytes(bytes((1 << 25) + 1))
    sync(file)
    drop_from_page_cache(file)
    assert share_in_memory(file) == 0
    read_in_large_pages(tmp_path)

    # Short of memory, the system may have dropped some of it again.
    assert share_in_memory(file) >= 0.9
