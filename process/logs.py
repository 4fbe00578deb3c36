"""Structured logs on stderr: JSON for machines, coloured lines for a person at a terminal."""

import logging
import sys
from typing import Literal

import structlog

LogFormat = Literal["auto", "json", "text"]


def configure_logs(*, log_format: LogFormat = "auto", level: str = "info") -> None:
    """Set up structlog for this process, once, before the first line is logged.

    Args:
        log_format: "auto" is text on a terminal and JSON elsewhere.
        level: The lowest level that is written.
    """
    as_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if as_text else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # FAISS says at import which instruction sets it could not load; it then uses the next best.
    logging.getLogger("faiss.loader").setLevel(logging.ERROR)
