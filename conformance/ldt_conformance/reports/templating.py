"""The Jinja environment of all pages: autoescape on, templates from the package, no clock and no network.

Style and script are written into the page, and a Content-Security-Policy names their digests, so that a browser runs
nothing else, whatever a hostile twin managed to get into a text.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from ldt_conformance.wording import text, words


@cache
def environment() -> Environment:
    """The one environment; templates lie in `reports/templates`."""
    loader = PackageLoader("ldt_conformance.reports", "templates")
    made = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_seen
    )
    made.filters.update(
        day=text.day, instant=text.instant, duration=text.duration, one_line=text.one_line, slug=text.slug
    )
    made.filters["marked"] = _marked
    made.globals.update(plural=words.plural, joined=words.joined)
    return made


def _seen(value: Any) -> Any:
    """Every text that is written shows its control characters; what is already markup stays."""
    return text.visible(value) if type(value) is str else value


def _marked(value: str) -> Markup:
    """Plain text with `code` between backticks, as our own remedies have it; everything is escaped."""
    parts = text.visible(value).split("`")
    if len(parts) % 2 == 0:  # a lone backtick is just a backtick
        return escape(text.visible(value))
    pieces = (Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts))
    return Markup("").join(pieces)


def render_page(template: str, **values: Any) -> str:
    """Render a page with its style and script inlined and its policy set.

    Args:
        template: File name in `reports/templates`.
        values: What the template names; an unknown name is an error, not an empty string.
    """
    style, script = _asset("page.css"), _asset("page.js")
    policy = f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; base-uri 'none'"
    page = environment().get_template(template)
    return page.render(style=Markup(style), script=Markup(script), policy=policy, **values)  # noqa: S704 — our own files


@cache
def _asset(name: str) -> str:
    return files("ldt_conformance.reports").joinpath("templates", name).read_text(encoding="utf-8")


def _digest(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"
