"""Marks as values beside the records: under keys that no user can have, and passed over by who reads users.

A mark's checksum covers its key, too. To readers that know no marks it is a record that is not whole, of a
user whom nobody asks for.
"""

from storage.errors import DamagedRecordError
from storage.profiles.checksums import checksummed, content_of

# No UTF-8 begins with it.
_NO_USER = b"\xff"
_PREFIX = _NO_USER + b"m"


def mark_key(name: str) -> bytes:
    """Where a mark lies among the users."""
    return _PREFIX + name.encode()


def encode_mark(name: str, text: str) -> bytes:
    """The value stored for a mark."""
    return checksummed(text.encode(), key=mark_key(name))


def decode_mark(name: str, value: bytes) -> str:
    """The mark in `value`.

    Raises:
        DamagedRecordError: The value is damaged.
    """
    content = content_of(value, key=mark_key(name))
    if content is None:
        raise DamagedRecordError(f"damaged record, mark {name!r}: its checksum does not match")
    return content.decode()
