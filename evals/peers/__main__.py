"""``python -m evals.peers``: other programs beside ours, on the same footing.

The same papers, the same questions, the same embedder, the same model behind the same loopback
server; each system in its default settings, one after another, never two at once. What a
system said is kept line by line, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curator.cli.terminal import Progress, note
from curator.embedding import embedding_text
from curator.errors import CuratorError, InputError, MissingError, ModelError, UsageError
from curator.library import Library
from curator.paper import Paper
from curator.text import plain
from curator.weights import DEFAULTS, Resolved, resolve
from evals.gold import Question
from evals.metrics import Estimate, Row
from evals.peers import ours, score, servers, stuffed
from evals.provenance import code_hash
from evals.suites import suites_for
from evals.suites.base import pick

__all__ = ["Comparison", "main", "table"]

SYSTEMS = ("ours", "stuffed", "paper-qa")
SUITE = "ask-gold"
HERE = Path(__file__).parent
PEERS_PYTHON = servers.ROOT / ".venv-peers" / "bin" / "python"

# What each system's lines depend on besides the shared conditions: its own code.
_CODE = {
    "ours": ("ours.py",),
    "stuffed": ("stuffed.py", "ours.py"),
    "paper-qa": ("paperqa_answer.py", "requirements.lock"),
}

NOTES = """\
n counts the questions (or answers) that a figure is about; in brackets the 95 % bootstrap
interval over the questions. Refusals by wording are found by rules (evals/peers/score.py).

1. Unanswerable: refused. Otherwise: answered, and all that must be said is said, whatever is
   cited. Whoever repeats five abstracts whole says all that must be said, so look at the words
   and at the share of cited papers that are right.
2. The model cited something that it was not given, and its claim was left standing. paper-qa
   deletes such a key and shows the claim without it.
3. Against the sentences of the papers that the answer cites, by the check that our own
   sentences have to pass before they are shown: it leans to our side, and a true free
   paraphrase may fail it. An answer that cites nothing has nothing that supports it. The row
   of numbers leans to no side.

