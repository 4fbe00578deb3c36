"""CPU time of a local Spark: of this process, of the Python below it, and of the JVM between the two."""

import time
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, kw_only=True)
class Cpu:
    """CPU seconds so far: of the driver's Python, of all workers' Python, and of the JVM."""

    driver_s: float
    workers_s: float
    jvm_s: float

    def since(self, before: "Cpu") -> "Cpu":
        """What was spent since then."""
        return Cpu(
            driver_s=self.driver_s - before.driver_s,
            workers_s=self.workers_s - before.workers_s,
            jvm_s=self.jvm_s - before.jvm_s,
        )


def spent() -> Cpu:
    """What was spent so far, also by workers that have ended: each parent counts what it waited for.

    Workers that idle are ended after a minute, and begun anew: whoever adds up only those that are there
    loses most of a long batch.
    """
    workers_s = jvm_s = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            name, times = process.name(), process.cpu_times()
            own_s, ended_s = times.user + times.system, times.children_user + times.children_system
            if name.startswith("java"):
                jvm_s += own_s
                # Below the JVM all is Python.
                workers_s += ended_s
            elif name.startswith("python"):
                workers_s += own_s + ended_s
    return Cpu(driver_s=time.process_time(), workers_s=workers_s, jvm_s=jvm_s)
