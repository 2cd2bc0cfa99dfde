"""The log of the process, on stderr: SCIDEX_LOG_LEVEL says how much, SCIDEX_LOG_JSON in which form."""

from __future__ import annotations

import logging
import sys

import structlog

from scidex.core.settings import Settings


def configure(settings: Settings) -> None:
    """Send every log line of the process, ours and the libraries', to stderr in one form."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.log_json:
        last: list[structlog.types.Processor] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    else:
        # Plain traces: the pretty ones print local variables, and with them passwords.
        plain = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[remove, *last]))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    if level > logging.DEBUG:
        # It says in four lines what `scidex up` says in one.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        # It says of every request what its answer says.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        # It says of every tick that it began and that it ended.
        logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
    # It says of every request that it came.
    logging.getLogger("mcp").setLevel(logging.WARNING)
    # What the driver and its pool meet comes back as a refusal; their own lines would be the second about one thing.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
