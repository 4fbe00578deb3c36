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
from libc.string cimport memcpy, memset

from storage._loops cimport memory

cnp.import_array()


cdef enum:
    # Candidates and excluded rows together: their table takes 2.5 GiB.
    MOST_ROWS = 1 << 28


cdef struct Ranked:
    # One list: `at` is the next place, `left` what remains of its budget.
    const int32_t* rows
    const float* scores
    const char* block  # Elements of one length, side by side ...
    PyObject** pieces  # ... or objects of their own; the other is NULL.
    Py_ssize_t n_bytes  # Of an element of the block.
    Py_ssize_t length
    Py_ssize_t at
    Py_ssize_t left
    Py_ssize_t given


cdef enum State:
    # Of a slot of the table.
    FREE = 0
    EXCLUDED = 1
    TAKEN = 2


cdef struct Table:
    # Rows that stand for nothing any more, by hash and open addressing; never more than half full.
    int32_t* rows
    uint8_t* states
    uint32_t mask


cdef struct Rules:
    # What a candidate has to be, beside not being in the table.
    bint is_bounded
    float least_score
    const uint8_t* is_blocked  # NULL where nobody is.
    Py_ssize_t n_pins


cdef struct Place:
    int32_t number  # Of the list.
    int32_t position


def take_turns(tuple lists, tuple excluded, tuple budgets, Py_ssize_t n, min_score, blocked):
    """The serialised candidates of some lists that take turns, how many they are, and how many each list gave.

    Args:
        lists: Of server.candidate_cache.CandidateList, in order of importance; candidates stand for themselves.
        excluded: Arrays of int32, representative rows.
        budgets: The most that each list gives.
        n: The most altogether.
        min_score: Least cosine, None for no bound.
        blocked: bool [n_pins], None where nobody is.

    Returns:
        The bytes, their number, and a tuple of one number for each list.

    Raises:
        TypeError, ValueError: An array is not what it should be.
    """
    cdef Py_ssize_t n_lists = len(lists), taken, number
    cdef Rules rules
    cdef Table table
    cdef char* room
    cdef Ranked* ranked
    cdef Place* places
    # Whatever is pointed into stays until the end.
    cdef list held = []
    if not 0 <= n <= MOST_ROWS or len(budgets) != n_lists:
        raise ValueError(f"{n} candidates of {n_lists} lists with {len(budgets)} budgets")
    _read_rules(&rules, min_score, blocked)
    table.mask = _slots(n + _n_rows(excluded)) - 1
    room = <char*>PyMem_Malloc(n_lists * sizeof(Ranked) + n * sizeof(Place) + (table.mask + 1) * 5)
    if room == NULL:
        raise MemoryError
    ranked = <Ranked*>room
    places = <Place*>(ranked + n_lists)
    table.rows = <int32_t*>(places + n)
    table.states = <uint8_t*>(table.rows + table.mask + 1)
    try:
        memset(table.states, FREE, table.mask + 1)
        for rows in excluded:
            _exclude(&table, rows)
        for number in range(n_lists):
            _open(&ranked[number], lists[number], budgets[number], held)
        taken = _take(ranked, n_lists, &table, rules, places, n)
        if taken < 0:
            raise ValueError("a candidate's row is beyond the pins of the takedown list")
        given = tuple([ranked[number].given for number in range(n_lists)])
        return _joined(ranked, places, taken), taken, given
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
        memory(rows, cnp.NPY_INT32, 1, "excluded rows")
        n += cnp.PyArray_SIZE(rows)
    return n


cdef uint32_t _slots(Py_ssize_t n_rows) except 0:
    cdef uint32_t slots = 64
    if n_rows > MOST_ROWS:
        raise ValueError(f"{n_rows} rows are too many")
    while slots < 2 * n_rows:
        slots *= 2
    return slots


cdef int _exclude(Table* table, rows) except -1:
    cdef const int32_t* each = <const int32_t*>memory(rows, cnp.NPY_INT32, 1, "excluded rows")
    cdef Py_ssize_t i
    cdef uint32_t slot
    for i in range(cnp.PyArray_SIZE(rows)):
        slot = _slot(table, each[i])
        table.rows[slot] = each[i]
        table.states[slot] = EXCLUDED
    return 0


