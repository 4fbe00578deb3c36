"""Reads a stream of a Redis as one of a group, in order, and takes over what another left unacknowledged."""

import os
import secrets
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

from storage.errors import PartitionLostError, StreamUnavailableError
from storage.events.address import RedisAddress
from storage.events.decoding import DEFAULT_LIMITS, Clock, Entry, EventLimits, gather
from storage.events.redis import scripts
from storage.events.redis.client import FIELD, connect, plainly
from storage.events.stream import Batch, Lag, Resume, as_committed

PARTITION = "0"
"""A stream is one partition."""

_STANDBY_S = 0.05
_IDS_AT_ONCE = 1_000
_BEGINNING = b"0-0"

_Id = tuple[int, int]
_Found = tuple[bytes, Sequence[bytes] | None]


class RedisConsumer:
    """Reads a stream with a consumer group (an EventConsumer).

    Args:
        address: The stream and the group.
        resume: Where to go on; what the group has had and is after that place is read again.
        limits: What is taken.
        now: The clock.

    Raises:
        StreamUnavailableError: The Redis cannot be reached.
    """

    def __init__(
        self,
        address: RedisAddress,
        *,
        resume: Resume = as_committed,
        limits: EventLimits = DEFAULT_LIMITS,
        now: Clock = time.time,
    ) -> None:
        self._address, self._resume, self._limits, self._now = address, resume, limits, now
        self._name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}".encode()
        self._keys = [address.stream, f"{address.stream}:{address.group}:lease"]
        self._lease_ms = round(address.lease_s * 1_000)
        self._claim_from: bytes | None = None
        self._unacknowledged: deque[bytes] = deque()
        self._newest = _BEGINNING
        self._read_to: _Id = (0, 0)
        self._anew = False
        self._client = connect(address)
        with plainly(address):
            self._make_group()

    def read(self, max_records: int, timeout_s: float) -> Batch:
        """The next records; none while another consumer of the group has the lease."""
        until = time.monotonic() + timeout_s
        with plainly(self._address), self._all_again_after_a_failure():
            while True:
                entries = self._entries(max_records)
                left_s = until - time.monotonic()
                if entries or left_s <= 0:
                    return self._batch(entries or [])
                if entries is None:
                    time.sleep(min(_STANDBY_S, left_s))
                else:
                    self._wait(left_s)

    def commit(self, positions: Mapping[str, str]) -> None:
        """Acknowledge what is up to the position."""
        if PARTITION not in positions:
            return
        until = _parse(positions[PARTITION], self._address)
        if until > self._read_to:
            raise self._lost()
        with plainly(self._address):
            while ids := self._up_to(until):
                self._acknowledge(ids)
                for _ in ids:
                    self._unacknowledged.popleft()

    def lag(self) -> Lag:
        """How many entries the group has not acknowledged; unknown while others amid them were deleted."""
        with plainly(self._address):
            group = self._about_group()
        unread, pending = cast(int | None, group.get("lag")), cast(int, group.get("pending", 0))
        return Lag(n_records=None if unread is None else unread + pending)

    def close(self) -> None:
        """Let another consumer go on at once."""
        with plainly(self._address):
            self._client.eval(scripts.RELEASE, 1, self._keys[1], self._name)
            self._client.close()

    def _make_group(self) -> None:
        try:
            self._client.xgroup_create(self._address.stream, self._address.group, id="0", mkstream=True)
        except Exception as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _entries(self, max_records: int) -> list[Entry] | None:
        """What is there; None while another has the lease."""
        while True:
            state, *answer = self._ask_for(max_records)
            if state == 0:
                return None
            if state == 2 or self._anew:
                self._take_over()
                continue
            following, found, deleted = cast(tuple[bytes, Sequence[_Found], Sequence[bytes]], tuple(answer))
            claiming = self._claim_from is not None
            if claiming:
                self._go_on_claiming(following)
            elif found:
                self._newest = found[-1][0]
            entries = self._take(found, deleted)
            if entries or not claiming:
                return entries

    def _ask_for(self, count: int) -> Sequence[object]:
        claim_from = self._claim_from or b""
        answer = self._run(scripts.READ, self._lease_ms, self._address.group, count, claim_from)
        return cast(Sequence[object], answer)

    @contextmanager
    def _all_again_after_a_failure(self) -> Iterator[None]:
        """What an answer held that did not arrive was had, and is only pending now."""
        try:
            yield
        except BaseException:
            self._anew = True
            raise

    def _take_over(self) -> None:
        """Begin with what others, or this one before, had and did not acknowledge."""
        self._unacknowledged.clear()
        self._read_to = (0, 0)
        resumed = self._resume(PARTITION)
        if resumed is None:
            self._claim_from = _BEGINNING
        else:
            _parse(resumed, self._address)
            self._claim_from = None
            self._run(scripts.RESUME, self._address.group, resumed)
        self._newest = cast(bytes, self._about_group()["last-delivered-id"])
        self._anew = False

    def _go_on_claiming(self, following: bytes) -> None:
        self._claim_from = None if following == _BEGINNING else following
        if self._claim_from is None:
            self._run(scripts.TIDY, self._address.group)

    def _take(self, found: Sequence[_Found], deleted: Sequence[bytes]) -> list[Entry]:
        """The entries; those that were trimmed before anybody kept them are the oldest."""
        entries = [Entry(PARTITION, each.decode(), None) for each in deleted]
        for entry_id, fields in found:
            self._unacknowledged.append(entry_id)
            entries.append(Entry(PARTITION, entry_id.decode(), _field(fields)))
        return entries

    def _batch(self, entries: list[Entry]) -> Batch:
        positions: dict[str, str] = {}
        if entries:
            positions[PARTITION] = entries[-1].position
            self._read_to = _parse(entries[-1].position, self._address)
        return gather(entries, positions, limits=self._limits, now_s=self._now())

    def _wait(self, left_s: float) -> None:
        """Until something is added, or the lease is to be renewed."""
        wait_s = min(left_s, self._address.lease_s / 3, self._address.timeout_s / 2)
        self._client.xread({self._address.stream: self._newest}, count=1, block=max(1, round(wait_s * 1_000)))

    def _about_group(self) -> Mapping[str, object]:
        groups = cast(Sequence[Mapping[str, object]], self._client.xinfo_groups(self._address.stream))
        name = self._address.group.encode()
        return next((group for group in groups if group["name"] == name), {})

    def _run(self, script: str, *arguments: str | bytes | int) -> object:
        return self._client.eval(script, 2, *self._keys, self._name, *arguments)

    def _up_to(self, until: _Id) -> list[bytes]:
        ids: list[bytes] = []
        for each in self._unacknowledged:
            if len(ids) == _IDS_AT_ONCE or _parse(each.decode(), self._address) > until:
                break
            ids.append(each)
        return ids

    def _acknowledge(self, ids: Sequence[bytes]) -> None:
        if not self._run(scripts.ACKNOWLEDGE, self._lease_ms, self._address.group, *ids):
            raise self._lost()

    def _lost(self) -> PartitionLostError:
        return PartitionLostError(
            f"{self._address}: not read by this consumer of the group {self._address.group}: another does, "
            f"or it was not heard of for {self._address.lease_s:g} s. What it did not commit is read again."
        )


def _field(fields: Sequence[bytes] | None) -> bytes | None:
    """What the entry's field holds; None where it has none."""
    pairs = fields or ()
    return next((value for name, value in zip(pairs[::2], pairs[1::2], strict=True) if name == FIELD), None)


def _parse(position: str, address: RedisAddress) -> _Id:
    try:
        milliseconds, sequence = position.split("-")
        return int(milliseconds), int(sequence)
    except ValueError as error:
        raise StreamUnavailableError(f"{position!r} is no position in {address}") from error
