"""The one place where the profile builder's objects are built and wired."""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from process.progress import Reporter
from profile_builder.archive_tombstones import buried
from profile_builder.batch import BatchParts, BatchPolicy, BatchResult, run_batch
from profile_builder.calibrating import CalibrateParts, CalibratePolicy, run_calibration
from profile_builder.errors import UsageError
from profile_builder.forgetting import (
    Patience,
    forget_through_stream,
    forgotten_until_s,
    tombstone_of,
)
from profile_builder.inputs import ReadPolicy, open_input
from profile_builder.local import LocalPolicy
from profile_builder.settings import (
    BatchSettings,
    CalibrateSettings,
    Engine,
    ForgetSettings,
    ListSettings,
    PruneSettings,
    RollbackSettings,
)
from profile_builder.summary import (
    batch_table,
    describe_batch,
    describe_calibration,
    describe_forgotten,
    describe_pruned,
)
from profile_builder.times import parse_time
from storage.dataset import read_dataset
from storage.events.address import FileAddress, event_address
from storage.events.decoding import DEFAULT_LIMITS
from storage.events.opening import open_appender
from storage.model_file import read_model_file
from storage.pins.artefact import PinArtefact
from storage.profiles.opening import (
    holds_anything,
    open_batch_publisher,
    open_online_writer,
    open_tombstones,
    profiles_folder,
    shown,
)
from storage.profiles.redis.address import is_redis
from storage.profiles.succession import Permit, require_live_space
from storage.rejects import Rejects

_REJECTS = "batch-rejects.jsonl"
_NOBODY: Mapping[str, int] = {}


def calibrate(settings: CalibrateSettings, clock: Callable[[], float] = time.time) -> None:
    """Run a calibration as the settings say, and print its summary.

    Args:
        settings: They say what.
        clock: Unix seconds.

    Raises:
        ProfileBuilderError, StorageError, ModelError: Each says what to do.
    """
    if settings.out.is_dir():
        raise UsageError(f"--out {settings.out} is a folder: name the file to write, for example model.toml")
    policy = CalibratePolicy(
        read=_read_policy(settings, settings.window_days, clock),
        lambda_per_day=settings.lambda_per_day,
        max_actions=settings.max_actions,
        replace=settings.replace,
    )
    rejects_path = settings.rejects or settings.out.with_name("calibrate-rejects.jsonl")
    with ExitStack() as open_things:
        pins = open_things.enter_context(closing(PinArtefact.open(settings.pins)))
        source = open_input(settings.data, settings.actions, pins.embedding_space)
        rejects = open_things.enter_context(Rejects(rejects_path))
        parts = CalibrateParts(
            source=source, pins=pins, out=settings.out, rejects=rejects, reporter=Reporter()
        )
        result = run_calibration(parts, policy)
    print("\n".join(describe_calibration(result, settings.out, rejects)))


def batch(settings: BatchSettings, clock: Callable[[], float] = time.time) -> None:
    """Run a batch as the settings say, and print its summary.

    Args:
        settings: They say what.
        clock: Unix seconds.

    Raises:
        ProfileBuilderError, StorageError, ModelError: Each says what to do.
    """
    permit = Permit(
        replace_later=settings.replace_later,
        new_embedding_space=settings.new_embedding_space,
        min_share_of_live=settings.min_share_of_live,
    )
    publisher, model_file = open_batch_publisher(settings.profiles, permit), read_model_file(settings.model)
    policy = BatchPolicy(
        read=_read_policy(settings, model_file.parameters.window_days, clock, _forgotten(settings)),
        max_actions=settings.max_actions,
        n_popular=settings.popular,
        local=LocalPolicy(processes=settings.processes or len(os.sched_getaffinity(0))),
    )
    with ExitStack() as open_things:
        pins = open_things.enter_context(closing(PinArtefact.open(settings.pins)))
        pins.embedding_space.require(
            model_file.embedding_space, ours="the pin artefact", theirs=f"the model file {settings.model}"
        )
        source = open_input(settings.data, settings.actions, pins.embedding_space)
        require_live_space(publisher, pins.embedding_space, permit, shown(settings.profiles))
        rejects = open_things.enter_context(Rejects(_rejects_path(settings)))
        parts = BatchParts(
            source=source,
            pins=pins,
            # This process has just compared the checksums.
            open_pins=partial(PinArtefact.open, settings.pins, pins.version, checksums=False),
            model_file=model_file,
            publisher=publisher,
            rejects=rejects,
            reporter=Reporter(),
        )
        result = _run(settings, parts, policy)
    print("\n".join(describe_batch(result, model_file, settings.max_actions, rejects)))
    if settings.keep is not None:
        print(describe_pruned(publisher.prune(settings.keep)))


