# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What storage.pins.scoring does with rows of vectors, in one pass, which asks for far vectors before it reads them.

A block's vectors are asked for together, one after the other would wait for memory and for where in memory they are.
Whatever the rows say, nothing is read outside of the vectors: loops go by a copy of them that was checked, and that no
other thread writes into.
"""

cimport numpy as cnp
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t, uint16_t
from libc.string cimport memcpy

from storage._loops cimport memory, soon_read

cnp.import_array()

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    /* At -O2 gcc goes through vectors number by number, where clang does not. */
    #if defined(__GNUC__) && !defined(__clang__)
    #pragma GCC optimize("O3")
    #endif

    /* See storage.pins.scoring.widened; conversions of the processor's own are not to be had everywhere. */
    static inline float widened(uint16_t number) {
        uint32_t bits = (uint32_t)((int32_t)(int16_t)number * 8192) & 0x8fffe000u;
        float wide;
        memcpy(&wide, &bits, sizeof wide);
        return wide * 0x1p112f;
    }

    /* A product of two float16 numbers is exact in float32, and their sum in float64: its order is the compiler's. */
    static inline double inner_product(const uint16_t *vector, const float *query, int64_t d) {
        double sums[8] = {0};
        int64_t at = 0;
        for (; at + 8 <= d; at += 8)
            for (int lane = 0; lane < 8; lane++)
                sums[lane] += (double)(widened(vector[at + lane]) * query[at + lane]);
        for (; at < d; at++)
            sums[0] += (double)(widened(vector[at]) * query[at]);
        return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
    }
    """
    float widened(uint16_t number) noexcept nogil
    double inner_product(const uint16_t *vector, const float *query, int64_t d) noexcept nogil

cdef enum:
    LINE_BYTES = 64
    # Of vectors asked for at a time: they must still be in the processor's own cache when they are read.
    BLOCK_BYTES = 1 << 16


def ranked(queries, vectors, rows):
    """Cosines float32 [nq, k] and rows int64 [nq, k]: see storage.pins.scoring; all arrays C-contiguous.

    Raises:
        ValueError: An array is of another kind or shape, or a row is none of the vectors'.
    """
    cdef const uint16_t *each_query = <const uint16_t *> memory(queries, cnp.NPY_FLOAT16, 2, "queries")
    cdef const uint16_t *pool = <const uint16_t *> memory(vectors, cnp.NPY_FLOAT16, 2, "vectors")
    memory(rows, cnp.NPY_INT64, 2, "rows")
    cdef int64_t nq = cnp.PyArray_DIM(queries, 0), d = cnp.PyArray_DIM(queries, 1)
    cdef int64_t n = cnp.PyArray_DIM(vectors, 0), k = cnp.PyArray_DIM(rows, 1), at
    cdef cnp.npy_intp[2] shape = [nq, k]
    if cnp.PyArray_DIM(rows, 0) != nq or cnp.PyArray_DIM(vectors, 1) != d:
        raise ValueError(f"rows {rows.shape} of vectors {vectors.shape} for queries {queries.shape}")
    cdef cnp.ndarray scores = cnp.PyArray_SimpleNew(2, shape, cnp.NPY_FLOAT32)
    cdef cnp.ndarray in_order = copied(rows, n)
    cdef float *score = <float *> cnp.PyArray_DATA(scores)
    cdef int64_t *row = <int64_t *> cnp.PyArray_DATA(in_order)
    cdef float *query = <float *> PyMem_Malloc(d * sizeof(float))
    if query == NULL:
        raise MemoryError
    try:
        # The vectors may have to come from a disk.
        with nogil:
            multiply(each_query, nq, pool, row, k, d, query, score)
            for at in range(nq):
                sort(score + at * k, row + at * k, k)
    finally:
        PyMem_Free(query)
    return scores, in_order


