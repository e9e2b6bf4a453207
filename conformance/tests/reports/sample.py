"""A report as a real run would leave it, with every verdict and reason in it, and 1,000 results where asked.

The target is a made-up site on NGSI-LD that does well in places; a second run, before it, differs in a few verdicts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ldt_conformance.engine.catalogue import Effort, Owner, Remedy, Requirement, SourceStatus
from ldt_conformance.engine.report import (
    Budget,
    ClauseRef,
    Environment,
    LayerCount,
    Report,
    RequirementState,
    Result,
    Rollup,
    Run,
    Suite,
    TargetInfo,
    Waiver,
)
from ldt_conformance.engine.verdicts import Layer, Level, Mode, Reason, Verdict

STARTED = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
NOW, BEFORE, LOAD = "check-20261123T101500Z-7f3a", "check-20261116T090000Z-11c0", "load-20261123T103000Z-9b21"
HOST = "ldt.harbour-city.example"

# id, layer, level, title, state, reason, owner, effort, after, remedy
_ROWS: list[tuple[str, Layer, Level, str, str, Reason | None, str, str, tuple[str, ...], str]] = [
    (
        "LDT-DS-01",
        Layer.DATA_SOURCES,
        Level.MUST,
        "Every data source is declared with owner, format, interval and licence",
        "met",
        None,
        "organisation",
        "hours",
        (),
        "List every source under `data_sources:` in the site file.",
    ),
    (
        "LDT-DS-03",
        Layer.DATA_SOURCES,
        Level.MUST,
        "Data can be fetched in an open machine-readable format",
        "met",
        None,
        "product",
        "days",
        (),
        "Offer JSON, GeoJSON or CSV beside the present format.",
    ),
    (
        "LDT-DS-04",
        Layer.DATA_SOURCES,
        Level.MUST,
        "Measured numbers carry an explicit unit",
        "not-met",
        None,
        "data",
        "days",
        (),
        "Add a UN/CEFACT `unitCode` to every measured Property, best where the data enters the broker.",
    ),
    (
        "LDT-DS-05",
        Layer.DATA_SOURCES,
        Level.MUST,
        "Times are ISO 8601 with a zone",
        "met",
        None,
        "data",
        "days",
        (),
        "Convert Unix times on the way in.",
    ),
    (
        "LDT-DS-07",
        Layer.DATA_SOURCES,
        Level.MUST,
        "Every entity has one unique identifier",
        "met",
        None,
        "data",
        "weeks",
        (),
        "Derive ids from the source's own keys.",
    ),
    (
        "LDT-DS-12",
        Layer.DATA_SOURCES,
        Level.SHOULD,
        "Each source states a licence or terms of use",
        "not-met",
        None,
        "organisation",
        "days",
        ("LDT-DS-01",),
        "Name a licence per source, from the EU vocabulary of licences.",
    ),
    (
        "LDT-DA-01",
        Layer.DATA_ACQUISITION,
        Level.MUST,
        "Current state can be retrieved",
        "met",
        None,
        "product",
        "days",
        (),
        "Offer the latest value by an API.",
    ),
    (
        "LDT-DA-09",
        Layer.DATA_ACQUISITION,
        Level.MUST,
        "Data assets are published in a DCAT catalogue",
        "not-met",
        None,
        "data",
        "weeks",
        ("LDT-DS-12",),
        "Export DCAT-AP from the portal, or write one file by hand and serve it.",
    ),
    (
        "LDT-DA-30",
        Layer.DATA_ACQUISITION,
        Level.MUST,
        "A Dataspace Protocol connector is discoverable",
        "not-applicable",
        Reason.UNCLAIMED,
        "product",
        "months",
        ("LDT-IO-94",),
        "Install a connector that speaks the Dataspace Protocol 2025-1.",
    ),
    (
        "LDT-DA-02",
        Layer.DATA_ACQUISITION,
        Level.SHOULD,
        "History can be retrieved for a time window",
        "met",
        None,
        "product",
        "weeks",
        (),
        "Switch the temporal API of the broker on.",
    ),
    (
        "LDT-IO-01",
        Layer.INTEROPERABILITY,
        Level.MUST,
        "Data is retrievable by a standard web mechanism over HTTPS",
        "met",
        None,
        "configuration",
        "days",
        (),
        "Serve the API over HTTPS.",
    ),
    (
        "LDT-IO-02",
        Layer.INTEROPERABILITY,
        Level.MUST,
        "The interface is formally described",
        "met-with-findings",
        Reason.PARTIAL,
        "product",
        "days",
        (),
        "Publish an OpenAPI 3.1 document at /openapi.json.",
    ),
    (
        "LDT-IO-06",
        Layer.INTEROPERABILITY,
        Level.MUST,
        "Basic filtering by attribute, time and place works",
        "met",
        None,
        "product",
        "weeks",
        (),
        "Support `q`, `georel` and a time filter.",
    ),
    (
        "LDT-IO-08",
        Layer.INTEROPERABILITY,
        Level.MUST,
        "Errors are structured",
        "not-met",
        None,
        "product",
        "days",
        (),
        "Answer errors with a JSON body that has `type` and `title`.",
    ),
    (
        "LDT-IO-20",
        Layer.INTEROPERABILITY,
        Level.MUST,
        "An NGSI-LD API answers",
        "met",
        None,
        "product",
        "months",
        (),
        "Put an NGSI-LD broker, or a wrapper, in front of the data.",
    ),
    (
        "LDT-IO-22",
        Layer.INTEROPERABILITY,
        Level.MUST,
        "Entities can be queried by type",
        "met",
        None,
        "product",
        "weeks",
        ("LDT-IO-20",),
        "Update the broker.",
    ),
    (
        "LDT-IO-44",
        Layer.INTEROPERABILITY,
        Level.MUST,
        "Subscriptions notify",
        "not-tested",
        Reason.MODE,
        "configuration",
        "days",
        ("LDT-IO-20",),
        "Open the way for notifications.",
    ),
    (
        "LDT-IO-61",
        Layer.INTEROPERABILITY,
        Level.MUST,
        "Payloads validate against the declared standard model",
        "not-met",
        None,
        "data",
        "weeks",
        ("LDT-IO-60", "LDT-DS-04"),
        "Map the attributes to the Smart Data Models type; start with the five most frequent errors.",
    ),
    (
        "LDT-IO-60",
        Layer.INTEROPERABILITY,
        Level.MUST,
        "Every exposed type points to a catalogued, machine-readable model",
        "not-met",
        None,
        "data",
        "days",
        (),
        "Name the schema of each type in the site file or catalogue.",
    ),
    (
        "LDT-IO-90",
        Layer.INTEROPERABILITY,
        Level.MUST,
        "Transport is protected",
        "met",
        None,
        "configuration",
        "days",
        (),
        "Renew the certificate, switch old TLS versions off.",
    ),
    (
        "LDT-IO-92",
        Layer.INTEROPERABILITY,
        Level.MUST,
        "Write paths are not open to the world",
        "not-tested",
        Reason.MODE,
        "configuration",
        "hours",
        (),
        "Require a token for every write.",
    ),
    (
        "LDT-IO-94",
        Layer.INTEROPERABILITY,
        Level.MUST,
        "A valid token opens exactly what it should; a bad one opens nothing",
        "not-tested",
        Reason.AUTH,
        "configuration",
        "days",
        (),
        "Check signature, expiry and audience of tokens.",
    ),
    (
        "LDT-IO-10",
        Layer.INTEROPERABILITY,
        Level.SHOULD,
        "Rate limits are signalled",
        "not-met",
        None,
        "configuration",
        "hours",
        (),
        "Let the gateway add RateLimit headers.",
    ),
    (
        "LDT-KN-01",
        Layer.KNOWLEDGE,
        Level.MUST,
        "AI use is declared: per model its purpose, kind, owner and status",
        "not-tested",
        Reason.QUESTIONNAIRE,
        "organisation",
        "hours",
        (),
        "Declare each model under `models:`; 'no AI' is an answer too.",
    ),
    (
        "LDT-KN-04",
        Layer.KNOWLEDGE,
        Level.MUST,
        "Inference works through a documented standard interface",
        "not-tested",
        Reason.NOT_DECLARED,
        "product",
        "weeks",
        ("LDT-KN-01",),
        "Serve the model behind the Open Inference Protocol v2.",
    ),
    (
        "LDT-KN-10",
        Layer.KNOWLEDGE,
        Level.MUST,
        "Observed, forecast and simulated data are distinguishable",
        "met",
        None,
        "data",
        "days",
        (),
        "Give forecasts their own type.",
    ),
    (
        "LDT-KN-20",
        Layer.KNOWLEDGE,
        Level.SHOULD,
        "The capability class is declared and supported by evidence",
        "not-tested",
        Reason.NOT_DECLARED,
        "organisation",
        "hours",
        (),
        "State the class under `claims:`.",
    ),
    (
        "LDT-OR-01",
        Layer.ORCHESTRATION,
        Level.MUST,
        "Pipelines between layers are declared",
        "met",
        None,
        "organisation",
        "hours",
        (),
        "List the pipelines in the site file.",
    ),
    (
        "LDT-OR-42",
        Layer.ORCHESTRATION,
        Level.SHOULD,
        "Error rate stays low, and overload is answered properly",
        "not-tested",
        Reason.MODE,
        "product",
        "weeks",
        (),
        "Answer 429 with Retry-After beyond capacity.",
    ),
    (
        "LDT-OR-11",
        Layer.SERVICES,
        Level.MUST,
        "City services built on the twin are declared",
        "not-tested",
        Reason.QUESTIONNAIRE,
        "organisation",
        "hours",
        (),
        "List the services in the site file.",
    ),
    (
        "LDT-VI-01",
        Layer.VISUALIZATION,
        Level.MUST,
        "At least one visualisation is declared and reachable",
        "met",
        None,
        "organisation",
        "days",
        (),
        "Publish one dashboard.",
    ),
    (
        "LDT-VI-08",
        Layer.VISUALIZATION,
        Level.SHOULD,
        "Public pages are accessible",
        "not-met",
        None,
        "product",
        "weeks",
        ("LDT-VI-01",),
        "Fix the serious findings of axe first.",
    ),
]

CATALOGUE: dict[str, Requirement] = {
    id_: Requirement(
        id=id_,
        pack="toolbox",
        layer=layer,
        level=level,
        title=title,
        source="MIM0@2026-06#C1.R1.1",
        source_status=SourceStatus.SECOND_HAND,
        remedy=Remedy(text=remedy, owner=Owner(owner), effort=Effort(effort), after=after),
    )
    for id_, layer, level, title, _, _, owner, effort, after, remedy in _ROWS
}

_OF_STATE = {
    "met": Verdict.PASS, "not-met": Verdict.FAIL, "met-with-findings": Verdict.WARN, "not-applicable": Verdict.NOT_APPLICABLE,
    "not-tested": Verdict.NOT_RUN,
}  # fmt: skip
_OBSERVED = {
    "LDT-DS-04": "unitCode on 41 of 118 sampled numbers (34.7 %); without: temeprature, pm25, no2, c_factor of AirQualityObserved",
    "LDT-IO-61": "AirQualityObserved: 12 of 20 entities valid (60 %)\nmost frequent errors:\n  11 x 'dateObserved' is a required property\n"
    "   6 x 'pm25' is not a known attribute; did you mean 'pm2_5'?\n   3 x 'address' is not of type 'object'",
    "LDT-IO-08": f"404 text/html from https://{HOST}/ngsi-ld/v1/entities/urn:ngsi-ld:None:1, body begins '<html><head><title>404 Not Found'",
    "LDT-DA-09": "404 at /catalog.ttl, /api/feed/dcat-ap/2.1.1.json and /api/explore/v2.1/catalog/exports/dcat",
    "LDT-IO-02": "OpenAPI 3.0.3 at /openapi.json, 41 paths; the MIM0 mechanism asks for 3.1",
}  # fmt: skip


def toolbox_results(run: str) -> list[Result]:
    """One check for each requirement of the sample catalogue."""
    results = []
    for number, (id_, layer, level, title, state, reason, *_rest) in enumerate(_ROWS):
        verdict = _OF_STATE[state]
        if verdict is Verdict.FAIL and level is Level.SHOULD:
            verdict, reason = Verdict.WARN, Reason.SHOULD_VIOLATED
        if verdict is Verdict.NOT_RUN and reason in {Reason.AUTH, Reason.NOT_DECLARED}:
            verdict = Verdict.INCONCLUSIVE
        undecided = verdict in {Verdict.NOT_RUN, Verdict.NOT_APPLICABLE}
        results.append(
            Result(
                run=run,
                check=f"{layer.value}/{id_.lower()}",
                title=title,
                pack="toolbox",
                level=level,
                layer=layer,
                requirements=[id_],
                clauses=[
                    ClauseRef(
                        document="MIM0",
                        edition="2026-06",
                        number="C1.R1.1",
                        quote="Data shall be available in at least one format",
                    )
                ],
                verdict=verdict,
                reason=reason,
                expected="" if undecided else f"what {id_} asks for, on a sample of 20 entities a type",
                observed=_OBSERVED.get(id_, "" if undecided else "as expected, on 118 values of 20 entities"),
                seconds=0.21 + number / 50,
                curl=None
                if undecided
                else f"curl -sS -H \"Authorization: Bearer $LDT_TOKEN\" 'https://{HOST}/ngsi-ld/v1/entities?type=AirQualityObserved&limit=20'",
                exchanges=[] if undecided else [f"{run}-x{number * 2}", f"{run}-x{number * 2 + 1}"],
            )
        )
    return results  # fmt: skip


_GROUPS = [
    (
        "create-entity",
        "5.6.1.4",
        "Creating an Entity {}",
        "If the Entity already exists locally this shall result in an error of type AlreadyExists",
    ),
    ("query-entities", "5.7.2.4", "Querying Entities {}", "then an error of type BadRequestData shall be raised"),
    (
        "retrieve-entity",
        "5.7.1.4",
        "Retrieving an Entity {}",
        "If the target Entity does not exist, an error of type ResourceNotFound shall be raised",
    ),
    ("append-attributes", "5.6.3.4", "Appending Attributes {}", "the Attribute shall be appended"),
    ("subscription", "5.8.1.4", "Creating a Subscription {}", "implementations shall add a new Subscription"),
    (
        "temporal",
        "5.7.3.4",
        "Retrieving the temporal evolution of an Entity {}",
        "return a JSON-LD object representing the Temporal Representation",
    ),
    ("batch-upsert", "5.6.8.4", "Batch upsert {}", "the Entity shall be created"),
]
_CASES = [
    "with a simple payload",
    "with a user @context in a Link header",
    "in concise form",
    "with a scope",
    "whose id is in use",
    "that does not exist",
]


def ngsi_ld_results(run: str, count: int) -> list[Result]:
    """`count` NGSI-LD results; each 17th fails, others are spread over the remaining verdicts."""
    results = []
    for number in range(count):
        group, clause, title, quote = _GROUPS[number % len(_GROUPS)]
        verdict, reason = _verdict(number)
        failed = verdict in {Verdict.FAIL, Verdict.WAIVED}
        results.append(
            Result(
                run=run,
                check=f"{group}/case-{number:04d}",
                title=title.format(_CASES[number // len(_GROUPS) % len(_CASES)]) + f" ({number})",
                pack="ngsi-ld",
                level=Level.SHOULD if verdict is Verdict.WARN else Level.MAY if verdict is Verdict.INFO else Level.MUST,
                layer=Layer.INTEROPERABILITY,
                requirements=["LDT-IO-22"],
                test_purposes=[f"TP/NGSI-LD/CI/Prov/E/{number:03d}_01"],
                clauses=[ClauseRef(document="CIM 009", edition="1.9.1", number=clause, quote=quote)],
                verdict=verdict,
                reason=reason,
                expected="409, type https://uri.etsi.org/ngsi-ld/errors/AlreadyExists, a title",
                seconds=0.012 + number % 7 / 100,
                observed="201, empty body" if failed else "no tenant of our own" if reason else "409 as expected",
                curl=None
                if verdict in {Verdict.NOT_RUN, Verdict.NOT_APPLICABLE}
                else f'curl -sS -X POST -H \'Content-Type: application/json\' -d \'{{"id": "urn:ngsi-ld:LdtCheck7f3aT:{number}", "type": "LdtCheck7f3aT"}}\' '
                f"'https://{HOST}/ngsi-ld/v1/entities'",
                exchanges=[f"{run}-n{number}"],
                measurements={"round_trip_ms": 12.5} if verdict is Verdict.INFO else {},
                note="207 seen; a ruling accepts 204 and 207" if number % 40 == 3 else None,
            )
        )
    return results  # fmt: skip


_SPREAD: dict[int, tuple[Verdict, Reason | None]] = {
    1: (Verdict.WARN, Reason.SHOULD_VIOLATED), 5: (Verdict.INFO, Reason.OBSERVED), 6: (Verdict.INCONCLUSIVE, Reason.RECEIVER_UNREACHABLE),
    9: (Verdict.NOT_RUN, Reason.MODE), 11: (Verdict.NOT_APPLICABLE, Reason.SINCE), 12: (Verdict.NOT_RUN, Reason.MODE),
}  # fmt: skip


def _verdict(number: int) -> tuple[Verdict, Reason | None]:
    if number == 30:
        return Verdict.HARNESS_ERROR, Reason.HARNESS
    if number == 51:
        return Verdict.WAIVED, None
    return _SPREAD.get(number % 17, (Verdict.FAIL, None) if number % 17 == 16 else (Verdict.PASS, None))


def _run(id_: str, kind: Any, started: datetime, mode: Mode = Mode.PROBE) -> Run:
    return Run(
        id=id_, kind=kind, started=started, finished=started + timedelta(seconds=47), mode=mode, packs=["ngsi-ld", "toolbox"], jobs=2,
        budget=Budget(max_requests=500, rate=10.0, requests_sent=412, bytes_received=1_834_221), exit_code=1, evidence_digest="sha256:" + "5e" * 32,
    )  # fmt: skip


def load_summary() -> dict[str, Any]:
    """A load run with a stall in it, so that the two ways to count differ."""

    def operation(name: str, sent: int, p99: float) -> dict[str, Any]:
        return {
            "name": name, "due": sent, "sent": sent, "acknowledged": sent - 2, "errors": 2, "wrong_answers": 0, "rate_per_second": sent / 60,
            "from_due_ms": {"p50": 4.1, "p95": 9.0, "p99": p99, "max": 1004.0}, "service_ms": {"p50": 3.9, "p95": 7.8, "p99": 12.0, "max": 998.0},
            "locust_ms": {"p50": 4.0, "p95": 8.0, "p99": 12.0, "max": 1000.0},
        }  # fmt: skip

    return {
        "run": LOAD, "scenario": "query-mix", "started": "2026-11-23T10:30:00Z", "duration_seconds": 60.0, "warmup_seconds": 5.0, "seed": 7,
        "model": "open", "offered_per_second": 200.0, "achieved_per_second": 199.7, "valid": True, "invalid_reasons": [],
        "operations": [operation("query by type and q", 6000, 903.2), operation("retrieve by id", 6000, 880.4)],
        "total": operation("all", 12000, 903.0), "errors": [{"operation": "retrieve by id", "kind": "timeout", "message": "no answer in 10 s", "count": 2}],
        "completeness": {"sent": 3000, "acknowledged": 3000, "readable": 3000, "note": None},
        "generator": {"lateness_p99_ms": 0.4, "cpu_percent": 31.0, "processes": 1},
        "objectives": [{"name": "p95 of queries", "limit": 200.0, "observed": 9.0, "unit": "ms", "met": True},
                       {"name": "share of errors", "limit": None, "observed": 0.02, "unit": "%", "met": None}],
        "series": [{"second": s, "achieved_per_second": 200.0 - (s % 10 == 7) * 80, "p95_ms": 8.0 + (s % 10 == 7) * 900, "errors": 0} for s in range(60)],
    }  # fmt: skip


def sample_report(results: int = 120, **target: Any) -> Report:
    """The whole report, without headline, steps and changes: `ldt_conformance.gap.complete` fills those in."""
    now = toolbox_results(NOW) + ngsi_ld_results(NOW, results)
    before = [result.model_copy(update={"run": BEFORE}) for result in now if result.check != "query-entities/case-0001"]
    before[0] = before[0].model_copy(update={"verdict": Verdict.FAIL})
    before[2] = before[2].model_copy(update={"verdict": Verdict.PASS})
    states = [
        RequirementState(id=id_, layer=layer, level=level, state=state, reason=reason, checks=[f"{layer.value}/{id_.lower()}"])
        for id_, layer, level, _, state, reason, *_ in _ROWS
    ]  # fmt: skip
    return Report(
        suite=Suite(version="0.1.0", requirement_set="sha256:" + "ab" * 32),
        target=TargetInfo(**({
            "name": "Harbour City mobility twin", "owner": "City of Harbour", "country": "LU", "target_level": 1, "target_by": "2027-06",
            "endpoints": {"broker": f"https://{HOST}/ngsi-ld/v1", "catalogue": f"https://data.{HOST}/catalog.ttl"},
            "detected": {"broker": "NGSI-LD 1.6 (Scorpio)"}, "claims": {"ngsi_ld": "1.8.1", "citcom_level": 1, "edic_profile": "predictive"},
        } | target)),
        environment=Environment(python="3.11.7", platform="Linux x86_64", packages={"httpx": "0.28.1"}),
        runs=[_run(BEFORE, "check", STARTED - timedelta(days=7)), _run(NOW, "check", STARTED),
              _run(LOAD, "load", STARTED + timedelta(minutes=15), Mode.LOAD)],
        results=before + now, load=[load_summary()],
        answers={Layer.DATA_SOURCES.value: "Traffic counters by MQTT, air quality stations by REST; JSON and CSV.",
                 Layer.INTEROPERABILITY.value: "NGSI-LD on Scorpio, GeoJSON."},
        rollup=_rollup(now, states),
        waivers=[Waiver(check="subscription/case-0051", until="2027-01-31", reason="broker update planned for January")],
        inventory={"types": {"AirQualityObserved": 20, "TrafficFlowObserved": 41}},
    )  # fmt: skip


def _rollup(results: list[Result], states: list[RequirementState]) -> Rollup:
    must = [state for state in states if state.level is Level.MUST]
    layers = [
        LayerCount(
            layer=layer,
            in_place=_count(must, layer, "met"),
            missing=_count(must, layer, "not-met", "met-with-findings"),
            not_looked_at=_count(must, layer, "not-tested"),
            not_applicable=_count(must, layer, "not-applicable"),
        )
        for layer in Layer
    ]
    verdicts = [result.verdict for result in results]
    return Rollup(
        run=NOW, exit_code=1, headline="", verdicts={str(v): verdicts.count(v) for v in Verdict if v in verdicts}, in_scope=21, met=14, not_met=7,
        undecided=0, enough_evidence=True, citcom_level=0, citcom_level_claimed=1, edic_profile="descriptive", edic_profile_claimed="predictive",
        ngsi_ld_version_claimed="1.8.1", badge="partial", layers=layers, requirements=states,
    )  # fmt: skip


def _count(states: list[RequirementState], layer: Layer, *wanted: str) -> int:
    return sum(1 for state in states if state.layer is layer and state.state in wanted)
