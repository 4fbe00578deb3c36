"""The kinds that an answer tells apart: what is newer than this client is UNRECOGNISED, never an error."""

import enum


class _WireEnum(enum.Enum):
    """An enum of the wire contract; a value that is newer than this client is UNRECOGNISED."""

    @classmethod
    def _missing_(cls, value: object) -> enum.Enum | None:
        return cls["UNRECOGNISED"] if isinstance(value, int) else None


class InterestOrigin(_WireEnum):
    """Where an interest comes from."""

    UNRECOGNISED = -1
    UNSPECIFIED = 0
    BATCH = 1
    """From the daily batch."""
    ONLINE = 2
    """From the newest actions, after the batch."""
    BATCH_AND_ONLINE = 3
    """A batch interest strengthened by the newest actions."""
    REQUEST = 4
    """From the pins in the request."""
    FALLBACK = 5
    """The most acted-on pins of all, for a user without interests."""


class AnswerReason(_WireEnum):
    """Why an answer is empty or a fallback; ORDINARY when it is neither."""

    UNRECOGNISED = -1
    ORDINARY = 0
    UNKNOWN_USER = 1
    """The server holds nothing about this user."""
    NO_USABLE_INTERESTS = 2
    """The user is known, but none of their interests can be used with the pins served now."""
    ALL_FILTERED = 3
    """Interests were found, but exclusions, `min_score` or `filters` left no candidate."""
    DAMAGED_PROFILE = 4
    """Of a batch only: what is stored of this user is damaged."""


class Degradation(_WireEnum):
    """What was given up to answer at all."""

    UNRECOGNISED = -1
    UNSPECIFIED = 0
    STALE_PROFILE = 1
    """The profile store did not answer; a profile read earlier was used."""
    LOWER_EF_SEARCH = 2
    """Under load the index was searched less thoroughly."""
    ONLINE_IGNORED = 3
    """The user's newest actions could not be read; what was known at the last batch was used."""


class MergePolicy(_WireEnum):
    """How the lists of several medoids become one answer."""

    UNRECOGNISED = -1
    UNSPECIFIED = 0
    """An answer of a server that does not say; in a request, the server's default."""
    INTERLEAVED = 1
    """A few interests are sampled by importance; the lists of their medoids take turns."""
    FUSED = 2
    """All interests of some importance answer, an important one by several medoids, and every candidate is
    scored by all of them together."""
