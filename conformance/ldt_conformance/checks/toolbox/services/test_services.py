"""City services built on the twin (LDT-OR-11)."""

from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.clients.twin import Twin
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.verdicts import CheckInconclusive, Reason, fail, inconclusive, warn

SECTORS = 2  # LDT4SSC asks for services of at least two sectors


@toolbox_check("services/declared", "LDT-OR-11")
def test_services_declared(twin: Twin, run: RunContext) -> None:
    services = twin.site.services
    if not services:
        inconclusive(Reason.NOT_DECLARED, "ldt.yaml names no services", expected="at least one city service")
    expected = "each service with its domain and the types it uses, and at least one that answers"
    addressed = [service for service in services if service.url]
    answers = []
    for service in addressed:
        try:
            response = twin.target.open(str(service.url)).request("GET", "", follow_redirects=True)
        except CheckInconclusive as outcome:
            answers.append(f"{service.name}: {outcome.observed}")
            continue
        if response.status < 400 or response.status in {401, 403}:
            break
        answers.append(f"{service.name}: {response.status}")
    else:
        if addressed:
            fail(expected, listed(answers))
    gaps = [f"{one.name} lacks {', '.join(lacks)}" for one in services if (lacks := _lacks(one.domain, one.types))]
    if not addressed:
        gaps.append("no service has an address")
    if gaps:
        warn(Reason.PARTIAL, expected, listed(gaps))
    domains = sorted({service.domain for service in services if service.domain})
    few = f"; LDT4SSC asks for at least {SECTORS} sectors" if len(domains) < SECTORS else ""
    run.note(f"{len(services)} services: {', '.join(domains)}{few}")


def _lacks(domain: str | None, types: tuple[str, ...]) -> list[str]:
    return [name for name, value in {"domain": domain, "types": types}.items() if not value]
