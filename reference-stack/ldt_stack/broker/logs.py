"""Logs: one line a record, as text or as JSON, with the id of the request during which it was written.

Neither bodies nor query strings are logged: they carry other people's data.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, Literal

import orjson

LogFormat = Literal["text", "json"]

# Set where a request begins (http/app.py); "" outside of one.
REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
ACCESS: Final = logging.getLogger("ldt_stack.broker.access")
_TEXT: Final = "%(asctime)s %(levelname)s %(name)s %(request_id)s: %(message)s"


class JsonFormatter(logging.Formatter):
    """A JSON object a line: time (UTC), level, logger, message, request_id, exception, and members of "data"."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        request_id = getattr(record, "request_id", "")
        if request_id not in ("", "-"):
            line["request_id"] = request_id
        line |= getattr(record, "data", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def configure_logs(level: str, form: LogFormat) -> None:
    """Write all logs of this process to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else logging.Formatter(_TEXT))
    handler.addFilter(_add_request_id)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # They say at INFO what the access log says, or what nobody asked for.
    for name in ("httpcore", "uvicorn"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def _add_request_id(record: logging.LogRecord) -> bool:
    record.request_id = REQUEST_ID.get() or "-"
    return True


def log_access(method: str, path: str, status: int, seconds: float, tenant: str) -> None:
    """One answered request, at INFO."""
    data = {"method": method, "path": path, "status": status, "seconds": round(seconds, 6)}
    if tenant:
        data["tenant"] = tenant
    ACCESS.info("%s %s %d in %.3f ms", method, path, status, seconds * 1000, extra={"data": data})
