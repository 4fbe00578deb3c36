"""What the index builder itself refuses; bad data and unusable artefacts raise storage.errors.

IndexBuilderError
├── UsageError        flags that do not go together
└── LeftBehindError   a version is live without the pins that were added before
"""


class IndexBuilderError(Exception):
    """Base of everything the index builder raises on purpose."""


class UsageError(IndexBuilderError):
    """Flags that do not go together, or lack one another."""


class LeftBehindError(IndexBuilderError):
    """A version is live, and the pins added before could not be put beside it."""
