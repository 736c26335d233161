"""The report of an evaluation: complete, self-contained, and safe with the texts it shows."""

from __future__ import annotations

import re
import sys
import unicodedata
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.metrics import Better
from evals.record import (
    Curve,
    Example,
    Failure,
    MetricRecord,
    RunRecord,
    SampleRecord,
    SuiteRecord,
    Table,
)
from evals.report import html, print_comparison, print_run, write_report
from evals.report.show import duration, number, visible

EVIL = (
    "\"'><script>document.title='pwned'</script><img src=https://evil.example/x onerror=alert(1)>"
    "</style></pre></svg>{{ 7*7 }} $\\frac{1}{2}$ \u202egnp.exe\u202c \u200bzero \x1b[31mred\x1b[0m"
    " \x00 \ufeff \u2028 \U000e0041 [red]x[/red] 论文 😀 & &lt; #010101"
)
PLAIN = "A plain text"


def metric(name: str, value: float | None = 0.8, text: str = PLAIN, **more: Any) -> MetricRecord:
    bounds = (None, None) if value is None else (value - 0.1, value + 0.1)
    fields: dict[str, Any] = {
        "better": "higher", "gate": True, "n": 10 if value is not None else 0,
        "unscored": 0 if value is not None else 10, "clusters": 9,
        "low": bounds[0], "high": bounds[1],
    }  # fmt: skip
    return MetricRecord.model_validate(
        {"name": name, "title": f"{text} {name}", "value": value} | fields | more
    )


def suite(name: str = "ask-own", text: str = PLAIN) -> SuiteRecord:
    """A suite with one of everything, ``text`` in every field that holds text."""
    statuses = ("scored", "unscored", "failed", "scored")
    made = {"question": text, "list": [text, None, float("nan"), 1.5], text: {text: text}}
    return SuiteRecord(
        name=name,
        task="ask",
        title=f"{text} {name}",
        licence=text,
        source=text,
        log=text,
        seconds=71,
        metrics=[
            metric("right", 0.8, text, unscored=2),
            metric("calls", 31.5, text, unit=text, better="lower", low=25.0, high=41.0),
            metric("judge", None, text),
            metric("words", 12345.6, text, gate=False, better="neither", low=None, high=None),
        ],
        failures=[
            Failure(
                kind=text,
                meaning=text,
                count=7,
                of=46,
                examples=[
                    Example(sample=f"{text}1", asked=text, expected=text, got=text * 40),
                    Example(sample="no such sample", asked="", expected="", got=""),
                ],
            ),
            Failure(kind="empty", meaning="", count=0, of=0, examples=[]),
        ],
        curves=[
            curve("reliability", text, style="reliability", size=[3, 0, 9]),
            curve("line", text),
            curve("latency", text, style="histogram", y=[3.0, 5.0, 1.0]),
            curve("edges", text, style="histogram", x=[0.0, 1.0, 2.0, 4.0], y=[3.0, 5.0, 1.0]),
            curve("raw", text, style="histogram", x=[0.5, 0.7, 3.0, 9.0, 0.6], y=[]),
            curve("depth", text, x=[1.0, 10.0, 100.0]),
            curve("many", text, x=[i / 99 for i in range(100)], y=[i / 99 for i in range(100)]),
            curve("flat", text, x=[2.0], y=[0.0]),
            curve("empty", text, x=[], y=[]),
        ],
        tables=[
            Table(
                title=text,
                columns=[text, "n", "share", "mixed"],
                rows=[[text, 20, 0.5, 1], [None, None, 41.25, text], ["more", 1]],
            ),
            Table(title="empty", columns=[], rows=[]),
        ],
        notes=[text],
        samples=[
            SampleRecord.model_validate(
                {
                    **{"id": f"{text}{i}", "cluster": text, "status": status, "reason": text},
                    **{"input": made, "target": made, "output": made, "trace": made},
                    **{"facts": None if status == "failed" else {"x": None}, "cached": i == 0},
                }
            )
            for i, status in enumerate(statuses)
        ],
    )


