# cython: language_level=3, boundscheck=False, wraparound=False
"""The hashes of many pin ids straight into an array: without bytes and a number of Python's for each of them."""

cimport numpy as cnp
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint64_t

from storage._xxh3 cimport xxh3_64

cnp.import_array()


def hash_ids(pin_ids):
    """See storage.hashes.hash_ids."""
    # A list of our own, which nobody else makes shorter meanwhile.
    cdef list texts = list(pin_ids)
    cdef cnp.npy_intp at, n = len(texts)
    cdef cnp.ndarray hashes = cnp.PyArray_SimpleNew(1, &n, cnp.NPY_UINT64)
    cdef uint64_t* each = <uint64_t*>cnp.PyArray_DATA(hashes)
    cdef Py_ssize_t n_bytes
    cdef const char* text
    for at in range(n):
        text = PyUnicode_AsUTF8AndSize(texts[at], &n_bytes)
        each[at] = xxh3_64(text, n_bytes)
    return hashes
