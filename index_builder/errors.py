"""What the index builder itself refuses; bad data and unusable artefacts raise storage.errors.

IndexBuilderError
└── UsageError   flags that do not go together
"""


class IndexBuilderError(Exception):
    """Base of everything the index builder raises on purpose."""


class UsageError(IndexBuilderError):
    """Flags that do not go together, or lack one another."""