def curve(name: str, text: str, **more: Any) -> Curve:
    fields = {"x": [0.1, 0.5, 0.9], "y": [0.2, 0.4, 0.95], "x_label": text, "y_label": text}
    return Curve.model_validate({"name": name, "title": f"{text} {name}"} | fields | more)


def make_run(
    run_id: str = "run-3", day: int = 3, text: str = PLAIN, suites: list[SuiteRecord] | None = None
) -> RunRecord:
    return RunRecord(
        run_id=run_id,
        started=f"2026-10-{day:02}T14:05:11+00:00",
        finished=text,
        seconds=4077.2,
        label=text,
        provenance={
            "commit": "7747786c0ffee123456789",
            "dirty": True,
            "note": text,
            "settings": {"model": text, "deep": {text: [1, text, None]}, "temperature": 0.0},
            "models": {"embedding": "bge@9f86d081", "model": text},
            "corpora": {text: {"sha256": "c" * 64, text: text}, "other": {"file": "a.jsonl"}},
            "prompts": {"prompts/ask.yaml": "e3b0c442", text: text},
            "packages": {"numpy": "2.4.6"},
            "machine": {"cpu": text, "cores": 2},
            "empty": {},
        },
        usage={"llm_calls": 1312.0, "seconds": 3811.25},
        suites=[suite("ask-own", text)] if suites is None else suites,
        skipped=[{"suite": text, "reason": text}, {}],
    )