What must be said is found by wordings, which quotes of the papers have. Our thresholds were set
on these dev questions, the others' were not. paper-qa's manual says that models of 7B are too
small for it; here all have the same, which is smaller still. Model calls are those that
succeeded. Seconds include retrieval, not loading, nor embedding the papers; they mean something
only where the machine did nothing else."""


@dataclass(frozen=True)
class Comparison:
    """What is compared, and where it is kept."""

    questions: Sequence[Question]
    systems: Sequence[str]
    out: Path
    work: Path
    model: str
    seed: int
    python: Path = PEERS_PYTHON

    def file(self, system: str) -> Path:
        return self.out / f"{system}.jsonl"

    def todo(self, system: str) -> list[Question]:
        done = {line["id"] for line in written(self.file(system))}
        return [question for question in self.questions if question.id not in done]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m evals.peers", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the evaluation data")
    parser.add_argument("--out", type=Path, required=True, help="folder of the answers and table")
    parser.add_argument("--limit", type=int, default=20, help="how many questions")
    parser.add_argument("--sample-seed", type=int, default=0, help="which questions")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="some of them, with commas")
    parser.add_argument("--model", default=DEFAULTS["generate"], help="weights of the registry")
    parser.add_argument("--work", type=Path, help="folder of the library, kept; OUT/work")
    parser.add_argument("--peers-python", type=Path, default=PEERS_PYTHON, help="paper-qa's Python")
    # So that the servers are ended too when this is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        _compare(parser.parse_args(arguments))
    except CuratorError as error:
        note(f"Error: {error.message}")
        if error.remedy:
            note(f"  → {error.remedy}")
        return error.exit_code
    except KeyboardInterrupt:
        note("Interrupted. What was answered is kept; run it again to go on.")
        return 130
    return 0


def _compare(chosen: argparse.Namespace) -> None:
    systems = list(dict.fromkeys(name.strip() for name in chosen.systems.split(",")))
    if unknown := [name for name in systems if name not in SYSTEMS]:
        raise UsageError(
            f"There is no system {unknown[0]!r}.", remedy=f"Known: {', '.join(SYSTEMS)}."
        )
    if chosen.limit < 1:
        raise UsageError("--limit must be at least 1.")
    suite = suites_for([SUITE], full=True, data=chosen.data)[0]
    if missing := suite.missing(chosen.data):
        raise InputError(f"The gold questions cannot be read: {missing}.", remedy="Check --data.")
    rows = [row for row in suite.sample(chosen.data, None, 0) if isinstance(row, Question)]
    chosen.out.mkdir(parents=True, exist_ok=True)
    run = Comparison(
        questions=pick(rows, chosen.limit, chosen.sample_seed, lambda row: row.kind),
        systems=systems,
        out=chosen.out.resolve(),
        work=(chosen.work or chosen.out / "work").resolve(),
        model=chosen.model,
        seed=chosen.sample_seed,
        # Not resolved: it is a link to another Python, whose packages would be used then.
        python=chosen.peers_python.absolute(),
    )
    run.work.mkdir(parents=True, exist_ok=True)
    todo = [system for system in systems if run.todo(system)]
    weights = _ready(run, todo) if todo else None
    pages = suite.corpus.files(chosen.data, run.work) if suite.corpus else ()
    papers = _papers(run, map(str, pages), embed=bool(todo))
    if weights is not None:
        conditions = _conditions(weights, papers)
        for system in todo:
            _same_conditions(run, system, conditions)
        for system in todo:
            _answer(run, system, weights, papers)
    text = _report(run, papers)
    (run.out / "table.md").write_text(text, "utf-8")
    print(text)


# ------------------------------------------------------------------ what must be there


def _ready(run: Comparison, todo: Sequence[str]) -> Resolved:
    """Finds all that is needed before anything costly starts.

    Raises:
        MissingError: something is not there.
    """
    settings = ours.home_settings(run.work / "home")
    weights = servers.model_weights(run.model, settings)
    needed = ["embed", "rerank"] if "ours" in todo else ["embed"]
    for purpose in needed:
        resolve(DEFAULTS[purpose], settings.models_dir)  # type: ignore[index]
    if "paper-qa" in todo and not run.python.is_file():
        raise MissingError(
            f"paper-qa's environment is not there ({run.python}).",
            remedy="`make peers` makes it; or leave it out: --systems ours,stuffed.",
        )
    for package, what in (("llama_cpp", "llama-cpp-python"), ("scipy", "scipy")):
        if importlib.util.find_spec(package) is None:
            raise MissingError(f"{what} is not installed.", remedy="Run `make setup`.")
    return weights


def _papers(run: Comparison, pages: Iterable[str], *, embed: bool) -> list[Paper]:
    """The papers of the library in the work folder, which is made if it is not there."""
    with Library(
        ours.home_settings(run.work / "home"), notify=note, progress=Progress()
    ) as library:
        library.add(list(pages), embed=embed)
        papers = library.catalog.papers.select(newest_first=False)
    if not papers:
        raise InputError("There are no papers to ask about.", remedy="Check --data.")
    return papers


def _conditions(weights: Resolved, papers: Sequence[Paper]) -> dict[str, Any]:
    """What the lines of all systems depend on."""
    digest = hashlib.sha256("\0".join(sorted(paper.text for paper in papers)).encode())
    return {
        "model": weights.name,
        "model_sha256": weights.sha256,
        "embedding": DEFAULTS["embed"],
        "papers": len(papers),
        "papers_sha256": digest.hexdigest()[:16],
        "context": servers.CONTEXT,
    }


def _same_conditions(run: Comparison, system: str, shared: dict[str, Any]) -> None:
    """Lines that were made otherwise are not mixed with new ones."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in _CODE[system]))
    if system == "ours":
        digest.update(code_hash().encode())
    now = {**shared, "code": digest.hexdigest()[:16]}
    file = run.out / f"{system}.conditions.json"
    if file.is_file() and written(run.file(system)):
        then = json.loads(file.read_text("utf-8"))
        if changed := sorted(name for name in now if then.get(name) != now[name]):
            raise UsageError(
                f"{run.file(system)} has answers of before something changed: "
                f"{', '.join(changed)}.",
                remedy="Remove it to have all answered anew, or give another --out.",
            )
    file.write_text(json.dumps(now, indent=1) + "\n", "utf-8")


# ------------------------------------------------------------------ asking


def _answer(run: Comparison, system: str, weights: Resolved, papers: Sequence[Paper]) -> None:
    """Has a system answer what it has not answered yet, with a model server of its own: no
    system finds another's prompts in its cache."""
    # The name is part of the key of our cache of model outputs, where nothing may be found.
    alias = f"peers-{secrets.token_hex(4)}"
    log = run.work / f"{system}.model-server.log"
    with servers.model_server(weights.path, alias, log) as address:
        if system == "paper-qa":
            return _paper_qa(run, address, alias, papers)
        todo = run.todo(system)
        make = {"ours": ours.asking, "stuffed": stuffed.asking}[system]
        with (
            make(run.work / "home", address, alias, note) as ask,
            run.file(system).open("a", encoding="utf-8") as out,
        ):
            for number, question in enumerate(todo, 1):
                started = time.monotonic()
                try:
                    line = ask(question.question)
                except ModelError as error:
                    if not servers.answers(address, timeout=60):
                        raise
                    line = {"error": str(error)[:500]}
                out.write(json.dumps({"id": question.id, **line}, ensure_ascii=False) + "\n")
                out.flush()
                state = line["error"] or ("refused" if line["refused"] else "answered")
                where = f"{number} of {len(todo)}, {question.id}"
                note(f"{system}: {where}: {state} in {time.monotonic() - started:.1f} s")
    return None


