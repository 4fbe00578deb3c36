# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Candidates serialised one by one: what server.encoding has numpy do column by column, in one pass.

Whatever it is given, nothing is read or written outside of the arrays.
"""

import numpy as np

cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
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


def elements_of_candidates(pin_ids, scores, bytes medoid not None, bytes tags not None):
    """The candidates of one medoid: elements of one length where the ids are of one, else objects.

    Args:
        pin_ids: An array of V or a list of bytes: n ids as UTF-8.
        scores: float32 [n], C-contiguous.
        medoid: The serialised field `Candidate.medoid_pin_id`.
        tags: Of a candidate, its pin id and its score, a byte each.

    Raises:
        TypeError, ValueError: Something is of another kind, or not as many.
    """
    cdef const float *each_score = <const float *> memory(scores, cnp.NPY_FLOAT32, 1, "scores")
    cdef Common common = Common(
        <const uint8_t *> PyBytes_AS_STRING(tags), PyBytes_AS_STRING(medoid), PyBytes_GET_SIZE(medoid)
    )
    if len(tags) != 3:
        raise ValueError(f"there are three tags, not {len(tags)}")
    cdef int64_t n = cnp.PyArray_SIZE(scores)
    if type(pin_ids) is not list:
        return of_block(pin_ids, each_score, n, common)
    if are_of_one_length(pin_ids):
        return of_block(np.frombuffer(b"".join(pin_ids), f"V{len(pin_ids[0])}"), each_score, n, common)
    return of_pieces(pin_ids, each_score, n, common)


cdef of_block(pin_ids, const float *scores, int64_t n, Common common):
    cdef const char *ids = <const char *> memory(pin_ids, cnp.NPY_VOID, 1, "pin ids")
    require_as_many(cnp.PyArray_SIZE(pin_ids), n)
    cdef uint64_t length = cnp.PyArray_ITEMSIZE(<cnp.ndarray> pin_ids), size = n_bytes_of(length, common)
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
    # Not before: while there is made room, others that hold the list may run.
    require_as_many(len(pin_ids), n)
    cdef PyObject **to = <PyObject **> cnp.PyArray_DATA(<cnp.ndarray> elements)
    for at in range(n):
        pin_id = pin_ids[at]
        require_bytes(pin_id)
        length = PyBytes_GET_SIZE(pin_id)
        piece = PyBytes_FromStringAndSize(NULL, n_bytes_of(length, common))
        write(<uint8_t *> PyBytes_AS_STRING(piece), PyBytes_AS_STRING(pin_id), length, scores[at], common)
        Py_XDECREF(to[at])
        Py_INCREF(piece)
        to[at] = <PyObject *> piece
    return elements


cdef bint are_of_one_length(list pin_ids) except -1:
    for pin_id in pin_ids:
        require_bytes(pin_id)
        if PyBytes_GET_SIZE(pin_id) != PyBytes_GET_SIZE(pin_ids[0]):
            return False
    return len(pin_ids) > 0


cdef int require_as_many(int64_t n_ids, int64_t n) except -1:
    if n_ids != n:
        raise ValueError(f"{n_ids} pin ids for {n} scores")
    return 0


cdef int require_bytes(pin_id) except -1:
    if type(pin_id) is not bytes:
        raise TypeError(f"a pin id is {type(pin_id).__name__}, not bytes")
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
