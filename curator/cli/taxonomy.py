"""Commands about the list of tags itself: show, check, diff, suggest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curator.cli.options import AsJson
from curator.cli.terminal import command, note, open_library, put, put_json

if TYPE_CHECKING:
    from curator.library import Library
    from curator.taxonomy import Taxonomy
    from curator.taxonomy.change import Affected, Change
    from curator.taxonomy.fit import TagFit

__all__ = ["taxonomy"]

taxonomy = typer.Typer(
    help="Show, check and compare taxonomies, and find tags that are missing.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_FORMS = "A file (YAML, a list of keywords, CSV), arxiv, arxiv:cs.*,stat.ML, or builtin"
Source = Annotated[
    str | None,
    typer.Argument(help=f"{_FORMS}; default: the one in use.", show_default=False),
]


@taxonomy.command()
@command
def show(source: Source = None, as_json: AsJson = False) -> None:
    """Print the tags by facet, with the papers of this library that have each."""
    from curator.taxonomy.uses import stored_tags

    with open_library() as library:
        shown = _open(library, source)
        counts = Counter(
            tag for tags in stored_tags(library.catalog, shown).values() for tag in tags
        )
    if as_json:
        put_json(_shown_json(shown, counts))
        return
    listed = {facet.name for facet in shown.facets}
    without = [tag for tag in shown.tags if tag.facet not in listed]
    for facet in shown.facets:
        rule = {"at-least-one": "at least one", "exactly-one": "exactly one"}.get(facet.rule)
        wanted = f" ({rule}{f', else {facet.fallback}' if facet.fallback else ''})" if rule else ""
        put(f"{facet.name}{wanted}: {facet.description}".removesuffix(": "))
        _put_tree(shown, [tag.name for tag in shown.tags if tag.facet == facet.name], counts)
    _put_tree(shown, [tag.name for tag in without], counts)
    put(f"{len(shown.tags)} tags, {sum(bool(counts[t.name]) for t in shown.tags)} of them in use")


def _put_tree(shown: Taxonomy, names: list[str], counts: Counter[str]) -> None:
    """Children below their parents, where both are in the list."""
    children: dict[str | None, list[str]] = {}
    for name in names:
        parent = shown.by_name[name].parent
        children.setdefault(parent if parent in names else None, []).append(name)
    todo = [(name, 1) for name in reversed(children.get(None, []))]
    while todo:
        name, depth = todo.pop()
        put(f"{'  ' * depth}{name:<{44 - 2 * depth}}{counts[name] or '-':>7}")
        todo += [(child, depth + 1) for child in reversed(children.get(name, []))]


def _shown_json(shown: Taxonomy, counts: Counter[str]) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "hash": shown.hash,
        "facets": [asdict(facet) for facet in shown.facets],
        "tags": [
            {
                "tag": tag.name,
                "facet": tag.facet,
                "parent": tag.parent,
                "description": tag.description,
                "aliases": list(tag.aliases),
                "papers": counts[tag.name],
            }
            for tag in shown.tags
        ],
    }


@taxonomy.command()
@command
def check(source: Source = None, as_json: AsJson = False) -> None:
    """Say what is wrong with a taxonomy, and what is questionable.

    Errors make it unusable (exit code 2). Warnings: tags that mean nearly the same, that are on
    the same papers or on none, texts that are missing or too short.
    """
    from curator.taxonomy import read_taxonomy
    from curator.taxonomy.lint import Finding, UsedTags, lint
    from curator.taxonomy.uses import stored_tags

    with open_library() as library:
        name = source or library.settings.taxonomy
        read, faults = read_taxonomy(name)
        findings = [Finding("error", "unsound", str(f.message), (), f.line) for f in faults]
        fit = None
        if not faults:
            fit = _fit(library, read)
            used = stored_tags(library.catalog, read)
            findings += lint(read, fit, UsedTags(len(used), used))
    errors = sum(finding.level == "error" for finding in findings)
    if as_json:
        put_json(
            {
                "taxonomy": str(name or "builtin"),
                "hash": None if faults else read.hash,
                "facets": len(read.facets),
                "tags": len(read.tags),
                "compared_by": "meaning" if fit else "words",
                "errors": errors,
                "warnings": len(findings) - errors,
                "findings": [
                    {
                        "level": finding.level,
                        "kind": finding.kind,
                        "message": finding.message,
                        "tags": list(finding.tags),
                        "line": finding.line,
                    }
                    for finding in findings
                ],
            }
        )
    else:
        for finding in findings:
            where = f" (line {finding.line})" if finding.line else ""
            put(f"{finding.level}: {finding.message}{where}")
        put(
            f"{len(read.tags)} tags in {len(read.facets)} facets: {errors} errors, "
            f"{len(findings) - errors} warnings"
        )
    if errors:
        raise typer.Exit(2)


@taxonomy.command()
@command
def diff(
    old: Annotated[
        str | None,
        typer.Argument(
            help=f"{_FORMS}, or the hash of one that papers were tagged with; default: the one "
            "that most stored tags were made with. Given alone, it is NEW.",
            show_default=False,
        ),
    ] = None,
    new: Annotated[
        str | None,
        typer.Argument(help="The same; default: the one in use.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a change of the taxonomy means for the papers that are tagged already.

    Nothing is changed by it: `curator tag` does that, and decides only the tags that are named
    here. Which papers come near a new or edited tag is estimated by vectors.
    """
    from curator.taxonomy.change import affected, compare
    from curator.taxonomy.uses import nearness, stored_tags

    if new is None:
        old, new = None, old
    with open_library() as library:
        after = _open(library, new)
        before = _former(library, old)
        change = compare(before, after)
        stored = stored_tags(library.catalog, suggested=True)

        def near(tags: Any) -> dict[str, set[str]]:
            fit = _fit(library, after)
            if fit is None or not stored:
                return {}
            papers = list(library.catalog.papers.get(list(stored)).values())
            found = nearness(fit, papers, library.vectors.vectors(papers))
            return {tag: found[tag] for tag in tags}

        meant = affected(change, after, stored, near)
    if as_json:
        put_json(_change_json(before, after, change, meant))
        return
    _put_change(before, after, change)
    if not stored:
        put("No paper is tagged yet.")
        return
    put(
        f"Of {len(stored):,} tagged papers {len(meant.decide):,} may get or lose a tag, "
        f"{len(meant.settle):,} are only put in order, {len(meant.stay):,} stay as they are."
    )
    for tag, count in meant.counts().items():
        put(f"  {tag:<42}{count:>7,}")


