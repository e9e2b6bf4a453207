"""The catalogue of the city's data sets: DCAT-AP 3 as JSON-LD, with every term spelled out in its own @context."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from ldt_stack.city.clock import rfc3339
from ldt_stack.city.entities import CC_BY, ODBL, THEMES
from ldt_stack.ngsi_ld_client import api_root, description_url

JsonObject = dict[str, Any]
EU = "http://publications.europa.eu/resource/authority"
LICENCES = {CC_BY: f"{EU}/licence/CC_BY_4_0", ODBL: f"{EU}/licence/ODC_BL"}
BBOX = (24.9352, 60.1642, 24.9534, 60.1791)  # west, south, east, north of the map extract, degrees
SMART_DATA_MODELS = "https://smartdatamodels.org"
DATA_THEMES = {
    "TrafficFlowObserved": ("TRAN", "dataModel.Transportation", "traffic"),
    "AirQualityObserved": ("ENVI", "dataModel.Environment", "air"),
    "OffStreetParking": ("TRAN", "dataModel.Parking", "parking"),
    "ACMeasurement": ("ENER", "dataModel.Energy", "energy"),
    "WeatherObserved": ("ENVI", "dataModel.Weather", "weather"),
    "BikeHireDockingStation": ("TRAN", "dataModel.Transportation", None),
}
CONTEXT: JsonObject = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "locn": "http://www.w3.org/ns/locn#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "geosparql": "http://www.opengis.net/ont/geosparql#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where others reach the parts of the running twin; None where a part does not run."""

    city: str
    broker: str
    forecaster: str | None = None
    broker_has_description: bool = False  # an OpenAPI document at the usual place


def document(addresses: Addresses, modified: datetime) -> JsonObject:
    """The whole catalogue.

    Source: DCAT-AP 3.0.1; controlled vocabularies of the EU Publications Office.
    """
    datasets = [_observed(name, addresses, modified) for name in THEMES]
    services = [_broker_service(addresses, [entry["@id"] for entry in datasets])]
    if addresses.forecaster:
        datasets.append(_forecasts(addresses, modified))
        services[0]["dcat:servesDataset"].append({"@id": datasets[-1]["@id"]})
        services.append(_forecaster_service(addresses))
    return {
        "@context": CONTEXT,
        "@id": f"{addresses.city}/catalog.jsonld",
        "@type": "dcat:Catalog",
        "dct:title": _english("Data sets of the reference twin"),
        "dct:description": _english("Recorded open series, replayed as a living city in the centre of Helsinki."),
        "dct:publisher": _publisher(addresses),
        "dct:language": {"@id": f"{EU}/language/ENG"},
        "dct:license": {"@id": LICENCES[CC_BY]},
        "dct:modified": _date_time(modified),
        "dct:spatial": _place(),
        "dcat:themeTaxonomy": {"@id": f"{EU}/data-theme"},
        "dcat:dataset": datasets,
        "dcat:service": services,
    }


def _observed(name: str, addresses: Addresses, modified: datetime) -> JsonObject:
    theme = THEMES[name]
    eu_theme, model, series = DATA_THEMES[name]
    identifier = f"{addresses.city}/datasets/{name}"
    distributions = [_live(identifier, addresses, f"{SMART_DATA_MODELS}/{model}/{name}", theme.licence)]
    if series:
        distributions.append(_recorded(identifier, addresses, series, theme.licence))
    return {
        **_dataset(identifier, theme.title, theme.description, addresses, modified),
        "dcat:theme": {"@id": f"{EU}/data-theme/{eu_theme}"},
        "dct:accrualPeriodicity": {"@id": f"{EU}/frequency/{'UPDATE_CONT' if series else 'IRREG'}"},
        "dct:conformsTo": _standard(f"https://github.com/smart-data-models/{model}/tree/master/{name}", name),
        "dct:source": {"@id": theme.source},
        "dcat:distribution": distributions,
    }


def _forecasts(addresses: Addresses, modified: datetime) -> JsonObject:
    identifier = f"{addresses.city}/datasets/TrafficFlowForecast"
    return {
        **_dataset(
            identifier,
            "Traffic flow forecast",
            "Vehicles per hour in the next 24 hours, as the quantiles 0.1, 0.5 and 0.9. Made by a model, not observed.",
            addresses,
            modified,
        ),
        "dcat:theme": {"@id": f"{EU}/data-theme/TRAN"},
        "dct:accrualPeriodicity": {"@id": f"{EU}/frequency/HOURLY"},
        "dct:conformsTo": _standard(f"{addresses.city}/schemas/TrafficFlowForecast.json", "TrafficFlowForecast"),
        "dct:source": {"@id": f"{addresses.city}/datasets/TrafficFlowObserved"},
        "dcat:distribution": [
            _live(identifier, addresses, "https://ldt-harness.eu/ns/city#TrafficFlowForecast", CC_BY)
        ],
    }


