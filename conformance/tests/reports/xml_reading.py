"""Reading back the XML that we wrote."""

from __future__ import annotations

from xml.etree import ElementTree as ET


def parse_xml(text: str) -> ET.Element:
    """The root element; raises where the text is not well formed."""
    return ET.fromstring(text)  # noqa: S314 — our own output, whose well-formedness is what is tested
