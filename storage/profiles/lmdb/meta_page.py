"""An LMDB file judged by its own meta pages before LMDB maps it: reading past a truncated end is SIGBUS."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

# MDB_page's header, then MDB_meta with its two MDB_db (lmdb.h and mdb.c of LMDB 0.9), in the byte order of
# the machine.
_HEADER = struct.Struct("=Q2xH4x")  # page number, mp_flags
_META = struct.Struct("=II16x")  # magic, version, [address, map size]
_TREE = struct.Struct("=IHHqqqqq")  # pad, flags, depth, pages of three kinds, entries, root
_END = struct.Struct("=QQ")  # last page, transaction id
_N_BYTES = _HEADER.size + _META.size + 2 * _TREE.size + _END.size
_META_FLAG, _MAGIC, _VERSION = 0x08, 0xBEEFC0DE, 1
# Integer keys, and one file instead of a folder; never a map at a fixed address, which LMDB would obey.
_FREE_FLAGS, _RECORDS_FLAGS, _NO_ROOT = 0x4008, 0, -1
_PAGE_BYTES = {1 << power for power in range(9, 17)}
# mdb.c's CURSOR_STACK.
_MAX_DEPTH = 32
# A writer that commits between two looks at the meta pages makes them look torn.
_LOOKS = 10

_NOT_LMDB = "it is not an LMDB file, or its first pages are damaged"


@dataclass(frozen=True, slots=True)
class Tree:
    """What a meta page says of one tree: an MDB_db."""

    flags: int
    depth: int
    branch_pages: int
    leaf_pages: int
    overflow_pages: int
    entries: int
    root: int

    @property
    def is_empty(self) -> bool:
        """It has no page at all."""
        return self.root == _NO_ROOT and self.depth == 0

    @property
    def is_sound(self) -> bool:
        """LMDB could have written it; that its root is a page of the file is for the walk to see."""
        return self.is_empty or (self.root >= 0 and 0 < self.depth <= _MAX_DEPTH)


@dataclass(frozen=True, slots=True)
class Meta:
    """One meta page.

    Attributes:
        page_bytes: The length of a page.
        free: The tree of pages that may be used again.
        records: The tree of the records.
        last_page: The last page that is in use.
        txn_id: The transaction that wrote it.
    """

    page_bytes: int
    free: Tree
    records: Tree
    last_page: int
    txn_id: int

    @classmethod
    def parsed(cls, page: bytes, number: int) -> Self | None:
        """The meta page in these bytes, or None when they are not the one of this number."""
        if len(page) < _N_BYTES:
            return None
        page_number, flags = _HEADER.unpack_from(page)
        magic, version = _META.unpack_from(page, _HEADER.size)
        at = _HEADER.size + _META.size
        page_bytes, *free = _TREE.unpack_from(page, at)
        _, *records = _TREE.unpack_from(page, at + _TREE.size)
        meta = cls(page_bytes, Tree(*free), Tree(*records), *_END.unpack_from(page, at + 2 * _TREE.size))
        is_meta = (page_number, flags, magic, version) == (number, _META_FLAG, _MAGIC, _VERSION)
        return meta if is_meta and meta.is_sound else None

    @property
    def is_sound(self) -> bool:
        """LMDB, as it is used here, could have written it."""
        flags = (self.free.flags, self.records.flags)
        is_known = self.page_bytes in _PAGE_BYTES and flags == (_FREE_FLAGS, _RECORDS_FLAGS)
        return is_known and self.free.is_sound and self.records.is_sound


def problem_of(path: Path) -> str | None:
    """Why the file must not be mapped, or None when it is as long as its newest meta page says.

    Raises:
        OSError: The file cannot be read at all.
    """
    with path.open("rb", buffering=0) as file:
        metas = _metas(file)
        if metas is None:
            return _NOT_LMDB
        newest = max(metas, key=lambda meta: meta.txn_id)
        # The length is asked last: a writer at work only ever makes the file longer.
        n_bytes, needed = file.seek(0, 2), (newest.last_page + 1) * newest.page_bytes
    if n_bytes < needed:
        return f"it is truncated: it has {n_bytes:,} bytes, its own meta page counts {needed:,}"
    return None


def of_transaction(file: IO[bytes], txn_id: int) -> Meta | None:
    """The meta page that the transaction wrote; None when there is none, or none any more."""
    metas = _metas(file)
    return next((meta for meta in metas or () if meta.txn_id == txn_id), None)


def _metas(file: IO[bytes]) -> tuple[Meta, Meta] | None:
    """Both meta pages, or None where they are not the two of one file."""
    for _ in range(_LOOKS):
        file.seek(0)
        begin = Meta.parsed(file.read(_N_BYTES), 0)
        if begin is None:
            return None
        file.seek(0)
        both = file.read(begin.page_bytes + _N_BYTES)
        first, second = Meta.parsed(both, 0), Meta.parsed(both[begin.page_bytes :], 1)
        if first is None or second is None:
            return None
        if _belong_together(first, second):
            return first, second
    return None


def _belong_together(first: Meta, second: Meta) -> bool:
    """Two transactions, one after the other, the even one on page 0; the very first leave both at 0."""
    if first.page_bytes != second.page_bytes:
        return False
    if first.txn_id == second.txn_id == 0:
        return True
    return first.txn_id % 2 == 0 and abs(first.txn_id - second.txn_id) == 1
