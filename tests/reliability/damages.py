"""The ways in which a file is damaged, each decided by chance alone."""

import struct
from collections.abc import Callable
from random import Random

PAGE = 4_096
Damage = Callable[[bytes, bytes, Random], bytes]
"""(the whole file, the same file of another version, chance) -> the damaged file."""


def truncated(whole: bytes, _other: bytes, chance: Random) -> bytes:
    return whole[: chance.randrange(len(whole))]


def flipped(whole: bytes, _other: bytes, chance: Random) -> bytes:
    """One to eight bits."""
    damaged = bytearray(whole)
    for at in chance.sample(range(len(whole)), chance.randint(1, 8)):
        damaged[at] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def zeroed(whole: bytes, _other: bytes, chance: Random) -> bytes:
    """One page, as a disk that lost a write leaves it."""
    at = chance.randrange(0, len(whole), PAGE)
    return whole[:at] + bytes(min(PAGE, len(whole) - at)) + whole[at + PAGE :]


def spliced(whole: bytes, other: bytes, chance: Random) -> bytes:
    """Bytes of another version's file in the place of these, or all of them."""
    first, end = sorted(chance.choices(range(len(whole) + 1), k=2))
    return chance.choice([other, whole[:first] + other[first:end] + whole[end:]])


def lying(whole: bytes, _other: bytes, chance: Random) -> bytes:
    """A number in the header, or in the last bytes of the file, becomes a huge or a negative one."""
    huge = chance.choice([2**31 - 1, 2**32 - 1, 2**40, 2**62, 2**63, 2**64 - 1, 0])
    number = struct.pack("<Q", huge)[: chance.choice([4, 8])]
    near = chance.randrange(0, min(len(whole), 160), 4)
    at = chance.choice([near, max(0, len(whole) - 8 - near)])
    return (whole[:at] + number + whole[at + len(number) :])[: len(whole)]


DAMAGES: tuple[Damage, ...] = (truncated, flipped, zeroed, spliced, lying)
