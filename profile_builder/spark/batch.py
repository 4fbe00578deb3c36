"""The daily batch on Spark: the steps of profile_builder.batch, each by as many tasks as there are cores.

Nothing that grows with the number of actions passes through the driver.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import Window as OverWindow
from pyspark.sql import functions as F  # noqa: N812 - its name wherever there is Spark
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.storagelevel import StorageLevel

from profile_builder import popular
from profile_builder.batch import (
    BatchParts,
    BatchPolicy,
    BatchResult,
    Tally,
    manifest_of,
    require_users,
    rules_of,
)
from profile_builder.inputs import WindowRows, strays_left_out, window_of
from profile_builder.reading import EVENT, splits_of
from profile_builder.selecting import DUPLICATE, UNKNOWN_PIN, RowCounts
from profile_builder.spark.building import BUILT, BuildPart
from profile_builder.spark.forgotten import sent
from profile_builder.spark.pins import PinsPlace
from profile_builder.spark.reports import PartReport, SplitReport
from profile_builder.spark.selecting import EVENTS, REPORT, SELECTED, SelectSplit, look_at
from profile_builder.spark.targets import Target
from profile_builder.survey import Look, Survey
from profile_builder.window import Window, empty_window
from storage.profiles.redis.keys import N_BUCKETS

OpenTarget = Callable[[], AbstractContextManager[Target]]
OpenSession = Callable[[], AbstractContextManager[SparkSession]]

_MAX_REJECTS = 100_000


@dataclass(frozen=True, kw_only=True)
class SparkPolicy:
    """How the work is cut. It changes the time that a batch takes, never its result.

    Attributes:
        rows_a_split: What one task reads.
        actions_a_part: What one task builds at a time: enough to share what calls cost, little enough to fit
            into its memory many times over.
        actions_together: So many of them with their vectors.
    """

    rows_a_split: int = 1_000_000
    actions_a_part: int = 100_000
    actions_together: int = 20_000


@dataclass(frozen=True, kw_only=True)
class SparkParts:
    """What a batch on Spark works with, besides what every batch does.

    Attributes:
        open_session: Starts Spark.
        open_target: Begins the batch in the store.
        pins: Where tasks find the artefact.
        policy: How the work is cut.
    """

    open_session: OpenSession
    open_target: OpenTarget
    pins: PinsPlace
    policy: SparkPolicy = SparkPolicy()


@dataclass(frozen=True, kw_only=True)
class SparkResult:
    """What a batch on Spark did.

    Attributes:
        batch: For its summary.
        select_cpu_s: CPU seconds of all tasks' own Python, reading and selecting; as Spark needed them once.
        build_cpu_s: The same, building users and storing them.
        n_parts: Parts of whole users.
    """

    batch: BatchResult
    select_cpu_s: float
    build_cpu_s: float
    n_parts: int


def run_spark_batch(parts: BatchParts, policy: BatchPolicy, on: SparkParts) -> SparkResult:
    """Read the window, build every user, publish: profile_builder.batch.run_batch, with the same result.

    Raises:
        StorageError: Bad data, a store that cannot be written; see the steps.
        WorkerError: Spark cannot be started, or a task failed for good.
        UsageError: The profiles go into a folder that executors cannot reach.
    """
    with ExitStack() as open_things:
        with parts.reporter.step("Start Spark"):
            spark = open_things.enter_context(on.open_session())
        target = open_things.enter_context(on.open_target())
        scratch = Path(open_things.enter_context(TemporaryDirectory(prefix="forgotten-")))
        return _Run(spark, target, parts=parts, policy=policy, on=on, scratch=scratch).result()


class _Run:
    def __init__(
        self,
        spark: SparkSession,
        target: Target,
        *,
        parts: BatchParts,
        policy: BatchPolicy,
        on: SparkParts,
        scratch: Path,
    ) -> None:
        self._scratch = scratch
        self._spark, self._target, self._parts, self._policy, self._on = spark, target, parts, policy, on
        self._splits = splits_of(parts.source.files, on.policy.rows_a_split)

    def result(self) -> SparkResult:
        """Of the whole batch."""
        self._require_reachable()
        seen = self._survey()
        window = window_of(seen, self._policy.read)
        of_tasks = self._of_tasks(window)
        selected = self._selected(of_tasks).persist(StorageLevel.DISK_ONLY)
        splits = self._split_reports(selected)
        counts = self._take(splits)
        if not _in_window(counts, splits):
            raise empty_window(seen, window)
        built = self._built(selected, of_tasks, n_actions=_in_window(counts, splits))
        built = built.persist(StorageLevel.DISK_ONLY)
        reports = self._part_reports(built)
        tally = self._tally(reports, counts)
        rows = WindowRows(window=window, counts=counts, strays=strays_left_out(seen, self._policy.read))
        with self._parts.reporter.step("Publish"):
            published = self._target.publish(
                [report.written for report in reports],
                self._popular(built),
                lambda: manifest_of(self._parts, self._policy, rows, tally),
            )
        built.unpersist()
        selected.unpersist()
        return SparkResult(
            batch=BatchResult(published=published, rows=rows, tally=tally),
            select_cpu_s=sum(split.cpu_s for split in splits),
            build_cpu_s=sum(report.cpu_s for report in reports),
            n_parts=len(reports),
        )

    def _require_reachable(self) -> None:
        """Better now than after hours of work; a machine that joins later is refused when it writes."""
        context, sink = self._spark.sparkContext, self._target.sink
        n = context.defaultParallelism
        context.parallelize(range(n), n).foreach(lambda _: sink.require_reachable())

    def _of_tasks(self, window: Window) -> Window:
        """The same window, with those who asked to be forgotten where every task finds them."""
        forgotten = window.forgotten_until_s
        if not forgotten:
            return window
        return replace(window, forgotten_until_s=sent(forgotten, self._spark.sparkContext, self._scratch))

    def _survey(self) -> Survey:
        context, latest_s = self._spark.sparkContext, self._policy.read.latest_s
        look = partial(look_at, weights=self._parts.source.weights, latest_s=latest_s)
        with self._parts.reporter.step("Look at times"):
            looks = context.parallelize(self._splits, len(self._splits)).map(look)
            together: Look = looks.treeReduce(Look.merge)
            return together.result()

    def _selected(self, window: Window) -> DataFrame:
        select = SelectSplit(
            splits=self._splits,
            files=self._parts.source.files,
            pins=self._on.pins,
            window=window,
            weights=self._parts.source.weights,
            max_rejects=_listed(len(self._splits)),
        )

        n = len(self._splits)
        return self._spark.range(0, n, 1, n).mapInArrow(select, from_arrow_schema(SELECTED))

    def _split_reports(self, selected: DataFrame) -> list[SplitReport]:
        with self._parts.reporter.step("Read actions"):
            found = selected.where(F.col(REPORT).isNotNull()).select(REPORT).collect()
        return [SplitReport.from_json(row[0]) for row in found]

    def _take(self, splits: Sequence[SplitReport]) -> RowCounts:
        """The rows of all splits together; bad ones are written out."""
        counts, rejects = RowCounts(), self._parts.rejects
        for split in splits:
            for field in fields(RowCounts):
                setattr(counts, field.name, getattr(counts, field.name) + getattr(split.counts, field.name))
            for row in split.rejected.rows:
                rejects.add(**row)
            rejects.count(split.rejected.counts - Counter(row["reason"] for row in split.rejected.rows))
        self._check(counts)
        return counts

    def _check(self, counts: RowCounts) -> None:
        n_listed = counts.read - counts.not_listed
        self._parts.rejects.check(n_listed, self._policy.read.max_reject_share, tolerated=(UNKNOWN_PIN,))

    def _built(self, selected: DataFrame, window: Window, *, n_actions: int) -> DataFrame:
        n_parts = min(math.ceil(n_actions / self._on.policy.actions_a_part), self._target.max_parts)
        # Tasks are made of neighbouring partitions as they turn out to be small.
        self._spark.conf.set("spark.sql.shuffle.partitions", n_parts)
        build = BuildPart(
            pins=self._on.pins,
            rules=rules_of(self._parts, self._policy, window),
            sink=self._target.sink,
            actions_together=self._on.policy.actions_together,
            max_rejects=_listed(n_parts),
        )

        part = F.floor(F.col("bucket") * F.lit(n_parts) / N_BUCKETS).cast("int")
        events = self._with_repeats(selected.where(F.col(REPORT).isNull()).select(EVENTS.names))
        grouped = events.withColumn("part", part).groupBy("part")
        return grouped.applyInArrow(lambda key, part: build(key[0].as_py(), part), from_arrow_schema(BUILT))

    def _with_repeats(self, events: DataFrame) -> DataFrame:
        """With a column that says which events came before under the same event id, of whatever user."""
        if not any(EVENT in file.types for file in self._parts.source.files):
            return events.withColumn("is_repeat", F.lit(False))
        order = OverWindow.partitionBy("event_hash").orderBy("time_s", "user_id", "row", "action", "source")
        has_id = F.col("event_hash").isNotNull()
        with_id = events.where(has_id).withColumn("is_repeat", F.row_number().over(order) > 1)
        return with_id.unionByName(events.where(~has_id).withColumn("is_repeat", F.lit(False)))

    def _part_reports(self, built: DataFrame) -> list[PartReport]:
        with self._parts.reporter.step("Build profiles"):
            return [PartReport.from_json(row[0]) for row in built.select("report").collect()]

    def _tally(self, reports: Sequence[PartReport], counts: RowCounts) -> Tally:
        """What all parts come to; rows that were there twice are written out."""
        tally = Tally()
        for report in reports:
            counts.used += report.used
            tally.add(
                Tally(
                    n_interests=Counter(report.n_interests),
                    n_without=report.n_without,
                    n_capped=report.n_capped,
                )
            )
            self._reject_duplicates(report)
        self._check(counts)
        require_users(tally, self._parts.rejects)
        return tally

    def _reject_duplicates(self, report: PartReport) -> None:
        files = self._parts.source.files
        starts = list(accumulate((file.n_rows for file in files), initial=0))
        for source, pin in report.duplicates:
            at = bisect_right(starts, source) - 1
            (pin_id,) = self._parts.pins.pin_ids(np.array([pin]))
            self._parts.rejects.add(
                file=str(files[at].path), row=source - starts[at], reason=DUPLICATE, pin_id=pin_id
            )
        self._parts.rejects.count({DUPLICATE: report.n_duplicates - len(report.duplicates)})

    def _popular(self, built: DataFrame) -> list[str]:
        """As profile_builder.popular, of what the parts counted."""
        n = self._policy.n_popular
        each = F.explode(F.arrays_zip("popular_rows", "popular_counts")).alias("each")
        total = F.sum("each.popular_counts").alias("n")
        counts = built.select(each).groupBy(F.col("each.popular_rows").alias("row")).agg(total)
        most = counts.orderBy(F.desc("n")).limit(n).agg(F.min("n")).first()
        if not n or most is None or most[0] is None:
            return []
        # All that could be among the first n, ties at the border included.
        found = np.array(counts.where(F.col("n") >= most[0]).collect(), np.int64).reshape(-1, 2)
        return popular.ranked(found[:, 0], found[:, 1], self._parts.pins, n)


def _listed(n_tasks: int) -> int:
    """How many bad rows each task lists, so that the driver can hold them all."""
    return max(1, _MAX_REJECTS // n_tasks)


def _in_window(counts: RowCounts, splits: Sequence[SplitReport]) -> int:
    """Rows in the window, those on unknown pins included: a user of no others is still a user."""
    rejected: Counter[str] = sum((split.rejected.counts for split in splits), Counter())
    del rejected[UNKNOWN_PIN]
    of_the_window = counts.read - counts.not_listed - counts.before_window - counts.after_watermark
    return of_the_window - counts.forgotten - rejected.total()
