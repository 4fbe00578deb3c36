"""What is attempted again and again: it may fail, its problem is told once, and the next attempt comes."""

from collections.abc import Callable


def in_words(error: Exception, expected: type[Exception]) -> str:
    """What is wrong, for a log: an expected error says it all itself, of others the type is said as well."""
    return str(error) if isinstance(error, expected) else f"{type(error).__name__}: {error}"


class Attempts:
    """Attempts at one thing, for one thread at a time.

    Args:
        expected: The errors that are meant for people.
    """

    def __init__(self, expected: type[Exception]) -> None:
        self._expected, self._problem = expected, ""

    def make(self, work: Callable[[], None], tell: Callable[[str], None]) -> bool:
        """Make one; raises nothing, and says whether it went well.

        Args:
            work: What is attempted; where it fails, what was there before should stay.
            tell: Told what is wrong in words, unless the last attempt failed for the same reason.
        """
        try:
            work()
        except Exception as error:
            # Whatever it is, the next attempt must come.
            self._meet(in_words(error, self._expected), tell)
            return False
        self._problem = ""
        return True

    def _meet(self, problem: str, tell: Callable[[str], None]) -> None:
        if problem != self._problem:
            self._problem = problem
            tell(problem)
