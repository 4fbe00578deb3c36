"""gRPC calls as HTTP/2 frames (RFC 9113), as much of it as a generator of load needs.

A caller made of frames takes a fraction of the processor that gRPC's own takes in Python: so one core can
ask for three times what another can answer.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from math import inf

WINDOW = 65_535  # of a connection and of each stream, until its receiver widens it
_WIDEST = 2**31 - 1
_HEADER = struct.Struct(">BHBBI")  # length in 8 + 16 bits, type, flags, stream
HEADER_BYTES = _HEADER.size

_END_STREAM, _ACK, _END_HEADERS = 0x1, 0x1, 0x4
_HEADER_TABLE_SIZE, MAX_CONCURRENT_STREAMS, _INITIAL_WINDOW_SIZE = 0x1, 0x3, 0x4
_STATUS = b"grpc-status"


class Kind(IntEnum):
    """Types of frames."""

    DATA = 0
    HEADERS = 1
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as it came."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def ends_stream(self) -> bool:
        """Whether it is the last of its stream."""
        return self.kind in {Kind.DATA, Kind.HEADERS} and bool(self.flags & _END_STREAM)

    @property
    def is_ack(self) -> bool:
        """Whether it answers one of ours."""
        return bool(self.flags & _ACK)


def opening() -> bytes:
    """What a connection begins with: windows that never fill, and headers that refer to none before."""
    settings = struct.pack(">HIHI", _HEADER_TABLE_SIZE, 0, _INITIAL_WINDOW_SIZE, _WIDEST)
    widened = struct.pack(">I", _WIDEST - WINDOW)
    return (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + _frame(Kind.SETTINGS, 0, 0, settings)
        + _frame(Kind.WINDOW_UPDATE, 0, 0, widened)
    )


def request_headers(method: str) -> bytes:
    """The headers of a call of a method, as an HPACK block: static names, literal values."""
    return b"".join(
        (
            b"\x83\x86",  # :method POST, :scheme http
            b"\x04" + _text(method.encode()),  # :path
            b"\x01" + _text(b"localhost"),  # :authority
            b"\x00" + _text(b"te") + _text(b"trailers"),
            b"\x0f\x10" + _text(b"application/grpc"),  # content-type
        )
    )


def timeout(seconds: float) -> bytes:
    """One more header: how long the caller waits, to a millisecond; none for ever."""
    if seconds == inf:
        return b""
    return b"\x00" + _text(b"grpc-timeout") + _text(b"%dm" % max(1, round(seconds * 1_000)))


def call(stream: int, headers: bytes, message: bytes) -> bytes:
    """A call of one message, whole."""
    data = struct.pack(">BI", 0, len(message)) + message
    return _frame(Kind.HEADERS, _END_HEADERS, stream, headers) + _frame(Kind.DATA, _END_STREAM, stream, data)


def acknowledged(frame: Frame) -> bytes:
    """The answer to a frame of settings, or to a ping."""
    return _frame(frame.kind, _ACK, 0, frame.payload if frame.kind == Kind.PING else b"")


def frames(received: bytearray) -> Iterator[Frame]:
    """Take the whole frames off what was received; the rest stays."""
    at = 0
    while len(received) - at >= HEADER_BYTES:
        high, low, kind, flags, stream = _HEADER.unpack_from(received, at)
        end = at + HEADER_BYTES + (high << 16 | low)
        if end > len(received):
            break
        # Answers are counted, not read.
        payload = b"" if kind == Kind.DATA else bytes(received[at + HEADER_BYTES : end])
        yield Frame(kind, flags, stream, payload)
        at = end
    del received[:at]


def setting(frame: Frame, wanted: int) -> int | None:
    """The value of one setting in a frame of them."""
    return dict(struct.iter_unpack(">HI", frame.payload)).get(wanted)


def widened_by(frame: Frame) -> int:
    """By how much a window grew."""
    (by,) = struct.unpack(">I", frame.payload)
    return int(by)


def grpc_status(trailers: bytes) -> int:
    """The status in an HPACK block whose names and values are literal.

    Raises:
        ValueError: There is none.
    """
    at = trailers.index(_STATUS) + len(_STATUS)
    return int(trailers[at + 1 : at + 1 + trailers[at]])


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    n = len(payload)
    return _HEADER.pack(n >> 16, n & 0xFFFF, kind, flags, stream) + payload


def _text(value: bytes) -> bytes:
    """A string of HPACK, not compressed; of 126 bytes at most."""
    return bytes((len(value),)) + value
