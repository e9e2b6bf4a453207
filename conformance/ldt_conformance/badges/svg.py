"""The badge as an SVG of our own: accessible title and description, a drawn mark beside the words, no font or link.

Text is measured with the advance widths of DejaVu Sans / Verdana and then pinned by `textLength`, so that it fits in
whichever font the reader has.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from ldt_conformance.badges.state import badge_text
from ldt_conformance.engine.report import Report
from ldt_conformance.wording.text import visible

COLOURS: dict[str, str] = {  # white text on each: contrast of 5 to 1 or more
    "verified": "#1a6b42",
    "verified, with findings": "#4c6414",
    "partial": "#845400",
    "not verified": "#a6201b",
    "incomplete run": "#56626e",
    "degraded": "#845400",
    "expired": "#56626e",
    "unknown": "#56626e",
}
_LABEL_COLOUR = "#26323d"
_MARKS: dict[str, str] = {  # drawn in a box of 10 by 10
    "verified": '<path d="M1.5 5.5 4 8 8.5 2"/>',
    "verified, with findings": '<path d="M0 5.5 2.5 8 6 2.5M8.5 2v3.7M8.5 7.6v.9"/>',
    "partial": '<circle cx="5" cy="5" r="4"/><path d="M5 1a4 4 0 0 0 0 8z" fill="#fff"/>',
    "not verified": '<path d="M2 2l6 6M8 2l-6 6"/>',
    "incomplete run": '<circle cx="5" cy="5" r="4" stroke-dasharray="2 2.2"/>',
    "degraded": '<path d="M1 2.5 5 7l1.5-2L9 8.5M9 5v3.5H5.8"/>',
    "expired": '<path d="M2 1h6L2 9h6z"/>',
    "unknown": '<path d="M3 3.4a2 2 0 1 1 2.6 1.9c-.5.2-.6.5-.6 1M5 8.2v.7"/>',
}
_WIDTHS = {**dict.fromkeys("ijl|'.,:;!()[] ", 4.3), **dict.fromkeys("frtI-", 4.8), **dict.fromkeys("mwMW%", 10.2)}
_HEIGHT = 22


def render_badge(report: Report, *, digest: str | None = None) -> str:
    """The badge as one SVG document; `digest` of the report it stands for goes into its metadata."""
    text = badge_text(report)
    label, message = visible(text.label), visible(text.message)
    left, right = _width(label) + 16, _width(message) + 30
    total = left + right
    bound = f"<metadata>{escape(digest)}</metadata>" if digest else ""
    size = f'width="{total}" height="{_HEIGHT}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {total} {_HEIGHT}" role="img"'
        ' aria-labelledby="ldt-badge-title ldt-badge-desc">',
        f'<title id="ldt-badge-title">{escape(visible(text.title))}</title>',
        f'<desc id="ldt-badge-desc">{escape(visible(text.description))}</desc>{bound}',
        f'<clipPath id="ldt-badge-clip"><rect {size} rx="4"/></clipPath>',
        f'<g clip-path="url(#ldt-badge-clip)"><rect width="{left}" height="{_HEIGHT}" fill="{_LABEL_COLOUR}"/>',
        f'<rect x="{left}" width="{right}" height="{_HEIGHT}" fill="{COLOURS[text.state]}"/></g>',
        f'<g transform="translate({left + 8} 6)" fill="none" stroke="#fff" stroke-width="1.7" stroke-linecap="round"',
        f' stroke-linejoin="round" aria-hidden="true">{_MARKS[text.state]}</g>',
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" aria-hidden="true">',
        f'<text x="8" y="15" textLength="{_width(label)}">{escape(label)}</text>',
        f'<text x="{left + 23}" y="15" textLength="{_width(message)}">{escape(message)}</text></g>',
        "</svg>\n",
    ]
    return "\n".join(lines)


def _width(text: str) -> int:
    """Pixels at font size 11."""
    return round(sum(_WIDTHS.get(character, 7.5 if character.isupper() else 6.9) for character in text))
