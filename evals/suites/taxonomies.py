"""Tagging by other taxonomies: what librarians gave, and where authors submitted.

They say whether the tagger depends on the built-in taxonomy, which it was made with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from evals.gold import TagGold
from evals.suites.base import Suite, pick, read_rows
from evals.suites.inputs import Papers, corpus_of, folder_of, papers_of

__all__ = ["TAXONOMY_SUITES"]

_INSPEC = "inspec_train_val.jsonl.gz"
_ARXIV = "arxiv_categories_dev.jsonl.gz"

# Inspec has thousands of terms. Rarer ones than this are on too few papers to be measured.
MIN_PAPERS = 10
MAX_TERMS = 60

PER_CATEGORY = 10  # arXiv papers with one primary category

# The data has about 50 papers of each of arXiv's 165 categories, so that none is the most
# frequent; these are fields that readers of this tool know, and some far from them. What they
# are about, in our own words.
_CATEGORIES = {
    "cs.AI": "Artificial intelligence in general: planning, knowledge representation, search, "
    "reasoning under uncertainty, expert systems, constraint solving.",
    "cs.CL": "Natural language processing: language models, translation, parsing, dialogue, "
    "text classification, question answering, computational linguistics.",
    "cs.CR": "Security and cryptography: encryption, protocols, attacks, malware, "
    "authentication, privacy of data.",
    "cs.CV": "Computer vision: recognising, detecting and segmenting what images and video "
    "show, reconstruction of scenes, image generation.",
    "cs.DB": "Databases: queries, indexing, transactions, data integration, data mining at "
    "scale, storage of structured data.",
    "cs.DC": "Parallel and distributed computing: clusters, clouds, fault tolerance, "
    "consensus, scheduling over many machines or cores.",
    "cs.DS": "Algorithms and data structures: running times, approximation, graph algorithms, "
    "sorting, hashing, lower bounds.",
    "cs.GT": "Game theory for computing: auctions, mechanism design, equilibria, markets, "
    "incentives of selfish agents.",
    "cs.HC": "People and computers: interfaces, user studies, interaction techniques, "
    "visualisation, accessibility.",
    "cs.IR": "Information retrieval: search engines, ranking, recommender systems, indexing "
    "of documents, relevance.",
    "cs.IT": "Information theory: channel capacity, error-correcting codes, compression, "
    "wireless transmission, entropy.",
    "cs.LG": "Machine learning: neural networks, supervised and unsupervised learning, "
    "reinforcement learning, generalisation, training methods.",
    "cs.LO": "Logic in computer science: verification, model checking, type theory, proof "
    "assistants, semantics of logics.",
    "cs.NE": "Neural and evolutionary computing: genetic algorithms, swarms, spiking networks, "
    "neuroevolution.",
    "cs.NI": "Computer networks: routing, congestion, wireless and sensor networks, internet "
    "measurements, protocols.",
    "cs.RO": "Robotics: manipulation, locomotion, motion planning, mapping and localisation, "
    "drones, autonomous driving.",
    "cs.SD": "Sound by computer: music, audio classification, speech processing, sound "
    "synthesis, source separation.",
    "cs.SE": "Software engineering: testing, debugging, maintenance, requirements, "
    "development processes, code analysis.",
    "cs.SI": "Social and information networks: communities, diffusion, social media, "
    "influence, structure of links between people.",
    "stat.ME": "Statistical methodology: estimators, tests, regression, survey and experiment "
    "design, causal inference.",
    "stat.ML": "Machine learning from the side of statistics: kernels, Bayesian models, "
    "high-dimensional estimation, learning theory.",
    "eess.SP": "Signal processing: filtering, detection, sensing, radar, communications "
    "signals, biomedical signals.",
    "math.CO": "Combinatorics: graphs, counting, partitions, extremal problems, designs, "
    "permutations.",
    "math.NA": "Numerical analysis: discretisation, finite elements, solvers, convergence and "
    "error of computed solutions.",
    "math.OC": "Optimisation and control: convex programs, optimal control, gradient methods, "
    "stability of controlled systems.",
    "math.PR": "Probability: random walks, stochastic processes, limit theorems, percolation, "
    "random matrices.",
    "q-bio.NC": "Neurons and cognition: brain activity, models of neural circuits, perception, "
    "behaviour.",
    "quant-ph": "Quantum physics and quantum information: entanglement, quantum computing, "
    "measurement, decoherence.",
    "astro-ph.GA": "Galaxies: their formation and structure, the Milky Way, star clusters, "
    "interstellar gas, active nuclei.",
    "hep-th": "Theory of high energies: strings, quantum field theory, supersymmetry, gravity "
    "and gauge theories.",
}


def _write(file: Path, facet: str, about: str, tags: Mapping[str, str]) -> Path:
    """A taxonomy without parents: name → description, any number of them for a paper."""
    listed = [{"name": n, "facet": facet, "description": d} for n, d in tags.items()]
    facets = [{"name": facet, "description": about, "rule": "any"}]
    text = yaml.safe_dump(
        {"version": 1, "facets": facets, "tags": listed}, sort_keys=False, allow_unicode=True
    )
    file.write_text(text, "utf-8")
    return file


def _slug(term: str) -> str:
    """``cs.CL`` → ``cs-cl``, ``learning (artificial intelligence)`` →
    ``learning-artificial-intelligence``."""
    letters = "".join(c if c.isalnum() else " " for c in term.lower())
    return "-".join(letters.split())


# ------------------------------------------------------------------------- Inspec


def _terms(data: Path) -> list[str]:
    """The most frequent terms of the training papers, which are not the ones that are tagged."""
    counts = Counter(
        term
        for row in read_rows(data / _INSPEC)
        if row["split"] == "training"
        for term in set(row["controlled"])
    )
    frequent = [term for term, papers in counts.items() if papers >= MIN_PAPERS]
    return sorted(frequent, key=lambda term: (-counts[term], term))[:MAX_TERMS]


def _inspec_rows(data: Path) -> list[tuple[dict[str, Any], list[str]]]:
    terms = _terms(data)
    rows = (row for row in read_rows(data / _INSPEC) if row["split"] == "validation")
    pairs = ((row, [term for term in terms if term in row["controlled"]]) for row in rows)
    return [(row, own) for row, own in pairs if own]


def _inspec_papers(data: Path) -> Papers:
    return papers_of((row["id"], row["title"], row["abstract"]) for row, _ in _inspec_rows(data))


def _inspec(data: Path | None) -> list[TagGold]:
    papers = _inspec_papers(folder_of(data))
    return [
        TagGold(id=row["id"], title=papers[row["id"]]["title"], tags=list(map(_slug, terms)))
        for row, terms in _inspec_rows(folder_of(data))
    ]


def _inspec_taxonomy(data: Path, folder: Path) -> Path:
    return _write(
        folder / "inspec.yaml",
        "subject",
        "What the paper is about.",
        {_slug(term): f"The paper is about {term}." for term in _terms(data)},
    )


# -------------------------------------------------------------------------- arXiv


def _arxiv_rows(data: Path) -> list[TagGold]:
    """Ten papers of each category, always the same ones; a paper's other categories count."""
    rows: dict[str, list[TagGold]] = {category: [] for category in _CATEGORIES}
    for row in read_rows(data / _ARXIV):
        if row["primary"] in rows:
            tags = [_slug(name) for name in row["categories"] if name in _CATEGORIES]
            gold = TagGold(id=row["id"], title=row["title"], tags=tags)
            rows[row["primary"]].append(gold)
    return [row for of_one in rows.values() for row in pick(of_one, PER_CATEGORY, seed=0)]


