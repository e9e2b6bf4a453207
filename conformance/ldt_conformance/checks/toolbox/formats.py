"""Does a body hold what its media type says, in an open machine-readable format?"""

from __future__ import annotations

import csv
import json
import re
from xml.etree import ElementTree

# Word of the site file -> media types that fit it.
MEDIA_TYPES = {
    "json": ("application/json", "application/ld+json", "application/geo+json", "application/*+json"),
    "json-ld": ("application/ld+json", "application/json"),
    "ngsi-ld": ("application/ld+json", "application/json", "application/geo+json"),
    "geojson": ("application/geo+json", "application/vnd.geo+json", "application/json"),
    "csv": ("text/csv", "application/csv"),
    "xml": ("application/xml", "text/xml", "application/*+xml"),
    "gml": ("application/gml+xml", "application/xml", "text/xml"),
    "turtle": ("text/turtle",),
    "parquet": ("application/vnd.apache.parquet", "application/octet-stream", "application/x-parquet"),
    "netcdf": ("application/x-netcdf", "application/netcdf", "application/octet-stream"),
}
CLOSED = {"application/pdf", "text/html", "application/xhtml+xml", "application/msword", "application/vnd.ms-excel"}
RDF = re.compile(rb"@prefix|PREFIX|<[^>\s]+>\s+<[^>\s]+>")
DTD = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)


def fits(declared: str, media_type: str) -> bool | None:
    """Whether a media type is what a declared format means; None where the format's word is not known."""
    word = declared.strip().lower()
    wanted = MEDIA_TYPES.get(word, (word,) if "/" in word else None)
    if wanted is None:
        return None
    for pattern in wanted:
        kind, _, rest = pattern.partition("/*")
        if media_type == pattern or (rest and media_type.startswith(f"{kind}/") and media_type.endswith(rest)):
            return True
    return False


def format_fault(media_type: str, content: bytes) -> str | None:
    """What is wrong with a body as open machine-readable data of this media type; None where nothing is."""
    if not content.strip():
        return "the body is empty"
    if media_type in CLOSED:
        return f"{media_type} is not a machine-readable data format"
    if media_type.endswith(("/json", "+json")):
        return _json_fault(content)
    if media_type.endswith(("/xml", "+xml")):
        return _xml_fault(content)
    if media_type in {"text/csv", "application/csv"}:
        return _csv_fault(content)
    if media_type in {"text/turtle", "application/n-triples"}:
        return None if RDF.search(content[:5000]) else "no RDF was found in the text"
    if content[:4] in {b"PAR1", b"\x89HDF"} or content[:3] == b"CDF":
        return None
    return f"{media_type or 'a body without a media type'} is none of the open formats that are known here"


def _json_fault(content: bytes) -> str | None:
    try:
        json.loads(content)
    except (ValueError, RecursionError) as error:
        return f"it says JSON and is none: {error}"
    return None


def _xml_fault(content: bytes) -> str | None:
    if DTD.search(content):
        return "the XML has a document type definition, which is not read for safety"
    try:
        ElementTree.fromstring(content)  # noqa: S314 — no DTD, so no entities to expand
    except ElementTree.ParseError as error:
        return f"it says XML and is none: {error}"
    return None


def _csv_fault(content: bytes) -> str | None:
    try:
        text = content.decode("utf-8-sig")
        rows = list(csv.reader(text.splitlines()[:50], csv.Sniffer().sniff(text[:4000])))
    except (UnicodeDecodeError, csv.Error) as error:
        return f"it says CSV and is none: {error}"
    widths = {len(row) for row in rows if row}
    return None if len(widths) == 1 else f"rows of different widths: {sorted(widths)}"
