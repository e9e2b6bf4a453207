"""What checks expect of an answer, said once: status, problem details, media type, Entities.

Status, headers and body are asserted apart (lesson 15): an operation's check judges status and error type, the form of
the problem details is judged by checks of its own, so that one known deviation does not hide everything else. Never
judged here: reason phrases, the wording of titles, the bodies of 405, 411 and 415.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from ldt_conformance.comparators import date_time_fault, entity_differences
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Reason, fail, precondition, warn

ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
SHOWN_CHARACTERS = 300
SHOWN_DIFFERENCES = 6


def describe(response: Response) -> str:
    """What was observed, in one line: status, media type and the beginning of the body."""
    text = " ".join(response.text.split())
    body = f"{text[:SHOWN_CHARACTERS]}…" if len(text) > SHOWN_CHARACTERS else text or "empty body"
    return f"{response.status}, {body}"


def expect_status(response: Response, *statuses: int) -> None:
    """Fail unless the status is one of these."""
    if response.status not in statuses:
        fail(" or ".join(str(status) for status in statuses), describe(response))


def require(response: Response, *statuses: int, step: str) -> Response:
    """A step that sets the stage: anything but these statuses leaves the check inconclusive, never failed."""
    precondition(response.status in statuses, f"{step}: expected {statuses}, observed {describe(response)}")
    return response


def error_type(response: Response) -> str:
    """The `type` of the problem details, without the NGSI-LD prefix; empty where there is none."""
    body = response.json() if response.content else None
    found = body.get("type") if isinstance(body, Mapping) else None
    return found.removeprefix(ERRORS) if isinstance(found, str) and found.startswith(ERRORS) else ""


def expect_problem(
    response: Response, *, status: int, error_type: str, tolerated: Sequence[tuple[int, str]] = ()
) -> None:
    """Fail unless the answer is this error (clauses 5.5.2, 5.5.3 and 6.3.2).

    Args:
        response: The answer.
        status: The HTTP status that clause 6.3.2 maps the error to.
        error_type: One of the twelve names, e.g. `AlreadyExists`.
        tolerated: Other pairs of status and error type that a ruling accepts; they end the check as a warning. An
            empty error type accepts any body.
    """
    expected = f"{status}, type {ERRORS}{error_type}"
    found = _error_type(response)
    if response.status == status and found == error_type:
        return
    for other_status, other_type in tolerated:
        if response.status == other_status and other_type in ("", found):
            warn(Reason.TOLERATED, expected, describe(response))
    fail(expected, describe(response))


def _error_type(response: Response) -> str:
    if not response.content:
        return ""
    try:
        return error_type(response)
    except AssertionError:  # the body is no JSON: the caller reports what was observed
        return ""


def expect_not_allowed(response: Response, *methods: str, tolerates_bad_request: bool = False) -> None:
    """Fail unless the answer is 405 with an Allow header that names at least these methods (6.3.2, ruling W23).

    Args:
        response: The answer; its body is not judged.
        methods: What the resource has.
        tolerates_bad_request: An operation's own clause says BadRequestData (ruling W22): 400 ends as a warning.
    """
    if tolerates_bad_request and response.status == 400:
        warn(Reason.TOLERATED, "405 with an Allow header", describe(response))
    expect_status(response, 405)
    allowed = {name.strip().upper() for value in response.headers.get_list("allow") for name in value.split(",")}
    if not set(methods) <= allowed:
        wanted = f"an Allow header with at least {' and '.join(methods)}"
        fail(wanted, f"Allow: {response.headers.get('allow') or '(none)'}")


def expect_entity(expected: Mapping[str, Any], actual: Any, **options: Any) -> None:
    """Fail unless the received Entity says everything that was sent; see `entity_differences`."""
    found = entity_differences(expected, actual, **options)
    if found:
        fail("the Entity as it was sent (id, type and every Attribute)", "; ".join(found[:SHOWN_DIFFERENCES]))


def expect_list(response: Response) -> list[Any]:
    """The array that a query answers with 200; fails on anything else (clause 5.7.2.5)."""
    expect_status(response, 200)
    body = response.json()
    if not isinstance(body, list):
        fail("a JSON array", describe(response))
    return list(body)


def expect_object(response: Response, *statuses: int) -> dict[str, Any]:
    """The object that a retrieval answers with 200 (or one of the given statuses)."""
    expect_status(response, *(statuses or (200,)))
    body = response.json()
    if not isinstance(body, dict):
        fail("a JSON object", describe(response))
    return dict(body)


def expect_ids(elements: Iterable[Any], expected: Iterable[str]) -> None:
    """Fail unless exactly these ids are there, in any order, each once."""
    found = sorted(str(element.get("id")) if isinstance(element, Mapping) else repr(element) for element in elements)
    wanted = sorted(expected)
    if found != wanted:
        fail(f"exactly the ids {wanted}", f"ids {found}")


def expect_members(actual: Mapping[str, Any], *, present: Iterable[str] = (), absent: Iterable[str] = ()) -> None:
    """Fail unless all of these members are there and none of those."""
    missing = [name for name in present if name not in actual]
    extra = [name for name in absent if name in actual]
    if missing or extra:
        wanted = [*(f"{name} present" for name in missing), *(f"{name} absent" for name in extra)]
        fail("; ".join(wanted), f"members {sorted(actual)}")


def expect_location(response: Response, ending: str) -> None:
    """Fail unless the Location header leads to this resource (6.4.3.1); how its URI is encoded does not matter.

    Args:
        response: The answer to a creation.
        ending: The end of the resource's path, decoded, e.g. `/entities/urn:ngsi-ld:Vehicle:1`.
    """
    location = response.headers.get("location", "")
    if not unquote(urlsplit(location).path).rstrip("/").endswith(ending):
        fail(f"a Location header that ends in {ending}", f"Location: {location or '(none)'}")


def expect_date_time(value: Any, where: str) -> None:
    """Fail unless this is a DateTime in the form of clause 4.6.3."""
    fault = date_time_fault(value)
    if fault is not None:
        fail(f"{where} is a DateTime (UTC, Z, at most six fractional digits)", fault)


def expect_equal(actual: Any, expected: Any, what: str) -> None:
    """Fail unless two plain values are equal; `what` names them in the report."""
    if actual != expected:
        fail(f"{what} is {expected!r}", f"{what} is {actual!r}")
