"""Link headers, parsed by relation and never compared as text: RFC 8288, CIM 009 V1.9.1 clauses 6.3.5 and 6.3.10."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urljoin, urlsplit

JSONLD_CONTEXT = "http://www.w3.org/ns/json-ld#context"


@dataclass(frozen=True, slots=True)
class Link:
    """One link-value: its target as written, its relation types and its other parameters (names in lower case)."""

    target: str
    relations: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)

    def resolved(self, base_url: str) -> str:
        """The absolute target; a relative reference is resolved against the request's own URL."""
        return urljoin(base_url, self.target)

    def query(self) -> dict[str, str]:
        """The query parameters of the target, decoded; order does not matter."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


def parse_links(values: str | Iterable[str]) -> list[Link]:
    """Every link of one or several Link header fields; malformed ones are left out.

    Args:
        values: The field value, or the values where the header stands more than once.
    """
    texts = [values] if isinstance(values, str) else list(values)
    return [link for text in texts for part in _split(text, ",") if (link := _parse_one(part)) is not None]


def find_link(links: Iterable[Link], relation: str) -> Link | None:
    """The first link with this relation type (relation types are compared without regard to case)."""
    wanted = relation.lower()
    return next((link for link in links if wanted in (name.lower() for name in link.relations)), None)


def _parse_one(text: str) -> Link | None:
    text = text.strip()
    end = text.find(">")
    if not text.startswith("<") or end < 0:
        return None
    parameters: dict[str, str] = {}
    for part in _split(text[end + 1 :], ";"):
        name, _, value = part.partition("=")
        if name.strip():
            parameters.setdefault(name.strip().lower(), _unquote(value.strip()))
    relations = tuple(parameters.pop("rel", "").split())
    return Link(target=text[1:end].strip(), relations=relations, parameters=parameters)


def _unquote(text: str) -> str:
    if len(text) < 2 or not (text.startswith('"') and text.endswith('"')):
        return text
    plain, escaped = [], False
    for character in text[1:-1]:
        if character == "\\" and not escaped:
            escaped = True
            continue
        plain.append(character)
        escaped = False
    return "".join(plain)


def _split(text: str, separator: str) -> list[str]:
    """Split at a separator that stands neither in <…> nor in quotation marks."""
    parts, current, quoted, angled, escaped = [], "", False, False, False
    for character in text:
        if quoted:
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif angled:
            angled = character != ">"
        elif character == '"':
            quoted = True
        elif character == "<":
            angled = True
        elif character == separator:
            parts.append(current)
            current = ""
            continue
        current += character
    return [part for part in [*parts, current] if part.strip()]
