# cython: language_level=3
# What compiled loops write of protobuf's wire format.

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy


cdef inline uint64_t n_varint(uint64_t value) noexcept nogil:
    """How many bytes the varint takes."""
    cdef uint64_t n = 1
    while value > 0x7F:
        value >>= 7
        n += 1
    return n


cdef inline uint8_t *write_varint(uint8_t *to, uint64_t value) noexcept nogil:
    """Where to go on."""
    while value > 0x7F:
        to[0] = value & 0x7F | 0x80
        value >>= 7
        to += 1
    to[0] = <uint8_t> value
    return to + 1


cdef inline uint8_t *write_double(uint8_t *to, double value) noexcept nogil:
    """Lowest byte first, wherever this runs; where to go on."""
    cdef uint64_t bits
    cdef int at
    memcpy(&bits, &value, sizeof(bits))
    for at in range(8):
        to[at] = bits >> 8 * at & 0xFF
    return to + 8
