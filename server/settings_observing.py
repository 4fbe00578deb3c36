"""What the server can be told about how it is looked at: logs, meters, the request log."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from process.commands import setting
from process.logs import LogLevel
from process.shared_settings import ChosenLogFormat


class ShownUsers(StrEnum):
    """What stands for users in the request log: a keyed hash of their ids, or the ids."""

    HASHED = "hashed"
    RAW = "raw"


@dataclass(frozen=True, kw_only=True)
class ObservingSettings:
    """What is written down of calls, and of how many."""

    log_format: ChosenLogFormat = "auto"
    log_level: Annotated[
        LogLevel, setting("Least level logged; debug has a line for every call.", env="LOG_LEVEL")
    ] = "info"
    log_salt: Annotated[
        str,
        setting(
            "Secret that users' ids are hashed with in logs; without one, logs do not tell users apart.",
            env="LOG_SALT",
            metavar="TEXT",
        ),
    ] = ""
    recall_share: Annotated[
        float,
        setting(
            "Share of answers whose lists are compared with exact search, in the background.",
            env="RECALL_SHARE",
            low=0,
            high=1,
        ),
    ] = 0.001
    observed_share: Annotated[
        float,
        setting(
            "Share of answers for which it is counted what each filter takes, in the background.",
            env="OBSERVED_SHARE",
            low=0,
            high=1,
        ),
    ] = 0.01
    request_log: Annotated[
        Path | None,
        setting(
            "Folder for parquet files of answers; see docs/attribution.md.",
            env="REQUEST_LOG",
            metavar="DIR",
        ),
    ] = None
    request_log_share: Annotated[
        float,
        setting("Share of answers in the request log.", env="REQUEST_LOG_SHARE", low=0, high=1),
    ] = 0.01
    request_log_mb: Annotated[
        int,
        setting(
            "MB that the files of the request log may take together; then the oldest are deleted.",
            env="REQUEST_LOG_MB",
            low=1,
            high=100_000_000,
        ),
    ] = 10_000
    request_log_users: Annotated[
        ShownUsers,
        setting("How the request log shows users: hashed with --log-salt, or raw.", env="REQUEST_LOG_USERS"),
    ] = ShownUsers.HASHED
    trace_endpoint: Annotated[
        str | None,
        setting(
            "Collector that traces are sent to by OTLP over gRPC, as in http://127.0.0.1:4317, or https for "
            "TLS. Needs requirements-tracing.lock.",
            env="TRACE_ENDPOINT",
            metavar="URL",
        ),
    ] = None
    trace_share: Annotated[
        float,
        setting(
            "Share of calls traced, of those whose caller has not decided it.",
            env="TRACE_SHARE",
            low=0,
            high=1,
        ),
    ] = 0.01
