"""RELIABILITY 14: a damaged profile store neither kills a worker nor lies: file or record is refused."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.errors import DamagedRecordError, ProfileStoreError
from storage.profiles.lmdb.online import FILE, ONLINE_FOLDER, LmdbOnlineWriter, OnlineRecords
from storage.profiles.records import OnlineProfile
from tests.reliability.damages import DAMAGES, PAGE
from tests.reliability.shares import chance, seeds
from tests.reliability.zygote import Zygote
from tests.storage.profiles.people import online, same

pytestmark = pytest.mark.reliability

N_USERS = 300


def record(number: int, name: str = "user") -> OnlineProfile:
    """Some are longer than a page, so that they lie on pages of their own."""
    n_pins = 150 if number % 40 == 0 else 1 + number % 40
    return online(f"{name}-{number}", *(f"pin-{number}-{at}" for at in range(n_pins)))


def header(whole: bytes, _other: bytes, draw: random.Random) -> bytes:
    """One bit of the header of a page."""
    damaged = bytearray(whole)
    damaged[draw.randrange(0, len(whole), PAGE) + draw.randrange(16)] ^= 1 << draw.randrange(8)
    return bytes(damaged)


def pointers(whole: bytes, _other: bytes, draw: random.Random) -> bytes:
    """A byte among those that say where the entries of a page are."""
    damaged = bytearray(whole)
    damaged[draw.randrange(0, len(whole), PAGE) + draw.randrange(16, 80)] = draw.randrange(256)
    return bytes(damaged)


def swapped(whole: bytes, _other: bytes, draw: random.Random) -> bytes:
    """A page in the place of another."""
    to, of = draw.randrange(0, len(whole), PAGE), draw.randrange(0, len(whole), PAGE)
    return whole[:to] + whole[of : of + PAGE] + whole[to + PAGE :]


def spliced(whole: bytes, other: bytes, draw: random.Random) -> bytes:
    """Pages of another store's file. An older copy of the same file, whole, is a file like any other."""
    first, end = sorted(draw.choices(range(2, len(whole) // PAGE), k=2))
    return whole[: first * PAGE] + other[first * PAGE : end * PAGE] + whole[end * PAGE :]


KINDS = {damage.__name__: damage for damage in (*DAMAGES, header, pointers, swapped, spliced)}


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, ...]:
    """The file after many commits, with free pages between; and one of as many other users."""
    return tuple(_content(tmp_path_factory.mktemp("profiles"), name) for name in ("user", "other"))


def _content(profiles: Path, name: str) -> bytes:
    writer = LmdbOnlineWriter(profiles)
    for turn in range(2):
        for number in range(0, N_USERS, 2 - turn):
            writer.put(record(number, name))
    writer.close()
    return (profiles / ONLINE_FOLDER / FILE).read_bytes()


def read_and_write(profiles: str) -> str:
    """Read every record and write some more, as a server and a consumer would; says what came of it."""
    try:
        refused = _records_refused(Path(profiles))
        _write_and_read_back(Path(profiles))
    except ProfileStoreError:
        return "file refused"
    return "records refused" if refused else "unharmed"


def _records_refused(profiles: Path) -> int:
    records, refused = OnlineRecords(profiles), 0
    for number in range(N_USERS):
        try:
            assert same(records.get(f"user-{number}"), record(number)), f"user-{number} gets a wrong answer"
        except DamagedRecordError:
            refused += 1
    records.close()
    return refused


def _write_and_read_back(profiles: Path) -> None:
    writer = LmdbOnlineWriter(profiles)
    for number in range(10):
        writer.put(online(f"new-{number}", *(f"pin-{at}" for at in range(50))))
    assert all(writer.get(f"new-{number}") is not None for number in range(10))
    writer.close()
    _records_refused(profiles)


@pytest.fixture(scope="module")
def lmdb_zygote() -> Iterator[Zygote]:
    running = Zygote("tests.reliability.test_lmdb_damage")
    yield running
    running.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_online_file_kills_nobody_and_never_lies(
    tmp_path: Path,
    lmdb_zygote: Zygote,
    tally: Counter[tuple[str, ...]],
    contents: tuple[bytes, ...],
    kind: str,
) -> None:
    """Damaged anywhere before it is opened: no signal, and no answer but the right one or an error."""
    path = tmp_path / ONLINE_FOLDER / FILE
    path.parent.mkdir()
    for seed in seeds(150):
        path.unlink(missing_ok=True)
        path.write_bytes(KINDS[kind](contents[0], contents[1], chance("online", kind, seed)))
        ended = lmdb_zygote.run("read_and_write", str(tmp_path))
        assert ended in {"file refused", "records refused", "unharmed"}, f"seed {seed}"
        tally["online", "file", kind, ended] += 1


def test_a_damaged_lock_file_harms_nobody(
    tmp_path: Path, lmdb_zygote: Zygote, tally: Counter[tuple[str, ...]], contents: tuple[bytes, ...]
) -> None:
    """LMDB's own: whoever opens the file first makes it anew."""
    path = tmp_path / ONLINE_FOLDER / FILE
    path.parent.mkdir()
    for seed in seeds(150):
        draw = chance("lock", seed)
        path.write_bytes(contents[0])
        path.with_name(f"{FILE}-lock").write_bytes(draw.randbytes(draw.randrange(10_000)))
        assert lmdb_zygote.run("read_and_write", str(tmp_path)) == "unharmed", f"seed {seed}"
        tally["online", "lock file", "random bytes", "unharmed"] += 1
