"""What the system has in memory of a file."""

import ctypes
import mmap
from pathlib import Path

import numpy as np
import pytest

from storage.syncing import drop_from_page_cache, sync

_libc = ctypes.CDLL(None)


def share_in_memory(path: Path) -> float:
    """Of the file's pages."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        n_bytes = len(mapped)
        is_there = (ctypes.c_ubyte * -(-n_bytes // mmap.PAGESIZE))()
        address = ctypes.c_void_p(np.frombuffer(mapped, np.uint8).ctypes.data)
        assert _libc.mincore(address, ctypes.c_size_t(n_bytes), is_there) == 0
    return sum(page & 1 for page in is_there) / len(is_there)


def require_that_it_forgets(folder: Path) -> None:
    """Skip where all files are in memory, as tmpfs has them."""
    probe = folder / "probe"
    probe.write_bytes(bytes(1 << 20))
    sync(probe)
    drop_from_page_cache(probe)
    if share_in_memory(probe) > 0:
        pytest.skip("here the system keeps files in memory whatever it is asked")
    probe.unlink()