def _put_change(before: Taxonomy, after: Taxonomy, change: Change) -> None:
    put(f"{len(before.tags)} tags ({before.hash}) → {len(after.tags)} tags ({after.hash})")
    if change.is_none:
        put("Nothing has changed that decides about tags.")
    for name in change.added:
        put(f"added    {name}")
    for name in change.removed:
        into = f" (its name means {change.joined[name]} now)" if name in change.joined else ""
        put(f"removed  {name}{into}")
    for name, former in change.renamed.items():
        put(f"renamed  {former} → {name}")
    for name, fields in change.edited.items():
        named = ["not" if field == "excludes" else field for field in fields]
        put(f"edited   {name} ({', '.join(named)})")
    for name in change.moved:
        tag = after.by_name[name]
        put(f"moved    {name} (facet {tag.facet}, parent {tag.parent or 'none'})")
    for name in change.facets:
        put(f"facet    {name} (another rule or fallback)")
    for name, like in change.like_renames.items():
        note(
            f"{name} and {like} have all but the name in common. If it was renamed, write "
            f"'was: [{name}]' into {like}: then what is stored is kept."
        )


def _change_json(
    before: Taxonomy, after: Taxonomy, change: Change, meant: Affected
) -> dict[str, Any]:
    return {
        "old": before.hash,
        "new": after.hash,
        "added": list(change.added),
        "removed": list(change.removed),
        "renamed": [{"from": former, "to": name} for name, former in change.renamed.items()],
        "edited": [{"tag": name, "fields": list(f)} for name, f in change.edited.items()],
        "moved": list(change.moved),
        "facets": list(change.facets),
        "joined": dict(change.joined),
        "tags_to_decide": meant.counts(),
        "decide": {paper_id: sorted(tags) for paper_id, tags in meant.decide.items()},
        "settle": sorted(meant.settle),
        "stay": len(meant.stay),
    }


def _former(library: Library, name: str | None) -> Taxonomy:
    """The taxonomy that is meant by OLD."""
    from curator.errors import NotFoundError
    from curator.taxonomy.kept import kept
    from curator.taxonomy.uses import used_hashes

    if name is not None:
        return _open(library, name)
    used = used_hashes(library.catalog)
    if not used:
        note("No paper is tagged yet: compared with the built-in taxonomy.")
        return _open(library, "builtin")
    most = next(iter(used))
    found = kept(library.home.root, most)
    if found is None:
        raise NotFoundError(
            f"The taxonomy {most!r} that {used[most]:,} papers were tagged with was not kept.",
            remedy="Name the file: curator taxonomy diff OLD NEW.",
        )
    if len(used) > 1:
        others = sum(used.values()) - used[most]
        note(f"{others:,} papers have tags of other taxonomies: compared is that of most.")
    return found


