"""RELIABILITY 13: what a writer acknowledged survives its death, and was on the disk before it said so."""

import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from storage.profiles.lmdb.online import LmdbOnlineWriter, OnlineRecords
from tests.reliability.actions import ACKNOWLEDGED
from tests.reliability.faults import KILL_IN_WRITE, SHORT_WRITE
from tests.reliability.killed import acknowledged_by_the_killed
from tests.reliability.shares import chance, seeds
from tests.reliability.zygote import ROOT, Zygote
from tests.storage.profiles.people import online, same

pytestmark = pytest.mark.reliability

_STRACE = shutil.which("strace")

_WRITERS = r"""
import sys
from pathlib import Path
from storage.profiles.lmdb.online import LmdbOnlineWriter
from tests.reliability.killed import write_as_told
from tests.storage.profiles.people import online

def open_writer():
    writer = LmdbOnlineWriter(Path(sys.argv[1]))
    return lambda n: writer.put(online(f"user-{n % 500}", f"pin-{n}"))

write_as_told(open_writer)
"""

_N_PUTS = 5
_FEW_PUTS = f"""
import sys
from pathlib import Path
from storage.errors import ProfileStoreError
from storage.profiles.lmdb.online import LmdbOnlineWriter
from tests.storage.profiles.people import online
writer = LmdbOnlineWriter(Path(sys.argv[1]))
print("open", flush=True)
for n in range({_N_PUTS}):
    try:
        writer.put(online(f"user-{{n}}", f"pin-{{n}}"))
        print(f"acknowledged {{n}}", flush=True)
    except ProfileStoreError as error:
        print(f"refused {{n}}: {{error}}", flush=True)
"""


def test_every_acknowledged_record_survives_kill_9(tmp_path: Path, tally: Counter[tuple[str, ...]]) -> None:
    """Writer after writer on one file, each killed at an instant of its own; none of theirs is lost."""
    stored: dict[int, int] = {}
    for seed, numbers in acknowledged_by_the_killed(_WRITERS, str(tmp_path), full=1_000, after_the_last=1):
        stored |= {number % 500: number for number in numbers}
        # The one it was at when it died may be stored or not.
        _require_all(tmp_path, stored, numbers[-1] + 1, seed)
        tally["online", "any instant", "kill", "signal 9"] += 1
        tally["online", "any instant", "kill", "records acknowledged, all there"] += len(numbers)
    assert stored


def _require_all(profiles: Path, stored: dict[int, int], unacknowledged: int, seed: int) -> None:
    records = OnlineRecords(profiles)
    for user, number in stored.items():
        possible = {number, unacknowledged} if user == unacknowledged % 500 else {number}
        found = records.get(f"user-{user}")
        assert any(same(found, online(f"user-{user}", f"pin-{n}")) for n in possible), f"seed {seed}"
    records.close()


