"""The pages in real Chromium: they draw, they stay live, they can be read, and they need nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from burnline.app.application import create_app
from burnline.events import Collection, Sample
from burnline.metrics import cost, queues
from burnline.store import timeline
from tests.alerting.pair import until
from tests.app.scenes import HOSTILE, break_release, deliver, story
from tests.app.serving import serving
from tests.flow.world import World
from tests.programs import program

pytestmark = pytest.mark.integration

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PATHS = ["/", "/services/scoring", "/services/scoring?last=12h", "/incidents", "/incidents/1", "/approvals", "/nope"]

# Every piece of text that can be read too badly (WCAG 2.2, 1.4.3): its contrast with what lies behind it.
FAINT = """() => {
  const pixel = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (color) => {
    pixel.clearRect(0, 0, 1, 1); pixel.fillStyle = color; pixel.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pixel.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] > 0.99) return color;
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0, 1] : [255, 255, 255, 1];
  };
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const faint = [];
  while (words.nextNode()) {
    const element = words.currentNode.parentElement;
    const said = words.currentNode.data.trim();
    if (!said || !element.checkVisibility() || element.tagName === "NOSCRIPT") continue;
    const style = getComputedStyle(element);
    const [one, two] = [light(rgba(style.color)), light(behind(element))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) faint.push(`${ratio.toFixed(2)}: ${said}`);
  }
  return faint;
}"""
NAMELESS = """() => [
  ...[...document.querySelectorAll("input:not([type=hidden])")].filter((each) => !each.labels.length),
  ...[...document.querySelectorAll("a, button")].filter((each) => !each.textContent.trim()),
  ...[...document.querySelectorAll("th")].filter((each) => !each.scope),
  ...[...document.querySelectorAll("img")].filter((each) => each.getAttribute("alt") === null),
  ...[...document.querySelectorAll("[id]")].filter((each) => document.getElementById(each.id) !== each),
].map((each) => each.outerHTML)"""
PAINTED = """(canvas) => {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(pixels.data.buffer)).size;
}"""


OF_COLOR = """(canvas, name) => {
  const pen = document.createElement("canvas").getContext("2d");
  pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const wanted = parseInt(pen.fillStyle.slice(1), 16);
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let n = 0; n < data.length; n += 4) found += (data[n] << 16 | data[n + 1] << 8 | data[n + 2]) === wanted;
  return found;
}"""


def _is_complaint(line: ConsoleMessage) -> bool:
    """That these tests read pixels back often is Chromium's advice to them, no fault of the page."""
    return line.type in ("error", "warning") and "readback" not in line.text


@dataclass
class Seen:
    """A tab, and everything it complained about or asked for."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go there and wait until it is live."""
        self.page.goto(self.url + path)
        if path != "/nope":
            expect(self.page.locator("#live")).to_have_text("live")
        return self.page

    def elsewhere(self) -> set[str]:
        """Whom it asked besides burnline."""
        return {urlsplit(url).netloc for url in self.asked if not url.startswith("data:")} - {urlsplit(self.url).netloc}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all tabs."""
    path = program("chromium")  # first: where it is missing, so are the libraries that the driver itself needs
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def tab(
    browser: Browser, url: str, *, width: int = 1280, scheme: str = "light", scripts: bool = True
) -> Iterator[Seen]:
    """A tab of its own, far from UTC."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        timezone_id="Pacific/Auckland",
        java_script_enabled=scripts,
    )
    seen = Seen(context.new_page(), url)
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    seen.page.on("console", lambda line: seen.complaints.append(line.text) if _is_complaint(line) else None)
    seen.page.on("request", lambda request: seen.asked.append(request.url))
    yield seen
    context.close()


@contextmanager
def served(scene: World, *, workers: bool = False) -> Iterator[str]:
    """The scene behind the real server."""
    if not workers:
        scene.app.start = lambda: None  # type: ignore[method-assign]
    with serving(create_app(scene.app)) as url:
        yield url


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str]]:
    """A bad release serves, its rollback waits for a person, hostile alerts came too; nothing moves by itself."""
    with story(tmp_path_factory.mktemp("still"), seconds=45) as scene:
        scene.live(20)
        break_release(scene)
        deliver(scene, service="scoring", summary=HOSTILE, alertname="<img src=x onerror=alert(1)>")
        deliver(scene, service='"><script>', summary=HOSTILE, fingerprint="e" * 16)
        with served(scene) as url:
            yield scene, url


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[tuple[World, str]]:
    """The same without hostility, with burnline's workers at work, for one test alone."""
    with story(tmp_path, seconds=45) as scene:
        scene.live(20)
        break_release(scene)
        with served(scene, workers=True) as url:
            yield scene, url


