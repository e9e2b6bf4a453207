"""What a site file says of each Toolbox requirement, before anything is asked of the twin. Pure.

A declaration is no evidence: it never becomes a verdict. It tells the owner what was understood, what the declared
thing is worth for a requirement, and where the file is silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ldt_conformance.engine.catalogue import Requirement, load_catalogue
from ldt_conformance.engine.site.model import Site

Standing = Literal["declared", "declared-partly", "declared-otherwise", "not-declared", "only-a-probe-tells"]
Judgement = tuple[Standing, str]
SOURCE_FIELDS = ("owner", "kind", "format", "interval_seconds", "licence", "access")
WITHOUT_RHYTHM = frozenset({"file", "simulation", "gis", "historical"})  # kinds that need no update interval
AI_FIELDS = ("purpose", "kind", "owner", "status")
PIPELINE_FIELDS = ("source", "target", "engine", "schedule")
OPEN_FORMATS = ("json", "csv", "xml", "gml", "turtle", "parquet", "netcdf", "zarr", "geotiff")


@dataclass(frozen=True, slots=True)
class Declared:
    """What the file says of one requirement.

    Attributes:
        sentence: For the owner: what was said and what follows; "" where no declaration can show it.
    """

    requirement: str
    standing: Standing
    sentence: str


def judge_declarations(site: Site) -> list[Declared]:
    """One judgement for each requirement of the toolbox pack, in the catalogue's order."""
    return [
        Declared(requirement.id, *_judge(site, requirement))
        for requirement in load_catalogue().values()
        if requirement.pack == "toolbox"
    ]


def outlook(site: Site, declared: list[Declared]) -> list[str]:
    """Two to four sentences: which CitCom.ai level and EDIC class the declarations put in reach."""
    standing = {one.requirement: one.standing for one in declared}
    if standing.get("LDT-IO-20") == "declared" and standing.get("LDT-IO-61") != "declared-otherwise":
        level = "An NGSI-LD broker is declared: level 1 is in reach as soon as a run shows it and its data models."
    else:
        level = (
            "No NGSI-LD API is declared, so CitCom.ai level 1 is out of reach today; level 0, any API, is what the "
            "declarations support."
        )
    parts = [level]
    if standing.get("LDT-IO-68") in {"declared", "declared-partly"}:
        parts.append(
            "The DTDL model can carry what MIM2 asks of data models (a documented, machine-readable model), "
            "but not level 1, which asks for NGSI-LD with Smart Data Models."
        )
    if site.ai:
        parts.append(
            "AI is declared; the predictive class also needs history that can be read, a standard inference interface "
            "and forecasts that others can tell from observations."
        )
    parts.append("Declarations are no evidence: an address under endpoints in the site file lets ldt check look.")
    return parts


def _judge(site: Site, requirement: Requirement) -> Judgement:
    rule = RULES.get(requirement.id)
    if requirement.id in site.answers:
        return "declared", f"Answered in the site file: {site.answers[requirement.id]}"
    if rule is not None:
        return rule(site)
    if requirement.questionnaire:
        return "not-declared", "Only you can tell; the site file is silent."
    return "only-a-probe-tells", ""


def _apis(site: Site) -> dict[str, str]:
    """API -> what speaks it: components and endpoints before claimed standards, because they name the thing."""
    found = {component.api.lower(): component.name for component in site.components if component.api}
    found |= {endpoint.api.lower(): f"the endpoint {role}" for role, endpoint in site.endpoints.items() if endpoint.api}
    for name, version in site.claims.standards.items():
        found.setdefault(name.lower(), f"{name} {version}")
    if site.claims.ngsi_ld is not None:
        found.setdefault("ngsi-ld", f"NGSI-LD {site.claims.ngsi_ld}")
    return found


def _speaking(site: Site, prefix: str) -> str | None:
    return next((what for api, what in _apis(site).items() if api.startswith(prefix)), None)


