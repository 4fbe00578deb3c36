"""`python -m benchmarks.spark`: what a user costs on Spark, in the function and around it, as users grow.

CPU time: of the tasks' functions, as they report it; of all Python workers and of the JVM, as the system
counts it. What starts up is a batch of its own, before the first that counts.
"""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Annotated, Any

from pyspark.sql import SparkSession
from rich.console import Console
from rich.table import Table

from benchmarks.spark_cpu import Cpu, spent
from benchmarks.spark_events import TaskTotals, totals_of
from benchmarks.spark_world import themes_of, write_people
from model.errors import ModelError
from model.parameters import Parameters
from process.commands import Program, setting
from process.progress import Reporter
from profile_builder.batch import BatchParts, BatchPolicy
from profile_builder.errors import ProfileBuilderError
from profile_builder.inputs import ActionInput, ReadPolicy
from profile_builder.local import LocalPolicy
from profile_builder.reading import find_action_files
from profile_builder.spark.batch import SparkParts, run_spark_batch
from profile_builder.spark.pins import PinsPlace
from profile_builder.spark.session import spark_session
from profile_builder.spark.targets import folder_target
from storage.errors import StorageError
from storage.model_file import ModelFile
from storage.pins.artefact import PinArtefact
from storage.profiles.opening import open_batch_publisher
from storage.rejects import Rejects

_START_UP_USERS = 20_000


@dataclass(frozen=True, kw_only=True)
class SparkSettings:
    """Measure executor-seconds a user on Spark on this machine, and how they grow with the users."""

    pins: Annotated[Path, setting("Folder of a pin artefact.", env="PINS", metavar="DIR")]
    users: Annotated[
        str, setting("How many users, batch after batch: numbers with commas between.", env="BENCH_USERS")
    ] = "10000,100000,200000"
    actions: Annotated[int, setting("Of a user, on average.", env="BENCH_ACTIONS", low=1)] = 40
    alpha: Annotated[float, setting("Of the pins' embedding space.", env="BENCH_ALPHA", low=0)] = 1.4
    cores: Annotated[int, setting("That tasks run on.", env="BENCH_CORES", low=1)] = 2
    folder: Annotated[
        Path, setting("For actions, profiles and Spark's log; is emptied.", env="BENCH_FOLDER")
    ] = Path("build/bench/spark")
    out: Annotated[Path, setting("Where the figures go.", env="BENCH_OUT", metavar="FILE")] = Path(
        "build/bench/spark.json"
    )


@dataclass(frozen=True, kw_only=True)
class Run:
    """One batch.

    Attributes:
        users: With a profile.
        actions: That counted.
        parts: Of whole users.
        wall_s: By the clock: right on an idle machine only.
        reading_s: CPU seconds of tasks that read and select.
        function_s: CPU seconds of tasks that build and store users.
        cpu: Of everything.
        tasks: What Spark counted of its tasks.
    """

    users: int
    actions: int
    parts: int
    wall_s: float
    reading_s: float
    function_s: float
    cpu: Cpu
    tasks: TaskTotals

    @property
    def around_s(self) -> float:
        """CPU seconds of tasks around the functions: the shuffle, and rows to Python and back."""
        return self.cpu.workers_s - self.reading_s - self.function_s + self.tasks.jvm_cpu_s

    @property
    def executor_s(self) -> float:
        """CPU seconds of tasks, all of them."""
        return self.cpu.workers_s + self.tasks.jvm_cpu_s

    @property
    def besides_s(self) -> float:
        """CPU seconds of the JVM that no task spends: it compiles itself, collects garbage, and plans."""
        return self.cpu.jvm_s - self.tasks.jvm_cpu_s


def measure(settings: SparkSettings) -> None:
    """Measure, show and write."""
    rmtree(settings.folder, ignore_errors=True)
    sizes = [_START_UP_USERS, *(int(each) for each in settings.users.split(","))]
    with closing(PinArtefact.open(settings.pins)) as pins:
        themes = themes_of(pins)
        for n in sizes:
            write_people(_people(settings, n), pins, themes, n_users=n, mean_actions=settings.actions)
        began = time.perf_counter()
        _have_spark_log(settings)
        runs, so_far_s = list[Run](), list[float]()
        with spark_session(f"local[{settings.cores}]") as session:
            for n in sizes:
                runs.append(_run(settings, pins, session, n))
                so_far_s.append(time.perf_counter() - began)
                # What was measured is there, whatever becomes of the larger ones.
                _write(settings, so_far_s[0], runs, sizes)
    _show(json.loads(settings.out.read_text(encoding="utf-8")))


def _write(settings: SparkSettings, start_up_s: float, runs: Sequence[Run], sizes: Sequence[int]) -> None:
    (log,) = (settings.folder / "log").glob("[!.]*")
    totals = totals_of(log)
    runs = [replace(run, tasks=totals[_group(n)]) for run, n in zip(runs, sizes, strict=False)]
    figures = [_figures(run) for run in runs]
    written = {
        "actions_a_user": settings.actions,
        "start_up": {"wall_s": start_up_s, "batch": figures[0]},
        "batches": figures[1:],
        **_growth(runs[1:]),
    }
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    settings.out.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


