"""The Link header (RFC 8288), as far as NGSI-LD needs it: targets and their relations.

ETSI GS CIM 009 V1.9.1, clauses 6.3.5 (@context) and 6.3.10 (pages).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

CONTEXT_RELATION: Final = "http://www.w3.org/ns/json-ld#context"
# Possessive, so that no header takes more than linear time.
_LINK: Final = re.compile(
    r'<([^<>]*+)>((?:\s*+;\s*+[^\s=;,"<>]++\s*+(?:=\s*+(?:"(?:[^"\\]|\\.)*+"|[^\s;,"<>]*+))?+)*+)\s*+(?:,|$)'
)
_PARAMETER: Final = re.compile(r';\s*+([^\s=;,"<>]++)\s*+(?:=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s;,"<>]*+)))?')


class Link(NamedTuple):
    """A link: its target as written, which may be a relative reference, and its relations in lower case.

    Relations are compared without case; of several parameters `rel` the first one counts (RFC 8288, 2.1 and 3.3).
    """

    target: str
    relations: tuple[str, ...]


def parse_links(header: str) -> list[Link]:
    """The links of a Link header, several headers joined by commas; what is no link is left out."""
    return [Link(target.strip(), _relations(parameters)) for target, parameters in _LINK.findall(header)]


def _relations(parameters: str) -> tuple[str, ...]:
    for name, quoted, plain in _PARAMETER.findall(parameters):
        if name.lower() == "rel":
            return tuple((quoted or plain).lower().split())
    return ()