def _traced(profiles: Path, *options: str) -> tuple[list[str], str]:
    """The system calls of a few puts, and what the writer said."""
    assert _STRACE is not None
    trace = profiles / "trace"
    calls = "trace=openat,write,writev,pwrite64,pwritev,fsync,fdatasync,rename,msync,sync_file_range"
    command = [_STRACE, "-f", "-y", "-o", str(trace), "-e", calls, *options]
    ran = subprocess.run(
        [*command, sys.executable, "-W", "ignore", "-c", _FEW_PUTS, str(profiles)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return trace.read_text().splitlines(), ran.stdout


@pytest.mark.tool
@pytest.mark.skipif(_STRACE is None, reason="strace is not installed")
def test_a_record_is_on_the_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    """Its pages, a sync, the meta page through a descriptor that syncs each write, and then the word."""
    calls, _ = _traced(tmp_path)
    events = "".join(_event(call) for call in calls)
    # f, F: the folder and the one above are synced; P: pages, S: sync, M: meta page, A: acknowledged.
    assert re.fullmatch(r"P?D.*fF.*O(P+SMA){5}", events), events


def _event(call: str) -> str:
    kinds = {
        r"openat.*profiles\.lmdb>?\".*O_DSYNC": "D",
        r"(f|fdata)sync\(\d+<[^>]*/online>": "f",
        r"(f|fdata)sync\(\d+<[^>.]*>": "F",
        r"(pwrite64|writev|pwritev)\(\d+<[^>]*profiles\.lmdb>.*, \d+, (4128|32)\)": "M",
        r"(pwrite64|writev|pwritev|write)\(\d+<[^>]*profiles\.lmdb>": "P",
        r"(fdatasync|fsync)\(\d+<[^>]*profiles\.lmdb>": "S",
        r"write\(1.*\"acknowledged": "A",
        r"write\(1.*\"open": "O",
    }
    return next((letter for pattern, letter in kinds.items() if re.search(pattern, call)), "")


@pytest.mark.tool
@pytest.mark.skipif(_STRACE is None, reason="strace is not installed")
@pytest.mark.parametrize("call", ["fdatasync", "pwrite64", "writev"])
@pytest.mark.parametrize("fault", ["error=EIO", "error=ENOSPC", "signal=KILL"])
def test_a_record_that_the_disk_refused_is_never_acknowledged(
    tmp_path: Path, tally: Counter[tuple[str, ...]], call: str, fault: str
) -> None:
    """Whichever system call fails, once: what was acknowledged before and after is there."""
    for seed in seeds(40):
        at = 1 + chance(call, fault, seed).randrange(6)
        profiles = tmp_path / str(seed)
        profiles.mkdir()
        file = str(profiles / "online/profiles.lmdb")
        said = _said(profiles, "-P", file, "-e", f"inject={call}:{fault}:when={at}")
        acknowledged = [int(number) for number in re.findall(r"acknowledged (\d+)", said)]
        records = OnlineRecords(profiles)
        for number in acknowledged:
            found = records.get(f"user-{number}")
            assert same(found, online(f"user-{number}", f"pin-{number}")), f"seed {seed}"
        records.close()
        otherwise = "signal 9" if fault.startswith("signal") else "refused"
        tally["online", call, fault, "done" if len(acknowledged) == _N_PUTS else otherwise] += 1
        tally["online", call, fault, "records acknowledged, all there"] += len(acknowledged)
        # Nothing that was left keeps the next writer out.
        _require_writable(profiles)


def _require_writable(profiles: Path) -> None:
    writer = LmdbOnlineWriter(profiles)
    writer.put(online("next", "pin"))
    assert same(writer.get("next"), online("next", "pin"))
    writer.close()


def _said(profiles: Path, *options: str) -> str:
    """What the writer said, however it ended."""
    assert _STRACE is not None
    command = [_STRACE, "-f", "-o", str(profiles / "trace"), *options]
    ran = subprocess.run(
        [*command, sys.executable, "-W", "ignore", "-c", _FEW_PUTS, str(profiles)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode in {0, 1, -signal.SIGKILL, 128 + signal.SIGKILL}, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("fault", [SHORT_WRITE, KILL_IN_WRITE])
def test_a_record_whose_write_was_cut_short_is_never_acknowledged(
    tmp_path: Path, zygote: Zygote, tally: Counter[tuple[str, ...]], fault: str
) -> None:
    """Writer after writer on one file that may hardly grow: what was acknowledged is there, always."""
    possible: dict[int, set[int]] = {}
    for seed in seeds(250):
        (tmp_path / ACKNOWLEDGED).write_bytes(b"")
        ended = zygote.run("put_cut_short", str(tmp_path), fault, seed)
        tally["online", "any write", fault, ended] += 1
        assert ended in {"done", "refused", *(["signal 25"] if fault == KILL_IN_WRITE else [])}, (
            f"seed {seed}"
        )
        acknowledged = {int(line) for line in (tmp_path / ACKNOWLEDGED).read_text().split()}
        tally["online", "any write", fault, "records acknowledged, all there"] += len(acknowledged)
        for user in range(8):
            # One that was not acknowledged may be stored or not.
            possible[user] = {seed} if user in acknowledged else {*possible.get(user, ()), seed, -1}
        _require_one_of(tmp_path, possible, seed)


def _require_one_of(profiles: Path, possible: dict[int, set[int]], seed: int) -> None:
    records = OnlineRecords(profiles)
    for user, seeds_of_user in possible.items():
        found = records.get(f"user-{user}")
        of_seed = -1 if found is None else int(found.pin_ids[0].split("-")[1])
        assert of_seed in seeds_of_user, f"seed {seed}"
    records.close()
