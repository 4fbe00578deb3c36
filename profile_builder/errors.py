"""What the profile builder itself refuses; bad data and stores raise storage.errors, the model model.errors.

ProfileBuilderError
├── UsageError         flags that do not go together, or ask for what this version does not have
├── WorkerError        a worker process died
├── ArchiveError       the archive of events cannot be written or read
├── NotStoredError     a user's wish to be forgotten is in the stream, and nobody stores it
└── ModelExistsError   calibrate would replace another model
"""


class ProfileBuilderError(Exception):
    """Base of everything the profile builder raises on purpose."""


class UsageError(ProfileBuilderError):
    """Flags that do not go together, or ask for what this version does not have."""


class WorkerError(ProfileBuilderError):
    """A worker process died; nothing was published."""


class ArchiveError(ProfileBuilderError):
    """The archive of events cannot be written or read."""


class NotStoredError(ProfileBuilderError):
    """A user's wish to be forgotten is in the event stream, and nobody stored it in time."""


class ModelExistsError(ProfileBuilderError):
    """The model file is there already and says something else."""
