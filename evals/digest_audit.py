"""Is every sentence of a digest what it says it is?

``python -m evals.digest_audit --home DIR --week W [--week W2 …] --out DIR`` makes the digests of
these weeks in all forms, twice, and looks at what came out without the code that made it: sentences
against the stored text, counts against the catalog, titles and links in every form. Exit status 1
where anything is wrong, or there is nothing to look at.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.digest.document import DigestDocument, every_paper
from curator.text import plain
from evals.digest_checks import Fault, Nearest, audit_document, nearest_of
from evals.digest_forms import form_faults, letter_page
from evals.digest_recount import Catalogued

if TYPE_CHECKING:
    from curator.embedding import Vectors

__all__ = ["KINDS", "main"]

KINDS = {
    "source": "a sentence whose stored sentence does not stand in the paper",
    "quote": "a quoted sentence that is not in the stored text",
    "check": "a model's sentence that does not pass the check",
    "unsupported": "a sentence that is not supported, and no editor wrote it",
    "count": "a number that is not what the catalog has",
    "trend": "a trend that is not what the catalog has",
    "paper": "a paper that is not as it is stored, or not of the week",
    "section": "a paper without the tag of its section",
    "twice": "a paper that is shown twice, or was in an earlier digest",
    "alike": "two summaries that say the same",
    "ledger": "the ledger does not add up",
    "form": "a form that does not show what the document has",
    "access": "a page that fails the test of accessibility",
    "bytes": "made again, it is another",
}
FILES = {"md": "md", "html": "html", "eml": "eml", "atom": "atom"}


@dataclass
class _Report:
    faults: list[Fault] = field(default_factory=list)
    weeks: list[dict[str, Any]] = field(default_factory=list)
    nearest: dict[str, Nearest | None] = field(default_factory=dict)
    alike: int = 0
    audited: int = 0
    browser: bool = False


# -------------------------------------------------------------------------- the making


def _made(home: Path, week: str, out: Path, extra: Sequence[str]) -> float:
    """Has a digest made in all forms, as a person would; how many seconds that took."""
    asked = ["--home", str(home), "digest", "--week", week, "--format", "all", "--out", str(out)]
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "curator", *asked, *extra],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"curator digest --week {week} failed:\n{done.stderr.strip()[-2000:]}")
    return time.perf_counter() - started


def _access_faults(pages: Mapping[str, str], folder: Path) -> Iterator[tuple[str, str]]:
    """What axe finds in the pages; each is opened at two widths, with all its stored sentences."""
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=["--disable-gpu"])
        for name, page_text in pages.items():
            file = folder / f".axe-{name}.html"
            file.write_text(page_text, "utf-8")
            for width in (390, 1280):
                page = browser.new_page(viewport={"width": width, "height": 900})
                page.goto(file.resolve().as_uri())
                page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
                # A letter is shown inside another page, which has the landmarks.
                own = {"enabled": name.endswith("html")}
                rules = {"region": own, "landmark-one-main": own}
                found = Axe().run(page, options={"rules": rules})
                for fault in found.response["violations"]:
                    yield f"{name} at {width}", f"{fault['id']}: {len(fault['nodes'])} times"
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    yield f"{name} at {width}", "it sticks out at the side"
                page.close()
            file.unlink()
        browser.close()


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")


def _files(out: Path, week: str) -> dict[str, bytes]:
    """The forms of one digest; the feed has all."""
    names = {form: f"digest-{week}.{ending}" for form, ending in FILES.items()}
    names |= {"atom": "digests.atom", "json": f"digest-{week}.json"}
    return {form: (out / name).read_bytes() for form, name in names.items()}


def _audit(args: argparse.Namespace) -> _Report:
    from curator.taxonomy import load_taxonomy

    taxonomy = load_taxonomy(args.taxonomy)
    report, earlier = _Report(), dict[str, str]()
    extra = [part for name in ("limit", "also") if (given := getattr(args, name)) is not None
             for part in (f"--{name}", str(given))]  # fmt: skip
    summaries: list[str] = []
    for week in args.week:
        first = _made(args.home, week, args.out, extra)
        before = _files(args.out, week)
        again = _made(args.home, week, args.out, extra)
        files = _files(args.out, week)
        document: DigestDocument = json.loads(files["json"])
        catalog = Catalogued(args.home, {tag.name: tag.was for tag in taxonomy.tags})
        faults = audit_document(document, catalog, earlier, taxonomy.ancestors)
        faults += [
            Fault("bytes", f"{week} {form}", "other bytes the second time")
            for form, data in files.items()
            if data != before[form]
        ]
        for form in FILES:
            shown = form_faults(form, files[form], document)
            faults += [Fault("form", week, what) for what in shown]
        report.browser = bool(_chromium()) and not args.no_browser
        if report.browser:
            pages = {"html": files["html"].decode(), "eml": letter_page(files["eml"])}
            found = _access_faults(pages, args.out)
            faults += [Fault("access", f"{week} {place}", what) for place, what in found]
        papers = every_paper(document)
        summaries += [paper["tldr"] for paper in papers]
        earlier |= {paper["paper_id"]: week for paper in papers}
        said = [*(s["origin"] for s in document["lead"]), *(p["origin"] for p in papers)]
        report.faults += faults
        report.weeks.append(
            {"week": week, **document["ledger"], "sections": len(document["sections"]),
             "trends": len(document["trends"]), **Counter(said), "faults": len(faults),
             "first_s": round(first, 1), "again_s": round(again, 1)}
        )  # fmt: skip
    vectors = _embedded(args.home, summaries) if summaries else None
    by_words, by_cosine, alike = nearest_of(summaries, vectors)
    report.nearest = {"words": by_words, "cosine": by_cosine}
    report.alike = len(alike)
    report.audited = len(summaries)
    report.faults += [Fault("alike", "summaries", f"{a!r} and {b!r}") for a, b in alike]
    return report


def _embedded(home: Path, texts: Sequence[str]) -> Vectors:
    from curator.library import Library
    from curator.settings import load_settings

    library = Library(load_settings(home=home))
    return library.embedder.embed([plain(text) for text in texts])


def _printed(report: _Report) -> None:
    columns = (
        *("week", "seen", "chosen", "notable", "shown_before", "sections", "trends", "quote"),
        *("model", "catalog", "faults", "first_s", "again_s"),
    )
    rows = [columns, *([str(row.get(c, 0)) for c in columns] for row in report.weeks)]
    for row in rows:
        print(
            "  ".join(
                cell.rjust(max(8, len(name))) for cell, name in zip(row, columns, strict=True)
            )
        )
    for how, pair in report.nearest.items():
        if pair is not None:
            print(f"nearest by {how}: {pair.value:.2f}: {pair.one!r} / {pair.other!r}")
    print(f"pairs that say the same: {report.alike}")
    kinds = Counter(fault.kind for fault in report.faults)
    for kind, count in kinds.most_common():
        print(f"{count} {kind}: {KINDS[kind]}")
    for fault in report.faults:
        print(f"  {fault.kind}: {fault.where}: {fault.what}")
    if not report.browser:
        print("not tested in a browser: none was found or wanted")
    wrong = f"{len(report.faults)} faults" if report.faults else "nothing is wrong"
    print(wrong if report.audited else "there are no papers to audit")


def main(argv: Sequence[str] | None = None) -> int:
    """Makes and audits; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description="Audits digests, each sentence of them.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--week", action="append", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--also", type=int)
    parser.add_argument("--taxonomy", type=Path)
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    args.week = sorted(set(args.week))
    try:
        Catalogued(args.home)
    except FileNotFoundError as error:  # else curator would make an empty library there
        parser.error(str(error))
    report = _audit(args)
    if args.json:
        print(json.dumps(asdict(report), ensure_ascii=False, indent=2))
    else:
        _printed(report)
    return bool(report.faults or not report.audited)


if __name__ == "__main__":
    sys.exit(main())
