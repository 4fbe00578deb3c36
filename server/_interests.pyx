# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, nonecheck=True
"""Interests that are drawn and described, record by record: what server.sampling and server.describing say of them.

Whatever it is given, nothing is read or written outside of the records.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.long cimport PyLong_AsUnsignedLongLongMask
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove

from server._wire cimport n_varint, write_double, write_varint


cdef struct Interest:
    # As server.interest_records.INTEREST has it.
    double bound
    double share
    double importance
    int32_t row
    uint32_t origin


cdef enum:
    N_TAGS = 5
    # Of a description behind its medoid: two numbers of 64 bits, two of a byte, a tag before each.
    FIELD_BYTES = 2 * 9 + 2 * 2


cdef double UNIT = 2.0**-53


def draw(bytes records not None, Py_ssize_t k, seed, double least_left):
    """Up to k interests by successive sampling: see server.sampling.

    Args:
        records: Of the interests.
        k: How many; all of them when there are not more.
        seed: An integer, of which 64 bits count.
        least_left: With less of all importance left, roundings could matter.

    Returns:
        The records of those drawn, in their order, and a list of their rows; None where roundings could matter.

    Raises:
        ValueError: The records are not whole ones.
    """
    cdef Py_ssize_t n = n_records(records)
    cdef const Interest *interests = <const Interest *> PyBytes_AS_STRING(records)
    if k >= n:
        return records, rows_of(interests, n)
    if k < 0:
        raise ValueError(f"{k} interests cannot be drawn")
    cdef Py_ssize_t *taken = <Py_ssize_t *> PyMem_Malloc(k * sizeof(Py_ssize_t))
    if taken == NULL:
        raise MemoryError
    try:
        if not find(interests, n, k, PyLong_AsUnsignedLongLongMask(seed), least_left, taken):
            return None
        return chosen(interests, taken, k)
    finally:
        PyMem_Free(taken)


cdef chosen(const Interest *interests, const Py_ssize_t *taken, Py_ssize_t k):
    cdef bytes records = PyBytes_FromStringAndSize(NULL, k * sizeof(Interest))
    cdef Interest *to = <Interest *> PyBytes_AS_STRING(records)
    cdef Py_ssize_t i
    for i in range(k):
        to[i] = interests[taken[i]]
    return records, rows_of(to, k)


cdef list rows_of(const Interest *interests, Py_ssize_t n):
    cdef Py_ssize_t i
    return [interests[i].row for i in range(n)]


cdef bint find(
    const Interest *interests, Py_ssize_t n, Py_ssize_t k, uint64_t state, double least_left, Py_ssize_t *taken
) noexcept nogil:
    """Whether the places of k interests could be found without minding how numbers were rounded; ascending."""
    cdef Py_ssize_t n_taken, i, at
    cdef double x, left = interests[n - 1].bound
    for n_taken in range(k):
        if left < least_left:
            return False
        x = uniform(&state) * left
        for i in range(n_taken):
            if x < interests[taken[i]].bound - interests[taken[i]].share:
                break
            x += interests[taken[i]].share
        at = place_of(x, interests, n)
        if at == n:
            return False
        i = n_taken
        while i > 0 and taken[i - 1] >= at:
            i -= 1
        if i < n_taken and taken[i] == at:
            return False
        memmove(&taken[i + 1], &taken[i], (n_taken - i) * sizeof(Py_ssize_t))
        taken[i] = at
        left -= interests[at].share
    return True


cdef inline double uniform(uint64_t *state) noexcept nogil:
    """The next number of SplitMix64 in [0, 1)."""
    state[0] += <uint64_t> 0x9E3779B97F4A7C15u
    cdef uint64_t mixed = state[0]
    mixed = (mixed ^ (mixed >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9u
    mixed = (mixed ^ (mixed >> 27)) * <uint64_t> 0x94D049BB133111EBu
    return <double> ((mixed ^ (mixed >> 31)) >> 11) * UNIT


cdef inline Py_ssize_t place_of(double x, const Interest *interests, Py_ssize_t n) noexcept nogil:
    """The first whose bound is greater: n for none. It looks where bisect_right looks."""
    cdef Py_ssize_t low = 0, high = n, middle
    while low < high:
        middle = (low + high) >> 1
        if x < interests[middle].bound:
            high = middle
        else:
            low = middle + 1
    return low


def describe(bytes records not None, retrieved, double decay, bytes tags not None):
    """The elements of `interests`, one behind the other: see server.encoding.encode_interest.

    Args:
        records: Of the interests.
        retrieved: A server.candidate_lists.Retrieved for each.
        decay: What importances are multiplied with.
        tags: Of an interest, its importance, probability, origin and cache hit, a byte each.

    Raises:
        TypeError, ValueError: Something is of another kind, or not as many.
    """
    cdef const Interest *interests = <const Interest *> PyBytes_AS_STRING(records)
    cdef const uint8_t *tag = <const uint8_t *> PyBytes_AS_STRING(tags)
    cdef Py_ssize_t n = n_records(records), n_bytes = 0, at
    cdef list medoids = [], hits = []
    cdef bytes medoid
    for each in retrieved:
        medoid = each.candidates.medoid
        medoids.append(medoid)
        hits.append(each.cache_hit)
        n_bytes += n_bytes_of(len(medoid))
    if len(medoids) != n or len(tags) != N_TAGS:
        raise ValueError(f"{len(medoids)} lists for {n} interests, {len(tags)} tags")
    cdef bytes described = PyBytes_FromStringAndSize(NULL, n_bytes)
    cdef uint8_t *to = <uint8_t *> PyBytes_AS_STRING(described)
    for at in range(n):
        medoid = medoids[at]
        to[0] = tag[0]
        to = write_varint(to + 1, len(medoid) + FIELD_BYTES)
        memcpy(to, PyBytes_AS_STRING(medoid), len(medoid))
        to = write_fields(to + len(medoid), &interests[at], decay, hits[at], tag)
    return described


cdef inline uint8_t *write_fields(
    uint8_t *to, const Interest *interest, double decay, bint cache_hit, const uint8_t *tag
) noexcept:
    to[0] = tag[1]
    to = write_double(to + 1, interest.importance * decay)
    to[0] = tag[2]
    to = write_double(to + 1, interest.share)
    to[0] = tag[3]
    to[1] = <uint8_t> interest.origin
    to[2] = tag[4]
    to[3] = cache_hit
    return to + 4


cdef Py_ssize_t n_records(bytes records) except -1:
    if len(records) % sizeof(Interest):
        raise ValueError(f"{len(records)} bytes are no whole records of {sizeof(Interest)}")
    return len(records) // sizeof(Interest)


cdef inline uint64_t n_bytes_of(uint64_t n_medoid) noexcept:
    """Of a description whose medoid has so many."""
    return 1 + n_varint(n_medoid + FIELD_BYTES) + n_medoid + FIELD_BYTES
