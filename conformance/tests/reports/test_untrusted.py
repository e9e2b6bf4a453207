"""Nothing that a twin answers, or that a site file says, becomes markup."""

from __future__ import annotations

import json
from functools import cache
from html import unescape
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ldt_conformance.reports.interface import Edition, Format, render
from ldt_conformance.wording.text import one_line, shown, visible

from .hostile import MARKER, PAYLOADS, hostile_report
from .sample import sample_report
from .xml_reading import parse_xml

PAGES = (Format.HTML, Format.GAP)


class _Shape(HTMLParser):
    """The tags and attribute names of a page, without any text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in {"href", "src", "action", "formaction", "xlink:href"}:
                self.links.append(value or "")


def _shape(page: str) -> _Shape:
    shape = _Shape()
    shape.feed(page)
    shape.close()
    return shape


@cache
def _plain_shape(format_: Format) -> _Shape:
    return _shape(render(hostile_report("plain words"), format_))


@pytest.mark.parametrize("format_", PAGES)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_hostile_text_adds_no_tag_no_attribute_and_no_link(format_: Format, payload: str) -> None:
    """A page full of payloads has the same kinds of tags and attributes as one full of plain words."""
    plain = _plain_shape(format_)
    hostile = _shape(render(hostile_report(payload), format_))
    assert hostile.tags == plain.tags
    assert hostile.attributes == plain.attributes
    assert all(link.startswith("#") for link in hostile.links)


@pytest.mark.parametrize("format_", list(Format))
@pytest.mark.parametrize("payload", PAYLOADS)
def test_machine_formats_stay_well_formed(format_: Format, payload: str) -> None:
    """JSON parses, XML parses and holds no element of the twin's making, all encode to UTF-8."""
    text = render(hostile_report(payload), format_)
    text.encode("utf-8")
    if format_ in {Format.CTRF, Format.EARL, Format.SHIELDS}:
        json.loads(text)
    if format_ in {Format.JUNIT, Format.BADGE}:
        tags = {element.tag.rpartition("}")[2] for element in parse_xml(text).iter()}
        assert MARKER not in tags
        assert not tags & {"script", "image", "foreignObject", "a", "style"}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_summary_renders_no_link_image_or_html_of_a_twin(payload: str) -> None:
    """Rendered as GitHub does, the summary holds no image, no link and no raw HTML."""
    renderer = MarkdownIt("gfm-like", {"linkify": False, "html": True})
    tokens = renderer.parse(render(hostile_report(payload), Format.MARKDOWN))
    kinds = {token.type for token in tokens} | {
        child.type for token in tokens for child in token.children or [] if child.type != "text"
    }
    assert not kinds & {"image", "link_open", "html_inline", "html_block"}


def test_no_output_has_a_character_that_hides_or_reorders() -> None:
    """Bidirectional controls, escapes, NUL and lone surrogates are shown as escapes, not passed on."""
    report = hostile_report("\u202ereversed\u2069\x1b[2J\x00\ud800")
    for format_ in Format:
        text = render(report, format_)
        assert not set(text) & set("\u202e\u2069\x1b\x00\ud800"), format_


@given(st.text())
def test_visible_text_is_what_xml_allows(text: str) -> None:
    """Whatever comes in, an XML parser takes what comes out, and escaping it twice changes nothing."""
    safe = visible(text)
    element = ET.Element("x")
    element.text = safe
    assert (parse_xml(ET.tostring(element, encoding="unicode")).text or "") == safe
    assert visible(safe) == safe


@given(st.text(max_size=200), st.integers(1, 50))
def test_cut_text_says_how_much_is_missing(text: str, limit: int) -> None:
    """Nothing is cut silently, and one line is one line."""
    cut = shown(text, limit)
    assert ("more characters" in cut) == (len(text) > limit) or "more characters" in text
    assert "\n" not in one_line(text, limit)
    assert len(one_line(text, limit)) <= limit


@settings(max_examples=15, deadline=None)
@given(st.text(min_size=1))
def test_any_text_keeps_the_page_in_shape(text: str) -> None:
    """Any text at all in the texts of a result leaves the page's tags as they were."""
    report = sample_report(0)
    results = [result.model_copy(update={"observed": text, "title": text}) for result in report.results]
    plain = [result.model_copy(update={"observed": "x", "title": "x"}) for result in report.results]
    hostile = _shape(render(report.model_copy(update={"results": results}), Format.HTML))
    assert hostile.tags == _shape(render(report.model_copy(update={"results": plain}), Format.HTML)).tags


@pytest.mark.parametrize("format_", PAGES)
def test_a_page_needs_nothing_from_outside(format_: Format) -> None:
    """No address of a script, style, font, image or frame: one file, offline; the policy allows nothing else."""
    page = render(sample_report(40), format_, edition=Edition.FULL)
    shape = _shape(page)
    assert not set(shape.tags) & {"link", "img", "iframe", "object", "embed", "base", "audio", "video"}
    assert "src" not in shape.attributes
    assert "url(http" not in page
    assert "@import" not in page
    assert "default-src 'none'" in unescape(page)