def _complete(entries: Iterable[Any] | None, fields: tuple[str, ...], noun: str) -> Judgement:
    """Declared where every entry has every field; partly where some are missing."""
    rows = list(entries or ())
    if not rows:
        return "not-declared", f"No {noun} is declared."
    missing = sorted(
        {field for row in rows for field in fields if _needs(row, field) and getattr(row, field) in (None, "")}
    )
    names = ", ".join(row.name for row in rows)
    if missing:
        words = ", ".join(field.replace("_", " ") for field in missing)
        return "declared-partly", f"Declared: {names}. Not told of all of them: {words}."
    return "declared", f"Declared: {names}."


def _needs(entry: Any, field: str) -> bool:
    return field != "interval_seconds" or (entry.kind or "").lower() not in WITHOUT_RHYTHM


def _formats(site: Site) -> Judgement:
    formats = sorted({source.format.lower() for source in site.data_sources or () if source.format})
    if not formats:
        return "not-declared", "No data source names its format."
    is_open = all(any(name in text for name in OPEN_FORMATS) for text in formats)
    return ("declared" if is_open else "declared-partly"), f"Declared formats: {', '.join(formats)}."


def _described(site: Site) -> Judgement:
    found = _speaking(site, "openapi")
    if found is None:
        return "not-declared", "No formal description of an interface is declared."
    if "3.1" in found or _speaking(site, "openapi-3.1"):
        return "declared", f"{found} is declared."
    return (
        "declared-partly",
        f"OpenAPI is declared ({found}); the MIM0 mechanism asks for 3.1, and the document's address.",
    )


def _ngsi_ld(site: Site) -> Judgement:
    if (found := _speaking(site, "ngsi-ld")) is not None:
        return "declared", f"NGSI-LD is declared ({found})."
    for api, word in (
        ("dtdl", "DTDL"),
        ("ngsi-v2", "NGSIv2"),
        ("openapi", "REST with OpenAPI"),
        ("sta", "SensorThings"),
    ):
        if (other := _speaking(site, api)) is not None:
            return (
                "declared-otherwise",
                f"Missing: you use {word} ({other}). A broker or a façade that speaks NGSI-LD closes it.",
            )
    return "not-declared", "No NGSI-LD API is declared."


def _models(site: Site) -> Judgement:
    if (found := _speaking(site, "dtdl")) is not None:
        return (
            "declared-partly",
            f"The model is in DTDL ({found}): explicit and machine-readable; it is not said where others read it.",
        )
    named = any(source.schema_url for source in site.data_sources or ())
    return ("declared", "Data sources name their schemas.") if named else ("not-declared", "No data model is named.")


def _smart_data_models(site: Site) -> Judgement:
    if (found := _speaking(site, "dtdl")) is not None:
        return (
            "declared-otherwise",
            f"The model is DTDL ({found}), not Smart Data Models; a mapping of its types closes the gap.",
        )
    return "only-a-probe-tells", ""


def _dtdl(site: Site) -> Judgement:
    if "model" in site.endpoints:
        return "declared", "The DTDL model is named under endpoints."
    if (found := _speaking(site, "dtdl")) is not None:
        return (
            "declared-partly",
            f"DTDL is declared ({found}); the model files and a mapping to Smart Data Models are not named.",
        )
    return "not-declared", "No DTDL model is declared."


def _role(role: str, noun: str) -> Callable[[Site], Judgement]:
    """A role: an endpoint shows it, a component without address shows it in part."""

    def rule(site: Site) -> Judgement:
        if role in site.endpoints:
            return "declared", f"{noun}: an endpoint is declared."
        for component in site.components:
            if component.role == role:
                unpublished = "; its data is not published" if component.published is False else ""
                return "declared-partly", f"{noun}: {component.name} is declared without an address{unpublished}."
        return "not-declared", f"{noun}: none is declared."

    return rule


def _history(site: Site) -> Judgement:
    stores = [one for one in site.components if "time series" in (one.description or "").lower()]
    if "history" in site.endpoints or _speaking(site, "ngsi-ld"):
        return "only-a-probe-tells", ""
    if stores:
        state = " and is not published" if stores[0].published is False else ""
        return (
            "declared-otherwise",
            f"History lies in {stores[0].name}{state}; a standard way to read it is not declared.",
        )
    return "not-declared", "No history that others can read is declared."