def _arxiv_papers(data: Path) -> Papers:
    chosen = {row.id for row in _arxiv_rows(data)}
    rows = (row for row in read_rows(data / _ARXIV) if row["id"] in chosen)
    return papers_of((row["id"], row["title"], row["abstract"]) for row in rows)


def _arxiv(data: Path | None) -> list[TagGold]:
    papers = _arxiv_papers(folder_of(data))
    return [
        row.model_copy(update={"title": papers[row.id]["title"]})
        for row in _arxiv_rows(folder_of(data))
    ]


def _arxiv_taxonomy(_: Path, folder: Path) -> Path:
    return _write(
        folder / "arxiv.yaml",
        "field",
        "The field of research that the paper belongs to.",
        {_slug(category): about for category, about in _CATEGORIES.items()},
    )


TAXONOMY_SUITES: tuple[Suite, ...] = (
    Suite(
        name="tag-inspec",
        task="tag",
        title="Inspec: the indexers' most frequent terms",
        licence="research use, with acknowledgement",
        source="Hulth, Improved Automatic Keyword Extraction Given More Linguistic Knowledge, 2003",
        rows=_inspec,
        corpus=corpus_of("inspec", _inspec_papers),
        needs=(_INSPEC,),
        taxonomy=_inspec_taxonomy,
    ),
    Suite(
        name="tag-arxiv",
        task="tag",
        title="arXiv: thirty categories, as the authors chose them",
        licence="metadata from arXiv",
        source="arXiv.org, categories of 300 papers",
        rows=_arxiv,
        corpus=corpus_of("arxiv-categories", _arxiv_papers),
        needs=(_ARXIV,),
        taxonomy=_arxiv_taxonomy,
    ),
)