cdef inline uint32_t _slot(const Table* table, int32_t row) noexcept nogil:
    """Where the row stands, or would."""
    cdef uint32_t mixed = <uint32_t>row * 2654435769u
    cdef uint32_t slot = (mixed ^ (mixed >> 15)) & table.mask
    while table.states[slot] != FREE and table.rows[slot] != row:
        slot = (slot + 1) & table.mask
    return slot


cdef int _open(Ranked* ranked, candidates, Py_ssize_t budget, list held) except -1:
    rows, scores, elements = candidates.rows, candidates.scores, candidates.elements
    held += (rows, scores, elements)
    ranked.rows = <const int32_t*>memory(rows, cnp.NPY_INT32, 1, "rows")
    ranked.scores = <const float*>memory(scores, cnp.NPY_FLOAT32, 1, "scores")
    ranked.block, ranked.pieces, ranked.n_bytes = NULL, NULL, 0
    if elements.dtype.hasobject:
        ranked.pieces = <PyObject**>memory(elements, cnp.NPY_OBJECT, 1, "elements")
    else:
        ranked.block = <const char*>memory(elements, cnp.NPY_VOID, 1, "elements")
        ranked.n_bytes = cnp.PyArray_ITEMSIZE(<cnp.ndarray>elements)
    ranked.length = cnp.PyArray_SIZE(rows)
    cdef Py_ssize_t n_scores = cnp.PyArray_SIZE(scores), n_elements = cnp.PyArray_SIZE(elements)
    if n_scores != ranked.length or n_elements != ranked.length or ranked.length > INT32_MAX:
        raise ValueError(f"{ranked.length} rows, {n_scores} scores and {n_elements} elements")
    ranked.at, ranked.left, ranked.given = 0, budget, 0
    return 0


@cython.cdivision(True)
cdef Py_ssize_t _take(
    Ranked* ranked, Py_ssize_t n_lists, Table* table, Rules rules, Place* places, Py_ssize_t n
) noexcept nogil:
    """Rank by rank, list by list: how many places were taken; -1 for a row beyond the takedown list.

    A rank counts what may come back. A row that an earlier place took costs its list the turn, not the budget.
    """
    cdef Py_ssize_t taken = 0, number
    cdef bint has_more = True
    cdef Ranked* each
    cdef int32_t row
    cdef uint32_t slot = 0
    while taken < n and has_more:
        has_more = False
        for number in range(n_lists):
            each = &ranked[number]
            if each.left <= 0:
                continue
            while each.at < each.length:
                row = each.rows[each.at]
                if rules.is_blocked != NULL and row >= rules.n_pins:
                    return -1
                slot = _slot(table, row)
                if (
                    row >= 0
                    and table.states[slot] != EXCLUDED
                    and (rules.is_blocked == NULL or not rules.is_blocked[row])
                    and (not rules.is_bounded or each.scores[each.at] >= rules.least_score)
                ):
                    break
                each.at += 1
            if each.at == each.length:
                each.left = 0
                continue
            has_more = True
            if table.states[slot] == FREE:
                table.rows[slot] = row
                table.states[slot] = TAKEN
                places[taken].number = <int32_t>number
                places[taken].position = <int32_t>each.at
                taken += 1
                each.left -= 1
                each.given += 1
            each.at += 1
            if taken == n:
                break
    return taken


cdef bytes _joined(const Ranked* ranked, const Place* places, Py_ssize_t taken):
    cdef Py_ssize_t i, n_bytes = 0
    cdef const Ranked* each
    cdef PyObject* piece
    cdef bytes joined
    cdef char* end
    for i in range(taken):
        each = &ranked[places[i].number]
        if each.pieces == NULL:
            n_bytes += each.n_bytes
            continue
        piece = each.pieces[places[i].position]
        if piece == NULL or not isinstance(<object>piece, bytes):
            raise TypeError("an element is not bytes")
        n_bytes += len(<bytes>piece)
    joined = PyBytes_FromStringAndSize(NULL, n_bytes)
    end = PyBytes_AS_STRING(joined)
    for i in range(taken):
        each = &ranked[places[i].number]
        if each.pieces == NULL:
            memcpy(end, each.block + places[i].position * each.n_bytes, each.n_bytes)
            end += each.n_bytes
        else:
            piece = each.pieces[places[i].position]
            memcpy(end, PyBytes_AS_STRING(<bytes>piece), len(<bytes>piece))
            end += len(<bytes>piece)
    return joined