def _inference(site: Site) -> Judgement:
    if "forecaster" in site.endpoints:
        return "only-a-probe-tells", ""
    if site.ai:
        return (
            "not-declared",
            "Models are declared, a standard inference interface (Open Inference Protocol v2) is not.",
        )
    return "not-declared", "No inference server is declared."


def _scenarios(site: Site) -> Judgement:
    if "scenarios" in site.endpoints:
        return "declared", "An endpoint for scenarios is declared."
    found = [one.name for one in site.ai or () if "what-if" in f"{one.name} {one.purpose}".lower()]
    if found:
        return (
            "declared-partly",
            f"Declared: {', '.join(found)}; no interface by which others start a scenario is named.",
        )
    return "not-declared", "No what-if scenarios are declared."


def _definitions(site: Site) -> Judgement:
    given = [one for one in site.pipelines or () if one.definition]
    if not given:
        return "not-declared", "No readable definition of a pipeline is named."
    reachable = all("/" in (one.definition or "") for one in given)
    said = ", ".join(f"{one.name}: {one.definition}" for one in given)
    return ("declared", said) if reachable else ("declared-partly", f"{said}; where they can be read is not said.")


def _views(site: Site) -> Judgement:
    views = site.visualisations or ()
    if not views:
        return "not-declared", "No visualisation is declared."
    names = ", ".join(one.name for one in views)
    if any(one.url for one in views):
        return "declared", f"Declared: {names}."
    return "declared-partly", f"Declared: {names}; no address is given."


def _told_apart(site: Site) -> Judgement:
    texts = [one.description or "" for one in site.visualisations or ()] + [site.answers.get("visualization", "")]
    if any("generated" in text and ("apart" in text or "eparat" in text) for text in texts):
        return "declared", "You say that real and generated data are kept apart in the front-end."
    return "not-declared", "Whether users can tell real from generated data is not said."


def _claimed(attribute: str, noun: str) -> Callable[[Site], Judgement]:
    def rule(site: Site) -> Judgement:
        value = getattr(site.claims, attribute)
        return (
            ("not-declared", f"No {noun} is claimed.") if value is None else ("declared", f"Claimed {noun}: {value}.")
        )

    return rule


RULES: Mapping[str, Callable[[Site], Judgement]] = {
    "LDT-DS-01": lambda site: _complete(site.data_sources, SOURCE_FIELDS, "data source"),
    "LDT-DS-03": _formats,
    "LDT-DS-12": lambda site: _complete(site.data_sources, ("licence",), "data source"),
    "LDT-IO-02": _described,
    "LDT-IO-16": _ngsi_ld,
    "LDT-IO-17": _claimed("citcom_level", "CitCom.ai level"),
    "LDT-IO-20": _ngsi_ld,
    "LDT-IO-60": _models,
    "LDT-IO-61": _smart_data_models,
    "LDT-IO-68": _dtdl,
    "LDT-DA-02": _history,
    "LDT-DA-07": _role("objects", "Object storage"),
    "LDT-DA-09": _role("catalogue", "DCAT catalogue"),
    "LDT-DA-30": _role("connector", "Data-space connector"),
    "LDT-KN-01": lambda site: _complete(site.ai, AI_FIELDS, "use of AI"),
    "LDT-KN-03": _inference,
    "LDT-KN-04": _inference,
    "LDT-KN-20": _claimed("edic_profile", "EDIC profile"),
    "LDT-OR-01": lambda site: _complete(site.pipelines, PIPELINE_FIELDS, "pipeline"),
    "LDT-OR-02": _definitions,
    "LDT-OR-09": _scenarios,
    "LDT-OR-11": lambda site: _complete(site.services, ("domain",), "city service"),
    "LDT-VI-01": _views,
    "LDT-VI-07": _told_apart,
}
