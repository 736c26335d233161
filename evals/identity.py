"""How often two different papers look like one: the figures behind `curator.identity`'s bounds.

``python -m evals.identity [FILE.jsonl.gz]`` goes over real papers that are all different
(``../shared/data/arxiv_100k.jsonl.gz``) and counts where one title is another's without its
subtitle, and where two titles begin alike, by how much else they have in common.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

from curator.identity import ALIKE, Described, likeness
from curator.text import title_key
from evals.suites.base import read_rows

SHARED = Path(__file__).parents[2] / "shared" / "data" / "arxiv_100k.jsonl.gz"
BEGINNINGS = (16, 24, 32, 40, 50)


def main() -> None:
    """Prints the counts."""
    papers = _papers(Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED)
    _subtitles(papers)
    _beginnings(papers)


def _papers(file: Path) -> list[Described]:
    return [
        Described(
            order=number,
            title=row["title"],
            title_key=title_key(row["title"]),
            abstract=row["abstract"],
            text_hash="",
            source=0,
            authors=[name.strip() for name in row["authors"].split(",")],
        )
        for number, row in enumerate(read_rows(file))
    ]


def _subtitles(papers: list[Described]) -> None:
    by_title = defaultdict(list)
    for paper in papers:
        by_title[paper.title_key].append(paper)
    shared = sorted(
        (likeness(paper, other), len(paper.surnames & other.surnames))
        for paper in papers
        if paper.main_key
        for other in by_title.get(paper.main_key, ())
    )
    top = ", ".join(f"{near:.2f}" for near, _ in shared[::-1][:5])
    print(f"{len(shared)} pairs of a title and the same without its subtitle;")
    print(f"  words of the shorter abstract that the other has: {top}, … ({ALIKE} is asked)")
    print(f"  {sum(names > 0 for _, names in shared)} of them share an author")


def _beginnings(papers: list[Described]) -> None:
    print(f"{'letters':>8}{'papers':>9}{'begin alike':>13}{'and author':>12}{'and text':>10}")
    for letters in BEGINNINGS:
        groups = defaultdict(list)
        for paper in papers:
            if len(paper.title_key) > letters:
                groups[paper.title_key[:letters]].append(paper)
        alike = author = text = 0
        for group in groups.values():
            for paper in group:
                others = [other for other in group if other.title_key != paper.title_key]
                alike += bool(others)
                author += any(paper.surnames & other.surnames for other in others)
                text += any(likeness(paper, other) >= ALIKE for other in others)
        count = sum(map(len, groups.values()))
        print(f"{letters:>8}{count:>9,}{alike:>13,}{author:>12,}{text:>10,}")


if __name__ == "__main__":
    main()
