"""A report as a real run would leave it, with every verdict and reason in it, and 1,000 results where asked.

The target is a made-up site on NGSI-LD that does well in places; a second run, before it, differs in a few verdicts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ldt_conformance.engine.catalogue import load_catalogue
from ldt_conformance.engine.judging.levels import with_levels
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
from ldt_conformance.engine.site.model import Claims
from ldt_conformance.engine.verdicts import Layer, Level, Mode, Reason, Verdict

STARTED = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
NOW, BEFORE, LOAD = "check-20261123T101500Z-7f3a", "check-20261116T090000Z-11c0", "load-20261123T103000Z-9b21"
HOST = "ldt.harbour-city.example"

# requirement -> state after the roll-up, and its reason; titles, layers, levels and remedies are the catalogue's own
_STATES: dict[str, tuple[str, Reason | None]] = {
    "LDT-DS-01": ("met", None),
    "LDT-DS-03": ("met", None),
    "LDT-DS-04": ("not-met", None),
    "LDT-DS-05": ("met", None),
    "LDT-DS-07": ("met", None),
    "LDT-DS-12": ("not-met", None),
    "LDT-DA-01": ("met", None),
    "LDT-DA-02": ("met", None),
    "LDT-DA-09": ("not-met", None),
    "LDT-DA-30": ("not-applicable", Reason.UNCLAIMED),
    "LDT-IO-01": ("met", None),
    "LDT-IO-02": ("met-with-findings", Reason.PARTIAL),
    "LDT-IO-06": ("met", None),
    "LDT-IO-08": ("not-met", None),
    "LDT-IO-10": ("not-met", None),
    "LDT-IO-20": ("met", None),
    "LDT-IO-22": ("met", None),
    "LDT-IO-44": ("not-tested", Reason.MODE),
    "LDT-IO-60": ("not-met", None),
    "LDT-IO-61": ("not-met", None),
    "LDT-IO-90": ("met", None),
    "LDT-IO-92": ("not-tested", Reason.MODE),
    "LDT-IO-94": ("not-tested", Reason.AUTH),
    "LDT-KN-01": ("not-tested", Reason.QUESTIONNAIRE),
    "LDT-KN-04": ("not-tested", Reason.NOT_DECLARED),
    "LDT-KN-10": ("met", None),
    "LDT-KN-20": ("not-tested", Reason.NOT_DECLARED),
    "LDT-OR-01": ("met", None),
    "LDT-OR-11": ("not-tested", Reason.QUESTIONNAIRE),
    "LDT-OR-42": ("not-tested", Reason.MODE),
    "LDT-VI-01": ("met", None),
    "LDT-VI-08": ("not-met", None),
}

_VERDICT_OF = {
    "met": Verdict.PASS,
    "not-met": Verdict.FAIL,
    "met-with-findings": Verdict.WARN,
    "not-applicable": Verdict.NOT_APPLICABLE,
    "not-tested": Verdict.NOT_RUN,
}
_OBSERVED = {
    "LDT-DS-04": "unitCode on 41 of 118 sampled numbers (34.7 %); without: temeprature, pm25, no2, c_factor",
    "LDT-IO-61": (
        "AirQualityObserved: 12 of 20 entities valid (60 %)\nmost frequent errors:\n"
        "  11 x 'dateObserved' is a required property\n"
        "   6 x 'pm25' is not a known attribute; did you mean 'pm2_5'?\n"
        "   3 x 'address' is not of type 'object'"
    ),
    "LDT-IO-08": f"404 text/html from https://{HOST}/ngsi-ld/v1/entities/x, body begins '<html><head><title>404'",
    "LDT-DA-09": "404 at /catalog.ttl, /api/feed/dcat-ap/2.1.1.json and /api/explore/v2.1/catalog/exports/dcat",
    "LDT-IO-02": "OpenAPI 3.0.3 at /openapi.json, 41 paths; the MIM0 mechanism asks for 3.1",
}


def toolbox_results(run: str) -> list[Result]:
    """One check for each requirement of `_STATES`."""
    return [_toolbox_result(run, number, id_) for number, id_ in enumerate(_STATES)]


def _toolbox_result(run: str, number: int, id_: str) -> Result:
    requirement = load_catalogue()[id_]
    state, reason = _STATES[id_]
    verdict = _VERDICT_OF[state]
    if verdict is Verdict.FAIL and requirement.level is Level.SHOULD:
        verdict, reason = Verdict.WARN, Reason.SHOULD_VIOLATED
    if reason in {Reason.AUTH, Reason.NOT_DECLARED}:
        verdict = Verdict.INCONCLUSIVE
    seen = verdict not in {Verdict.NOT_RUN, Verdict.NOT_APPLICABLE}
    quote = "Data shall be available in at least one format"
    return Result(
        run=run,
        check=f"{requirement.layer.value}/{id_.lower()}",
        title=requirement.title,
        pack="toolbox",
        level=requirement.level,
        layer=requirement.layer,
        requirements=[id_],
        clauses=[ClauseRef(document="MIM0", edition="2026-06", number="C1.R1.1", quote=quote)],
        verdict=verdict,
        reason=reason,
        expected=f"what {id_} asks for, on a sample of 20 entities a type" if seen else "",
        observed=_OBSERVED.get(id_, "as expected, on 118 values of 20 entities") if seen else "",
        seconds=0.21 + number / 50,
        curl=f"curl -sS -H 'Authorization: Bearer ${{LDT_TOKEN}}' 'https://{HOST}/ngsi-ld/v1/entities?limit=20'"
        if seen
        else None,
        exchanges=[f"{run}-x{number * 2}", f"{run}-x{number * 2 + 1}"] if seen else [],
    )


_GROUPS = [
    ("create-entity", "5.6.1.4", "Creating an Entity", "an error of type AlreadyExists"),
    ("query-entities", "5.7.2.4", "Querying Entities", "an error of type BadRequestData shall be raised"),
    ("retrieve-entity", "5.7.1.4", "Retrieving an Entity", "an error of type ResourceNotFound shall be raised"),
    ("append-attributes", "5.6.3.4", "Appending Attributes", "the Attribute shall be appended"),
    ("subscription", "5.8.1.4", "Creating a Subscription", "implementations shall add a new Subscription"),
    ("temporal", "5.7.3.4", "Retrieving a temporal evolution", "the Temporal Representation"),
    ("batch-upsert", "5.6.8.4", "Batch upsert", "the Entity shall be created"),
]
_CASES = [
    "with a simple payload",
    "with a user @context in a Link header",
    "in concise form",
    "with a scope",
    "whose id is in use",
    "that does not exist",
]
_SPREAD: dict[int, tuple[Verdict, Reason | None]] = {
    1: (Verdict.WARN, Reason.SHOULD_VIOLATED),
    5: (Verdict.INFO, Reason.OBSERVED),
    6: (Verdict.INCONCLUSIVE, Reason.RECEIVER_UNREACHABLE),
    9: (Verdict.NOT_RUN, Reason.MODE),
    11: (Verdict.NOT_APPLICABLE, Reason.SINCE),
    12: (Verdict.NOT_RUN, Reason.MODE),
    16: (Verdict.FAIL, None),
}
_SINGLE: dict[int, tuple[Verdict, Reason | None]] = {
    30: (Verdict.HARNESS_ERROR, Reason.HARNESS),
    51: (Verdict.WAIVED, None),
}
_LEVEL_OF = {Verdict.WARN: Level.SHOULD, Verdict.INFO: Level.MAY}


def ngsi_ld_results(run: str, count: int) -> list[Result]:
    """`count` NGSI-LD results; each 17th fails, others are spread over the remaining verdicts."""
    return [_ngsi_ld_result(run, number) for number in range(count)]


def _ngsi_ld_result(run: str, number: int) -> Result:
    group, clause, title, quote = _GROUPS[number % len(_GROUPS)]
    verdict, reason = _SINGLE.get(number) or _SPREAD.get(number % 17, (Verdict.PASS, None))
    sent = verdict not in {Verdict.NOT_RUN, Verdict.NOT_APPLICABLE}
    body = f'{{"id": "urn:ngsi-ld:LdtCheck7f3aT:{number}", "type": "LdtCheck7f3aT"}}'
    failed = verdict in {Verdict.FAIL, Verdict.WAIVED}
    return Result(
        run=run,
        check=f"{group}/case-{number:04d}",
        title=f"{title} {_CASES[number // len(_GROUPS) % len(_CASES)]} ({number})",
        pack="ngsi-ld",
        level=_LEVEL_OF.get(verdict, Level.MUST),
        layer=Layer.INTEROPERABILITY,
        requirements=["LDT-IO-22"],
        test_purposes=[f"TP/NGSI-LD/CI/Prov/E/{number:03d}_01"],
        clauses=[ClauseRef(document="CIM 009", edition="1.9.1", number=clause, quote=quote)],
        verdict=verdict,
        reason=reason,
        expected="409, type https://uri.etsi.org/ngsi-ld/errors/AlreadyExists, a title",
        observed="201, empty body" if failed else "no tenant of our own" if reason else "409 as expected",
        curl=f"curl -sS -X POST -H 'Content-Type: application/json' -d '{body}' 'https://{HOST}/ngsi-ld/v1/entities'"
        if sent
        else None,
        exchanges=[f"{run}-n{number}"] if sent else [],
        seconds=0.012 + number % 7 / 100,
        measurements={"round_trip_ms": 12.5} if verdict is Verdict.INFO else {},
        note="207 seen; a ruling accepts 204 and 207" if number % 40 == 3 else None,
    )


def _run(id_: str, kind: Any, started: datetime, mode: Mode = Mode.PROBE) -> Run:
    return Run(
        id=id_,
        kind=kind,
        started=started,
        finished=started + timedelta(seconds=47),
        mode=mode,
        packs=["ngsi-ld", "toolbox"],
        jobs=2,
        budget=Budget(max_requests=500, rate=10.0, requests_sent=412, bytes_received=1_834_221),
        exit_code=1,
        evidence_digest="sha256:" + "5e" * 32,
    )


def _latencies(p99: float) -> dict[str, Any]:
    return {
        "from_due_ms": {"p50": 4.1, "p95": 9.0, "p99": p99, "max": 1004.0},
        "service_ms": {"p50": 3.9, "p95": 7.8, "p99": 12.0, "max": 998.0},
        "locust_ms": {"p50": 4.0, "p95": 8.0, "p99": 12.0, "max": 1000.0},
    }


def _operation(name: str, sent: int, p99: float) -> dict[str, Any]:
    counts = {"due": sent, "sent": sent, "acknowledged": sent - 2, "errors": 2, "wrong_answers": 0}
    return {"name": name, **counts, "rate_per_second": sent / 60, **_latencies(p99)}


def load_summary() -> dict[str, Any]:
    """A load run with a stall every ten seconds, so that the two ways to count latency differ."""
    return {
        "run": LOAD,
        "scenario": "query-mix",
        "started": "2026-11-23T10:30:00Z",
        "duration_seconds": 60.0,
        "warmup_seconds": 5.0,
        "seed": 7,
        "model": "open",
        "offered_per_second": 200.0,
        "achieved_per_second": 199.7,
        "valid": True,
        "invalid_reasons": [],
        "operations": [_operation("query by type and q", 6000, 903.2), _operation("retrieve by id", 6000, 880.4)],
        "total": _operation("all", 12000, 903.0),
        "errors": [{"operation": "retrieve by id", "kind": "timeout", "message": "no answer in 10 s", "count": 2}],
        "completeness": {"sent": 3000, "acknowledged": 3000, "readable": 3000, "note": None},
        "generator": {"lateness_p99_ms": 0.4, "cpu_percent": 31.0, "processes": 1},
        "objectives": [
            {"name": "p95 of queries", "limit": 200.0, "observed": 9.0, "unit": "ms", "met": True},
            {"name": "share of errors", "limit": None, "observed": 0.02, "unit": "%", "met": None},
        ],
        "series": [_second(second) for second in range(60)],
    }


def _second(second: int) -> dict[str, Any]:
    stalled = second % 10 == 7
    rate, p95 = (120.0, 908.0) if stalled else (200.0, 8.0)
    return {"second": second, "achieved_per_second": rate, "p95_ms": p95, "errors": 0}


def sample_report(results: int = 120, **target: Any) -> Report:
    """The whole report, without headline, steps and changes: `ldt_conformance.gap.complete` fills those in."""
    now = toolbox_results(NOW) + ngsi_ld_results(NOW, results)
    before = [result.model_copy(update={"run": BEFORE}) for result in now]
    before[0] = before[0].model_copy(update={"verdict": Verdict.FAIL})
    before[2] = before[2].model_copy(update={"verdict": Verdict.PASS})
    return Report(
        suite=Suite(version="0.1.0", requirement_set="sha256:" + "ab" * 32),
        target=TargetInfo(**(_TARGET | target)),
        environment=Environment(python="3.11.7", platform="Linux x86_64", packages={"httpx": "0.28.1"}),
        runs=[
            _run(BEFORE, "check", STARTED - timedelta(days=7)),
            _run(NOW, "check", STARTED),
            _run(LOAD, "load", STARTED + timedelta(minutes=15), Mode.LOAD),
        ],
        results=before + now,
        load=[load_summary()],
        answers={
            "data_sources": "Traffic counters by MQTT, air quality stations by REST; JSON and CSV.",
            "interoperability": "NGSI-LD on Scorpio, GeoJSON.",
        },
        rollup=_rollup(now),
        waivers=[Waiver(check="temporal/case-0051", until="2027-01-31", reason="broker update planned for January")],
        inventory={
            "types": {"AirQualityObserved": 20, "TrafficFlowObserved": 41},
            "declared": {"data_sources": [{"name": "traffic counters", "kind": "iot", "format": "json"}]},
        },
    )


_TARGET: dict[str, Any] = {
    "name": "Harbour City mobility twin",
    "owner": "City of Harbour",
    "country": "LU",
    "target_level": 1,
    "target_by": "2027-06",
    "endpoints": {"broker": f"https://{HOST}/ngsi-ld/v1", "catalogue": f"https://data.{HOST}/catalog.ttl"},
    "detected": {"broker": "NGSI-LD 1.6 (Scorpio)"},
    "claims": {"ngsi_ld": "1.8.1", "citcom_level": 1, "edic_profile": "predictive"},
}


def states() -> list[RequirementState]:
    """The requirement states of the sample."""
    catalogue = load_catalogue()
    return [
        RequirementState(
            id=id_,
            layer=catalogue[id_].layer,
            level=catalogue[id_].level,
            state=state,  # type: ignore[arg-type] — the keys of _VERDICT_OF are the states
            reason=reason,
            checks=[f"{catalogue[id_].layer.value}/{id_.lower()}"],
        )
        for id_, (state, reason) in _STATES.items()
    ]


def _rollup(results: list[Result]) -> Rollup:
    found = states()
    must = [state for state in found if state.level is Level.MUST]
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
    rollup = Rollup(
        run=NOW,
        exit_code=1,
        headline="",
        verdicts={str(verdict): verdicts.count(verdict) for verdict in Verdict if verdict in verdicts},
        in_scope=21,
        met=14,
        not_met=7,
        enough_evidence=True,
        badge="not verified",
        layers=layers,
        requirements=found,
    )
    return with_levels(rollup, Claims(ngsi_ld="1.8.1", citcom_level=1, edic_profile="predictive"))


def _count(found: list[RequirementState], layer: Layer, *wanted: str) -> int:
    return sum(1 for state in found if state.layer is layer and state.state in wanted)