def note(scene: World, words: str) -> None:
    """A line on the record of the incident."""
    scene.app.db.write(
        lambda tx: timeline.append(tx, incident_id=1, at=datetime.now(UTC), source="person", type="note", text=words)
    )


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 400)])
@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_quiet_readable_and_self_contained(
    chromium: Browser, still: tuple[World, str], path: str, scheme: str, width: int
) -> None:
    with tab(chromium, still[1], width=width, scheme=scheme) as seen:
        page = seen.open(path)
        if "services" in path:
            expect(page.locator("[data-plot][data-ready]")).to_have_count(6)

        assert page.evaluate(FAINT) == []
        page.emulate_media(color_scheme="light" if scheme == "dark" else "dark")
        assert page.evaluate(FAINT) == []
        assert page.evaluate(NAMELESS) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert seen.elsewhere() == set()
        assert [line for line in seen.complaints if path != "/nope" or "404" not in line] == []


def test_charts_are_painted_and_repainted_for_the_dark(chromium: Browser, still: tuple[World, str]) -> None:
    with tab(chromium, still[1]) as seen:
        page = seen.open("/services/scoring")
        expect(page.locator("[data-plot][data-ready]")).to_have_count(6)
        canvases = page.locator("[data-plot] canvas")

        light = [canvas.evaluate(PAINTED) for canvas in canvases.all()]
        page.emulate_media(color_scheme="dark")
        dark = [canvas.evaluate(PAINTED) for canvas in canvases.all()]

        assert len(light) == len(dark) == 6
        assert min(light + dark) > 20
        assert seen.complaints == []


def test_a_service_without_data_has_words_and_no_empty_charts(chromium: Browser, tmp_path: Path) -> None:
    with story(tmp_path, seconds=10) as scene, served(scene) as url, tab(chromium, url) as seen:
        page = seen.open("/services/scoring")
        expect(page.locator("[data-plot][data-ready]")).to_have_count(6)

        assert page.locator("[data-plot] canvas").count() == 0
        expect(page.locator("#availability [data-plot=burn]")).to_contain_text("nothing to draw. Not evaluated yet")
        expect(page.locator("#availability [data-plot=budget]")).to_have_text("No data in this time: nothing to draw. ")
        expect(page.get_by_text("no collector of the service file has had its turn")).to_be_visible()
        assert page.get_by_text("OK", exact=True).count() == 0
        assert page.evaluate(FAINT) == []
        assert seen.complaints == []


def test_the_first_point_of_a_young_slo_is_seen_and_dates_are_not_cut(
    chromium: Browser, still: tuple[World, str]
) -> None:
    twelve_hours = [1.8e9 + 720 * n for n in range(60)]
    lines = {"rate": [None] * 59 + [0.5], "tier": "page-fast", "window": "1h", "factor": 14.4, "hue": "page-fast"}
    young = {"at": twelve_hours, "budget_remaining": lines["rate"], "known": [False] * 59 + [True], "burns": [lines]}
    old = {**young, "known": [True] * 60}
    with tab(chromium, still[1]) as seen:
        kept: dict[str, object] = young
        seen.page.route("**/history?*", lambda route: route.fulfill(json=kept))
        budget = seen.open("/services/scoring").locator("#availability [data-plot=budget]")
        expect(budget.locator("canvas")).to_have_count(1)
        assert budget.locator("canvas").evaluate(OF_COLOR, "ok") > 5, "the point"

        kept = old
        seen.open("/services/scoring")
        expect(budget.locator("canvas")).to_have_count(1)

        bottom = budget.locator(".u-axis").first.evaluate("(axis) => axis.getBoundingClientRect().height")
        assert bottom >= 40, "a date stands under the hour"
        assert seen.complaints == []


def test_pointing_at_a_chart_tells_time_in_utc_and_values(chromium: Browser, still: tuple[World, str]) -> None:
    with tab(chromium, still[1]) as seen:
        page = seen.open("/services/scoring")
        expect(page.locator("[data-plot][data-ready]")).to_have_count(6)

        page.locator("#availability [data-plot=burn] .u-over").hover()

        said = page.locator("#availability figure").first.locator("[data-note]").text_content() or ""
        assert "UTC: over 1m " in said
        hour = int(said[:2])
        assert (datetime.now(UTC).hour - hour) % 24 <= 1


def test_what_happens_appears_without_reload_and_leaves_a_form_alone(
    chromium: Browser, still: tuple[World, str]
) -> None:
    scene, url = still
    with tab(chromium, url) as seen:
        page = seen.open("/incidents/1")
        page.evaluate("window.same = true")
        page.get_by_label("Your name").fill("Noor")
        page.get_by_label("Reason").type("because")
        page.evaluate("document.querySelector('.approval').dataset.mark = 'old'; document.body.scrollTop = 40")

        note(scene, "somebody looks at it")

        expect(page.get_by_text("somebody looks at it")).to_be_visible()
        assert page.evaluate("window.same")
        assert page.get_by_label("Your name").input_value() == "Noor"
        assert page.get_by_label("Reason").input_value() == "because"
        assert page.evaluate("document.activeElement.name") == "reason"
        assert seen.complaints == []


