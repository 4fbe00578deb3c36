# cython: language_level=3
# What compiled loops share: where an array lies, once it is known to be what it should be, and a hint to the processor.

cimport numpy as cnp

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define SOON_READ(address) __builtin_prefetch(address)
    #else
    #define SOON_READ(address)
    #endif
    """
    void soon_read "SOON_READ"(const void *address) noexcept nogil


cdef inline const void *memory(array, int kind, int n_dimensions, str name) except? NULL:
    """Where an array of this kind lies, in one piece.

    It is as long as PyArray_SIZE and PyArray_DIM say, whatever its class makes of `len`.
    """
    if not isinstance(array, cnp.ndarray):
        raise TypeError(f"{name} are no array but {type(array).__name__}")
    if (
        cnp.PyArray_NDIM(<cnp.ndarray> array) != n_dimensions
        or cnp.PyArray_TYPE(<cnp.ndarray> array) != kind
        or not cnp.PyArray_ISCARRAY_RO(<cnp.ndarray> array)
    ):
        raise ValueError(f"{name} {array.dtype} {array.shape} are not of the expected kind, or not in one piece")
    return cnp.PyArray_DATA(<cnp.ndarray> array)


cdef inline void soon_read_all(const void *begin, Py_ssize_t n_bytes) noexcept nogil:
    """A hint for each line of the processor's cache."""
    cdef Py_ssize_t at
    for at in range(0, n_bytes, 64):
        soon_read(<const char *> begin + at)
