"""The report in a real browser: it draws its plots, says nothing on the console, and asks
nobody for anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from test_eval_report import EVIL, PLAIN, make_run, suite

from evals.report import write_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[1]
# Read before a test's own environment begins.
ARTEFACTS = Path(os.environ.get("CURATOR_ARTEFACTS") or ROOT / "build")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="neither chromium nor google-chrome is installed"),
]

# How well text can be told from the page behind it, by the formula of WCAG 2.
CONTRAST = """text => {
  const parts = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = colour => {
    const [r, g, b] = parts(colour).map(v => {
      const s = v / 255;
      return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [a, b] = [light(getComputedStyle(text).fill),
                  light(getComputedStyle(document.body).backgroundColor)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    quiet = "disable-gpu disable-quic no-first-run disable-background-networking"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[f"--{flag}" for flag in f"{quiet} disable-component-update disable-sync".split()],
        )
        yield opened
        opened.close()


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]
)
def test_the_report_opens(
    browser: Browser, tmp_path: Path, scheme: Literal["light", "dark"], width: int
) -> None:
    run = make_run(suites=[suite("ask-own", PLAIN), suite("safety-own", EVIL)])
    path = tmp_path / "report.html"
    write_report(run, [make_run("first", 1), make_run("second", 2, EVIL)], path)
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    context.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri(), wait_until="networkidle")

    plots = page.locator("main svg")
    assert plots.count() == 1 + 2 * 8 + 2  # intervals, curves, over time
    for plot in plots.all():
        box = plot.bounding_box()
        assert box and box["width"] > 150 and box["height"] > 80
        assert plot.locator("text").count() >= 3
    assert min(text.evaluate(CONTRAST) for text in plots.first.locator("text").all()) > 4.5

    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, "nothing sticks out to the side"

    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    shot = ARTEFACTS / f"eval-report-{scheme}-{width}.png"
    page.screenshot(path=shot, full_page=True)
    assert shot.stat().st_size > 50_000

    # The link of a worked example opens the sample that it is about.
    trace = page.locator("details.samples pre").last
    assert not trace.is_visible()
    page.get_by_role("link", name="Trace of").last.click()
    assert page.locator(":target").is_visible()
    assert page.locator(":target .trace pre").is_visible()

    assert page.title() == "Evaluation run-3"
    assert said == []
    assert asked == [path.as_uri()]
    context.close()
