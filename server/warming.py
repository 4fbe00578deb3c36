"""How the cache is filled for a new version of the pins: the policy."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Warming:
    """How much of the cache is filled anew before a new version of the pins is served.

    Attributes:
        seconds: At most so long; 0 for not at all.
        share: The part of one core that it may take meanwhile: calls are answered beside it.
        at_once: Medoids of one search.
    """

    seconds: float = 30.0
    share: float = 0.25
    at_once: int = 2
