# cython: language_level=3, boundscheck=False, wraparound=False
"""A request taken apart: what differs from call to call, as values, and the bytes of all that does not.

It is for those who ask for nothing unusual, in the bytes that every library writes. What of the wire format they do
not need, and all that is wrong, is left to the parser. Nothing is read outside of the bytes, whatever they are.
"""

cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

from storage._xxh3 cimport xxh3_64

cnp.import_array()


cdef enum:
    # The fields of a RecommendRequest, each with its wire type. The filter is none of them: it is read anew each time,
    # as the columns that it may name are others when the artefact is.
    USER_ID = 1 << 3 | 2
    MAX_CANDIDATES = 2 << 3
    MAX_INTERESTS = 3 << 3
    EXCLUDE_PIN_ID = 4 << 3 | 2
    SEED = 5 << 3
    MIN_SCORE = 6 << 3 | 5
    MERGE_POLICY = 7 << 3
    VARIANT = 9 << 3 | 2
    # What is more or longer is left to the parser and the rules. A limit in server.limits that is lower than these would
    # not be enforced here: tests/server/test_reading.py fails then.
    MOST_EXCLUDED = 2_000
    LONGEST_TEXT = 127
    LONGEST_REST = 128

cdef struct Text:
    const uint8_t *start
    uint8_t n_bytes


def split(bytes serialised not None):
    """Who asks, what is excluded, the seed, and the rest of a request; None of one that takes a closer look.

    Returns:
        The user's id; uint64 [x], the hashes of the excluded pins; the seed or None; all other fields, serialised.
    """
    cdef const uint8_t *at = <const uint8_t *> PyBytes_AS_STRING(serialised)
    cdef const uint8_t *end = at + PyBytes_GET_SIZE(serialised)
    cdef const uint8_t *field
    cdef Text user, pin
    cdef uint64_t seed
    cdef bint has_user = False, has_seed = False
    cdef uint64_t hashes[MOST_EXCLUDED]
    cdef char rest[LONGEST_REST]
    cdef cnp.npy_intp n_excluded = 0, n_rest = 0
    while at != end:
        field = at
        if field[0] == USER_ID:
            at = after_text(at + 1, end, &user)
            has_user = True
        elif field[0] == EXCLUDE_PIN_ID:
            at = after_text(at + 1, end, &pin)
            if at == NULL or n_excluded == MOST_EXCLUDED:
                return None
            hashes[n_excluded] = xxh3_64(pin.start, pin.n_bytes)
            n_excluded += 1
        elif field[0] == SEED:
            at = after_varint(at + 1, end, &seed)
            has_seed = True
        else:
            at = after_other(field[0], at + 1, end)
            if at == NULL or n_rest + (at - field) > LONGEST_REST:
                return None
            memcpy(rest + n_rest, field, at - field)
            n_rest += at - field
        if at == NULL:
            return None
    if not has_user:
        return None
    cdef cnp.ndarray excluded = cnp.PyArray_SimpleNew(1, &n_excluded, cnp.NPY_UINT64)
    memcpy(cnp.PyArray_DATA(excluded), hashes, n_excluded * sizeof(uint64_t))
    user_id = (<const char *> user.start)[:user.n_bytes].decode("ascii")
    return user_id, excluded, seed if has_seed else None, PyBytes_FromStringAndSize(rest, n_rest)


cdef const uint8_t *after_other(uint8_t tag, const uint8_t *at, const uint8_t *end) noexcept:
    """Where the value of a field ends that is the same from call to call; NULL for what looks unusual."""
    cdef uint64_t number
    cdef Text text
    if tag == MAX_CANDIDATES or tag == MAX_INTERESTS or tag == MERGE_POLICY:
        return after_varint(at, end, &number)
    if tag == VARIANT:
        return after_text(at, end, &text)
    return at + 4 if tag == MIN_SCORE and end - at >= 4 else NULL


cdef inline const uint8_t *after_text(const uint8_t *at, const uint8_t *end, Text *found) noexcept:
    """Where a text ends that begins here with its length; NULL unless it is short, ASCII and not empty."""
    cdef uint8_t of_any = 0, n
    if at == end or not 1 <= at[0] <= LONGEST_TEXT or end - at <= at[0]:
        return NULL
    found.start, found.n_bytes = at + 1, at[0]
    for n in range(found.n_bytes):
        of_any |= found.start[n]
    return found.start + found.n_bytes if of_any < 0x80 else NULL


cdef inline const uint8_t *after_varint(const uint8_t *at, const uint8_t *end, uint64_t *number) noexcept:
    """Where a number ends that begins here; NULL where there is none of 64 bits."""
    cdef uint64_t read = 0
    cdef int n_bits = 0
    while at != end and (n_bits < 63 or n_bits == 63 and at[0] <= 1):
        read |= <uint64_t> (at[0] & 0x7F) << n_bits
        at += 1
        if (at - 1)[0] < 0x80:
            number[0] = read
            return at
        n_bits += 7
    return NULL