def _dataset(identifier: str, title: str, description: str, addresses: Addresses, modified: datetime) -> JsonObject:
    return {
        "@id": identifier,
        "@type": "dcat:Dataset",
        "dct:identifier": identifier,
        "dct:title": _english(title),
        "dct:description": _english(description),
        "dct:publisher": _publisher(addresses),
        "dct:modified": _date_time(modified),
        "dct:spatial": _place(),
        "dct:accessRights": {"@id": f"{EU}/access-right/PUBLIC"},
        "dcat:contactPoint": {
            "@type": "vcard:Organization",
            "vcard:fn": "Maintainers of the reference twin",
            "vcard:hasURL": {"@id": addresses.city},
        },
    }


def _live(identifier: str, addresses: Addresses, type_iri: str, licence: str) -> JsonObject:
    url = f"{api_root(addresses.broker)}/entities?type={quote(type_iri, safe='')}&limit=100"
    return {
        "@id": f"{identifier}#live",
        "@type": "dcat:Distribution",
        "dct:title": _english("Current state, NGSI-LD"),
        "dcat:accessURL": {"@id": url},
        "dcat:accessService": {"@id": f"{addresses.city}/services/broker"},
        "dcat:mediaType": {"@id": "http://www.iana.org/assignments/media-types/application/json"},
        "dct:format": {"@id": f"{EU}/file-type/JSON"},
        "dct:license": {"@id": LICENCES[licence]},
    }


def _recorded(identifier: str, addresses: Addresses, series: str, licence: str) -> JsonObject:
    url = f"{addresses.city}/data/{series}.csv"
    return {
        "@id": f"{identifier}#recorded",
        "@type": "dcat:Distribution",
        "dct:title": _english("The recorded series behind the replay"),
        "dcat:accessURL": {"@id": url},
        "dcat:downloadURL": {"@id": url},
        "dcat:mediaType": {"@id": "http://www.iana.org/assignments/media-types/text/csv"},
        "dct:format": {"@id": f"{EU}/file-type/CSV"},
        "dct:license": {"@id": LICENCES[licence]},
    }


def _broker_service(addresses: Addresses, datasets: list[str]) -> JsonObject:
    description = {"@id": description_url(addresses.broker)} if addresses.broker_has_description else None
    return {
        **({"dcat:endpointDescription": description} if description else {}),
        "@id": f"{addresses.city}/services/broker",
        "@type": "dcat:DataService",
        "dct:title": _english("Context broker, NGSI-LD"),
        "dcat:endpointURL": {"@id": api_root(addresses.broker)},
        "dct:conformsTo": _standard(
            "https://www.etsi.org/deliver/etsi_gs/CIM/001_099/009/01.09.01_60/gs_CIM009v010901p.pdf",
            "ETSI GS CIM 009 V1.9.1",
        ),
        "dcat:servesDataset": [{"@id": dataset} for dataset in datasets],
    }


def _forecaster_service(addresses: Addresses) -> JsonObject:
    return {
        "@id": f"{addresses.city}/services/forecaster",
        "@type": "dcat:DataService",
        "dct:title": _english("Traffic forecaster, Open Inference Protocol v2"),
        "dcat:endpointURL": {"@id": f"{addresses.forecaster}/v2"},
        "dcat:endpointDescription": {"@id": f"{addresses.forecaster}/openapi.json"},
        "dct:license": {"@id": f"{EU}/licence/APACHE_2_0"},
    }


def _publisher(addresses: Addresses) -> JsonObject:
    return {"@id": f"{addresses.city}/#publisher", "@type": "foaf:Agent", "foaf:name": "ldt-harness reference twin"}


def _place() -> JsonObject:
    west, south, east, north = BBOX
    ring = f"{west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}"
    return {
        "@type": "dct:Location",
        "rdfs:label": "Centre of Helsinki",
        "dcat:bbox": {"@type": "geosparql:wktLiteral", "@value": f"POLYGON(({ring}))"},
    }


def _standard(url: str, label: str) -> JsonObject:
    return {"@id": url, "@type": "dct:Standard", "rdfs:label": label}


def _english(text: str) -> JsonObject:
    return {"@language": "en", "@value": text}


def _date_time(moment: datetime) -> JsonObject:
    return {"@type": "xsd:dateTime", "@value": rfc3339(moment)}
