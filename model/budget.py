"""How many candidates each sampled interest may give."""

from model.errors import InvalidInputError


def budget_per_interest(max_candidates: int, n_interests: int) -> int:
    """The equal share of `max_candidates`, rounded up; merging truncates what is then too much.

    Raises:
        InvalidInputError: An argument below 1.
    """
    if max_candidates < 1 or n_interests < 1:
        raise InvalidInputError(
            f"a budget needs at least one candidate and one interest, got {max_candidates} and {n_interests}"
        )
    return -(-max_candidates // n_interests)
