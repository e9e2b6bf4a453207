"""The pages in a real browser: accessibility, keyboard, filter, dark, narrow, and a hostile twin that runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from headless_chromium import Page, axe, chromium
from ldt_conformance.gap import complete
from ldt_conformance.reports.interface import Format, render, write_text

from .hostile import MARKER, PAYLOADS, hostile_report
from .sample import sample_report

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("pages")]  # one worker starts the browser
PAGES = {"report": Format.HTML, "gap": Format.GAP}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both pages of the sample, and one of a report with a thousand results."""
    folder = tmp_path_factory.mktemp("pages")
    report = complete(sample_report(40))
    paths = {}
    for name, format_ in PAGES.items():
        paths[name] = folder / f"{name}.html"
        write_text(paths[name], render(report, format_, digest="sha256:" + "0" * 64))
    paths["short"] = folder / "short.html"
    write_text(paths["short"], render(complete(sample_report(17)), Format.HTML, digest="sha256:" + "0" * 64))
    paths["large"] = folder / "large.html"
    write_text(paths["large"], render(complete(sample_report(1000)), Format.HTML))
    return paths


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    """One browser for all tests."""
    with chromium() as page:
        yield page


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["short", "gap"])
def test_axe_finds_nothing(browser: Page, pages: dict[str, Path], name: str, dark: bool) -> None:
    """With everything unfolded axe finds nothing at all; in the dark, where only colours differ, none of theirs."""
    browser.open(pages[name], dark=dark)
    browser.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    violations = axe(browser, "{runOnly: ['color-contrast']}" if dark else "{}")
    assert [(one["id"], one["impact"], one["nodes"][0]["html"][:200]) for one in violations] == []


def test_axe_would_find_something(browser: Page, tmp_path: Path) -> None:
    """The axe that we run does find a serious fault where there is one: an image without a text."""
    page = tmp_path / "bad.html"
    write_text(page, "<!DOCTYPE html><html><title>x</title><main><h1>x</h1><img src='data:,'></main></html>")
    browser.open(page)
    assert {"image-alt", "html-has-lang"} <= {one["id"] for one in axe(browser)}


@pytest.mark.parametrize("width", [320, 390, 800])
@pytest.mark.parametrize("name", list(PAGES))
def test_a_narrow_screen_needs_no_sideways_scrolling(
    browser: Page, pages: dict[str, Path], name: str, width: int
) -> None:
    """At phone width the page is as wide as the screen, also unfolded; only tables scroll in their own frame."""
    browser.open(pages[name], width=width)
    browser.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert browser.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


@pytest.mark.parametrize("name", ["report", "gap", "large"])
def test_no_script_error_and_nothing_refused(browser: Page, pages: dict[str, Path], name: str) -> None:
    """The page's own script and style run under its policy, and nothing is logged."""
    browser.errors.clear()
    browser.open(pages[name])
    assert browser.errors == []
    assert browser.evaluate("getComputedStyle(document.body).marginTop") == "0px"


def _visible(page: Page) -> list[str]:
    return list(page.evaluate("[...document.querySelectorAll('.r:not([hidden])')].map(r => r.id)"))


def _filter(page: Page, script: str) -> None:
    """Change the filter and wait until it has been applied."""
    page.evaluate(
        "new Promise(done => { const status = document.getElementById('status'); status.textContent = ''; "
        f"{script}; const look = () => status.textContent ? done(true) : setTimeout(look, 5); look(); }})"
    )