def test_a_click_approves_and_the_rollback_is_seen_live(chromium: Browser, waiting: tuple[World, str]) -> None:
    scene, url = waiting
    with tab(chromium, url) as seen:
        page = seen.open("/")
        page.get_by_role("link", name="Decide").click()
        page.get_by_label("Your name").fill("Noor")
        page.get_by_role("button", name="Approve").click()

        expect(page.get_by_text("Noor approved what run 1 plans")).to_be_visible()
        expect(page.get_by_text(re.compile("roll-back: .*2 -> 1")).first).to_be_visible(timeout=10_000)
        expect(page.get_by_text("Waiting for a person")).to_have_count(0)
        assert scene.service.version == "1"
        assert seen.complaints == []


def test_without_scripts_tables_show_and_the_form_works(chromium: Browser, waiting: tuple[World, str]) -> None:
    scene, url = waiting
    with tab(chromium, url, scripts=False) as seen:
        page = seen.page
        page.goto(url + "/services/scoring")
        expect(page.get_by_role("rowheader", name="availability", exact=True)).to_be_visible()
        page.get_by_role("link", name="Approvals").click()
        page.get_by_label("Your name").fill("Noor")
        page.get_by_role("button", name="Reject").click()

        expect(page.get_by_text("Noor rejected what run 1 plans")).to_be_visible()
        assert scene.service.version == "2"


def test_a_page_whose_server_is_gone_says_that_it_is_not_live(chromium: Browser, tmp_path: Path) -> None:
    with story(tmp_path, seconds=10) as scene, tab(chromium, "") as seen:
        with served(scene) as url:
            seen.url = url
            page = seen.open("/")

        expect(page.locator("#live")).to_have_text("not live: trying again")
        expect(page.locator("body.stale")).to_have_count(1)


def test_a_hidden_tab_holds_no_stream(chromium: Browser, still: tuple[World, str]) -> None:
    with tab(chromium, still[1]) as seen:
        page = seen.open("/")
        hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
        page.evaluate(hide % "true" + "document.dispatchEvent(new Event('visibilitychange'))")

        assert page.evaluate("stream.readyState") == 2  # EventSource.CLOSED

        page.evaluate(hide % "false" + "document.dispatchEvent(new Event('visibilitychange'))")
        until(lambda: page.evaluate("stream.readyState") == 1, "open again")  # wait_for_function may not eval here


@pytest.mark.parametrize("width", [1280, 400])
def test_a_folded_part_opens_by_its_link_and_stays_open_when_the_page_changes(
    chromium: Browser, tmp_path: Path, width: int
) -> None:
    with story(tmp_path, seconds=10) as scene:
        many = [Sample(name, {"queue": f"q{n}"}, n) for name in (queues.READY, queues.CONSUMERS) for n in range(20)]
        turn = Collection("scoring", "redis", "here", scene.now, 0.1, True, (*many, Sample(cost.SPENT, {}, 5)))
        scene.app.turns["scoring", "redis", "here", True] = turn
        with served(scene) as url, tab(chromium, url, width=width) as seen:
            page = seen.open("/services/scoring/measured")
            row = page.get_by_text("queue q19", exact=True).first
            expect(row).to_be_hidden()

            page.get_by_role("link", name="Queues").click()
            expect(row).to_be_visible()
            later = replace(turn, samples=(*turn.samples, Sample(cost.IDLE, {}, 1)))
            scene.app.turns["scoring", "redis", "here", True] = later
            page.evaluate("htmx.trigger('#page', 'tick')")

            expect(page.get_by_text("burnline_cost_idle_total")).to_be_visible()
            expect(row).to_be_visible()
            assert page.evaluate(FAINT) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width


# What is written on canvases: [text, left, width, y], in pixels of the canvas.
WRITTEN = """(() => {
  window.written = [];
  const write = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    window.written.push([text, x, this.measureText(text).width, y, this.canvas.width]);
    return write.apply(this, arguments);
  };
})()"""


@pytest.mark.parametrize("width", [1280, 400])
def test_the_names_of_tiers_do_not_lie_upon_each_other_when_the_burn_is_high(
    chromium: Browser, tmp_path: Path, width: int
) -> None:
    with story(tmp_path, seconds=100) as scene:
        scene.live(20)
        scene.live(70, failing=1.0)
        with served(scene) as url, tab(chromium, url, width=width) as seen:
            seen.page.add_init_script(WRITTEN)
            page = seen.open("/services/scoring")
            expect(page.locator("[data-plot][data-ready]")).to_have_count(6)
            tiers = ["page-fast", "page-slow", "ticket-fast", "ticket-slow"]

            written = page.evaluate("(tiers) => window.written.filter(([text]) => tiers.includes(text))", tiers)

            drawn = [written[at : at + 4] for at in range(0, len(written), 4)]  # a chart at a time, in any order
            heights = [max(y for *_, y, _ in chart) - min(y for *_, y, _ in chart) for chart in drawn]
            assert min(heights) < 45, "four lines within the height of four words: the burn is high"
            for chart in drawn:
                assert [text for text, *_ in chart] == tiers
                for (_, x, wide, y, canvas), (_, x2, wide2, y2, _) in combinations(chart, 2):
                    assert abs(y - y2) >= 10 or x + wide <= x2 or x2 + wide2 <= x
                    assert x + wide <= canvas
