"""Where the Spark engine's objects are built and wired; imported only when that engine is asked for."""

from functools import partial

from profile_builder.batch import BatchParts, BatchPolicy, BatchResult
from profile_builder.settings import BatchSettings
from profile_builder.spark.batch import OpenTarget, SparkParts, run_spark_batch
from profile_builder.spark.pins import PinsPlace
from profile_builder.spark.session import spark_session
from profile_builder.spark.targets import folder_target, redis_target
from storage.profiles.opening import profiles_folder
from storage.profiles.redis.publisher import RedisBatchPublisher
from storage.profiles.store import BatchPublisher


def run(settings: BatchSettings, parts: BatchParts, policy: BatchPolicy) -> BatchResult:
    """Run a batch on Spark; see profile_builder.spark.batch.run_spark_batch."""
    pins = PinsPlace(str(settings.spark_pins or settings.pins.resolve()), parts.pins.version)
    on = SparkParts(
        open_session=partial(spark_session, settings.spark_master),
        open_target=_target(settings, parts.publisher),
        pins=pins,
    )
    return run_spark_batch(parts, policy, on).batch


def _target(settings: BatchSettings, publisher: BatchPublisher) -> OpenTarget:
    if isinstance(publisher, RedisBatchPublisher):
        return partial(redis_target, publisher)
    return partial(folder_target, publisher, profiles_folder(settings.profiles))