def forget(settings: ForgetSettings) -> None:
    """Forget a user, and say from where on that holds.

    Raises:
        ProfileBuilderError, StorageError: Each says what to do.
    """
    wish = tombstone_of(settings.user, int(time.time()))
    _require_there(settings)
    is_sealed = not is_redis(settings.profiles)
    is_new = not holds_anything(settings.profiles)
    if settings.events is None:
        with closing(open_online_writer(settings.profiles)) as writer:
            writer.forget(wish.user_id, wish.timestamp_s)
        is_stored = True
    else:
        with (
            closing(open_tombstones(settings.profiles)) as tombstones,
            closing(open_appender(settings.events)) as appender,
        ):
            is_stored = forget_through_stream(wish, appender, tombstones, Patience(wait_s=settings.wait_s))
    print(describe_forgotten(wish, shown(settings.profiles), is_stored=is_stored, is_sealed=is_sealed))
    if is_new:
        print(f"! {settings.profiles} held no profiles: see whether it is what the servers read.")


def _require_there(settings: ForgetSettings) -> None:
    """A mistyped place would be made, and the wish be where nobody reads it.

    Raises:
        UsageError: The folder of the profiles, or the file of the stream, is not there.
    """
    if not is_redis(settings.profiles) and not (folder := profiles_folder(settings.profiles)).exists():
        raise UsageError(
            f"nobody was forgotten, --profiles {folder} does not exist: name the store that the servers "
            f"read. If its first batch is still to come: mkdir -p {folder}"
        )
    stream = None if settings.events is None else event_address(settings.events)
    if isinstance(stream, FileAddress) and not stream.path.exists():
        raise UsageError(
            f"nobody was forgotten, --events {stream.path} does not exist: name the stream that the consumer "
            f"reads. If nothing was ever recorded in it: touch {stream.path}"
        )


def _run(settings: BatchSettings, parts: BatchParts, policy: BatchPolicy) -> BatchResult:
    """Run the batch on the engine that was asked for."""
    if settings.engine == Engine.LOCAL:
        return run_batch(parts, policy)
    try:
        from profile_builder.spark import bootstrap as spark  # noqa: PLC0415 - installed for those who use it
    except ImportError as error:
        raise UsageError(
            f"--engine spark needs {error.name}, which is not installed here: pip install --require-hashes "
            "--requirement requirements-spark.lock (docs/spark.md)"
        ) from error
    return spark.run(settings, parts, policy)


def list_batches(settings: ListSettings) -> None:
    """Print the table of published batches.

    Raises:
        StorageError: There is none, or no store.
    """
    print(batch_table(open_batch_publisher(settings.profiles).versions()))


def rollback(settings: RollbackSettings) -> None:
    """Make another batch live, and say so.

    Raises:
        StorageError: It is not there, or cannot be used.
    """
    publisher, version = open_batch_publisher(settings.profiles), settings.version
    if version is None:
        version = publisher.roll_back()
    else:
        publisher.make_current(version)
    print(f"{version} is live in {shown(settings.profiles)}.")


def prune(settings: PruneSettings) -> None:
    """Collect old batches, and say which.

    Raises:
        StorageError: There is none, or they cannot be removed.
    """
    print(describe_pruned(open_batch_publisher(settings.profiles).prune(settings.keep)))


def _rejects_path(settings: BatchSettings) -> Path:
    """Beside the profiles; in the working folder where those are in no folder."""
    if settings.rejects is not None:
        return settings.rejects
    return (Path() if is_redis(settings.profiles) else profiles_folder(settings.profiles)) / _REJECTS


def _forgotten(settings: BatchSettings) -> Mapping[str, int]:
    """Who asked to be forgotten, and until when: as the store knows, or an archive that is read."""
    with closing(open_tombstones(settings.profiles)) as tombstones:
        stored = forgotten_until_s(tombstones)
    actions = settings.actions or (None if settings.data is None else read_dataset(settings.data).actions)
    beside = {} if actions is None else buried(actions)
    return {user_id: max(stored.get(user_id, 0), beside.get(user_id, 0)) for user_id in {*stored, *beside}}


def _read_policy(
    settings: CalibrateSettings | BatchSettings,
    window_days: int,
    clock: Callable[[], float],
    forgotten: Mapping[str, int] = _NOBODY,
) -> ReadPolicy:
    clock_s = int(clock())
    now_s = None if settings.now is None else parse_time(settings.now, clock_s)
    return ReadPolicy(
        now_s=now_s,
        allowed_lateness_s=settings.allowed_lateness_s,
        window_days=window_days,
        max_reject_share=settings.max_reject_share,
        forgotten_until_s=forgotten,
        # As in the stream; whoever says that it is later knows better.
        latest_s=max(clock_s + DEFAULT_LIMITS.max_ahead_s, now_s or 0),
    )
