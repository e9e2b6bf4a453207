"""The error types of NGSI-LD: ETSI GS CIM 009 V1.9.1, clauses 5.5.2 and 5.5.3.

Operations raise these; what HTTP status each becomes is the business of `http/problems.py`.
"""

from __future__ import annotations

from typing import ClassVar

ERRORS_IRI = "https://uri.etsi.org/ngsi-ld/errors/"


class NgsiLdError(Exception):
    """Root of all errors that an operation reports to its caller.

    Args:
        detail: What happened, what was expected, what to try. Names are fully qualified (clause 6.3.6).
        members: Further members of the problem document, for example `{"instance": "urn:…"}`.
    """

    type_name: ClassVar[str] = "InternalError"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, **members: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.members = members

    @property
    def uri(self) -> str:
        """The error type as clause 5.5.2 spells it."""
        return ERRORS_IRI + self.type_name


class AlreadyExists(NgsiLdError):  # noqa: N818 — the standard's name
    """The referred element already exists."""

    type_name = "AlreadyExists"
    title = "The element already exists"


class BadRequestData(NgsiLdError):  # noqa: N818 — the standard's name
    """The request includes input data which does not meet the requirements of the operation."""

    type_name = "BadRequestData"
    title = "The input data does not meet the requirements of the operation"


class Conflict(NgsiLdError):  # noqa: N818 — the standard's name
    """The operation conflicts with the current state of the system."""

    type_name = "Conflict"
    title = "The operation conflicts with the current state"


class InternalError(NgsiLdError):
    """There has been an error during the operation execution."""

    type_name = "InternalError"
    title = "The operation could not be completed"


class InvalidRequest(NgsiLdError):  # noqa: N818 — the standard's name
    """The request is syntactically invalid or includes wrong content."""

    type_name = "InvalidRequest"
    title = "The request is syntactically invalid"


class LdContextNotAvailable(NgsiLdError):  # noqa: N818 — the standard's name
    """A remote JSON-LD @context referenced in a request cannot be retrieved."""

    type_name = "LdContextNotAvailable"
    title = "A remote @context cannot be retrieved"


class NoMultiTenantSupport(NgsiLdError):  # noqa: N818 — the standard's name
    """The implementation does not support multiple tenants."""

    type_name = "NoMultiTenantSupport"
    title = "Multiple tenants are not supported"


class NonexistentTenant(NgsiLdError):  # noqa: N818 — the standard's name
    """The addressed tenant does not exist."""

    type_name = "NonexistentTenant"
    title = "The tenant does not exist"


class OperationNotSupported(NgsiLdError):  # noqa: N818 — the standard's name
    """The operation is not supported."""

    type_name = "OperationNotSupported"
    title = "The operation is not supported"


class ResourceNotFound(NgsiLdError):  # noqa: N818 — the standard's name
    """The referred resource has not been found."""

    type_name = "ResourceNotFound"
    title = "The resource was not found"


class TooComplexQuery(NgsiLdError):  # noqa: N818 — the standard's name
    """The query is too complex and cannot be resolved."""

    type_name = "TooComplexQuery"
    title = "The query is too complex"


class TooManyResults(NgsiLdError):  # noqa: N818 — the standard's name
    """The query produces so many results that it can exhaust client or server resources."""

    type_name = "TooManyResults"
    title = "The query produces too many results"