def _run(settings: SparkSettings, pins: PinArtefact, session: SparkSession, n: int) -> Run:
    session.sparkContext.setJobGroup(_group(n), f"{n:,} users")
    profiles = settings.folder / f"profiles-{n}"
    publisher = open_batch_publisher(str(profiles))
    with Rejects(settings.folder / "rejects.jsonl") as rejects:
        parts = BatchParts(
            source=ActionInput(files=find_action_files(_people(settings, n)), weights=None),
            pins=pins,
            open_pins=partial(PinArtefact.open, settings.pins),
            model_file=ModelFile(
                embedding_space=pins.embedding_space, parameters=Parameters(alpha=settings.alpha)
            ),
            publisher=publisher,
            rejects=rejects,
            reporter=Reporter(),
        )
        on = SparkParts(
            open_session=lambda: nullcontext(session),
            open_target=partial(folder_target, publisher, profiles),
            pins=PinsPlace(str(settings.pins.resolve()), pins.version),
        )
        began, before = time.perf_counter(), spent()
        result = run_spark_batch(parts, _POLICY, on)
    return Run(
        users=result.batch.tally.n_users,
        actions=result.batch.rows.counts.used,
        parts=result.n_parts,
        wall_s=time.perf_counter() - began,
        reading_s=result.select_cpu_s,
        function_s=result.build_cpu_s,
        cpu=spent().since(before),
        tasks=TaskTotals(),
    )


_POLICY = BatchPolicy(
    read=ReadPolicy(now_s=None, allowed_lateness_s=0, window_days=90, max_reject_share=0.05),
    max_actions=2_000,
    n_popular=400,
    local=LocalPolicy(processes=1),
)


def _figures(run: Run) -> dict[str, Any]:
    """The batch in sums, and each user's share of them."""
    ms = 1_000 / run.users
    return asdict(run) | {
        "around_s": run.around_s,
        "a_user": {
            "function_ms": run.function_s * ms,
            "reading_ms": run.reading_s * ms,
            "around_ms": run.around_s * ms,
            "executor_ms": run.executor_s * ms,
            "besides_ms": run.besides_s * ms,
            "driver_ms": run.cpu.driver_s * ms,
            "shuffle_bytes": run.tasks.shuffle_bytes / run.users,
        },
        "shuffle_bytes_an_action": run.tasks.shuffle_bytes / run.actions,
    }


def _growth(runs: Sequence[Run]) -> dict[str, float]:
    """How far executor-seconds a user differ, and what the last users take."""
    if not runs:
        return {}
    each = [run.executor_s / run.users for run in runs]
    growth = {"most_over_least_a_user": max(each) / min(each)}
    if len(runs) > 1:
        more = runs[-1].users - runs[-2].users
        growth["marginal_executor_ms_a_user"] = 1_000 * (runs[-1].executor_s - runs[-2].executor_s) / more
        growth["marginal_wall_ms_a_user"] = 1_000 * (runs[-1].wall_s - runs[-2].wall_s) / more
    return growth


def _show(written: Mapping[str, Any]) -> None:
    console, batches = Console(), written["batches"]
    table = Table("users", "actions", "wall, s", *batches[0]["a_user"])
    for each in batches:
        shares = (f"{share:,.3f}" for share in each["a_user"].values())
        table.add_row(f"{each['users']:,}", f"{each['actions']:,}", f"{each['wall_s']:.1f}", *shares)
    console.print(table)
    console.print(
        f"start-up, and {_START_UP_USERS:,} users: {written['start_up']['wall_s']:.1f} s by the clock"
    )
    console.print(f"executor-seconds a user, most over least: {written['most_over_least_a_user']:.3f}")
    if "marginal_wall_ms_a_user" in written:
        console.print(
            f"the last users: {written['marginal_executor_ms_a_user']:.3f} ms of executors each, "
            f"{written['marginal_wall_ms_a_user']:.3f} ms by the clock"
        )


def _have_spark_log(settings: SparkSettings) -> None:
    """Have Spark write what it counts; read by the JVM when it starts."""
    log = (settings.folder / "log").resolve()
    log.mkdir(parents=True)
    conf = {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": f"file://{log}",
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
        "spark.local.dir": str(settings.folder.resolve() / "scratch"),
    }
    flags = " ".join(f"--conf {name}={value}" for name, value in conf.items())
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"{flags} pyspark-shell"


def _people(settings: SparkSettings, n: int) -> Path:
    return settings.folder / f"people-{n}"


def _group(n: int) -> str:
    return f"users-{n}"


def main() -> int:
    """Run the program and return its exit status."""
    expected = (OSError, StorageError, ModelError, ProfileBuilderError)
    program = Program("benchmarks.spark", expected=expected)
    program.command("spark", SparkSettings, measure)
    return program.run()


if __name__ == "__main__":
    sys.exit(main())
