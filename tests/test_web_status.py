"""Status and Evals on a real server: work is started, told of and stopped; no file of the
machine is opened for a client; nothing secret is shown."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from commands import write_lines
from fakes import Said
from loopback import (
    Loopback,
    loopback_fixture,  # noqa: F401
    ok,
)
from served import EVIL, live, make_home, open_library

from curator.errors import AddressRefused, InputError, NotFoundError, UsageError
from curator.library import Library
from curator.llm.base import Request
from curator.paper import Paper
from curator.serving import Serving
from curator.serving.jobs import Job
from curator.serving.work import (
    add_job,
    add_records_job,
    digest_job,
    index_job,
    outside_only,
    retry_job,
    sync_job,
    tag_job,
    tldr_job,
)

RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>Barn notes</title>
<item><title>Moles Dig by Smell</title><link>https://example.org/mole</link>
<description>We watched forty moles dig through the soil of a meadow for two summers. They follow
the smell of worms underground, and turn towards it within a second. Moles without a sense of smell
dig in circles, and find a third of the worms that the others find.</description></item>
</channel></rss>"""
BIB = """@article{hare, title={Hares Outrun Foxes}, author={Lepus, Lea}, year={2026},
abstract={Hares run at 70 km/h. Foxes do not.}}"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path / "home")


@contextmanager
def serving_of(home: Path, **settings: Any) -> Iterator[Serving]:
    with open_library(home, **settings) as library:
        serving = Serving(library)
        try:
            yield serving
        finally:
            serving.close()


def ended(job: Job, seconds: float = 60) -> Job:
    end = time.monotonic() + seconds
    while not job.ended:
        assert time.monotonic() < end, job
        time.sleep(0.01)
    return job


class Browser:
    """A client with the cookies and the token of the page."""

    def __init__(self, http: httpx.Client, url: str) -> None:
        self.http = http
        page = self.http.get("/status")
        assert page.status_code == 200
        self.page = page.text
        found = re.search(r'<meta name="csrf" content="([^"]*)">', page.text)
        assert found
        self.csrf = found[1]
        self.headers = {"X-CSRF-Token": self.csrf, "Origin": url}

    def post(self, path: str, **options: Any) -> httpx.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        return self.http.post(path, headers=headers, **options)

    def job(self, number: int, seconds: float = 60) -> Any:
        end = time.monotonic() + seconds
        while True:
            made = self.http.get(f"/api/jobs/{number}").json()
            if made["ended"]:
                return made
            assert time.monotonic() < end, made
            time.sleep(0.02)


@contextmanager
def browsing(library: Library, **options: Any) -> Iterator[Browser]:
    with live(library, **options) as url, httpx.Client(base_url=url, timeout=60) as http:
        yield Browser(http, url)


# -------------------------------------------------------------------- what is let in at all


@pytest.mark.parametrize(
    "source",
    ["-", "papers.jsonl", "/etc/passwd", "~/x.bib", "./*.bib", "/tmp", "../..", "file:///etc/passwd",
     "FILE:/etc/passwd", "ftp://host/x", "C:\\papers.bib", "data:text/plain,x", "gopher:x", "",
     "  ", "javascript:1", "https:/etc/passwd", "rss:/etc/passwd", "rss:file:///etc/passwd",
     "hf:../../x", "oai:file:///x", "http://\0/"],
)  # fmt: skip
def test_nothing_local_is_opened(source: str) -> None:
    with pytest.raises((UsageError, AddressRefused)):
        outside_only(["arxiv:cs.CL", source] if source.strip() else [source])


@pytest.mark.parametrize(
    "source",
    ["http://127.0.0.1/x.bib", "http://localhost:8080/", "https://[::1]/x", "http://10.0.0.1/",
     "http://169.254.169.254/latest/meta-data", "http://2130706433/", "http://0x7f.1/",
     "http://[::ffff:127.0.0.1]/", "https://user:hunter2@example.org/x.bib", "rss:http://127.0.0.1/f",
     "oai:http://192.168.1.1/oai?set=x", "http://a.localhost/"],
)  # fmt: skip
def test_no_private_address_is_let_in(source: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        outside_only([source])
    assert "ALLOW_PRIVATE" not in str(refused.value), "that is not for who sits at the page"
    assert "hunter2" not in str(refused.value)


def test_a_file_that_is_named_like_a_feed_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert outside_only([" hf:daily ", "hf:daily", "https://example.org/x.bib"]) == [
        "hf:daily",
        "https://example.org/x.bib",
    ]
    (tmp_path / "hf:daily").write_text("secret")
    with pytest.raises(UsageError):
        outside_only(["hf:daily"])


def test_too_many_sources() -> None:
    with pytest.raises(UsageError, match="too many"):
        outside_only([f"arxiv:2401.{n:05d}" for n in range(60)])


def test_a_name_that_leads_home_is_refused_whatever_the_owner_allows(
    home: Path, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback.on("/x.bib", ok(BIB))

    def resolve(host: str, *rest: Any, **more: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", loopback.port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with serving_of(home, allow_private=True) as serving:
        before = serving.library.catalog.papers.count()
        job = ended(add_job(serving, [f"http://inside.example:{loopback.port}/x.bib"]))
        assert job.state == "failed"
        assert "not fetched" in job.error
        # Nor when the refused address is tried again.
        again = ended(retry_job(serving))
        assert loopback.requests == []
        assert again.state == "failed"
        assert serving.library.catalog.papers.count() == before
        assert serving.library.settings.allow_private, "the owner's own settings stay"


# ------------------------------------------------------------------------ the work itself


def test_a_feed_is_added_and_pulled(home: Path, loopback: Loopback) -> None:
    loopback.on("/feed.xml", ok(RSS))
    mirrors = f"journal.example={loopback.url}"
    with serving_of(home, mirrors=mirrors) as serving:
        job = ended(add_job(serving, ["rss:http://journal.example/feed.xml?key=hidden"]))
        assert job.state == "done", job.error
        assert job.result["added"] == 1, job.result["reasons"]
        assert len(job.result["papers"]) == 1
        assert "hidden" not in job.title
        assert serving.library.search("moles smell")[0].paper.title == "Moles Dig by Smell"
        with pytest.raises(UsageError, match="no feeds"):
            sync_job(serving)
        serving.library.catalog.feeds.subscribe("rss:http://journal.example/feed.xml")
        serving.library.catalog.feeds.subscribe("rss:http://journal.example/gone.xml?key=hidden")
        job = ended(sync_job(serving))
        assert job.state == "done", job.error
        assert job.result["feeds"] == 2
        assert job.result["feeds_failed"] == 1
        assert "hidden" not in str(job.to_dict())


def test_records_are_added_with_a_telling_source(home: Path) -> None:
    with serving_of(home) as serving:
        job = ended(add_records_job(serving, BIB))
        assert job.state == "done", job.error
        assert (job.result["added"], job.result["rejected"]) == (1, 0)
        again = ended(add_records_job(serving, BIB.encode(), name="my\u202e\nlist.bib"))
        assert (again.result["added"], again.result["unchanged"]) == (0, 1)
        (paper_id,) = job.result["papers"]
        names = [row["source"] for row in serving.library.catalog.papers.seen(paper_id)]
        assert names[0].startswith("pasted, 20")
        assert names[1].startswith("uploaded my")
        assert "\n" not in names[1]
        hit = serving.library.search("hares foxes")[0]
        assert hit.paper.title == "Hares Outrun Foxes"


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"   \n", "no records"), (b"PK\x03\x04\0\0\0 zip", "no text"), (b"\x89PNG\r\n\0", "no text")],
)
def test_what_is_no_text_is_refused_at_once(home: Path, data: bytes, said: str) -> None:
    with serving_of(home) as serving:
        with pytest.raises((UsageError, InputError), match=said):
            add_records_job(serving, data)
        assert serving.jobs.all() == []


def test_text_without_papers_is_an_error_of_the_job(home: Path) -> None:
    with serving_of(home) as serving:
        job = ended(add_records_job(serving, "Dear all, please find attached nothing."))
        assert job.error.startswith("What was pasted cannot be used"), job.error
        assert job.state == "failed"
        assert "like papers" in job.error
        bad = ended(add_records_job(serving, '{"title": "Only a title"}\n{"broken\n' + "x" * 9))
        assert bad.state == "done", bad.error
        assert bad.result["entries"] == bad.result["rejected"] + sum(
            bad.result[name] for name in ("added", "updated", "unchanged")
        )
        assert bad.result["reasons"]


def test_summaries_add_up_and_are_not_made_twice(home: Path) -> None:
    def script(request: Request) -> Said:
        return {"sentence": "Barn owls find mice by sound alone."}

    with open_library(home, script) as library:
        serving = Serving(library)
        job = ended(tldr_job(serving))
        assert job.state == "done", job.error
        assert job.result["of"] == job.result["done"] + job.result["failed"] == 3
        assert (job.done, job.of) == (3, 3)
        again = ended(tldr_job(serving))
        assert again.result["of"] == job.result["failed"]
        serving.close()


def test_tags_and_index(home: Path) -> None:
    with serving_of(home) as serving:
        write = {"title": "Later", "abstract": "It came later.", "url": "https://example.org/l"}
        serving.library.add([str(write_lines(home.parent / "later.jsonl", write))], embed=False)
        job = ended(index_job(serving))
        assert job.state == "done", job.error
        assert job.result["vectors"] == 1
        tagged = ended(tag_job(serving))
        assert tagged.state == "done", tagged.error
        assert tagged.result["done"] == tagged.result["of"] == 4
        assert 0 <= tagged.result["to_review"] <= 4


def test_a_digest_is_made(home: Path) -> None:
    with serving_of(home) as serving:
        job = ended(digest_job(serving, "2026-W47"))
        assert job.state == "done", job.error
        assert job.result["name"] == "2026-W47"
        assert job.result["seen"] == 3
        assert serving.library.catalog.digests.names("me")
        for week in ("2026-W99", "soon", "9999-W52"):
            with pytest.raises(UsageError):
                digest_job(serving, week)
        with pytest.raises(NotFoundError, match="nobody"):
            digest_job(serving, "2026-W47", "nobody")
        with pytest.raises(UsageError):
            digest_job(serving, "2026-W47", limit=0)
        assert re.fullmatch(r"Digest of \d{4}-W\d\d for me", digest_job(serving).title)


def test_a_digest_stops_between_two_papers(home: Path) -> None:
    with serving_of(home) as serving:
        library = serving.library
        began, go = threading.Event(), threading.Event()
        done: list[str] = []

        def slow(paper: Paper) -> Any:
            done.append(paper.id)
            began.set()
            assert go.wait(20)
            time.sleep(0.3)  # as long as a step of the job may take to be told of
            return Library.tag_of(library, paper)

        library.tag_of = slow  # type: ignore[method-assign]
        job = digest_job(serving, "2026-W47")
        assert began.wait(20)
        serving.jobs.stop(job.id)
        go.set()
        assert ended(job).state == "stopped"
        time.sleep(0.5)
        assert len(done) <= 2, "it went on though nobody wants it"


def test_what_failed_is_done_again(home: Path) -> None:
    with serving_of(home) as serving:
        library = serving.library
        paper = library.catalog.papers.select()[0]
        library.catalog.outputs.fail(paper, "tldr", "it was late", "old")
        job = ended(retry_job(serving))
        assert job.state == "done", job.error
        assert job.result["tldr"] == {"done": 1, "failed": 0}


# ------------------------------------------------------------------------------- the pages


def test_the_page_says_what_there_is(home: Path) -> None:
    with open_library(home) as library, browsing(library) as browser:
        data = browser.http.get("/api/status").json()
        assert data["papers"] == 3
        assert data["tldr"]["done"] + data["tldr"]["waiting"] + data["tldr"]["failed"] == 3
        assert data["vectors"]["have"] + data["vectors"]["missing"] == 3
        assert data["queue"] == {"serving": 0, "waiting": 0}
        assert data["busy"] is False
        for word in ("Summarise", "Pull the feeds", "Add papers", "Nothing is under way"):
            assert word in browser.page


def test_no_secret_is_in_it(home: Path, tmp_path: Path) -> None:
    secrets: dict[str, Any] = {
        "openai_api_key": "sk-SECRET-1",
        "openai_base_url": "http://127.0.0.1:9/v1",
        "smtp_url": "smtp://me:SECRET-2@mail.example:587",
        "smtp_password": "SECRET-3",
        "s2_api_key": "SECRET-4",
        "openalex_api_key": "SECRET-5",
        "chroma_token": "SECRET-6",
        "token": "SECRET-7",
        "models_dir": tmp_path / "none",
        "fallback_model": "openai:big",
    }
    with open_library(home, **secrets) as library:
        spec = "rss:https://journal.example/feed.xml?key=SECRET-8"
        library.catalog.feeds.subscribe(spec)
        row = library.catalog.feeds.get(spec)
        library.catalog.feeds.fail(row, "https://journal.example/feed.xml?key=SECRET-8 is gone")
        with browsing(library) as browser:
            job = browser.post("/api/jobs", json={"kind": "add", "sources": [spec]}).json()
            browser.job(job["id"], 200)
            pages = [browser.http.get(path).text for path in ("/status", "/api/status", "/evals")]
            pages.append(browser.http.get(f"/api/jobs/{job['id']}").text)
            bad = browser.post("/api/jobs", json={"kind": "add", "sources": [spec + " x", "/x"]})
            for text in (*pages, bad.text):
                assert "SECRET" not in text
            assert "curator models pull" in pages[0], "what is missing says how to get it"


def test_work_is_started_and_stopped_by_the_page(home: Path) -> None:
    with open_library(home) as library, browsing(library) as browser:
        reply = browser.post("/api/jobs", json={"kind": "records", "text": BIB})
        assert reply.status_code == 202
        assert browser.job(reply.json()["id"])["result"]["added"] == 1
        assert browser.post("/api/jobs/1/stop", json={}).json()["state"] == "done"
        assert browser.post("/api/jobs/77/stop", json={}).status_code == 404
        assert browser.http.get("/api/jobs/77").status_code == 404
        assert browser.http.get("/api/jobs/x").status_code == 422


def test_forms_work_without_a_script(home: Path) -> None:
    with open_library(home) as library, browsing(library) as browser:
        form = {"csrf": browser.csrf, "kind": "records", "text": BIB}
        origin = {"Origin": browser.headers["Origin"]}
        reply = browser.http.post("/status", data=form, headers=origin)
        assert reply.status_code == 303
        assert browser.job(1)["result"]["added"] == 1
        page = browser.http.get("/status").text
        assert "Add what was pasted" in page
        refused = browser.http.post(
            "/status", data={**form, "kind": "add", "sources": "/etc/passwd"}, headers=origin
        )
        assert refused.status_code == 400
        assert "not added from here" in refused.text
        sent = browser.http.post(
            "/api/upload",
            data={"csrf": browser.csrf},
            files={"file": ("x.bib", BIB.encode())},
            headers={**origin, "Accept": "text/html"},
        )
        assert sent.status_code == 303
        assert browser.job(2)["result"]["unchanged"] == 1


@pytest.mark.parametrize(
    "wanted",
    [
        {"kind": "records", "text": ""},
        {"kind": "records", "text": "x", "format": "exe"},
        {"kind": "add", "sources": []},
        {"kind": "add", "sources": ["/etc/passwd"]},
        {"kind": "add", "sources": ["http://127.0.0.1:1/"]},
        {"kind": "digest", "week": "9999-W53"},
        {"kind": "digest", "reader": "<b>nobody</b>"},
        {"kind": "digest", "limit": 10**30},
        {"kind": "sync"},
        {"kind": "format the disk"},
        {"kind": "tldr", "command": "rm"},
        {},
    ],
)
def test_what_cannot_be_started_is_refused_with_a_remedy(
    home: Path, wanted: dict[str, Any]
) -> None:
    with open_library(home) as library, browsing(library) as browser:
        reply = browser.post("/api/jobs", json=wanted)
        assert reply.status_code in (400, 404, 422)
        assert reply.json()["error"]
        assert browser.http.get("/api/status").json()["jobs"] == []


def test_an_upload_too_large_or_binary_is_refused(home: Path) -> None:
    with open_library(home) as library, browsing(library) as browser:
        large = b"@article{a, title={A}}\n" * 950_000
        for data, codes in ((large, {400, 413}), (b"\x1f\x8b\x08\0\0\0", {400}), (b"", {400})):
            try:
                reply = browser.post("/api/upload", files={"file": ("x.bib", data)})
            except httpx.TransportError:
                continue  # the server hung up on it
            assert reply.status_code in codes
            assert reply.json()["error"]
        assert browser.http.get("/api/status").json()["jobs"] == []
        fine = browser.post("/api/upload", files={"file": ("../../x.bib", BIB.encode())})
        assert fine.status_code == 202
        assert ".." not in fine.json()["title"]


def test_a_hostile_title_is_text(home: Path) -> None:
    with open_library(home) as library, browsing(library) as browser:
        evil = EVIL["title"]
        reply = browser.post("/api/upload", files={"file": (evil, BIB.encode())})
        browser.job(reply.json()["id"])
        page = browser.http.get("/status").text
        assert "<script>window.hacked" not in page
        assert "<img src=x" not in page


# ------------------------------------------------------------------------------- evaluation


def run_record(name: str, value: float | None = 0.5) -> dict[str, Any]:
    metric = {
        "name": "m", "title": "share of <b>right</b> ones", "better": "higher", "gate": True,
        "unit": "", "value": value, "low": 0.4, "high": 0.6, "n": 9, "unscored": 1, "clusters": 9,
    }  # fmt: skip
    return {
        "format": 1, "run_id": name, "started": "2026-11-20T10:00:00+00:00", "finished": "",
        "seconds": 90.0, "label": "", "provenance": {"models": {"model": "local:x"}}, "usage": {},
        "suites": [{"name": "s", "title": "A suite", "metrics": [metric], "samples": [{}] * 10}],
        "skipped": [],
    }  # fmt: skip


def test_without_a_run_the_page_says_how_to_make_one(home: Path) -> None:
    with open_library(home) as library, browsing(library) as browser:
        assert "curator eval" in browser.http.get("/evals").text
        assert browser.http.get("/evals?run=x").status_code == 404


def test_the_latest_run_is_shown_and_a_damaged_one_hides_none(home: Path) -> None:
    runs = home / "evals" / "runs"
    texts = {
        "1": json.dumps(run_record("1", None)),
        "2": json.dumps(run_record("2", 0.625)),
        "3": "{torn",
        "4": json.dumps({**run_record("4"), "format": 99}),
        "5": "[]",
    }
    for name, text in texts.items():
        (runs / name).mkdir(parents=True)
        (runs / name / "run.json").write_text(text)
    (runs / "2" / "report.html").write_text("<!DOCTYPE html><title>R</title><script>1</script>")
    (home / "secret.txt").write_text("SECRET")
    with open_library(home) as library, browsing(library) as browser:
        page = browser.http.get("/evals").text
        assert "0.625" in page
        assert "0.400–0.600" in page
        assert "share of &lt;b&gt;right&lt;/b&gt; ones" in page
        assert "not scored" in browser.http.get("/evals?run=1").text
        assert "cannot be read" in browser.http.get("/evals?run=3").text
        report = browser.http.get("/evals/2/report")
        assert report.status_code == 200
        policy = report.headers["content-security-policy"]
        assert policy.startswith("sandbox;")
        assert "script-src" not in policy
        assert browser.http.get("/evals/1/report").status_code == 404
        for name in ("..%2f..%2fsecret.txt", "..", "%2e%2e", "2%00"):
            assert "SECRET" not in browser.http.get(f"/evals/{name}/report").text


def test_nothing_of_the_evaluation_is_imported() -> None:
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['inspect_ai'] = None\n"
        "import curator.web.app\n"
        "assert not [n for n in sys.modules if n == 'evals' or n.startswith('evals.')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
