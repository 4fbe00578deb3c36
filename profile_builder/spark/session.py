"""The Spark that a batch runs on: what was named, what spark-submit gave, or all cores of this machine."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from profile_builder.blas import ONE_THREAD, one_thread_each
from profile_builder.errors import ProfileBuilderError, UsageError, WorkerError

_ROOMS = Path(__file__).parents[2]
_HERE = "local[*]"
_OURS = ("model.errors", "profile_builder.errors", "storage.errors")
_RAISED = re.compile(r"^(?:(\w+(?:\.\w+)*)\.)?([A-Z]\w+): (.+)", re.MULTILINE)
_QUIET = {"spark.log.level": "ERROR", "spark.ui.showConsoleProgress": "false"}
# What runs on this machine only is nobody else's to see.
_ALONE = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
}


@contextmanager
def spark_session(master: str | None) -> Iterator[SparkSession]:
    """A session for one batch, stopped afterwards.

    Args:
        master: The cluster's URL; None takes what spark-submit or Spark's own configuration says, else this
            machine.

    Raises:
        WorkerError: Spark cannot be started, or a task failed for good.
    """
    with _environment(), plainly():
        conf = _configuration()
        session = _started(conf, master or conf.get("spark.master") or _HERE)
        try:
            yield session
        finally:
            session.stop()


def _configuration() -> SparkConf:
    """What spark-submit and spark-defaults.conf say: known once the JVM runs, and to nobody before."""
    # A conf that is made before is empty.
    SparkContext._ensure_initialized()
    return SparkConf()


def _started(conf: SparkConf, master: str) -> SparkSession:
    # A task has a core: threads of the BLAS would only fight over it.
    threads = {f"spark.executorEnv.{name}": value for name, value in ONE_THREAD.items()}
    defaults = {"spark.app.name": "pinnersage profiles"} | _QUIET | threads
    if is_here(master):
        defaults |= _ALONE
        if conf.get("spark.pyspark.python") is None:
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master)
    for name, value in defaults.items():
        builder = builder.config(name, conf.get(name, value))
    return builder.getOrCreate()


def is_here(master: str) -> bool:
    """Whether all tasks run in this process's own executor."""
    return master.startswith("local[") or master == "local"


@contextmanager
def _environment() -> Iterator[None]:
    """Tasks on this machine find these rooms, as elsewhere they find what was packed."""
    before = {name: os.environ.get(name) for name in ("PYSPARK_PYTHON", "PYTHONPATH")}
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_ROOMS), before["PYTHONPATH"])))
    try:
        with one_thread_each():
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def plainly() -> Iterator[None]:
    """Turn what Spark raises into one sentence: what a task raised, if there is such."""
    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise _told(str(error)) from error


def _told(text: str) -> ProfileBuilderError:
    _, in_task, trace = text.partition("Traceback (most recent call last):")
    raised = _RAISED.findall(trace)
    if not in_task or not raised:
        first_line = (text.strip().splitlines() or ["it gave no reason"])[0]
        return WorkerError(f"Spark failed; nothing was published. It said: {first_line}")
    module, kind, message = raised[-1]
    if kind == UsageError.__name__:
        return UsageError(message)
    told = message if module in _OURS else f"{kind}: {message}"
    return WorkerError(
        f"a task failed however often Spark tried it; nothing was published. The last time: {told}"
    )
