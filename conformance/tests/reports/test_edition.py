"""The public edition holds no bodies and no hosts, and is bound to the full one by its digest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_conformance.engine.report import Report
from ldt_conformance.gap import complete
from ldt_conformance.reports.edition import public_edition, scrub
from ldt_conformance.reports.interface import Edition, Format, render

from .sample import HOST, sample_report

SECRET_BODY = "bodyoftheanswer"
DIGEST = "sha256:" + "1f" * 32


@pytest.fixture(scope="module")
def report() -> Report:
    """A report with hosts and bodies wherever they can be."""
    report = sample_report(60, detected={"broker": f"NGSI-LD at {HOST}"})
    address = f"10.1.2.3 and https://{HOST}:8443/x and {HOST.upper()} and [2001:db8::1]:9090"
    results = [
        result.model_copy(update={"observed": f"{SECRET_BODY} {address}", "expected": f"409 from {address}"})
        for result in report.results
    ]
    runs = [
        run.model_copy(update={"root_cause": f"no answer of {address}", "left_behind": [address]})
        for run in report.runs
    ]
    load = [
        {**summary, "errors": [{"kind": "refused", "message": f"{SECRET_BODY} {address}"}]} for summary in report.load
    ]
    changed = {"results": results, "runs": runs, "load": load, "answers": {"data_sources": f"see {address}"}}
    return complete(report.model_copy(update=changed))


@pytest.mark.parametrize("format_", list(Format))
def test_no_host_and_no_body_in_any_public_output(report: Report, format_: Format) -> None:
    """Neither the hosts of the site file, nor addresses, nor what the twin answered, in any format."""
    text = render(report, format_, edition=Edition.PUBLIC, digest=DIGEST).lower()
    for hidden in (HOST, "harbour-city.example", "10.1.2.3", "2001:db8", SECRET_BODY, "curl -s", "-x0"):
        assert hidden not in text, hidden


@pytest.mark.parametrize("format_", [Format.HTML, Format.GAP, Format.MARKDOWN])
def test_the_public_edition_cites_the_full_report(report: Report, format_: Format) -> None:
    """It names itself where people read it, and the digest of the report it was made from."""
    text = render(report, format_, edition=Edition.PUBLIC, digest=DIGEST)
    assert DIGEST in text
    assert "Digest of the full report" in text


def test_verdicts_and_counts_are_the_same(report: Report) -> None:
    """Nothing is left out of the verdicts: same checks, same verdicts, same reasons, same headline numbers."""
    public = public_edition(report)
    assert [(r.check, r.verdict, r.reason) for r in public.results] == [
        (r.check, r.verdict, r.reason) for r in report.results
    ]
    assert public.rollup is not None
    assert report.rollup is not None
    assert public.rollup.layers == report.rollup.layers


def test_vocabularies_keep_their_names() -> None:
    """Addresses of the standard's own vocabulary stay readable: they name no site."""
    text = "type https://uri.etsi.org/ngsi-ld/errors/AlreadyExists from https://ldt.example/x"
    assert scrub(text, {"ldt.example"}) == (
        "type https://uri.etsi.org/ngsi-ld/errors/AlreadyExists from https://(host)/x"
    )


@given(
    st.from_regex(r"[a-z]{1,10}(\.[a-z]{1,10}){1,3}", fullmatch=True),
    st.sampled_from(["{}", "at {}:80.", "({})", "//{}/"]),
)
def test_a_known_host_never_survives(host: str, frame: str) -> None:
    """Wherever a known host stands by itself, in whatever case, it is replaced."""
    for spelling in (host, host.upper()):
        assert host not in scrub(frame.format(spelling), {host}).lower().replace("(host)", "")