class Page(HTMLParser):
    """A page taken apart: its elements, its text, and what it points at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.append((name, value or ""))
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.text += data

    def values(self, *names: str) -> list[str]:
        return [value for name, value in self.attributes if name in names]


def report(run: RunRecord, folder: Path, *history: RunRecord) -> tuple[str, Page]:
    path = folder / "report.html"
    write_report(run, history, path)
    text = path.read_text("utf-8")
    assert list(folder.glob("*.part")) == []
    return text, Page(text)


RUNS = {
    "plain": make_run(),
    "hostile": make_run(text=EVIL),
    "no suites": make_run(suites=[]),
    "empty suite": make_run(
        suites=[
            SuiteRecord(
                name="", task="", title="", licence="", source="", seconds=0, metrics=[], samples=[]
            )
        ]
    ),
    "one name twice": make_run(suites=[suite(), suite()]),
}


@pytest.fixture(scope="module", params=RUNS)
def written(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Page]:
    folder = tmp_path_factory.mktemp("report")
    return report(RUNS[request.param], folder, make_run("older", 1))


def test_the_page_needs_nothing_else_and_runs_nothing(written: tuple[str, Page]) -> None:
    text, page = written
    assert "default-src 'none'" in text[: text.index("<style>")]
    assert "script-src" not in text[: text.index("<style>")]
    forbidden = {"script", "img", "iframe", "object", "embed", "base", "form", "foreignobject"}
    assert not forbidden & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    pointers = page.values("src", "href", "xlink:href", "action", "srcset", "data")
    assert all(p.startswith("#") or p == "data:," for p in pointers)
    style = text[text.index("<style>") : text.index("</style>")]
    assert "@import" not in style and "url(" not in style
    assert all(re.fullmatch(r"url\(#[\w-]+\)", v) for v in page.values("clip-path"))


def test_ids_are_unique_and_links_lead_somewhere(written: tuple[str, Page]) -> None:
    _, page = written
    assert len(page.ids) == len(set(page.ids))
    links = [p[1:] for p in page.values("href") if p.startswith("#")]
    links += [v[5:-1] for v in page.values("clip-path")]
    links += page.values("aria-labelledby")
    assert links and set(links) <= set(page.ids)


def test_hostile_text_is_shown_and_does_nothing(tmp_path: Path) -> None:
    text, page = report(RUNS["hostile"], tmp_path, make_run("older", 1, EVIL))
    assert "<script>document" in page.text and "{{ 7*7 }}" in page.text  # as text
    for shown in ("⟨U+202E⟩gnp.exe⟨U+202C⟩", "⟨U+200B⟩", "⟨U+001B⟩[31m", "⟨U+E0041⟩", "⟨U+2028⟩"):
        assert shown in page.text
    hidden = {c for c in text if c != "\n" and unicodedata.category(c) in HIDDEN}
    assert not hidden
    assert EVIL[:40] not in text


HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(st.text() | st.text(alphabet=st.characters(codec=None, categories=["Cf", "Cc", "Cs"])))
def test_nothing_stays_invisible(text: str) -> None:
    shown = visible(text)
    assert not [c for c in shown if c not in "\n\t" and unicodedata.category(c) in HIDDEN]
    assert shown == visible(shown)
    shown.encode()  # no lone surrogates


def test_what_only_looks_empty_is_shown() -> None:
    assert visible("a\ufe0f\u3164\u2800b") == "a⟨U+FE0F⟩⟨U+3164⟩⟨U+2800⟩b"
    assert visible("Tülu 3 → 50 %\n\tμ") == "Tülu 3 → 50 %\n\tμ"


def test_what_is_missing_is_a_dash_and_never_a_number(tmp_path: Path) -> None:
    _, page = report(RUNS["plain"], tmp_path)
    assert not re.search(r"\b(nan|inf|none|undefined)\b", page.text, re.IGNORECASE)
    row = page.text[page.text.index(f"{PLAIN} judge") :].split("\n")
    assert [cell.strip() for cell in row if cell.strip()][1:4] == ["—", "0", "10"]
    assert "0.800 [0.700, 0.900]" in page.text
    assert "31.5 A plain text [25.0, 41.0]" in page.text
    assert "12,346" in page.text


def test_what_was_not_scored_or_failed_is_marked(tmp_path: Path) -> None:
    text, page = report(RUNS["plain"], tmp_path)
    assert '<span class="mark">1 unscored</span>' in text
    assert '<span class="mark bad">1 failed</span>' in text
    assert '<span class="mark">2</span>' in text  # of a metric
    assert "7 of 46" in page.text and "and uncommitted changes" in page.text
    assert "7747786c0ffe" in page.text and "2026-10-03 14:05 UTC" in page.text
    assert "inspect view --log-dir logs" in page.text
    assert "⟨" not in page.text.replace("⟨U+", "")


def test_an_example_leads_to_its_trace(tmp_path: Path) -> None:
    text, page = report(make_run(suites=[suite()]), tmp_path)
    place = re.search(r'<a href="#([\w-]+)">Trace of', text)
    assert place and place[1] in page.ids
    after = text[text.index(f'id="{place[1]}"') :]
    # Inside the details element, so that a browser opens it for the link.
    assert "<h4>Trace</h4><pre>{" in after[: after.index("</details>")]
    assert "Sample <bdi>no such sample</bdi>" in text


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    path, old = tmp_path / "report.html", make_run("older", 1)
    write_report(RUNS["plain"], [old], path)
    first = path.read_bytes()
    copy = RunRecord.model_validate_json(RUNS["plain"].model_dump_json())
    write_report(copy, [old], path)
    assert path.read_bytes() == first


def test_history(tmp_path: Path) -> None:
    run, none = make_run(), "There is no earlier run"
    for history in ([], [run], [make_run("other", 1, suites=[])]):
        assert none in report(run, tmp_path, *history)[1].text
    unscored = make_run("unscored", 2)
    unscored.suites[0].metrics[0].value = None
    undated = make_run("undated")
    undated.started = "yesterday"
    older = [make_run("first", 1), unscored, undated, make_run("same-moment", 3)]
    text, page = report(run, tmp_path, *older)
    assert none not in page.text
    drawn = re.findall(r'aria-label="[^"]*over time: ([^"]*)\."', text)
    # Two gated metrics with a value; the oldest run comes first.
    assert len(drawn) == 2
    assert drawn[0] == "0.800 on 2026-10-01, 0.800 on 2026-10-03, 0.800 on 2026-10-03"
    assert "same-moment" in page.text and "undated" not in page.text


def test_every_curve_is_drawn_or_said_to_be_empty(tmp_path: Path) -> None:
    text, page = report(make_run(suites=[suite()]), tmp_path)
    assert page.tags.count("svg") == 8 + 1  # and the intervals
    assert page.text.count("No points to draw.") == 1
    plots = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert all('role="img"' in plot and "aria-label=" in plot for plot in plots)
    assert not re.findall(r"#[0-9a-f]{6}\b", "".join(plots))  # all colours are the page's
    assert "stroke-dasharray" in plots[1]  # the diagonal


def test_a_large_suite_keeps_what_matters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MOST_SAMPLES", 3)
    one = suite()
    one.samples = [
        *(SampleRecord(id=f"good {i}", cluster="c", status="scored") for i in range(5)),
        *one.samples,
    ]
    text, page = report(make_run(suites=[one]), tmp_path)
    assert page.text.count("cluster ") == 3
    assert "Trace of" in text and "good 0" in text and "good 1" not in text
    assert "Samples (9)" in page.text and "3 of them are here" in page.text


def test_long_outputs_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "LONGEST", 30)
    assert "characters more are in run.json" in report(RUNS["plain"], tmp_path)[1].text


def test_numbers() -> None:
    assert [number(v) for v in (0.0, 0.71349, 12.34, 12345.6, 3, 12345, -0.5)] == [
        *("0.000", "0.713", "12.3", "12,346", "3", "12,345", "-0.500"),
    ]
    assert [number(v) for v in (None, float("nan"), float("inf"))] == ["—", "—", "—"]
    assert (
        number(1e300) == "1e+300" and number(0.0001) == "0.0001" and number(9.7, "s") == "9.700 s"
    )
    assert [duration(s) for s in (0.25, 42, 71, 4077)] == [
        "0.2 s",
        "42 s",
        "1 min 11 s",
        "1 h 07 min",
    ]


@dataclass(frozen=True)
class Row:
    suite: str
    metric: str
    title: str
    better: Better
    first: float | None
    second: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    n: int
    verdict: str


ROWS = [
    Row("ask", "right", "Right paper", "higher", 0.8, 0.9, 0.1, 0.02, 0.2, 0.01, 44, "better"),
    Row("ask", "judge", EVIL, "lower", None, None, None, None, None, None, 0, "not comparable"),
]


def test_tables_in_a_pipe_are_plain(capsys: pytest.CaptureFixture[str]) -> None:
    print_run(RUNS["hostile"])
    print_comparison(ROWS)
    out = capsys.readouterr().out
    assert not [c for c in out if c != "\n" and unicodedata.category(c) in HIDDEN]
    assert not re.search("[\u2500-\u257f]", out), "no box drawing"
    assert all(line == line.rstrip() for line in out.split("\n"))
    assert "0.800  [0.700, 0.900]" in out and "7 of 46" in out and "[red]x[/red]" in out
    assert "1 unscored, 1 failed" in out and "\nNot run" in out
    assert re.search(r"0\.800 +0\.900 +\+0\.100 +\[0\.020, 0\.200\] +0\.010 +44  better\n", out)
    assert re.search(r"— +— +— +— +0  not comparable\n", out)
    print_run(RUNS["no suites"])
    print_comparison([])
    assert "no metric in common" in capsys.readouterr().out


def test_tables_on_a_terminal_have_colour_and_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_run(RUNS["hostile"])
    print_comparison(ROWS)
    out = capsys.readouterr().out
    assert "\x1b[32mbetter" in out
    bare = re.sub(r"\x1b\[[\d;]*m", "", out)
    assert "\x1b" not in bare
    assert max(map(len, bare.splitlines())) <= 90