def test_the_filter_shows_what_fits_and_counts_it(browser: Page, pages: dict[str, Path]) -> None:
    """Text, verdict, level and layer narrow the list; the count is announced; showing all brings all back."""
    browser.open(pages["report"])
    form = "const form = document.getElementById('filters');"
    change = "form.dispatchEvent(new Event('input'))"
    total = len(_visible(browser))
    _filter(browser, f"{form} form.elements.text.value = 'alreadyexists scope'; {change}")
    by_text = _visible(browser)
    assert 0 < len(by_text) < total
    assert browser.evaluate("document.getElementById('status').textContent").startswith(f"{len(by_text)} of {total}")
    box = "form.querySelector('input[value=fail]').checked = true;"
    _filter(browser, f"{form} form.elements.text.value = ''; {box} {change}")
    failed = browser.evaluate("[...document.querySelectorAll('.r:not([hidden])')].map(r => r.dataset.verdict)")
    assert set(failed) == {"fail"}
    _filter(browser, f"{form} form.elements.layer.value = 'data-sources'; {change}")
    assert _visible(browser) == ["check-data-sources-ldt-ds-04"]
    _filter(browser, f"{form} form.reset()")
    assert len(_visible(browser)) == total


def test_a_thousand_results_filter_in_a_moment(browser: Page, pages: dict[str, Path]) -> None:
    """A word finds its one result among a thousand, and its group unfolds."""
    browser.open(pages["large"])
    _filter(
        browser,
        "const form = document.getElementById('filters'); form.elements.text.value = 'case-0777'; "
        "form.dispatchEvent(new Event('input'))",
    )
    (found,) = _visible(browser)
    assert found.endswith("case-0777")
    assert browser.evaluate(f"document.getElementById('{found}').closest('.group').open") is True


def test_a_link_to_a_check_unfolds_it(browser: Page, pages: dict[str, Path]) -> None:
    """Following a requirement's link to its check opens the check and the group around it."""
    browser.open(pages["report"])
    found = browser.evaluate(
        "new Promise(done => { const link = document.querySelector('a[href^=\"#check-\"]');"
        "addEventListener('hashchange', () => setTimeout(() => { let box = document.querySelector(location.hash);"
        "done([box.open, box.closest('.group').open]); }, 0)); link.click(); })"
    )
    assert found == [True, True]


def test_everything_can_be_reached_and_opened_by_keyboard(browser: Page, pages: dict[str, Path]) -> None:
    """Tab goes first to the skip link; a fold opens with Enter; the focus can be seen."""
    browser.open(pages["report"])
    browser.press("Tab", 9)
    assert browser.evaluate("document.activeElement.className") == "skip"
    browser.evaluate("document.querySelector('#layer-knowledge summary').focus()")
    browser.press("Enter", 13)
    assert browser.evaluate("document.getElementById('layer-knowledge').open") is True
    browser.press("Tab", 9)
    assert browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_without_script_everything_is_there(browser: Page, pages: dict[str, Path]) -> None:
    """With scripts switched off the filter is not offered, and every verdict can still be unfolded."""
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(pages["report"])
        assert browser.evaluate("document.getElementById('filters').hidden") is True
        assert browser.evaluate("document.querySelectorAll('details.r > summary').length") == 72
    finally:
        browser.command("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("name", list(PAGES))
def test_a_hostile_twin_runs_nothing(browser: Page, tmp_path: Path, name: str) -> None:
    """With every payload on the page and all folds open, no script of the twin's ran and none was even tried."""
    for number, payload in enumerate(PAYLOADS):
        path = tmp_path / f"{name}-{number}.html"
        write_text(path, render(hostile_report(payload), PAGES[name]))
        browser.errors.clear()
        browser.open(path)
        browser.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        assert browser.evaluate(f"typeof window.{MARKER}") == "undefined"
        assert browser.errors == []


def test_print_unfolds_failures_and_hides_the_controls(browser: Page, pages: dict[str, Path]) -> None:
    """On paper the filter and the navigation are gone; what failed is printed in full."""
    browser.open(pages["report"])
    browser.command("Emulation.setEmulatedMedia", media="print", features=[])
    assert browser.evaluate("getComputedStyle(document.getElementById('filters')).display") == "none"
    height = "document.querySelector('.r.fail > div').getBoundingClientRect().height"
    assert browser.evaluate(height) > 50
    pdf = browser.command("Page.printToPDF", printBackground=True)["data"]
    assert len(pdf) > 20_000
