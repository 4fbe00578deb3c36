"""What the profile builder can be told, by flag or by variable."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from process.commands import setting
from process.shared_settings import (
    KeptVersions,
    MinShareOfLive,
    NewEmbeddingSpace,
    PinsFolder,
    ProfilesUrl,
    VersionToMakeLive,
)

_DATA = setting(
    "Folder with a dataset.toml, which names the actions and their weights.", env="DATA", metavar="FOLDER"
)
_ACTIONS = setting(
    "Actions to read in place of the data set's: a parquet file, or a folder of them.",
    env="ACTIONS",
    metavar="PATH",
)
_NOW = setting(
    "The time to look back from: now, Unix seconds or ISO 8601. Default: the newest action.",
    env="NOW",
    metavar="TIME",
)
_LATENESS = setting(
    "With --now: how late an action may arrive, in seconds. Newer ones are left to the online profiles.",
    env="ALLOWED_LATENESS_S",
    low=0,
)
_MAX_ACTIONS = setting(
    "The newest so many of a user's actions make their interests.", env="MAX_ACTIONS", low=1, high=8_000
)
_MAX_REJECT_SHARE = setting(
    "Stop when more than this share of the rows is bad; unknown pins do not count.",
    env="MAX_REJECT_SHARE",
    low=0,
    high=1,
)


class Engine(StrEnum):
    """What builds the users."""

    LOCAL = "local"
    SPARK = "spark"


@dataclass(frozen=True, kw_only=True)
class CalibrateSettings:
    """Choose alpha for an embedding space from what users did, once, and write model.toml."""

    pins: PinsFolder
    out: Annotated[Path, setting("The model file to write.", env="MODEL", metavar="FILE")]
    data: Annotated[Path | None, _DATA] = None
    actions: Annotated[Path | None, _ACTIONS] = None
    now: Annotated[str | None, _NOW] = None
    allowed_lateness_s: Annotated[int, _LATENESS] = 3_600
    lambda_per_day: Annotated[
        float, setting("Decay of an action's weight, per day of age.", env="LAMBDA_PER_DAY", low=0)
    ] = 0.01
    window_days: Annotated[int, setting("Days of actions that count.", env="WINDOW_DAYS", low=1)] = 90
    max_actions: Annotated[int, _MAX_ACTIONS] = 2_000
    max_reject_share: Annotated[float, _MAX_REJECT_SHARE] = 0.05
    rejects: Annotated[
        Path | None,
        setting(
            "Lists the bad rows; default: calibrate-rejects.jsonl beside --out.",
            env="REJECTS",
            metavar="FILE",
        ),
    ] = None
    replace: Annotated[bool, setting("Write over a model file that says something else.", env="REPLACE")] = (
        False
    )


@dataclass(frozen=True, kw_only=True)
class BatchSettings:
    """Build every user's profile from the window's actions and publish them as one version."""

    pins: PinsFolder
    model: Annotated[Path, setting("The model file, made by calibrate.", env="MODEL", metavar="FILE")]
    profiles: ProfilesUrl
    data: Annotated[Path | None, _DATA] = None
    actions: Annotated[Path | None, _ACTIONS] = None
    now: Annotated[str | None, _NOW] = None
    allowed_lateness_s: Annotated[int, _LATENESS] = 3_600
    max_actions: Annotated[int, _MAX_ACTIONS] = 2_000
    popular: Annotated[
        int,
        setting(
            "How many of the window's most acted-on pins to keep for unknown users.", env="POPULAR", low=0
        ),
    ] = 400
    engine: Annotated[Engine, setting("What builds the users.", env="ENGINE")] = Engine.LOCAL
    processes: Annotated[
        int, setting("Worker processes of the local engine; 0 is one a core.", env="PROCESSES", low=0)
    ] = 0
    spark_master: Annotated[
        str | None,
        setting(
            "The Spark cluster. Default: what spark-submit or Spark's configuration says, else this machine.",
            env="SPARK_MASTER",
            metavar="URL",
        ),
    ] = None
    spark_pins: Annotated[
        Path | None,
        setting(
            "Where Spark's executors find the pin artefact; default: where this process does.",
            env="SPARK_PINS",
            metavar="DIR",
        ),
    ] = None
    max_reject_share: Annotated[float, _MAX_REJECT_SHARE] = 0.05
    rejects: Annotated[
        Path | None,
        setting(
            "Lists the bad rows; default: batch-rejects.jsonl in --profiles, or here if that is no folder.",
            env="REJECTS",
            metavar="FILE",
        ),
    ] = None
    keep: Annotated[
        int | None,
        setting(
            "Then collect old batches, all but the newest so many; see prune. Default: none is collected.",
            env="KEEP",
            low=1,
        ),
    ] = None
    replace_later: Annotated[
        bool, setting("Go live in place of a batch that has later actions.", env="REPLACE_LATER")
    ] = False
    new_embedding_space: NewEmbeddingSpace = False
    min_share_of_live: MinShareOfLive = 0.5


@dataclass(frozen=True, kw_only=True)
class ForgetSettings:
    """Forget a user: nothing that they did until now is shown, counted or built from again."""

    user: Annotated[str, typer.Argument(help="The user's id.")]
    profiles: ProfilesUrl
    events: Annotated[
        str | None,
        setting(
            "The event stream, where there is one: its consumer stores it. Without: stored from here.",
            env="EVENTS",
            metavar="URL",
        ),
    ] = None
    wait_s: Annotated[
        float,
        setting(
            "With --events: wait so long for the consumer; 0 does not.", env="FORGET_WAIT_S", low=0, high=600
        ),
    ] = 10.0


@dataclass(frozen=True, kw_only=True)
class ListSettings:
    """List the published batches, oldest first."""

    profiles: ProfilesUrl


@dataclass(frozen=True, kw_only=True)
class RollbackSettings:
    """Make an earlier batch live. Going forward again works the same way."""

    profiles: ProfilesUrl
    version: VersionToMakeLive = None


@dataclass(frozen=True, kw_only=True)
class PruneSettings:
    """Collect old batches. The live one, the one before it, and those that a process uses always stay."""

    profiles: ProfilesUrl
    keep: KeptVersions = 3
