"""Everything the storage floor raises on purpose.

StorageError
├── DataError                    input data that cannot be read as our format
│   ├── InvalidEventError        something in, or for, the event stream that is no record
│   └── TooManyRejectsError      more bad rows than the settable share
├── ArtefactError                a published version cannot be used
│   ├── NoVersionError           nothing was published there, or not that version
│   ├── DamagedArtefactError     a file is missing, of the wrong size, or does not match its checksum
│   └── UnknownFormatError       written by a newer version of this software
├── EmbeddingSpaceMismatchError  artefact and profiles (or model file) of different embedding spaces
├── PublishError                 a version could not be written
│   └── PublishLockedError       another process is publishing into the same folder
├── TakedownError                the list of blocked pins cannot be read or written
├── EventStreamError             the event stream cannot be used
│   ├── StreamUnavailableError   it does not answer, refuses us, or cannot be read or written
│   ├── StreamFullError          no room is left
│   └── PartitionLostError       another consumer reads the partition now: nothing was committed
└── ProfileStoreError            the profile store cannot be used
    ├── StoreUnavailableError    it does not answer: locked, unreachable
    ├── StoreReadOnlyError       it cannot be written to
    ├── StoreFullError           no room is left
    ├── OvertakenError           another writer has gone on from where this one was: nothing was written
    └── DamagedRecordError       a value's checksum or content is wrong

Messages are for people: what was wrong, where, and what to do.
"""


class StorageError(Exception):
    """Base of everything storage raises on purpose."""


class DataError(StorageError):
    """Input data that cannot be read as our format."""


class InvalidEventError(DataError):
    """No record of the event stream; the message is a reason to count by."""


class TooManyRejectsError(DataError):
    """More bad rows than the share allowed: the build stops before anything is published."""


class ArtefactError(StorageError):
    """A published version cannot be used."""


class NoVersionError(ArtefactError):
    """Nothing was published in this folder, or not the version asked for."""


class DamagedArtefactError(ArtefactError):
    """A file of the version is missing, of the wrong size, or does not match its checksum."""


class UnknownFormatError(ArtefactError):
    """The version was written in a format this software does not know."""


class EmbeddingSpaceMismatchError(StorageError):
    """Two things that must share one embedding space do not."""


class PublishError(StorageError):
    """A version could not be written; nothing that was live has changed."""


class PublishLockedError(PublishError):
    """Another process is publishing into the same folder."""


class TakedownError(StorageError):
    """The list of blocked pins cannot be read or written."""


class EventStreamError(StorageError):
    """The event stream cannot be used."""


class StreamUnavailableError(EventStreamError):
    """The stream does not answer, refuses us, or cannot be read or written."""


class StreamFullError(EventStreamError):
    """The stream has no room left."""


class PartitionLostError(EventStreamError):
    """Another consumer reads the partition now: nothing of it was committed."""


class ProfileStoreError(StorageError):
    """The profile store cannot be used."""


class StoreUnavailableError(ProfileStoreError):
    """The store does not answer: locked, unreachable, timed out."""


class StoreReadOnlyError(ProfileStoreError):
    """The store cannot be written to."""


class StoreFullError(ProfileStoreError):
    """The store has no room left."""


class OvertakenError(ProfileStoreError):
    """Another writer has gone on from where this one was: nothing was written."""


class DamagedRecordError(ProfileStoreError):
    """A stored value's checksum or content is wrong."""
