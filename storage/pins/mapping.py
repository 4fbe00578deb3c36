"""Files of a version mapped into memory: each is as long and as sound as it says, or refused."""

import ctypes
import mmap
import os
from contextlib import suppress
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_MAPS = Path("/proc/self/maps")
_libc = ctypes.CDLL(None)
# Meanwhile nobody else can map memory. A multiple of every kind of page.
_BYTES_AT_ONCE = 1 << 25
# Of Linux, from 5.14 on; Python has no name for it.
_MADV_POPULATE_READ = 22


def mapped_array(path: Path) -> "NDArray[Any]":
    """The array of an .npy file, read-only and in the page cache.

    Raises:
        OSError, ValueError: It cannot be read, or is shorter than its header says.
    """
    try:
        return np.asarray(np.lib.format.open_memmap(path, mode="r"))
    except (OverflowError, SyntaxError, TokenError) as error:
        # numpy reads the header as Python.
        raise ValueError(str(error)) from error


def mapped_batch(path: Path) -> "tuple[pa.MemoryMappedFile, pa.RecordBatch]":
    """The one batch of an Arrow IPC file, checked to its last offset, and the open file.

    A table without rows is written without a batch; it is an empty one here.

    Raises:
        OSError, ValueError: It cannot be read, or holds what is no batch.
    """
    try:
        source = pa.memory_map(str(path))
        file = pa.ipc.open_file(source)
        batch = file.get_batch(0) if file.num_record_batches else pa.RecordBatch.from_pylist([], file.schema)
        # Arrow follows offsets without looking, and hands out text that is none.
        batch.validate(full=True)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
    return source, batch


def read_in_large_pages(folder: Path) -> None:
    """Have the system read a folder's files in the largest pages it has, 2 MB in place of 4 KB.

    A search looks at thousands of places all over an index, and at each the processor has to find its page:
    in large ones it takes an eighth less. Whoever maps the files afterwards has them so, in any process.
    Nothing happens to what is in memory already, nor where the file system has no such pages; what cannot be
    read is left to whoever reads it next.
    """
    if hasattr(mmap, "MADV_HUGEPAGE"):
        for path in folder.iterdir():
            with suppress(OSError):
                _read_in_large_pages(path)


def _read_in_large_pages(path: Path) -> None:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        for offset in range(0, size, _BYTES_AT_ONCE):
            length = min(_BYTES_AT_ONCE, size - offset)
            with mmap.mmap(file.fileno(), length, prot=mmap.PROT_READ, offset=offset) as part:
                part.madvise(mmap.MADV_HUGEPAGE)
                place = ctypes.c_void_p(np.frombuffer(part, np.uint8).ctypes.data), ctypes.c_size_t(length)
                # It fails where to read the memory would end the process.
                _libc.madvise(*place, _MADV_POPULATE_READ)
                # Or unmapping would, with Python's lock.
                _libc.madvise(*place, mmap.MADV_DONTNEED)


def let_pages_go(folder: Path) -> None:
    """Take what is mapped of a folder's files out of this process's page tables; all of it can still be read.

    Done before the last reference goes, it leaves little to unmap. Unmapping holds Python's lock, for tens of
    milliseconds a gigabyte; this does not. Where there is no /proc, nothing happens.
    """
    if not _MAPS.exists():
        return
    folder = folder.resolve()
    for line in _MAPS.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        addresses, access, *_, path = [*line.split(maxsplit=5), ""][:6]
        # What may be written to could hold what no file does.
        if "w" not in access and path and Path(path).parent == folder:
            begin, end = (int(each, 16) for each in addresses.split("-"))
            for address in range(begin, end, _BYTES_AT_ONCE):
                size = min(_BYTES_AT_ONCE, end - address)
                _libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(size), mmap.MADV_DONTNEED)
