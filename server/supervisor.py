"""Several workers on one port: started, told what to serve, replaced when they die or hang, ended together.

The supervisor answers no call. It takes the port, reads each new version to the end once for all, and serves
the metrics of all workers. Workers are spawned, never forked, and share the index and the embeddings through
the page cache. A connection belongs to one worker: the kernel picks it (SO_REUSEPORT).

One worker needs none of this: then the process is the worker itself, which spares the memory and the start
of a second one, and whoever runs it (systemd, Kubernetes) starts it again. The code that serves is the same.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from prometheus_client import CollectorRegistry

from server.bootstrap import POLL_JITTER, build_vouching
from server.bootstrap_metrics import build_supervisor_metrics
from server.ending import Ending
from server.gauges import Gauges
from server.metrics_files import prepare
from server.metrics_folder import counting_folder
from server.serving import serve_metrics
from server.settings import ServerSettings
from server.side_threads import LOW_PRIORITY, Ticker
from server.team import Team
from server.vouching import Vouching
from server.worker import Task
from server.worker_place import Worker

# What a look at what is published may take to end, once there are no workers.
_LET_GO_S = 1.0


def supervise(settings: ServerSettings, port: int, ending: Ending) -> bool:
    """Serve by several workers on a port that is held, until told to end.

    Says whether all has ended: otherwise a thread still reads a version, for as long as that takes.

    Raises:
        StartError: The metrics port is in use, or a worker could not start.
        StorageError: What is published cannot be served.
    """
    with ExitStack() as until_end:
        folder = until_end.enter_context(counting_folder())
        prepare(folder)
        metrics = build_supervisor_metrics(settings, folder)
        vouching = build_vouching(settings, metrics)
        metrics.gauges.watch_refused(lambda: vouching.refused)
        versions = vouching.begin()
        metrics.gauges.refresh()
        ending.listen()
        if settings.metrics_port:
            until_end.enter_context(_served(settings, metrics.registry))
        task = Task(settings=settings, name="", port=port, metrics=folder, versions=versions)
        tasks = [replace(task, name=str(at)) for at in range(settings.workers)]
        team = Team([Worker(each, count_gone=metrics.count_gone) for each in tasks], versions)
        following = _following(team, vouching, metrics.gauges, settings.poll_s)
        until_end.callback(lambda: following.stop(time.monotonic() + _LET_GO_S))
        # Before that: what reads a version takes minutes, and workers are told to end at once.
        until_end.callback(team.end, ending, settings.draining_s, settings.grace_s)
        following.start()
        try:
            team.run(ending)
        except BaseException:
            ending.now()
            raise
    return following.stop(by_s=0.0)


@contextmanager
def _served(settings: ServerSettings, registry: CollectorRegistry) -> Iterator[None]:
    """The metrics of all workers, on their port."""
    http, thread = serve_metrics(settings.host, settings.metrics_port, registry)
    try:
        yield
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _following(team: Team, vouching: Vouching, gauges: Gauges, every_s: float) -> Ticker:
    """What looks for new versions; in a thread, since reading a large one to its end takes long."""

    def look() -> None:
        team.serve(vouching.look(team.versions))
        gauges.refresh()

    return Ticker(look, name="swap", every_s=every_s, jitter=POLL_JITTER, niceness=LOW_PRIORITY)
