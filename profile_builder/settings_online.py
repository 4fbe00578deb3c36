"""What the online command can be told, by flag or by variable."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from process.commands import setting
from process.logs import LogLevel
from process.shared_settings import ChosenLogFormat, PinsFolder, ProfilesUrl


@dataclass(frozen=True, kw_only=True)
class OnlineSettings:
    """Follow the event stream and keep every user's newest actions fresh, until SIGTERM."""

    events: Annotated[
        str,
        setting(
            "Event stream: a file, redis://HOST:PORT/DB?stream=NAME or kafka://HOST:PORT/TOPIC.",
            env="EVENTS",
            metavar="URL",
        ),
    ]
    pins: PinsFolder
    profiles: ProfilesUrl
    model: Annotated[
        Path | None,
        setting(
            "The model file, for as long as no batch was published; the live batch's counts from then on.",
            env="MODEL",
            metavar="FILE",
        ),
    ] = None
    data: Annotated[
        Path | None,
        setting(
            "Folder with a dataset.toml, which weighs the actions; default: every action counts 1.",
            env="DATA",
            metavar="FOLDER",
        ),
    ] = None
    archive: Annotated[
        Path | None,
        setting(
            "Keep accepted events here as parquet, the --actions of the next batch; default: nowhere.",
            env="ARCHIVE",
            metavar="DIR",
        ),
    ] = None
    archive_every_s: Annotated[
        float,
        setting(
            "Seconds until events in the archive are in parquet files.",
            env="ARCHIVE_EVERY_S",
            low=1,
            high=86_400,
        ),
    ] = 600.0
    gather_s: Annotated[
        float,
        setting(
            "Seconds that events are gathered for, to be stored at once.", env="GATHER_S", low=0, high=60
        ),
    ] = 0.1
    max_events: Annotated[
        int, setting("Most events stored at once.", env="MAX_EVENTS", low=1, high=100_000)
    ] = 10_000
    max_ahead_s: Annotated[
        int,
        setting("Seconds that an event's time may be ahead of the clock here.", env="MAX_AHEAD_S", low=0),
    ] = 3_600
    host: Annotated[str, setting("Address of the Prometheus port.", env="HOST", metavar="ADDRESS")] = (
        "127.0.0.1"
    )
    metrics_port: Annotated[
        int,
        setting("Prometheus port; 0 serves no metrics.", env="ONLINE_METRICS_PORT", low=0, high=65_535),
    ] = 9465
    log_format: ChosenLogFormat = "auto"
    log_level: Annotated[LogLevel, setting("Least level logged.", env="LOG_LEVEL")] = "info"