def _paper_qa(run: Comparison, address: str, alias: str, papers: Sequence[Paper]) -> None:
    """paper-qa, in its own environment and process."""
    with Library(ours.home_settings(run.work / "home")) as library:
        # Embedded anew they would be others, a little: what an int8 model makes of a text
        # depends on the texts beside it (seen: cosines of .997, two of the best ten changed).
        vectors = library.vectors.vectors(papers)
    rows = [
        {
            "id": paper.id,
            "title": paper.title,
            "name": _name(paper),
            "citation": plain(paper.title),
            "text": embedding_text(paper),
            "embedding": vectors[paper.id].tolist(),
        }
        for paper in papers
    ]
    questions = [{"id": q.id, "question": q.question} for q in run.todo("paper-qa")]
    log_file = run.work / "paper-qa.log"
    with (
        servers.embedding_server(run.work / "embedding-server.log") as (embeddings, embedding),
        log_file.open("wb") as log,
    ):
        command = [
            *(str(run.python), str(HERE / "paperqa_answer.py")),
            *("--papers", _write(run.work / "papers.jsonl", rows)),
            *("--questions", _write(run.work / "questions.jsonl", questions)),
            *("--out", str(run.file("paper-qa")), "--work", str(run.work / "paper-qa")),
            *("--llm-base", address, "--model", alias),
            *("--embedding-base", embeddings, "--embedding", embedding),
        ]
        # What a person has set for another program, or for ours, is not its default.
        ignored = ("OPENAI_", "LITELLM_", "CURATOR_", "PQA_", "PYTHONPATH", "VIRTUAL_ENV")
        env = {k: v for k, v in os.environ.items() if not k.startswith(ignored)}
        with servers.group(command, sys.stderr, log, env) as process:
            code = process.wait()
    if code:
        lines = log_file.read_text("utf-8", "replace").strip().splitlines()
        raise MissingError(
            f"paper-qa ended with code {code} ({lines[-1][:200] if lines else 'it said nothing'}).",
            remedy=f"Its output is in {log_file}. Run this again to go on; if its packages are "
            "not those of evals/peers/requirements.lock, `make peers` installs them.",
        )


def _name(paper: Paper) -> str:
    """A short name to cite by, as paper-qa makes one of the author and year, which these
    papers do not have: the first words of the title."""
    words = "".join(c if c.isalnum() else " " for c in plain(paper.title)).split()
    return "".join(word[:1].upper() + word[1:] for word in words[:3]) or "Untitled"


# ------------------------------------------------------------------ the table


def _report(run: Comparison, papers: Sequence[Paper]) -> str:
    """The table of all lines that are there."""
    texts = score.papers_by_title((paper.title, paper.abstract) for paper in papers)
    rows: dict[str, list[Row]] = {}
    for system in run.systems:
        lines = {line["id"]: line for line in written(run.file(system))}
        rows[system] = [
            Row(q.id, q.group, score.facts(system, lines[q.id], q, texts))
            for q in run.questions
            if q.id in lines
        ]
    facts = {system: {row.id: row.facts for row in made} for system, made in rows.items()}
    (run.out / "facts.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    kinds = Counter(question.kind for question in run.questions)
    drawn = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    models = sorted({_made_with(run, system) for system in run.systems})
    head = (
        f"{len(run.questions)} questions ({drawn}; seed {run.seed}) over {len(papers)} papers, "
        f"model {', '.join(models)}, embeddings {DEFAULTS['embed']}."
    )
    return f"{head}\n\n{table(rows)}\n\n{NOTES}\n"


def table(rows: dict[str, list[Row]]) -> str:
    """A markdown table with a column for each system."""
    lines = [
        "| | " + " | ".join(rows) + " |",
        "|---|" + "---|" * len(rows),
        "| questions asked (failed) | "
        + " | ".join(f"{len(r)} ({sum(x.facts is None for x in r)})" for r in rows.values())
        + " |",
    ]
    for metric in score.METRICS:
        cells = [_cell(metric.estimate(made)) for made in rows.values()]
        lines.append(f"| {metric.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    numbers = [n for n in (estimate.value, estimate.low, estimate.high) if n is not None]
    digits = 0 if max(numbers) >= 100 else 1 if max(numbers) > 1 else 2
    value, *bounds = [f"{number:,.{digits}f}" for number in numbers]
    # One sample has no spread; neither has a figure that is the same for all.
    spread = estimate.clusters > 1 and estimate.low != estimate.high
    interval = f" [{', '.join(bounds)}]" if spread else ""
    return f"{value}{interval} (n {estimate.n})"


def _made_with(run: Comparison, system: str) -> str:
    file = run.out / f"{system}.conditions.json"
    return str(json.loads(file.read_text("utf-8"))["model"]) if file.is_file() else run.model


# ------------------------------------------------------------------ files


def written(file: Path) -> list[dict[str, Any]]:
    """The lines of a system's file. A last line that was cut off by a kill is taken out.

    Raises:
        InputError: another line is no JSON object.
    """
    if not file.is_file():
        return []
    lines = file.read_text("utf-8").splitlines(keepends=True)
    found = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            found.append({**row, "id": row["id"]})
        except (ValueError, TypeError, KeyError) as error:
            if number < len(lines):
                raise InputError(
                    f"{file}, line {number} is no answer.", remedy="Remove that line."
                ) from error
            file.write_text("".join(lines[:-1]), "utf-8")
    return found


def _write(file: Path, rows: Iterable[dict[str, Any]]) -> str:
    with file.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return str(file)


if __name__ == "__main__":
    sys.exit(main())
