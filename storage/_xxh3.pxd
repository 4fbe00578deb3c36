# cython: language_level=3
# xxh3-64 of bytes: the reference itself, of which pyarrow brings the source, built into the loop that calls it.

from libc.stdint cimport uint64_t

cdef extern from *:
    """
    #define XXH_INLINE_ALL
    #include "arrow/vendored/xxhash/xxhash.h"
    """
    uint64_t xxh3_64 "XXH3_64bits"(const void *bytes, size_t n_bytes) noexcept nogil
