"""The pages as people use them, in a real browser at the widths of a phone and of a desk.

In every test the page must say nothing on the console, ask nobody but its server, and run no
text of a paper (`browsing.visiting` looks at that).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import served
from browsing import CHROMIUM, Scheme, launched, violations, visiting, well_behaved
from fakes import Said
from test_web_chat import Model

from curator.filters import Filters
from curator.library import Library
from curator.llm.base import Request

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="neither chromium nor google-chrome is installed"),
]
both = pytest.mark.parametrize("width", [390, 1280])

QUESTION = "What accuracy does OwlNet reach?"
FIRST = "OwlNet reaches an accuracy of 91.5%."
SECOND = "OwlNet locates prey from two microphones."
# What is shown for them: a draft that a stored sentence bears out is shown as that sentence.
STORED = "OwlNet reaches an accuracy of 91.5% on the Barn test set."
LAST = "We present OwlNet, a network that locates prey from two microphones."
TOKEN = "a-token-that-nobody-guesses-0123456789"


def says(request: Request) -> Said:
    """Two sentences of the first paper, whatever is asked."""
    del request
    return {"sentences": [{"text": FIRST, "evidence": 1}, {"text": SECOND, "evidence": 1}]}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as opened:
        yield opened


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return served.make_home(tmp_path_factory.mktemp("served") / "home")


@pytest.fixture
def model() -> Model:
    made = Model()
    made.says = says
    return made


@pytest.fixture
def library(made: Path, model: Model, tmp_path: Path) -> Iterator[Library]:
    shutil.copytree(made, tmp_path / "library")
    with served.open_library(tmp_path / "library", model) as opened:
        yield opened
        model.go.set()  # what still waits for the model ends


@pytest.fixture
def address(library: Library) -> Iterator[str]:
    with served.live(library) as opened:
        yield opened


def ask(page: Page, question: str = QUESTION) -> Locator:
    """Types a question; the exchange that it becomes."""
    page.get_by_label("Question").fill(question)
    page.get_by_label("Question").press("Enter")
    return page.locator(".exchange").last


def said(page: Page, text: str) -> None:
    """Waits until that was told, also to who only listens."""
    page.locator("#said", has_text=text).wait_for()


def see(place: Locator, text: str) -> None:
    """Waits until the place shows the text."""
    place.filter(has_text=text).first.wait_for()


# --------------------------------------------------------------------------------- the chat


@both
def test_an_answer_is_shown_sentence_by_sentence(
    browser: Browser, address: str, model: Model, width: int
) -> None:
    model.first = '{"sentences": [' + json.dumps({"text": FIRST, "evidence": 1}) + ","
    model.go.clear()
    with visiting(browser, address, width) as page:
        page.goto("/")
        exchange = ask(page)
        see(exchange.locator(".sentence"), STORED)
        assert exchange.locator(".sentence").count() == 1
        assert page.get_by_role("button", name="Stop").is_visible()
        assert not page.get_by_role("button", name="Ask", exact=True).is_visible()
        model.go.set()
        exchange.get_by_role("button", name="Ask again").wait_for()
        sentences = exchange.locator(".sentence").all_inner_texts()
        assert sentences[0] == f"{STORED} [1] quoted"
        assert sentences[-1] == f"{LAST} [1] quoted"
        assert len(sentences) == exchange.locator(".sentence .origin").count() > 1
        see(exchange.locator(".sources"), served.OWL["title"])
        assert page.get_by_role("button", name="Ask", exact=True).is_visible()

        # The conversation has its address, and is there again.
        assert "What" in page.url and page.url != f"{address}/chat"
        page.reload()
        assert page.locator(".question").inner_text() == QUESTION
        assert page.locator(".exchange .sentence").all_inner_texts() == sentences


@both
def test_a_citation_opens_the_stored_sentence(browser: Browser, address: str, width: int) -> None:
    with visiting(browser, address, width) as page:
        page.goto("/chat")
        exchange = ask(page)
        exchange.get_by_role("button", name="Ask again").wait_for()
        cite = exchange.get_by_role("link", name="[1], its stored sentence").first
        cite.click()
        panel = page.get_by_role("dialog", name=served.OWL["title"])
        panel.wait_for()
        assert panel.locator("mark").inner_text() == STORED
        assert panel.locator(".stored").inner_text() == served.OWL["abstract"]
        for _ in range(6):  # who goes on with the key stays inside
            page.keyboard.press("Tab")
            assert page.evaluate(
                "document.activeElement === document.body"
                " || document.getElementById('passage').contains(document.activeElement)"
            )
        page.keyboard.press("Escape")
        panel.wait_for(state="hidden")
        assert cite.evaluate("at => at === document.activeElement"), "the focus is back"

        cite.press("Enter")
        panel.wait_for()
        panel.get_by_role("button", name="Close").click()
        panel.wait_for(state="hidden")
        cite.click()
        panel.get_by_role("link", name="The paper").click()
        page.wait_for_url("**/papers/*")
        assert page.get_by_role("heading", level=1).inner_text() == served.OWL["title"]


@both
def test_an_answer_is_stopped_and_asked_for_again(
    browser: Browser, address: str, model: Model, width: int
) -> None:
    model.go.clear()
    with visiting(browser, address, width) as page:
        page.goto("/chat")
        exchange = ask(page)
        see(exchange, "writing…")
        page.get_by_role("button", name="Stop").click()
        see(exchange, "Stopped before anything was written.")
        assert model.stopped.wait(10), "the model lets go"
        assert page.get_by_role("button", name="Ask", exact=True).is_visible()

        model.go.set()
        exchange.get_by_role("button", name="Ask again").click()
        see(page.locator(".exchange .sentence"), LAST)
        assert page.locator(".exchange").count() == 1

        # An answer that was given is asked for again in its own place, too.
        page.evaluate("document.querySelector('.exchange').classList.add('former')")
        page.get_by_role("button", name="Ask again").click()
        page.locator(".exchange:not(.former) .sources").wait_for()
        assert page.locator(".exchange").count() == 1
        page.reload()
        assert page.locator(".exchange").count() == 1


def test_escape_stops_an_answer(browser: Browser, address: str, model: Model) -> None:
    model.first = '{"sentences": [' + json.dumps({"text": FIRST, "evidence": 1}) + ","
    model.go.clear()
    with visiting(browser, address) as page:
        page.goto("/chat")
        exchange = ask(page)
        see(exchange.locator(".sentence"), STORED)
        page.keyboard.press("Escape")
        see(exchange, "Stopped here. What is above was checked")
        assert exchange.locator(".sentence").count() == 1, "what was checked stays"
        assert model.stopped.wait(10)


# ------------------------------------------------------------------------------ the library


def hits(page: Page) -> list[str]:
    return page.locator("#results .hit h3").all_inner_texts()


@both
def test_the_library_is_filtered_and_searched_as_one_types(
    browser: Browser, address: str, library: Library, width: int
) -> None:
    tag = library.taxonomy.tags[0].name
    with visiting(browser, address, width) as page:
        page.goto("/library")
        assert len(hits(page)) == 3
        if width < 800:  # a phone shows papers first
            page.get_by_text("Tags and categories").click()
        page.get_by_role("complementary").get_by_role("link", name=tag).click()
        page.get_by_role("list", name="Active filters").wait_for()
        assert sorted(hits(page)) == sorted([served.OWL["title"], served.BAT["title"]])

        page.get_by_label("Search the library").press_sequentially("echoes warehouse")
        see(page.locator("#count"), "The best")
        see(page.locator("#results .hit").first, served.BAT["title"])
        assert "q=echoes+warehouse" in page.url and f"tag={tag}" in page.url
        assert page.locator("#results .hit").first.locator("mark").count()
        page.reload()  # the address says it all
        assert hits(page)[0] == served.BAT["title"]
        page.get_by_label(f"Remove the filter tag {tag}").click()
        page.wait_for_url(lambda url: "tag=" not in url)
        assert page.get_by_label("Search the library").input_value() == "echoes warehouse"
        page.get_by_label("Search the library").fill("no-such-word-at-all")
        see(page.locator("#count"), "The best")


def test_what_is_typed_before_the_script_is_there_is_searched(
    browser: Browser, address: str
) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    with visiting(browser, address) as page:
        page.route("**/static/library.js", hold)
        with page.expect_request("**/static/library.js"):
            page.goto("/library", wait_until="commit")
        page.get_by_label("Search the library").fill("echoes warehouse")
        assert len(hits(page)) == 3
        held[0].continue_()
        see(page.locator("#count"), "The best")
        assert hits(page)[0] == served.BAT["title"]


@both
def test_papers_are_gone_through_and_liked_by_keys(
    browser: Browser, address: str, library: Library, width: int
) -> None:
    def pressed(title: str, mark: str) -> str | None:
        hit = page.locator(".hit", has=page.get_by_role("heading", name=title, exact=True))
        return hit.get_by_role("button", name=mark, exact=True).get_attribute("aria-pressed")

    with visiting(browser, address, width) as page:
        page.goto("/library")
        first, second, third = hits(page)
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("k")
        page.keyboard.press("j")
        assert page.evaluate("document.activeElement.innerText") == second
        page.keyboard.press("l")
        said(page, "Liked.")
        assert [pressed(title, "Like") for title in (first, second, third)] == [
            "false", "true", "false",
        ]  # fmt: skip
        page.reload()
        assert pressed(second, "Like") == "true", "it is stored"
        assert library.catalog.marks.counts()["liked"] == 1

        page.keyboard.press("/")
        page.keyboard.type("l")  # a letter now
        assert page.get_by_label("Search the library").input_value() == "l"
        page.get_by_label("Search the library").fill("")
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        keys = page.get_by_role("dialog", name="Keys")
        keys.wait_for()
        page.keyboard.press("Escape")
        keys.wait_for(state="hidden")
        page.keyboard.press("j")
        page.keyboard.press("o")
        page.wait_for_url("**/papers/*")


@both
def test_tags_are_edited_in_place(
    browser: Browser, address: str, library: Library, width: int
) -> None:
    has, doubtful, other = (tag.name for tag in library.taxonomy.tags[:3])
    with visiting(browser, address, width) as page:
        page.goto("/library")
        owl = page.locator(".hit", has=page.get_by_role("heading", name=served.OWL["title"]))
        owl.get_by_label("Add a tag").fill(other)
        owl.get_by_label("Add a tag").press("Enter")
        said(page, f"Tag {other} kept.")
        owl.get_by_role("button", name=f"Confirm the tag {doubtful}").click()
        said(page, f"Tag {doubtful} kept.")
        owl.get_by_role("button", name=f"Remove the tag {has}").click()
        said(page, f"Tag {has} removed.")

        def shows() -> tuple[set[str], list[str]]:
            """Of the three; the tagger, which learns, may have found others by now."""
            kept = owl.locator(".chips .chip > a").all_inner_texts()
            return {has, doubtful, other} & set(kept), owl.locator(".chip s").all_inner_texts()

        assert shows() == ({doubtful, other}, [has])
        page.reload()
        assert shows() == ({doubtful, other}, [has])
        owl.get_by_role("button", name=f"Undo removing the tag {has}").click()
        said(page, f"Tag {has}: your word is taken back.")
        assert shows() == ({has, doubtful, other}, [])


# -------------------------------------------------------------------- the review, and digests


@both
def test_a_tag_is_reviewed_by_keys_and_taken_back(
    browser: Browser, address: str, library: Library, width: int
) -> None:
    def stands() -> list[dict[str, bool]]:
        return list(library.catalog.corrections.all().values())

    sure = library.taxonomy.tags[0].name
    with visiting(browser, address, width) as page:
        page.goto("/review")
        title = page.locator("h2.review-title")
        see(title, served.BAT["title"])
        page.keyboard.press("y")
        see(title, served.OWL["title"])
        assert stands() == [{sure: True}]
        assert title.evaluate("at => at === document.activeElement"), "it is read out"
        page.keyboard.press("u")
        see(title, served.BAT["title"])
        assert stands() == []
        page.keyboard.press("n")
        see(title, served.OWL["title"])
        assert stands() == [{sure: False}]
        page.keyboard.press("a")  # whatever the tagger suggests by now: it learns
        see(page.locator("#desk"), "Nothing is left to decide.")
        page.reload()
        see(page.locator("#desk"), "Nothing is left to decide.")
        assert len(stands()) == 2 and {sure: False} in stands()


@both
def test_a_digest_is_edited(browser: Browser, address: str, width: int) -> None:
    with visiting(browser, address, width) as page:
        page.goto("/digests")
        page.get_by_role("link", name="2026-W47").click()
        page.wait_for_url("**/2026-W47")  # and its script
        owls, boats, moths = (
            page.locator("article.paper", has_text=title)
            for title in ("Night Owls", "keels", "Moths and Lamps")
        )
        moths.get_by_role("button", name="Pin", exact=True).click()
        said(page, "Pinned")
        see(moths, "pinned")
        boats.get_by_role("button", name="Drop").click()
        said(page, "Taken out")
        boats.wait_for(state="detached")
        owls.get_by_text("Rewrite the summary").click()
        owls.get_by_role("textbox").first.fill("Owls hear mice.")
        owls.get_by_role("button", name="Store").click()
        said(page, "Summary stored")
        page.get_by_text("Add a note on top").click()
        note = page.get_by_label("Note").first
        note.fill("A quiet week. <b>Really</b>.")
        page.get_by_role("button", name="Add", exact=True).first.click()
        said(page, "Note added")

        page.reload()
        see(moths, "pinned")
        assert boats.count() == 0
        see(owls.locator("p > .sentence"), "Owls hear mice.")
        assert owls.locator("p > .origin").inner_text() not in ("", "quoted")
        see(page.locator(".lead .written"), "A quiet week. <b>Really</b>.")
        see(page.locator("form.dropped"), "keels")
        page.get_by_role("button", name="Put back").click()
        said(page, "Put back")
        boats.wait_for()

        # The same by keys: the next paper, and its pin.
        page.keyboard.press("j")
        page.keyboard.press("p")
        said(page, "Pinned")


# -------------------------------------------------------------------------- map and status


@both
def test_the_map_is_drawn_and_opens_papers(browser: Browser, address: str, width: int) -> None:
    with visiting(browser, address, width) as page:
        page.goto("/map")
        page.locator("#list a").nth(2).wait_for()
        assert page.locator("#count").inner_text() == "3 papers"
        canvas = page.locator("#map")
        page.wait_for_function(
            "() => { const c = document.getElementById('map');"
            " return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v) }"
        )
        # By its place, as map.js has it.
        paper = page.evaluate("fetch('/api/map').then(r => r.json()).then(m => m.papers[0])")
        box = canvas.bounding_box()
        assert box
        fit = min(box["width"], box["height"]) / 2 * 0.94
        spot = {
            "x": box["width"] / 2 + paper["x"] * fit,
            "y": box["height"] / 2 + paper["y"] * fit,
        }
        canvas.hover(position=spot)  # type: ignore[arg-type]
        see(page.locator("#tip"), paper["title"])
        canvas.click(position=spot)  # type: ignore[arg-type]
        page.wait_for_url(f"**/papers/{paper['id']}")

        page.go_back()
        page.locator("#list a").nth(2).wait_for()
        canvas.focus()
        for key in "+++":
            page.keyboard.press(key)
        page.locator("#count").filter(has_not_text="3 papers").wait_for()
        page.keyboard.press("0")
        see(page.locator("#count"), "3 papers")
        link = page.locator("#list a").first
        opened = link.get_attribute("href")
        link.press("Enter")
        page.wait_for_url(f"**{opened}")


@both
def test_status_shows_what_runs_and_stops_it(
    browser: Browser, address: str, model: Model, width: int
) -> None:
    model.go.clear()
    with visiting(browser, address, width) as page:
        page.goto("/status")
        page.get_by_role("button", name="Summarise").click()
        job = page.locator(".job", has_text="Summarise what is new")
        see(job.locator(".chip"), "running")
        assert job.get_by_role("progressbar").is_visible()
        assert model.entered.wait(10)
        job.get_by_role("button", name="Stop: Summarise what is new").click()
        model.go.set()  # it stops before the next paper
        see(job.locator(".chip"), "stopped")
        assert job.get_by_role("button").count() == 0
        page.reload()
        see(job.locator(".chip"), "stopped")


def test_records_are_pasted(browser: Browser, address: str, library: Library) -> None:
    with visiting(browser, address) as page:
        page.goto("/status")
        page.get_by_label("Records: BibTeX").fill(
            "@article{hare, title={Hares Outrun Foxes}, year={2026},"
            " abstract={Hares run at 70 km/h. Foxes do not.}}"
        )
        page.get_by_role("button", name="Add records").click()
        see(page.locator(".job .chip"), "done")
        see(page.locator("[data-count=papers]"), "4")
        assert page.get_by_label("Records: BibTeX").input_value() == ""
    assert library.status()["papers"] == 4


# ------------------------------------------------------------------------------- the token


@both
def test_a_token_lets_in(browser: Browser, library: Library, width: int) -> None:
    with (
        served.live(library, token=TOKEN) as address,
        # The browser itself tells of each page that is refused.
        visiting(browser, address, width, expected=("Failed to load resource",)) as page,
    ):
        page.goto("/library?q=owls")
        page.get_by_label("Token").fill("not-it")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        assert page.get_by_label("Token").get_attribute("aria-invalid") == "true"
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_url("**/library?q=owls")
        assert served.OWL["title"] in hits(page)
        assert TOKEN not in page.content()
        ask_there = page.goto("/chat")
        assert ask_there and ask_there.status == 200
        see(ask(page).locator(".sentence"), LAST)


# ------------------------------------------------------- every page, for every kind of reader

LONG = "W" * 200 + "\u202e" + "🦉" * 50


def every_page(library: Library) -> list[str]:
    ids = library.catalog.papers.select_ids(Filters())
    papers = [f"/papers/{paper_id}" for paper_id in ids]
    return [
        *("/chat", "/chat?q=" + LONG, "/library", "/library?q=owls", "/library?q=" + LONG, *papers),
        *("/review", "/digests", "/digests/me/2026-W47", "/map", "/status", "/evals", "/login"),
        *("/no-such-page", "/papers/p000000000000"),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@both
def test_nothing_is_in_the_way_of_anybody(
    browser: Browser, address: str, library: Library, width: int, scheme: Scheme
) -> None:
    """axe finds nothing, and nothing sticks out to the side; also with an answer on the page,
    and with what can be opened opened."""
    missing = ("Failed to load resource",)  # two pages that are not there
    with visiting(browser, address, width, scheme=scheme, expected=missing) as page:
        found: dict[str, list[str]] = {}

        def look(name: str) -> None:
            well_behaved(page)
            found[name] = violations(page)

        for path in every_page(library):
            page.goto(path, wait_until="load")
            if path == "/map":
                page.locator("#list a").first.wait_for()
            look(path)
            page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
            look(f"{path}, opened")
        page.goto("/chat")
        exchange = ask(page)
        exchange.get_by_role("button", name="Ask again").wait_for()
        look("an answer")
        exchange.get_by_role("link", name="[1], its stored sentence").first.click()
        page.locator("#passage mark").wait_for()
        look("a stored sentence")
        assert {name: lines for name, lines in found.items() if lines} == {}
        assert len(found) > 20


@both
def test_the_keyboard_is_enough(browser: Browser, address: str, width: int) -> None:
    def focused(what: str = "innerText") -> str:
        return str(page.evaluate(f"document.activeElement.{what}")).strip()

    with visiting(browser, address, width) as page:
        page.goto("/library")
        page.keyboard.press("Tab")
        assert focused() == "Skip to the content"
        box = page.locator(".skip").bounding_box()
        assert box and box["x"] >= 0 and box["y"] >= 0, "it is seen when it is reached"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert focused("id") == "q", "what follows is the page's own"

        # From the top through the bar, in the order in which it is read.
        page.goto("/chat")
        names = []
        for _ in range(9):
            page.keyboard.press("Tab")
            names.append(focused() or focused("ariaLabel"))
        assert names == [
            "Skip to the content", "Paper Curator", "Chat", "Library", "Review", "Digests", "Map",
            "Status", "◐",
        ]  # fmt: skip
        page.keyboard.press("Enter")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.reload()
        assert page.evaluate("document.documentElement.dataset.theme") == "dark", "it is kept"

        # All that has the focus shows it.
        for path in ("/chat", "/library", "/review", "/digests/me/2026-W47", "/status", "/map"):
            page.goto(path)
            seen: set[str] = set()
            for _ in range(25):
                page.keyboard.press("Tab")
                style = page.evaluate(
                    "(() => { const at = document.activeElement, s = getComputedStyle(at);"
                    " return at === document.body ? 'body'"
                    " : s.outlineStyle + ' ' + s.outlineWidth })()"
                )
                seen.add(style)
            assert not {style for style in seen if style.startswith("none")}, path


def test_a_chosen_paper_is_asked_about(browser: Browser, address: str) -> None:
    with visiting(browser, address) as page:
        page.goto("/library")
        page.get_by_role("link", name=served.OWL["title"], exact=True).click()
        page.get_by_role("link", name="Ask about this paper").click()
        page.wait_for_url("**/chat?*")
        see(page.locator("#ask"), f"Only about: {served.OWL['title']}")
        exchange = ask(page)
        exchange.get_by_role("button", name="Ask again").wait_for()
        assert exchange.locator(".sources li").count() == 1
        see(exchange.locator(".sources"), served.OWL["title"])
