"""Which of many things that are kept goes first: about the one used least.

They go in the order they came, but each is spared once for every mark that it bears, and comes again. To use
one costs a mark, in place of a lock and a move in a list through all of memory: the CLOCK of page caches with
one mark, the GCLOCK of databases with several.
"""

from collections import OrderedDict
from typing import Protocol, TypeVar

# However many are used over and over, the turn comes to one in this many steps: their number is no wait.
_SPARED_IN_A_ROW = 16


class Used(Protocol):
    """What may be spared.

    Attributes:
        uses: How often it was used, as far as that is counted, less one each time that it was spared.
    """

    uses: int


_K = TypeVar("_K")
_U = TypeVar("_U", bound=Used)


def whose_turn(kept: OrderedDict[_K, _U]) -> _K:
    """The key of the one to go; those before it in the order are spared, and come last.

    Args:
        kept: One at least.
    """
    for _ in range(_SPARED_IN_A_ROW):
        key, each = next(iter(kept.items()))
        if not each.uses:
            return key
        each.uses -= 1
        kept.move_to_end(key)
    return next(iter(kept))
