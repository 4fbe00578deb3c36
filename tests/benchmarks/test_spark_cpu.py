"""What the benchmark of Spark counts as spent."""

import subprocess
import sys

from benchmarks.spark_cpu import spent

_SPENDING_S = 0.2
# Until the kernel's own account of it says so: it counts in whole ticks, and lags behind every clock.
_WORKER = f"import psutil\nwhile sum(psutil.Process().cpu_times()[:2]) < {_SPENDING_S}: pass"
# Has a worker that spends and ends, says so, and goes on.
_DAEMON = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {_WORKER!r}])
print(flush=True)
sys.stdin.read()
"""


def test_a_worker_that_has_ended_is_counted() -> None:
    """Spark ends workers that idle: of a long batch they are most."""
    before = spent()
    with subprocess.Popen(
        [sys.executable, "-c", _DAEMON], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as daemon:
        assert daemon.stdout is not None
        daemon.stdout.readline()
        since = spent().since(before)
        daemon.communicate()
    assert since.workers_s >= _SPENDING_S
    assert since.jvm_s == 0
