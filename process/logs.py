"""Structured logs on stderr: JSON for machines, coloured lines for a person at a terminal."""

import logging
import sys
from collections.abc import Mapping
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from process.user_hashes import HashUser, User

LogFormat = Literal["auto", "json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]
NOBODY: Mapping[str, str] = {}


def configure_logs(
    *,
    log_format: LogFormat = "auto",
    level: LogLevel = "info",
    hash_user: HashUser | None = None,
    said_by: Mapping[str, str] = NOBODY,
) -> None:
    """Set up the logs of this process, once, before the first line is logged.

    No line shows a user's id. Whoever logs something of a user gives `user=User(user_id)`: the line shows the
    id's hash.

    Args:
        log_format: "auto" is text on a terminal and JSON elsewhere.
        level: The lowest level of ours that is written; libraries' warnings and errors always are.
        hash_user: Makes the hash; without one, lines do not tell users apart.
        said_by: What each line says of this process, where several write to one place.
    """

    def sign(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {**event, **said_by}

    stamped: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        sign,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    as_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    rendered: list[Processor] = [
        structlog.processors.format_exc_info,
        _Nameless(hash_user),
        _as_text() if as_text else structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[*stamped, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _take_in_libraries(stamped, rendered)


class _Nameless:
    """Puts the user's hash in place of the id, also where an error's text repeats the id in quotes."""

    def __init__(self, hash_user: HashUser | None) -> None:
        self._hash_user = hash_user

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        user = event.pop("user", None)
        if not isinstance(user, User):
            return event if user is None else {**event, "user": user}
        named = repr(user.user_id)
        event = {
            key: value.replace(named, "<user>") if isinstance(value, str) else value
            for key, value in event.items()
        }
        return event if self._hash_user is None else {**event, "user": self._hash_user(user.user_id)}


def _as_text() -> Processor:
    # Plain tracebacks: rich's print every local variable.
    plain = structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)


def _take_in_libraries(stamped: list[Processor], rendered: list[Processor]) -> None:
    """Write what libraries log through the standard library in the same form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*stamped, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # FAISS says at import which instruction sets it could not load; it then uses the next best.
    logging.getLogger("faiss.loader").setLevel(logging.ERROR)