def gathered(vectors, rows):
    """Float32 [n, d]: `widened` of the vectors of n rows, int64; see storage.pins.scoring. Both C-contiguous.

    Raises:
        ValueError: As `ranked`.
    """
    cdef const uint16_t *pool = <const uint16_t *> memory(vectors, cnp.NPY_FLOAT16, 2, "vectors")
    memory(rows, cnp.NPY_INT64, 1, "rows")
    cdef cnp.ndarray own = copied(rows, cnp.PyArray_DIM(vectors, 0))
    cdef const int64_t *asked = <const int64_t *> cnp.PyArray_DATA(own)
    cdef int64_t n = cnp.PyArray_DIM(rows, 0), d = cnp.PyArray_DIM(vectors, 1), first = 0, after, at
    cdef int64_t block = block_of(d)
    cdef cnp.npy_intp[2] shape = [n, d]
    cdef cnp.ndarray wide = cnp.PyArray_SimpleNew(2, shape, cnp.NPY_FLOAT32)
    cdef float *out = <float *> cnp.PyArray_DATA(wide)
    with nogil:
        while first < n:
            after = min(first + block, n)
            for at in range(first, after):
                ask_for(pool + asked[at] * d, 2 * d)
            for at in range(first, after):
                widen(pool + asked[at] * d, out + at * d, d)
            first = after
    return wide


cdef int64_t block_of(int64_t d) noexcept nogil:
    """How many vectors are asked for at a time."""
    return max(<int64_t> 1, BLOCK_BYTES // max(<int64_t> 1, 2 * d))


cdef void multiply(
    const uint16_t *queries,
    int64_t nq,
    const uint16_t *pool,
    const int64_t *rows,
    int64_t k,
    int64_t d,
    float *query,
    float *scores,
) noexcept nogil:
    """The cosines of nq queries with k rows each; `query` is room for one of them."""
    cdef int64_t at, after, first = 0, end = nq * k
    cdef int64_t block = block_of(d)
    while first < end:
        after = min(first + block, end)
        for at in range(first, after):
            ask_for(pool + rows[at] * d, 2 * d)
        for at in range(first, after):
            if at % k == 0:
                widen(queries + at // k * d, query, d)
            scores[at] = <float> clipped(inner_product(pool + rows[at] * d, query, d))
        first = after


cdef void sort(float *scores, int64_t *rows, int64_t n) noexcept nogil:
    """Highest scores first, ties by row; an index hands them out in order, but for what its roundings exchange."""
    cdef int64_t at, to, row
    cdef float score
    for at in range(1, n):
        score, row, to = scores[at], rows[at], at
        while to > 0 and (scores[to - 1] < score or (scores[to - 1] == score and rows[to - 1] > row)):
            scores[to], rows[to] = scores[to - 1], rows[to - 1]
            to -= 1
        scores[to], rows[to] = score, row


cdef void widen(const uint16_t *numbers, float *out, int64_t d) noexcept nogil:
    cdef int64_t at
    for at in range(d):
        out[at] = widened(numbers[at])


cdef inline void ask_for(const void *begin, int64_t n_bytes) noexcept nogil:
    cdef const char *line = <const char *> begin
    cdef const char *end = line + n_bytes
    while line < end:
        soon_read(line)
        line += LINE_BYTES


cdef inline double clipped(double cosine) noexcept nogil:
    return 1.0 if cosine > 1.0 else -1.0 if cosine < -1.0 else cosine


cdef cnp.ndarray copied(cnp.ndarray rows, int64_t n):
    """A copy of int64 in one piece, each a row of n vectors."""
    cdef cnp.ndarray own = cnp.PyArray_SimpleNew(cnp.PyArray_NDIM(rows), cnp.PyArray_DIMS(rows), cnp.NPY_INT64)
    cdef int64_t *row = <int64_t *> cnp.PyArray_DATA(own)
    cdef int64_t at
    memcpy(row, cnp.PyArray_DATA(rows), cnp.PyArray_NBYTES(rows))
    for at in range(cnp.PyArray_SIZE(own)):
        if not 0 <= row[at] < n:
            raise ValueError(f"row {row[at]} is none of {n} vectors")
    return own
