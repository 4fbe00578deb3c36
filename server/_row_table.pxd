# cython: language_level=3
# A table of rows, in memory of the caller's: whether a row is there, and how many came before it.

from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memset

cdef enum:
    # Their table takes 4 GiB.
    MOST_ROWS = 1 << 28
    BITS_PER_BUCKET = 16


cdef struct RowTable:
    # Rows are numbered from 1. Of nearly all that are not there one bit says so, and the processor guesses it; what
    # it guessed wrong where rows stood in open addressing took a microsecond a merge.
    uint32_t* buckets  # The number of the latest row of each, by hash; 0 for none.
    uint8_t* bits
    int32_t* rows
    uint32_t* befores  # The number of the row that was the latest of its bucket before.
    uint32_t n
    uint32_t bucket_mask
    uint32_t bit_mask


cdef inline Py_ssize_t n_buckets_of(Py_ssize_t most) noexcept nogil:
    cdef Py_ssize_t n = 64
    while n <= most:
        n *= 2
    return n


cdef inline Py_ssize_t table_bytes(Py_ssize_t most) except -1:
    """What a table of so many rows takes."""
    if not 0 <= most < MOST_ROWS:
        raise ValueError(f"{most} rows are too many")
    return n_buckets_of(most) * (4 + BITS_PER_BUCKET // 8) + (most + 1) * 8


cdef inline void lay_out(RowTable* table, char* room, Py_ssize_t most) noexcept nogil:
    """An empty table, in that many bytes."""
    cdef Py_ssize_t n_buckets = n_buckets_of(most)
    table.buckets = <uint32_t*> room
    table.bits = <uint8_t*> (table.buckets + n_buckets)
    table.rows = <int32_t*> (table.bits + n_buckets * BITS_PER_BUCKET // 8)
    table.befores = <uint32_t*> (table.rows + most + 1)
    table.n, table.bucket_mask, table.bit_mask = 0, n_buckets - 1, n_buckets * BITS_PER_BUCKET - 1
    memset(room, 0, <char*> table.rows - room)


cdef inline uint32_t hash_of(int32_t row) noexcept nogil:
    cdef uint32_t mixed = <uint32_t> row * 2654435769u
    return mixed ^ (mixed >> 15)


cdef inline void add_row(RowTable* table, int32_t row, uint32_t hash) noexcept nogil:
    """There is room for it, and it is not there, or may be there twice."""
    cdef uint32_t bit = hash & table.bit_mask
    cdef uint32_t* bucket = &table.buckets[hash & table.bucket_mask]
    table.n += 1
    table.rows[table.n], table.befores[table.n] = row, bucket[0]
    table.bits[bit >> 3] |= 1 << (bit & 7)
    bucket[0] = table.n


cdef inline uint32_t number_of(const RowTable* table, int32_t row, uint32_t hash) noexcept nogil:
    """The row's number; 0 where it is not there."""
    cdef uint32_t bit = hash & table.bit_mask, number
    if not table.bits[bit >> 3] >> (bit & 7) & 1:
        return 0
    number = table.buckets[hash & table.bucket_mask]
    while number and table.rows[number] != row:
        number = table.befores[number]
    return number
