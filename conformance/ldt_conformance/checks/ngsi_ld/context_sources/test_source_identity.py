"""Retrieve Context Source Identity Information: ETSI GS CIM 009 V1.9.1, clauses 5.15.1, 5.2.40 and 6.33."""

import re
from typing import Any

from ldt_conformance import Broker, check, expect_members, expect_status
from ldt_conformance.checks.ngsi_ld.context_sources.registering import READ
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.engine.verdicts import Reason, fail, not_applicable
from ldt_conformance.expectations import describe, expect_date_time, expect_equal, expect_object

IDENTITY: dict[str, Any] = {"requirements": ["ngsi-ld/5.15.1"], "since": "1.8.1", **READ}
MANDATED = cim009(
    "5.15.1.4", "Return a JSON-LD object representing the identity of the Context Source itself as mandated"
)
PSEUDONYM = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token (IETF RFC 7230, 5.7.1 and 3.2.6)
DURATION = re.compile(r"P(?=.)[0-9.,:YMWDTHS-]+")
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


def identity(broker: Broker) -> dict[str, Any]:
    """What the target says of itself; not applicable where it says that it cannot (501)."""
    response = broker.send("GET", "/info/sourceIdentity")
    if response.status == 501:
        not_applicable(Reason.UNCLAIMED, f"it has no identity to tell: {describe(response)}", expected="an identity")
    return expect_object(response)


@check(
    id="source-identity/answers",
    title="A Context Source tells its identity, or that it cannot (501)",
    clause=[
        cim009(
            "5.15.1.4",
            "If the Context Source is unable to supply identity information about itself, then error of type",
        ),
        MANDATED,
    ],
    **IDENTITY,
)
def test_answers(broker: Broker) -> None:
    expect_status(broker.send("GET", "/info/sourceIdentity"), 200, 501)


@check(
    id="source-identity/members",
    title="The identity of a Context Source has id, type, alias, uptime and time",
    clause=[
        MANDATED,
        cim009("5.2.40", "The supported JSON members shall follow the requirements provided in Table 5.2.40-1."),
    ],
    **IDENTITY,
)
def test_members(broker: Broker) -> None:
    found = identity(broker)

    expect_members(found, present=["id", "type", "contextSourceAlias", "contextSourceUptime", "contextSourceTimeAt"])
    expect_equal(found["type"], "ContextSourceIdentity", "type")
    expect_date_time(found["contextSourceTimeAt"], "contextSourceTimeAt")


@check(
    id="source-identity/forms",
    title="The id of a Context Source is a URI, its alias a pseudonym for the Via header, its uptime a duration",
    clause=[MANDATED, cim009("5.2.40", "in IETF RFC 7230 [27]")],
    **IDENTITY,
)
def test_forms(broker: Broker) -> None:
    found = identity(broker)

    for name, form in (("id", URI), ("contextSourceAlias", PSEUDONYM), ("contextSourceUptime", DURATION)):
        value = found.get(name)
        if not (isinstance(value, str) and form.fullmatch(value)):
            fail(f"{name} in the form that Table 5.2.40-1 asks for", f"{name} {value!r}")
