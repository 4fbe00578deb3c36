"""Structured logs on stderr: JSON for machines, coloured lines for a person at a terminal."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

LogFormat = Literal["auto", "json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]


def configure_logs(*, log_format: LogFormat = "auto", level: LogLevel = "info") -> None:
    """Set up the logs of this process, once, before the first line is logged.

    Args:
        log_format: "auto" is text on a terminal and JSON elsewhere.
        level: The lowest level of ours that is written; libraries' warnings and errors always are.
    """
    stamped: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    as_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    rendered = _as_text() if as_text else _as_json()
    structlog.configure(
        processors=[*stamped, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _take_in_libraries(stamped, rendered)


def _as_text() -> list[Processor]:
    # Plain tracebacks: rich's print every local variable.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def _as_json() -> list[Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


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
