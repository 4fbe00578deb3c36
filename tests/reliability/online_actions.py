"""What a child of the zygote does with online profiles: counts events, and dies, or meets a full disk."""

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import structlog

from process.flags import Flag
from profile_builder.archive import Archive
from profile_builder.errors import ArchiveError
from profile_builder.online import OnlinePolicy, OnlineSession
from profile_builder.online_metrics import OnlineMetrics
from profile_builder.online_rejections import Rejections
from profile_builder.online_running import RetryPolicy, run_online
from profile_builder.online_users import Basis
from storage.errors import StorageError
from storage.events.file.consumer import FileConsumer
from storage.events.stream import Lag
from storage.profiles.lmdb.online import FILE, ONLINE_FOLDER, LmdbOnlineWriter
from tests.profile_builder.online_world import basis_of
from tests.profile_builder.world import NEWEST_S
from tests.reliability import faults
from tests.reliability.shares import chance

EVENTS, ACTIONS = "events.jsonl", "actions"
_POLICY = OnlinePolicy(gather_s=0.0, max_events=7, turn_rows=20, tell_every_s=0.0)
_UNKNOWN_YET = Lag(n_bytes=1)


@contextmanager
def session(folder: Path, metrics: OnlineMetrics) -> Iterator[OnlineSession]:
    """Count a folder's events into its store and its archive."""
    basis: Basis = basis_of()
    with ExitStack() as open_things:
        writer = open_things.enter_context(closing(LmdbOnlineWriter(folder, map_bytes=1 << 26)))
        archive = open_things.enter_context(closing(Archive(folder / ACTIONS)))
        counting = OnlineSession(
            "test",
            lambda resume: FileConsumer(folder / EVENTS, "test", resume=resume, now=lambda: NEWEST_S),
            writer,
            archive,
            basis=lambda: basis,
            metrics=metrics,
            rejections=Rejections(),
            policy=_POLICY,
        )
        yield open_things.enter_context(closing(counting))


def count(folder: str, kill_after_s: float) -> str:
    """Count all there is; killed on the way unless it is done by then, or 0 is given."""
    if kill_after_s:
        # SIGALRM's own effect is an end without any tidying up, as SIGKILL's is.
        signal.setitimer(signal.ITIMER_REAL, kill_after_s)
    metrics = OnlineMetrics()
    with session(Path(folder), metrics) as counting:
        _to_the_end(counting, metrics)
        counting.finish()
    if kill_after_s:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "done"


def count_on_a_full_disk(folder: str, seed: int) -> str:
    """Count where files may hardly grow, until that was refused; then there is room again."""
    # A child answers on its standard output: nothing else may be written there.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    place, draw, failed = Path(folder), chance("full disk", seed), list[Exception]()
    metrics, stop = OnlineMetrics(), Flag()
    store = place / ONLINE_FOLDER / FILE
    n_bytes = draw.choice([draw.randrange(1, 3_000), store.stat().st_size + draw.randrange(8_192)])
    with ExitStack() as room:
        room.enter_context(faults.limited(faults.SHORT_WRITE, n_bytes))

        def note(error: Exception) -> None:
            failed.append(error)
            room.close()

        _stop_at_the_end(metrics, stop)
        for _ in range(2):
            try:
                run_online(
                    partial(session, place, metrics), stop, count_failure=note, retry=RetryPolicy(0.0, 0.0)
                )
            except (StorageError, ArchiveError) as error:
                # It could not even begin; started again, with room, it does.
                note(error)
    return "refused" if failed else "done"


def _to_the_end(counting: OnlineSession, metrics: OnlineMetrics) -> None:
    metrics.show_lag(_UNKNOWN_YET)
    while _lag_bytes(metrics):
        counting.step(0.01)


def _stop_at_the_end(metrics: OnlineMetrics, stop: Flag) -> None:
    metrics.show_lag(_UNKNOWN_YET)

    def watch() -> None:
        while _lag_bytes(metrics):
            time.sleep(0.005)
        stop.set()

    threading.Thread(target=watch, daemon=True).start()


def _lag_bytes(metrics: OnlineMetrics) -> float | None:
    return metrics.registry.get_sample_value("pinnersage_online_lag_bytes")
