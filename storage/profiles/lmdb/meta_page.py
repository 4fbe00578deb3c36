"""An LMDB file judged by its own meta pages before LMDB maps it: reading past a truncated end is SIGBUS."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# MDB_page's header, then MDB_meta (lmdb.h and mdb.c of LMDB 0.9), in the byte order of the machine.
_HEADER = struct.Struct("=8x2xH4x")  # mp_flags
_META = struct.Struct("=II16xI92xQQ")  # magic, version, page size, last page, transaction id
_META_FLAG, _MAGIC, _VERSION = 0x08, 0xBEEFC0DE, 1
_PAGE_BYTES = {1 << power for power in range(9, 17)}


@dataclass(frozen=True, slots=True)
class _Meta:
    page_bytes: int
    last_page: int
    txn_id: int


def problem_of(path: Path) -> str | None:
    """Why the file must not be mapped, or None when it is as long as its newest meta page says.

    Raises:
        OSError: The file cannot be read at all.
    """
    with path.open("rb") as file:
        first = _meta(file, 0)
        second = _meta(file, first.page_bytes) if first else None
        if first is None or second is None:
            return "it is not an LMDB file, or its first pages are damaged"
        newest = max(first, second, key=lambda meta: meta.txn_id)
        # The length is asked last: a writer at work only ever makes the file longer.
        n_bytes, needed = file.seek(0, 2), (newest.last_page + 1) * newest.page_bytes
    if n_bytes < needed:
        return f"it is truncated: it has {n_bytes:,} bytes, its own meta page counts {needed:,}"
    return None


def _meta(file: BinaryIO, offset: int) -> _Meta | None:
    """The meta page at `offset`, or None when there is none."""
    file.seek(offset)
    page = file.read(_HEADER.size + _META.size)
    if len(page) < _HEADER.size + _META.size:
        return None
    (flags,) = _HEADER.unpack_from(page)
    magic, version, page_bytes, last_page, txn_id = _META.unpack_from(page, _HEADER.size)
    is_meta = flags & _META_FLAG and magic == _MAGIC and version == _VERSION and page_bytes in _PAGE_BYTES
    return _Meta(page_bytes, last_page, txn_id) if is_meta else None
