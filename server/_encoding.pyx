# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Candidates serialised one by one: what server.encoding has numpy do column by column, in one pass.

Whatever it is given, nothing is read or written outside of the arrays.
"""

import numpy as np

cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from server._wire cimport n_varint, write_varint
from storage._loops cimport memory

cnp.import_array()

cdef enum:
    SCORE_BYTES = 4

cdef struct Common:
    # What all candidates have.
    const uint8_t *tags
    const char *medoid
    uint64_t n_medoid


def parts_of_lists(rows, pin_ids, scores, tuple medoids not None, bytes tags not None):
    """Rows int32 [k], scores float32 [k] and elements of each medoid's list: see server.encoding.encode_lists.

    Elements are of one length where the ids of a list are of one, else objects.

    Args:
        rows: int64 [q, k]; C-contiguous, as the scores.
        pin_ids: An array of V or a list of bytes: q * k ids as UTF-8.
        scores: float32 [q, k].
        medoids: The serialised field `Candidate.medoid_pin_id` of each.
        tags: Of a candidate, its pin id and its score, a byte each.

    Raises:
        TypeError, ValueError: Something is of another kind, or not as many.
    """
    cdef const int64_t *row = <const int64_t *> memory(rows, cnp.NPY_INT64, 2, "rows")
    cdef const float *score = <const float *> memory(scores, cnp.NPY_FLOAT32, 2, "scores")
    cdef int64_t q = cnp.PyArray_DIM(rows, 0), k = cnp.PyArray_DIM(rows, 1), at
    cdef const char *ids = NULL
    cdef uint64_t length = 0
    if len(medoids) != q or cnp.PyArray_DIM(scores, 0) != q or cnp.PyArray_DIM(scores, 1) != k:
        raise ValueError(f"rows {rows.shape} and scores {scores.shape} of {len(medoids)} medoids")
    if len(tags) != 3:
        raise ValueError(f"there are three tags, not {len(tags)}")
    if type(pin_ids) is list:
        require_as_many(len(pin_ids), q * k)
    else:
        ids = <const char *> memory(pin_ids, cnp.NPY_VOID, 1, "pin ids")
        length = cnp.PyArray_ITEMSIZE(<cnp.ndarray> pin_ids)
        require_as_many(cnp.PyArray_SIZE(pin_ids), q * k)
    parts = []
    for at in range(q):
        common = common_of(tags, medoids[at])
        if type(pin_ids) is list:
            elements = of_list(pin_ids[at * k : at * k + k], score + at * k, k, common)
        else:
            elements = of_block(ids + at * k * length, length, score + at * k, k, common)
        parts.append((narrowed(row + at * k, k), copied(score + at * k, k), elements))
    return parts


cdef Common common_of(bytes tags, medoid) except *:
    require_bytes(medoid, "a medoid")
    return Common(<const uint8_t *> PyBytes_AS_STRING(tags), PyBytes_AS_STRING(medoid), PyBytes_GET_SIZE(medoid))


cdef narrowed(const int64_t *rows, cnp.npy_intp n):
    numbers = cnp.PyArray_SimpleNew(1, &n, cnp.NPY_INT32)
    cdef int32_t *to = <int32_t *> cnp.PyArray_DATA(numbers)
    cdef cnp.npy_intp at
    for at in range(n):
        to[at] = <int32_t> rows[at]
    return numbers


cdef copied(const float *scores, cnp.npy_intp n):
    numbers = cnp.PyArray_SimpleNew(1, &n, cnp.NPY_FLOAT32)
    memcpy(cnp.PyArray_DATA(numbers), scores, n * sizeof(float))
    return numbers


cdef of_list(list pin_ids, const float *scores, int64_t n, Common common):
    # A list of its own: others that hold the one it is cut out of may run meanwhile.
    require_as_many(len(pin_ids), n)
    cdef bytes side_by_side
    if are_of_one_length(pin_ids):
        side_by_side = b"".join(pin_ids)
        return of_block(PyBytes_AS_STRING(side_by_side), len(pin_ids[0]), scores, n, common)
    return of_pieces(pin_ids, scores, n, common)


cdef of_block(const char *ids, uint64_t length, const float *scores, int64_t n, Common common):
    cdef uint64_t size = n_bytes_of(length, common)
    cdef int64_t at
    elements = np.empty(n, f"V{size}")
    cdef uint8_t *to = <uint8_t *> cnp.PyArray_DATA(<cnp.ndarray> elements)
    for at in range(n):
        write(to + at * size, ids + at * length, length, scores[at], common)
    return elements


cdef of_pieces(list pin_ids, const float *scores, int64_t n, Common common):
    cdef uint64_t length
    cdef int64_t at
    elements = np.empty(n, object)
    cdef PyObject **to = <PyObject **> cnp.PyArray_DATA(<cnp.ndarray> elements)
    for at in range(n):
        pin_id = pin_ids[at]
        require_bytes(pin_id, "a pin id")
        length = PyBytes_GET_SIZE(pin_id)
        piece = PyBytes_FromStringAndSize(NULL, n_bytes_of(length, common))
        write(<uint8_t *> PyBytes_AS_STRING(piece), PyBytes_AS_STRING(pin_id), length, scores[at], common)
        Py_XDECREF(to[at])
        Py_INCREF(piece)
        to[at] = <PyObject *> piece
    return elements


cdef bint are_of_one_length(list pin_ids) except -1:
    for pin_id in pin_ids:
        require_bytes(pin_id, "a pin id")
        if PyBytes_GET_SIZE(pin_id) != PyBytes_GET_SIZE(pin_ids[0]):
            return False
    return len(pin_ids) > 0


cdef int require_as_many(int64_t n_ids, int64_t n) except -1:
    if n_ids != n:
        raise ValueError(f"{n_ids} pin ids for {n} scores")
    return 0


cdef int require_bytes(text, str name) except -1:
    if type(text) is not bytes:
        raise TypeError(f"{name} is {type(text).__name__}, not bytes")
    return 0


cdef inline uint64_t n_inside(uint64_t length, Common common) noexcept:
    """The bytes of a candidate whose pin id has so many, behind its own length."""
    return 1 + n_varint(length) + length + 1 + SCORE_BYTES + common.n_medoid


cdef inline uint64_t n_bytes_of(uint64_t length, Common common) noexcept:
    cdef uint64_t inside = n_inside(length, common)
    return 1 + n_varint(inside) + inside


cdef inline void write(uint8_t *to, const char *pin_id, uint64_t length, float score, Common common) noexcept:
    """One candidate: n_bytes_of(length) bytes."""
    cdef uint32_t bits, at
    memcpy(&bits, &score, SCORE_BYTES)
    to[0] = common.tags[0]
    to = write_varint(to + 1, n_inside(length, common))
    to[0] = common.tags[1]
    to = write_varint(to + 1, length)
    memcpy(to, pin_id, length)
    to += length
    to[0] = common.tags[2]
    # Lowest byte first, wherever this runs.
    for at in range(SCORE_BYTES):
        to[1 + at] = bits >> 8 * at & 0xFF
    memcpy(to + 1 + SCORE_BYTES, common.medoid, common.n_medoid)
