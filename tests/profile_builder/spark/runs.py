"""A batch by either engine over the same actions, pins and model, as bootstrap wires it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from process.progress import Reporter
from profile_builder.batch import BatchParts, BatchPolicy, BatchResult, run_batch
from profile_builder.inputs import ActionInput
from profile_builder.reading import find_action_files
from profile_builder.spark.batch import SparkParts, SparkPolicy, run_spark_batch
from profile_builder.spark.pins import PinsPlace
from profile_builder.spark.session import plainly
from profile_builder.spark.targets import Target, folder_target, redis_target
from storage.model_file import ModelFile
from storage.pins.artefact import PinArtefact
from storage.profiles.opening import open_batch_publisher
from storage.profiles.redis.publisher import RedisBatchPublisher
from storage.rejects import Rejects
from tests.profile_builder.world import POLICY, WEIGHTS

SMALL = SparkPolicy(rows_a_split=150, actions_a_part=100, actions_together=30)
"""Many splits and parts of little."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a batch is run over.

    Attributes:
        actions: The actions' file or folder.
        pins: The artefact's folder.
        model: The parameters.
        out: Rejected rows go here.
        policy: Of both engines.
        weights: Of the actions.
        executors_pins: Where executors look for the artefact, if somewhere else.
    """

    actions: Path
    pins: Path
    model: ModelFile
    out: Path
    policy: BatchPolicy = POLICY
    weights: dict[str, float] | None = field(default_factory=lambda: dict(WEIGHTS))
    executors_pins: Path | None = None

    def local(self, url: str) -> BatchResult:
        """By the local engine."""
        return self._run(url, "local", lambda parts: run_batch(parts, self.policy))

    def spark(self, url: str, session: Any, how: SparkPolicy = SMALL) -> BatchResult:
        """By Spark, in a session that goes on afterwards."""

        def run(parts: BatchParts) -> BatchResult:
            on = SparkParts(
                open_session=partial(_going_on, session),
                open_target=partial(_target, parts, url),
                pins=PinsPlace(str(self.executors_pins or self.pins), parts.pins.version),
                policy=how,
            )
            return run_spark_batch(parts, self.policy, on).batch

        return self._run(url, "spark", run)

    def rejected(self, engine: str) -> list[str]:
        """The rows that an engine rejected, in any order."""
        return sorted((self.out / f"{engine}.jsonl").read_text().splitlines())

    def _run(self, url: str, engine: str, run: Callable[[BatchParts], BatchResult]) -> BatchResult:
        with closing(PinArtefact.open(self.pins)) as pins, Rejects(self.out / f"{engine}.jsonl") as rejects:
            return run(
                BatchParts(
                    source=ActionInput(files=find_action_files(self.actions), weights=self.weights),
                    pins=pins,
                    open_pins=partial(PinArtefact.open, self.pins, pins.version),
                    model_file=self.model,
                    publisher=open_batch_publisher(url),
                    rejects=rejects,
                    reporter=Reporter(quiet=True),
                )
            )


@contextmanager
def _going_on(session: Any) -> Iterator[Any]:
    """The session as a batch starts it, which is not stopped afterwards."""
    with plainly():
        yield session


def _target(parts: BatchParts, url: str) -> AbstractContextManager[Target]:
    if isinstance(parts.publisher, RedisBatchPublisher):
        return redis_target(parts.publisher)
    return folder_target(parts.publisher, Path(url))
