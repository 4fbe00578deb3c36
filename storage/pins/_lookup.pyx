# cython: language_level=3, boundscheck=False, wraparound=False
"""The buckets of storage.pins.ids in one pass, which asks for all far places before it reads the first.

Nothing is read outside of the tables, whatever they hold.
"""

cimport cython
cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t, uint64_t

from storage._loops cimport memory, soon_read

cnp.import_array()


cdef enum:
    NO_ROW = -1
    # Places asked for at a time: few enough to be in the nearest cache still when they are read.
    AT_ONCE = 64


# Not cleared by the collector: nobody may look into arrays that are gone.
@cython.no_gc_clear
@cython.final
cdef class Buckets:
    """See storage.pins.ids.Buckets; of a damaged table ValueError, NO_ROW, or one of its rows.

    Raises:
        TypeError, ValueError: An array is not as described there, or not in one piece.
    """

    # What the addresses below lie in.
    cdef tuple _arrays
    cdef const int32_t* _starts
    cdef const uint64_t* _hashes
    cdef const uint64_t* _rows
    cdef const int32_t* _representatives
    cdef int64_t _n
    cdef int _shift

    def __cinit__(self, starts, hashes, rows, representatives):
        self._arrays = (starts, hashes, rows, representatives)
        self._starts = <const int32_t*>memory(starts, cnp.NPY_INT32, 1, "starts")
        self._hashes = <const uint64_t*>memory(hashes, cnp.NPY_UINT64, 1, "hashes")
        self._rows = <const uint64_t*>memory(rows, cnp.NPY_UINT64, 1, "rows")
        self._representatives = <const int32_t*>memory(representatives, cnp.NPY_INT32, 1, "representatives")
        self._n = cnp.PyArray_SIZE(hashes)
        cdef int64_t n_buckets = cnp.PyArray_SIZE(starts) - 1
        cdef int bits = n_buckets.bit_length() - 1
        if bits < 1 or n_buckets != <int64_t>1 << bits:
            raise ValueError(f"{n_buckets} buckets are not those of all leading bits")
        cdef int64_t n_rows = cnp.PyArray_SIZE(rows), n_representatives = cnp.PyArray_SIZE(representatives)
        if n_rows != self._n or n_representatives != self._n:
            raise ValueError(f"{self._n} hashes, {n_rows} rows and {n_representatives} representatives")
        self._shift = 64 - bits

    def rows_of(self, asked):
        """int64 [n]: the first row of each hash asked for, NO_ROW for unknown ones."""
        cdef cnp.ndarray keys = _keys(asked)
        cdef cnp.npy_intp n = cnp.PyArray_SIZE(keys)
        cdef cnp.ndarray found = cnp.PyArray_SimpleNew(1, &n, cnp.NPY_INT64)
        cdef const uint64_t* each = <const uint64_t*>cnp.PyArray_DATA(keys)
        cdef int64_t* rows = <int64_t*>cnp.PyArray_DATA(found)
        cdef int64_t first
        for first in range(0, n, AT_ONCE):
            self._find(each + first, min(AT_ONCE, n - first), rows + first)
        return found

    def representatives_of(self, asked):
        """int32 [x]: the representatives of those rows, in order; unknown ones are left out."""
        cdef cnp.ndarray keys = _keys(asked)
        cdef cnp.npy_intp n = cnp.PyArray_SIZE(keys)
        cdef cnp.ndarray found = cnp.PyArray_SimpleNew(1, &n, cnp.NPY_INT32)
        cdef const uint64_t* each = <const uint64_t*>cnp.PyArray_DATA(keys)
        cdef int32_t* representatives = <int32_t*>cnp.PyArray_DATA(found)
        cdef int64_t rows[AT_ONCE]
        cdef int64_t first, at, n_now, n_found = 0
        for first in range(0, n, AT_ONCE):
            n_now = min(AT_ONCE, n - first)
            self._find(each + first, n_now, rows)
            for at in range(n_now):
                if rows[at] != NO_ROW:
                    soon_read(self._representatives + rows[at])
            for at in range(n_now):
                if rows[at] != NO_ROW:
                    representatives[n_found] = self._representatives[rows[at]]
                    n_found += 1
        return found if n_found == n else found[:n_found]

    cdef int _find(self, const uint64_t* keys, int64_t n, int64_t* rows) except -1:
        """The first row of each of a few hashes."""
        cdef const int32_t* starts = self._starts
        cdef int64_t at, place, end
        cdef uint64_t row
        for at in range(n):
            soon_read(starts + (keys[at] >> self._shift))
        for at in range(n):
            place = starts[keys[at] >> self._shift]
            if 0 <= place < self._n:
                soon_read(self._hashes + place)
                soon_read(self._rows + place)
        for at in range(n):
            place = max(starts[keys[at] >> self._shift], 0)
            end = min(starts[(keys[at] >> self._shift) + 1], self._n)
            while place < end and self._hashes[place] != keys[at]:
                place += 1
            rows[at] = NO_ROW
            if place < end:
                row = self._rows[place]
                if row >= <uint64_t>self._n:
                    raise ValueError(f"the table of ids leads to row {row} of {self._n}. Build again.")
                rows[at] = <int64_t>row
        return 0


cdef cnp.ndarray _keys(asked):
    """The same array, or its copy in one piece."""
    return cnp.PyArray_FROMANY(asked, cnp.NPY_UINT64, 1, 1, cnp.NPY_ARRAY_CARRAY_RO)
