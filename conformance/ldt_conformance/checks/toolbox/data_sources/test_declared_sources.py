"""Which data sources there are: declared, open, licensed (LDT-DS-01, -03, -12)."""

from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.checks.toolbox.formats import fits, format_fault
from ldt_conformance.clients.sample import take_sample
from ldt_conformance.clients.twin import Twin
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.site.declared import WITHOUT_RHYTHM
from ldt_conformance.engine.site.model import DataSource
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import CheckInconclusive, Reason, fail, inconclusive, warn


def sources_of(twin: Twin) -> tuple[DataSource, ...]:
    """The declared data sources; inconclusive where the site file is silent."""
    sources = twin.site.data_sources
    if not sources:
        inconclusive(
            Reason.NOT_DECLARED, "ldt.yaml names no data_sources", expected="at least one declared data source"
        )
    return sources


def missing_of(source: DataSource) -> list[str]:
    """What a declaration leaves out, of what LDT-DS-01 asks for."""
    wanted: dict[str, object] = {
        "owner": source.owner,
        "kind": source.kind,
        "format": source.format,
        "licence": source.licence,
        "url or endpoint": source.url or source.endpoint,
    }
    if (source.kind or "").lower() not in WITHOUT_RHYTHM:
        wanted["interval_seconds"] = source.interval_seconds
    return [name for name, value in wanted.items() if not value]


@toolbox_check("data-sources/declared", "LDT-DS-01")
def test_declared(twin: Twin) -> None:
    sources = sources_of(twin)
    expected = (
        "each data source with owner, kind, format, update interval, licence and a route that answers as declared"
    )
    broken = [fault for source in sources if (fault := _route_fault(twin, source))]
    if broken:
        fail(expected, listed(broken))
    gaps = [f"{source.name} lacks {', '.join(missing)}" for source in sources if (missing := missing_of(source))]
    if gaps:
        warn(Reason.PARTIAL, expected, listed(gaps))


def _route_fault(twin: Twin, source: DataSource) -> str | None:
    """What is wrong with a source's own address; None where it answers as declared, or has none."""
    if source.url is None:
        return None
    try:
        response = _fetch(twin, source.url)
    except CheckInconclusive as outcome:
        return f"{source.name}: {outcome.observed}"
    if response.status in {401, 403} and source.access in {"token", "contract"}:
        return None
    if not 200 <= response.status < 300:
        return f"{source.name}: {source.url} answered {response.status}"
    if source.format and fits(source.format, response.media_type) is False:
        return f"{source.name}: declared {source.format}, answered {response.media_type or 'no media type'}"
    return None


def _fetch(twin: Twin, url: str) -> Response:
    return twin.once(f"source {url}", lambda: twin.target.open(url).request("GET", "", follow_redirects=True))


@toolbox_check("data-sources/open-format", "LDT-DS-03")
def test_open_format(twin: Twin, run: RunContext) -> None:
    sample = take_sample(twin)
    batches = [batch for batch in sample.batches if batch.items]
    looked = {f"{batch.type} at {batch.role}": batch.response for batch in batches if batch.response}
    for source in twin.site.data_sources or ():
        if source.url is not None:
            response = _fetch(twin, source.url)
            if response.status == 200:
                looked[source.name] = response
    if not looked:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, "no source gave data", expected="data from at least one source")
    faults = [
        f"{name}: {fault}"
        for name, response in looked.items()
        if (fault := format_fault(response.media_type, response.content))
    ]
    if faults:
        fail("a body of an open, machine-readable format that its Content-Type names", listed(faults))
    run.note(f"{len(looked)} answers parse as their media type says")


@toolbox_check("data-sources/licence", "LDT-DS-12")
def test_licence(twin: Twin) -> None:
    sources = sources_of(twin)
    without = [source.name for source in sources if not source.licence]
    if without and not twin.site.site.licence:
        fail("a licence for each source (its own, or one for the whole site)", f"none for {listed(without)}")
