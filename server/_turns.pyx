# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Lists that take turns, joined candidate by candidate: what server.merging.merge_any says, in one go.

numpy takes two dozen calls for the same, and each of them waits for code and data that the processor's cache has
lost since the call before.
"""

cimport cython
cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from libc.stdint cimport INT32_MAX, int32_t, uint8_t, uint32_t
from libc.string cimport memcpy

from server._row_table cimport MOST_ROWS, RowTable, add_row, hash_of, lay_out, number_of, table_bytes
from storage._loops cimport memory, soon_read_all

cnp.import_array()

cdef extern from "Python.h":
    """
    #define IS_BYTES(o) ((o) != NULL && PyBytes_Check(o))
    """
    bint is_bytes "IS_BYTES"(PyObject*) noexcept nogil
    const char* start_of "PyBytes_AS_STRING"(PyObject*) noexcept nogil
    Py_ssize_t size_of "PyBytes_GET_SIZE"(PyObject*) noexcept nogil


cdef enum Refused:
    # In place of how many were taken.
    IS_BEYOND = -1
    IS_NOT_BYTES = -2


@cython.final
@cython.no_gc
cdef class Ranked:
    """Where the candidates of one list lie: found and checked once, for all the merges that the list will see.

    A merge that finds none of it in the processor's cache waits for this and for the numbers, where three arrays
    would have it wait for their dimensions and types as well.

    Args:
        rows: int32 [k]. Nobody ever changes or resizes one of the arrays.
        scores: float32 [k].
        elements: k serialised candidates, of V or bytes; none in a list that is not merged here.
    """

    cdef const int32_t* rows
    cdef const char* block  # Elements of one length, side by side ...
    cdef PyObject** pieces  # ... or objects of their own. One is NULL, both are where there are none.
    cdef Py_ssize_t n_bytes  # Of an element of the block.
    cdef Py_ssize_t length
    cdef const float* scores
    cdef object arrays

    def __cinit__(self, rows, scores, elements):
        self.arrays = rows, scores, elements
        self.rows = <const int32_t*>memory(rows, cnp.NPY_INT32, 1, "rows")
        self.scores = <const float*>memory(scores, cnp.NPY_FLOAT32, 1, "scores")
        cdef bint are_objects = elements.dtype.hasobject
        cdef const void* each = memory(elements, cnp.NPY_OBJECT if are_objects else cnp.NPY_VOID, 1, "elements")
        cdef Py_ssize_t n_scores = cnp.PyArray_SIZE(scores), n_elements = cnp.PyArray_SIZE(elements)
        self.length = cnp.PyArray_SIZE(rows)
        if n_scores != self.length or n_elements not in (0, self.length) or self.length > INT32_MAX:
            raise ValueError(f"{self.length} rows, {n_scores} scores and {n_elements} elements")
        if n_elements and are_objects:
            self.pieces = <PyObject**>each
        elif n_elements:
            self.block, self.n_bytes = <const char*>each, cnp.PyArray_ITEMSIZE(<cnp.ndarray>elements)


cdef struct Turn:
    # One list: `at` is the next place, `left` what remains of its budget.
    const int32_t* rows
    const float* scores
    const char* block
    PyObject** pieces
    Py_ssize_t n_bytes
    Py_ssize_t length
    Py_ssize_t at
    Py_ssize_t left


cdef struct Rules:
    # What a candidate has to be, beside not being in the table.
    bint is_bounded
    float least_score
    const uint8_t* is_blocked  # NULL where nobody is.
    Py_ssize_t n_pins


cdef struct Place:
    # What comes there.
    const char* element
    Py_ssize_t n_bytes


@cython.final
@cython.no_gc
cdef class Taken:
    """What is selected when lists take turns, joined already: a server.merging.Selected.

    Args:
        joined: The serialised candidates, in order.
        n: How many they are.
        given: How many of them each list gave.
    """

    cdef bytes joined
    cdef Py_ssize_t n
    cdef tuple given

    def __cinit__(self, bytes joined not None, Py_ssize_t n, tuple given not None):
        self.joined, self.n, self.given = joined, n, given

    def __len__(self):
        return self.n

    def taken_from(self, n_lists):
        return self.given

    def elements(self, lists):
        return self.joined


def take_turns(tuple lists, tuple excluded, tuple budgets, Py_ssize_t n, min_score, blocked):
    """The candidates of some lists that take turns.

    Args:
        lists: Of server.candidate_lists.CandidateList, in order of importance; candidates stand for themselves.
        excluded: Arrays of int32, representative rows.
        budgets: The most that each list gives.
        n: The most altogether.
        min_score: Least cosine, None for no bound.
        blocked: bool [n_pins], None where nobody is.
    """
    cdef Py_ssize_t n_lists = len(lists), n_rows, n_bytes, taken, number
    cdef Rules rules
    # Of the rows that stand for nothing any more: first those excluded, then those taken.
    cdef RowTable table
    cdef char* room
    cdef Turn* turns
    cdef Place* places
    # What is pointed into stays until the end.
    cdef list ranked = [candidates.ranked for candidates in lists]
    if not 0 <= n < MOST_ROWS or len(budgets) != n_lists:
        raise ValueError(f"{n} candidates of {n_lists} lists with {len(budgets)} budgets")
    _read_rules(&rules, min_score, blocked)
    n_rows = n + _n_rows(excluded)
    n_bytes = n_lists * sizeof(Turn) + n * sizeof(Place) + table_bytes(n_rows)
    room = <char*>PyMem_Malloc(n_bytes)
    if room == NULL:
        raise MemoryError
    turns = <Turn*>room
    places = <Place*>(turns + n_lists)
    try:
        for number in range(n_lists):
            _open(&turns[number], ranked[number], budgets[number])
        lay_out(&table, <char*>(places + n), n_rows)
        for rows in excluded:
            _exclude(&table, rows)
        taken = _take(turns, n_lists, &table, rules, places, n)
        if taken == IS_NOT_BYTES:
            raise TypeError("an element is not bytes")
        if taken == IS_BEYOND:
            raise ValueError("a candidate's row is beyond the pins of the takedown list")
        joined = _joined(places, taken)
        given = tuple([max(budgets[number], 0) - turns[number].left for number in range(n_lists)])
        return Taken(joined, taken, given)
    finally:
        PyMem_Free(room)


cdef int _read_rules(Rules* rules, min_score, blocked) except -1:
    rules.is_bounded = min_score is not None
    rules.least_score = 0 if min_score is None else min_score
    rules.is_blocked, rules.n_pins = NULL, 0
    if blocked is not None:
        rules.is_blocked = <const uint8_t*>memory(blocked, cnp.NPY_BOOL, 1, "blocked rows")
        rules.n_pins = cnp.PyArray_SIZE(blocked)
    return 0


cdef Py_ssize_t _n_rows(tuple excluded) except -1:
    """How many they are in all arrays together."""
    cdef Py_ssize_t n = 0
    for rows in excluded:
        soon_read_all(memory(rows, cnp.NPY_INT32, 1, "excluded rows"), cnp.PyArray_SIZE(rows) * sizeof(int32_t))
        n += cnp.PyArray_SIZE(rows)
    return n


cdef int _open(Turn* turn, Ranked ranked, Py_ssize_t budget) except -1:
    if ranked is None or (ranked.length and ranked.block == NULL and ranked.pieces == NULL):
        raise ValueError("the candidates of a list are not serialised")
    turn.rows, turn.scores, turn.block, turn.pieces = ranked.rows, ranked.scores, ranked.block, ranked.pieces
    turn.n_bytes, turn.length = ranked.n_bytes, ranked.length
    turn.at, turn.left = 0, max(budget, 0)
    # Lists that are read side by side are slower to come than one after the other.
    cdef Py_ssize_t n = min(budget + budget // 8, ranked.length)
    soon_read_all(ranked.rows, n * sizeof(int32_t))
    soon_read_all(ranked.block, n * ranked.n_bytes)
    return 0


cdef int _exclude(RowTable* table, rows) except -1:
    cdef const int32_t* each = <const int32_t*>memory(rows, cnp.NPY_INT32, 1, "excluded rows")
    cdef Py_ssize_t i
    for i in range(cnp.PyArray_SIZE(rows)):
        add_row(table, each[i], hash_of(each[i]))
    return 0


@cython.cdivision(True)
cdef Py_ssize_t _take(
    Turn* turns, Py_ssize_t n_lists, RowTable* table, Rules rules, Place* places, Py_ssize_t n
) noexcept nogil:
    """Rank by rank, list by list: how many places were taken, or why nothing was.

    A rank counts what may come back. A row that an earlier place took costs its list the turn, not the budget.
    """
    cdef Py_ssize_t taken = 0, number
    cdef uint32_t n_excluded = table.n, known = 0, hash = 0
    cdef bint has_more = True
    cdef Turn* each
    cdef int32_t row = 0
    cdef Py_ssize_t at
    while taken < n and has_more:
        has_more = False
        for number in range(n_lists):
            each = &turns[number]
            if each.left == 0:
                continue
            at = each.at
            while at < each.length:
                row = each.rows[at]
                if rules.is_blocked != NULL and row >= rules.n_pins:
                    return IS_BEYOND
                hash = hash_of(row)
                known = number_of(table, row, hash)
                if (
                    row >= 0
                    and (known == 0 or known > n_excluded)
                    and (rules.is_blocked == NULL or not rules.is_blocked[row])
                    and (not rules.is_bounded or each.scores[at] >= rules.least_score)
                ):
                    break
                at += 1
            each.at = at + 1
            if at >= each.length:
                continue
            has_more = True
            if known:
                continue
            if not _put(&places[taken], each, at):
                return IS_NOT_BYTES
            add_row(table, row, hash)
            each.left -= 1
            taken += 1
            if taken == n:
                break
    return taken


cdef inline bint _put(Place* place, const Turn* turn, Py_ssize_t at) noexcept nogil:
    """Whether there are bytes to be put there."""
    if turn.pieces == NULL:
        place.element, place.n_bytes = turn.block + at * turn.n_bytes, turn.n_bytes
        return True
    if not is_bytes(turn.pieces[at]):
        return False
    place.element, place.n_bytes = start_of(turn.pieces[at]), size_of(turn.pieces[at])
    return True


cdef bytes _joined(const Place* places, Py_ssize_t n):
    cdef Py_ssize_t i, n_bytes = 0
    cdef bytes joined
    cdef char* end
    for i in range(n):
        n_bytes += places[i].n_bytes
    joined = PyBytes_FromStringAndSize(NULL, n_bytes)
    end = PyBytes_AS_STRING(joined)
    for i in range(n):
        end = _copy(end, places[i].element, places[i].n_bytes)
    return joined


cdef inline char* _copy(char* to, const char* source, Py_ssize_t n) noexcept nogil:
    """As memcpy does, without a call for the few dozen bytes of a candidate; where to go on."""
    cdef Py_ssize_t at
    if n < 16:
        memcpy(to, source, n)
        return to + n
    for at in range(0, n - 16, 16):
        memcpy(to + at, source + at, 16)
    # The last chunk laps over the one before.
    memcpy(to + n - 16, source + n - 16, 16)
    return to + n
