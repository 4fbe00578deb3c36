"""The checksum in front of every stored value: CRC32C, 4 bytes, little endian."""

import struct

import google_crc32c

_CRC = struct.Struct("<I")
CHECKSUM_BYTES = _CRC.size


def checksummed(content: bytes, *, key: bytes = b"") -> bytes:
    """The value to store for `content`.

    Args:
        content: What is stored.
        key: Covered by the checksum besides: under another key the value does not count.
    """
    return _CRC.pack(google_crc32c.value(key + content)) + content


def content_of(value: bytes, *, key: bytes = b"") -> bytes | None:
    """What is stored in `value`; None where it is damaged."""
    content = value[CHECKSUM_BYTES:]
    is_whole = value[:CHECKSUM_BYTES] == _CRC.pack(google_crc32c.value(key + content))
    return content if is_whole else None
