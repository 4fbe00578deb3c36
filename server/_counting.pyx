# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, nonecheck=True
"""Series and stages: what server.metrics_rows says of them, with no line of Python between a call and its numbers.

Whoever adds here holds the interpreter's lock, so that no addition is lost to another thread's: one row does for
all of them.
"""

cimport cython
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.time cimport PyTime_AsSecondsDouble, PyTime_PerfCounterRaw, PyTime_t
from libc.string cimport strcmp


@cython.final
cdef class Count:
    """One series of a counter.

    Args:
        numbers: Memory for its number, which stays as long as this does.
    """

    cdef Py_buffer _held
    cdef double* _number

    def __cinit__(self, numbers):
        self._number = _numbers(numbers, 1, &self._held)

    def __dealloc__(self):
        PyBuffer_Release(&self._held)

    def add(self, double n=1):
        """Count so many more."""
        self._number[0] += n


@cython.final
cdef class Measure:
    """One series of a histogram.

    Args:
        numbers: Memory for those of its buckets, the one above them, and the sum; it stays as long as this does.
        buckets: Upper bounds, ascending.
    """

    cdef Py_buffer _held
    cdef double* _numbers
    cdef double* _bounds
    cdef Py_ssize_t _n_buckets

    def __cinit__(self, numbers, tuple buckets not None):
        cdef Py_ssize_t at
        self._n_buckets = len(buckets)
        self._numbers = _numbers(numbers, self._n_buckets + 2, &self._held)
        self._bounds = <double*>PyMem_Malloc(self._n_buckets * sizeof(double))
        if self._bounds == NULL:
            raise MemoryError
        for at in range(self._n_buckets):
            self._bounds[at] = buckets[at]

    def __dealloc__(self):
        PyMem_Free(self._bounds)
        PyBuffer_Release(&self._held)

    def observe(self, double value):
        """Count a measurement."""
        self._observe(value)

    cdef void _observe(self, double value) noexcept:
        cdef Py_ssize_t at = 0
        while at < self._n_buckets and self._bounds[at] < value:
            at += 1
        self._numbers[at] += 1
        self._numbers[self._n_buckets + 1] += value


@cython.final
@cython.freelist(8)
cdef class Stage:
    """The time of one stage of one call: a context."""

    cdef Measure _measure
    cdef PyTime_t _began

    def __enter__(self):
        self._began = PyTime_PerfCounterRaw()

    def __exit__(self, kind, error, trace):
        self._measure._observe(PyTime_AsSecondsDouble(PyTime_PerfCounterRaw() - self._began))


@cython.final
cdef class Stages:
    """Times stages.

    Args:
        measures: The series of each, by its name.
    """

    cdef dict _measures

    def __cinit__(self, dict measures not None):
        self._measures = measures

    def time(self, str name not None):
        """Time one: a context."""
        cdef Stage stage = Stage.__new__(Stage)
        stage._measure = <Measure?>self._measures[name]
        return stage


cdef double* _numbers(memory, Py_ssize_t n, Py_buffer* held) except NULL:
    """So many, which nobody takes away before the buffer is released."""
    PyObject_GetBuffer(memory, held, PyBUF_FORMAT | PyBUF_ND | PyBUF_WRITABLE)
    if held.ndim != 1 or held.shape[0] != n or held.format == NULL or strcmp(held.format, b"d") != 0:
        raise ValueError(f"a series needs room for {n} numbers, and no more")
    return <double*>held.buf
