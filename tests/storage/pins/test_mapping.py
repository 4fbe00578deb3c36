"""Mapped files: pages that are let go no longer count as the process's, and are read again when needed."""

import re
from pathlib import Path

import numpy as np
import pytest

from storage.pins.mapping import let_pages_go, mapped_array

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
