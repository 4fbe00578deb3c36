# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The numpy of storage.pins.texts in one pass: all far places are asked for before the first is read.

Whatever rows and offsets say, nothing is read outside of the arrays.
"""

import numpy as np

cimport numpy as cnp
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from storage._loops cimport memory, soon_read

cnp.import_array()

cdef struct Place:
    int64_t start
    int64_t n_bytes


def encoded(offsets, data, rows):
    """The texts of rows as storage.pins.texts.Texts.encoded gives them.

    Args:
        offsets: int64 [n + 1]: where each text begins, and where the last one ends; C-contiguous as all of them.
        data: uint8 [m].
        rows: int64 [r].

    Raises:
        ValueError: An array is of another kind, a row is none of the n, or a text lies outside of the data.
    """
    cdef const int64_t *of_row = <const int64_t *> memory(offsets, cnp.NPY_INT64, 1, "offsets")
    cdef const char *texts = <const char *> memory(data, cnp.NPY_UINT8, 1, "data")
    cdef const int64_t *asked = <const int64_t *> memory(rows, cnp.NPY_INT64, 1, "rows")
    cdef int64_t n = cnp.PyArray_SIZE(offsets) - 1, n_bytes = cnp.PyArray_SIZE(data)
    cdef int64_t n_rows = cnp.PyArray_SIZE(rows), wrong
    cdef Place *places = <Place *> PyMem_Malloc(n_rows * sizeof(Place))
    if places == NULL:
        raise MemoryError
    try:
        # They may have to come from a disk.
        with nogil:
            wrong = find(of_row, n, n_bytes, asked, n_rows, places)
            if wrong < 0:
                ask_for(texts, places, n_rows)
        if wrong >= 0:
            raise ValueError(f"row {rows[wrong]} is none of {n} texts, or lies outside of their {n_bytes} bytes")
        if n_rows and places[0].n_bytes and are_of_one_length(places, n_rows):
            return side_by_side(texts, places, n_rows)
        return [PyBytes_FromStringAndSize(texts + places[at].start, places[at].n_bytes) for at in range(n_rows)]
    finally:
        PyMem_Free(places)


cdef int64_t find(
    const int64_t *offsets, int64_t n, int64_t n_bytes, const int64_t *rows, int64_t n_rows, Place *places
) noexcept nogil:
    """Look up the place of each row's text: -1, or which of them has none."""
    cdef int64_t at, row, start, end
    for at in range(n_rows):
        row = rows[at]
        if not 0 <= row < n:
            return at
        soon_read(offsets + row)
        # What another thread writes into the rows meanwhile is not looked at.
        places[at].start = row
    for at in range(n_rows):
        row = places[at].start
        start, end = offsets[row], offsets[row + 1]
        if not 0 <= start <= end <= n_bytes:
            return at
        places[at].start, places[at].n_bytes = start, end - start
    return -1


cdef void ask_for(const char *texts, const Place *places, int64_t n) noexcept nogil:
    """Where each begins and ends: most are shorter than what comes at once."""
    cdef int64_t at
    for at in range(n):
        if places[at].n_bytes:
            soon_read(texts + places[at].start)
            soon_read(texts + places[at].start + places[at].n_bytes - 1)


cdef bint are_of_one_length(const Place *places, int64_t n) noexcept:
    cdef int64_t at
    for at in range(1, n):
        if places[at].n_bytes != places[0].n_bytes:
            return False
    return True


cdef side_by_side(const char *texts, const Place *places, int64_t n):
    cdef int64_t at, length = places[0].n_bytes
    found = np.empty(n, f"V{length}")
    cdef char *to = <char *> cnp.PyArray_DATA(<cnp.ndarray> found)
    with nogil:
        for at in range(n):
            memcpy(to + at * length, texts + places[at].start, length)
    return found