@taxonomy.command()
@command
def suggest(
    limit: Annotated[int, typer.Option(min=1, help="At most so many tags.")] = 5,
    source: Annotated[
        str | None,
        typer.Option("--taxonomy", help=f"{_FORMS}; default: the one in use.", show_default=False),
    ] = None,
    below: Annotated[
        float | None,
        typer.Option(help="Papers whose best fit is lower count (default: 1.8)."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A file for the YAML of the tags.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Propose tags from papers that fit none, with the papers that speak for each.

    Names and descriptions are phrases of these papers: reword them before they are used.
    """
    from curator.taxonomy.suggest import FEWEST, WEAK, snippet
    from curator.taxonomy.suggest import suggest as suggested

    with open_library() as library:
        papers, rows, sure = _rows(library)
        present = _open(library, source)
        bound = WEAK if below is None else below
        fit = _embedded(library, present)
        found = suggested(present, fit, papers, rows, tagged=sure, limit=limit, weak_below=bound)
    if as_json:
        put_json(
            {
                "papers": found.papers,
                "weak": found.weak,
                "unnamed": found.unnamed,
                "suggestions": [
                    {
                        "tag": made.tag.name,
                        "phrases": [phrase.text for phrase in made.phrases],
                        "papers": [{"paper_id": p.id, "title": p.title} for p in made.papers],
                        "yaml": snippet(made.tag),
                    }
                    for made in found.suggestions
                ],
            }
        )
    else:
        for made in found.suggestions:
            put(f"{made.tag.name}  ({len(made.papers)} papers)")
            for paper in made.papers[:5]:
                put(f"  {paper.id}  {_plain(paper.title)}")
            put("".join(f"    {line}\n" for line in snippet(made.tag).splitlines()))
    if out is not None:
        from curator.cli.files import write_whole

        write_whole(out, "".join(snippet(made.tag) for made in found.suggestions))
        note(f"Written: {out}")
    note(
        f"{found.weak:,} of {found.papers:,} papers fit no tag well; {len(found.suggestions)} tags "
        "are proposed."
        + (f" {found.unnamed} groups have no phrase to be named by." if found.unnamed else "")
    )
    if found.weak < FEWEST:
        note(f"It takes {FEWEST} such papers that are alike to propose a tag.")


def _rows(library: Library) -> tuple[list[Any], Any, dict[str, float]]:
    """The papers that have vectors, newest first, with these, and how sure the tagger is of the
    best tag of each that it was asked about."""
    import numpy as np

    everything = library.catalog.papers.select()
    vectors = library.vectors.vectors(everything)
    papers = [paper for paper in everything if paper.id in vectors]
    if missing := len(everything) - len(papers):
        note(f"{missing:,} papers have no vector yet and are left out; `curator index` makes them.")
    rows = np.stack([vectors[p.id] for p in papers]) if papers else np.zeros((0, 1), np.float32)
    tags = library.catalog.outputs.tags([paper.id for paper in papers])
    facet_of = library.taxonomy.facet_of
    sure = {
        paper_id: max(
            (
                tag.confidence
                for tag in own
                if not tag.needs_review and tag.tag in facet_of and facet_of[tag.tag].rule == "any"
            ),
            default=0.0,
        )
        for paper_id, own in tags.items()
    }
    return papers, rows, sure


def _open(library: Library, source: str | None) -> Taxonomy:
    from curator.taxonomy import load_taxonomy
    from curator.taxonomy.kept import kept

    if source is None:
        return library.taxonomy
    return kept(library.home.root, source) or load_taxonomy(source)


def _embedded(library: Library, chosen: Taxonomy) -> TagFit:
    """The vectors of the tags, kept in the library so that the next command is quick."""
    import hashlib

    from curator.embedding.kept import KeptVectors
    from curator.taxonomy.fit import TagFit

    embedder = library.embedder
    name = hashlib.sha256(embedder.fingerprint.encode()).hexdigest()[:12]
    phrases = KeptVectors(lambda: embedder, library.home.tagging / f"{name}.npz")
    fit = TagFit(chosen, phrases)
    phrases.save()
    return fit


def _fit(library: Library, chosen: Taxonomy) -> TagFit | None:
    """The vectors of the tags; None, with a word about it, where they cannot be made."""
    from curator.errors import MissingError

    try:
        return _embedded(library, chosen)
    except MissingError as error:
        note(f"Tags are compared by their words, not by meaning: {error}")
        return None


def _plain(text: str) -> str:
    from curator.text import plain

    return plain(text)
