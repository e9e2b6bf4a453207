"""The page in a real browser: accessibility, keyboard, what keeps the focus, and two kinds of lines told apart."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import uvicorn

from headless_chromium import Page, axe, chromium
from ldt_stack.city.clock import SeriesClock
from ldt_stack.city.entities import description_entity, load_stations, observation
from ldt_stack.ngsi_ld_client import NgsiLdClient
from ldt_stack.ui.app import create_app

from .test_ui import FakeBroker, forecast

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("map")]  # one worker starts the page and the browser
READY = "document.body.dataset.ready === 'true'"
FOCUSED = "document.activeElement"
ENTER, SPACE, TAB = ("Enter", 13), (" ", 32), ("Tab", 9)


class LivingBroker(FakeBroker):
    """Every value is another one each time it is asked for, as in a living twin."""

    def entities(self, entity_type: str) -> list[dict[str, Any]]:  # type: ignore[override]
        if entity_type == "TrafficFlowForecast":
            return [forecast(hour) for hour in (1, 2)]
        now = datetime.now(UTC) + timedelta(minutes=7 * len(self.asked))
        clock, shift = SeriesClock(now, 1.0), defaultdict[str, int](int)
        stations = [station for station in load_stations() if station.type == entity_type]
        return [{**description_entity(station), **observation(station, clock, now, shift)} for station in stations]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The page, served on a free port."""
    client = NgsiLdClient("http://broker.test", "http://city.test/context", httpx.MockTransport(LivingBroker()))
    config = uvicorn.Config(create_app(client), port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    """One browser for all tests."""
    with chromium() as page:
        yield page


def opened(browser: Page, url: str, **how: Any) -> Page:
    """The page with map, stations and chart drawn."""
    browser.open(url, **how)
    browser.wait_until(READY)
    return browser


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(browser: Page, url: str, dark: bool) -> None:
    """With map, chart and table shown, axe finds nothing, neither in the light nor in the dark."""
    page = opened(browser, url, dark=dark)
    page.evaluate("document.querySelector('details').open = true")
    violations = axe(page)
    assert [(one["id"], one["impact"], one["nodes"][0]["html"][:200]) for one in violations] == []


@pytest.mark.parametrize("width", [320, 800])
def test_a_narrow_screen_needs_no_sideways_scrolling(browser: Page, url: str, width: int) -> None:
    """On a phone the page is as wide as the screen."""
    page = opened(browser, url, width=width)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_tab_reaches_every_control_and_shows_where_it_is(browser: Page, url: str) -> None:
    """Skip link, themes, map, zoom, stations, table: in this order, each with an outline."""
    page = opened(browser, url)
    page.evaluate("document.querySelector('details').open = true")
    stops = []
    for _ in range(40):
        page.press(*TAB)
        stop = page.evaluate(
            "(e => ({what: e.id || e.className || e.tagName, box: e.parentElement?.id ?? '', text: e.textContent, "
            "outline: getComputedStyle(e).outlineStyle, thick: parseFloat(getComputedStyle(e).outlineWidth)}))"
            f"({FOCUSED})"
        )
        if stop["what"] == "BODY" or (stops and stop == stops[0]):
            break
        stops.append(stop)
    assert stops[0]["what"] == "skip"
    assert [stop["text"] for stop in stops if stop["box"] == "themes"][:2] == ["Traffic", "Air"]
    names = " ".join(stop["what"] for stop in stops)
    order = ["skip", "maplibregl-canvas", "maplibregl-ctrl-zoom-in", "maplibregl-ctrl-zoom-out", "SUMMARY", "table"]
    places = [names.index(name) for name in order]
    assert places == sorted(places)
    assert sum("Kaivokatu" in stop["text"] and stop["what"] == "BUTTON" for stop in stops) == 1
    assert [stop for stop in stops if stop["outline"] == "none" or stop["thick"] < 1] == []


@pytest.mark.parametrize("key", [ENTER, SPACE], ids=["Enter", "Space"])
def test_themes_stations_and_table_work_by_key(browser: Page, url: str, key: tuple[str, int]) -> None:
    """A key chooses a theme, a station and opens the table; the focus stays where it was."""
    page = opened(browser, url)
    page.evaluate("document.querySelectorAll('#themes button')[1].focus()")
    page.press(*key)
    page.wait_until("document.getElementById('stations-title').textContent.startsWith('Air')")
    assert page.evaluate(f"{FOCUSED}.textContent + {FOCUSED}.getAttribute('aria-pressed')") == "Airtrue"
    page.evaluate("document.querySelectorAll('#themes button')[0].focus()")
    page.press(*key)
    page.wait_until("document.querySelectorAll('#stations button').length === 3")
    page.evaluate("document.querySelectorAll('#stations button')[2].focus()")
    name = page.evaluate(f"{FOCUSED}.firstChild.textContent")
    page.press(*key)
    page.wait_until(f"document.getElementById('station-name').textContent === '{name}'")
    assert page.evaluate(f"{FOCUSED}.getAttribute('aria-current')") == "true"
    page.evaluate("document.querySelector('summary').focus()")
    page.press(*key)
    assert page.evaluate("document.querySelector('details').open") is True


def test_new_values_do_not_take_the_focus_away(browser: Page, url: str) -> None:
    """When a station's value is renewed, whoever stands on its button still does."""
    browser.command(
        "Page.addScriptToEvaluateOnNewDocument", source="window.setInterval = (act) => { window.again = act; }"
    )
    page = opened(browser, url)
    page.evaluate("document.querySelectorAll('#stations button')[1].focus()")
    before = page.evaluate(f"{FOCUSED}.textContent")
    page.evaluate("window.again()")
    page.wait_until(f"document.querySelectorAll('#stations button')[1].textContent !== {before!r}")
    assert page.evaluate(f"{FOCUSED} === document.querySelectorAll('#stations button')[1]")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_observed_and_forecast_differ_in_more_than_colour(browser: Page, url: str, dark: bool) -> None:
    """In the chart the observed line is whole, the forecast dashed with a band; the words beside it say the same."""
    page = opened(browser, url, dark=dark)
    page.wait_until("Chart.getChart('chart').data.datasets.length === 4")
    drawn = page.evaluate(
        "Chart.getChart('chart').data.datasets"
        ".map(d => ({label: d.label, dash: d.borderDash ?? [], fill: d.fill ?? null}))"
    )
    assert [(one["label"], bool(one["dash"])) for one in drawn[:2]] == [("observed", False), ("forecast", True)]
    assert drawn[3]["fill"] == "-1"
    keys = {
        name: page.evaluate(f"getComputedStyle(document.querySelector('.key-{name}')).borderTopStyle")
        for name in ("observed", "forecast")
    }
    assert keys == {"observed": "solid", "forecast": "dashed"}
    label = page.evaluate("document.getElementById('chart').getAttribute('aria-label')")
    assert "observed values, the newest" in label
    assert "forecast values, the first" in label
    kinds = page.evaluate("[...document.querySelectorAll('#rows tr td:nth-child(2)')].map(cell => cell.textContent)")
    assert set(kinds) == {"observed", "forecast"}


def test_nothing_is_refused_and_nothing_fails(browser: Page, url: str) -> None:
    """No script error and nothing that the page's policy refused; software rendering may be slow and say so."""
    browser.errors.clear()
    opened(browser, url)
    assert [error for error in browser.errors if "WebGL" not in error] == []
