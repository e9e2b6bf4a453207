"""Errors over HTTP: ETSI GS CIM 009 V1.9.1, clauses 6.3.2 and 6.3.3."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from ldt_stack.broker.errors import NgsiLdError
from ldt_stack.broker.federation.failures import LoopDetected, SourceFailure, SourceTimeout
from ldt_stack.broker.http.messages import Response
from ldt_stack.broker.model.names import JsonObject

# Table 6.3.2-1.
STATUS: Mapping[str, int] = {
    "AlreadyExists": 409,
    "BadRequestData": 400,
    "Conflict": 409,
    "InternalError": 500,
    "InvalidRequest": 400,
    "LdContextNotAvailable": 504,
    "NoMultiTenantSupport": 501,
    "NonexistentTenant": 404,
    "OperationNotSupported": 422,
    "ResourceNotFound": 404,
    "TooComplexQuery": 403,
    "TooManyResults": 403,
}


# Clause 6.3.17: distributed operations that fail; their type is InternalError.
_STATUS_OF_FAILURE: Mapping[type[NgsiLdError], int] = {
    LoopDetected: 508,
    SourceTimeout: 504,
    SourceFailure: 502,
}


def status_of(error: NgsiLdError) -> int:
    """The HTTP status of an error."""
    return next(
        (status for failure, status in _STATUS_OF_FAILURE.items() if isinstance(error, failure)),
        STATUS[error.type_name],
    )


class HttpError(Exception):
    """An error of HTTP itself (405, 406, 411, 413, 415): a status, headers and perhaps a body, no NGSI-LD type."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None, body: object = None) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers or {}
        self.body = body

    def response(self) -> Response:
        """What is sent."""
        content = b"" if self.body is None else orjson.dumps(self.body)
        media_type = None if self.body is None else "application/json"
        return Response(content, self.status, dict(self.headers), media_type)


def problem(error: NgsiLdError) -> JsonObject:
    """The problem document of an error: type, title, detail (5.5.3), status and further members."""
    return {
        "type": error.uri,
        "title": error.title,
        "detail": error.detail,
        "status": status_of(error),
        **error.members,
    }


def problem_response(error: NgsiLdError) -> Response:
    """`application/json`, whatever the Accept header says (6.3.3, 6.3.6)."""
    return Response(orjson.dumps(problem(error)), status_of(error), media_type="application/json")
