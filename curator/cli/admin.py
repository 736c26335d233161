"""Commands about the library and its machinery: status, index, models, doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from curator.cli.options import AsJson
from curator.cli.terminal import Progress, command, flags, note, open_library, put, put_json

if TYPE_CHECKING:
    from curator.settings import Settings

NEWEST = 2_000  # papers whose sentences get vectors: minutes on two cores, 30 MB


@command
def status(
    failed: Annotated[
        bool, typer.Option("--failed", help="List what failed or was rejected, and why.")
    ] = False,
    sources: Annotated[
        bool, typer.Option("--sources", help="List every file and feed that was ever read.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what the library holds and what is still to do; the numbers add up."""
    with open_library() as library:
        data = library.status()
        if failed:
            data["failures"] = library.catalog.ledger.failures()
            data["rejections"] = library.catalog.ledger.rejected()
        if sources:
            data["sources"] = library.catalog.records.sources()
    if as_json:
        put_json(data)
        return
    entries = data["entries"]
    put(f"Library   {data['home']}")
    put(
        f"Entries   {entries['all']:,} came in: {entries['added']:,} added, "
        f"{entries['updated']:,} updated a paper, {entries['merged']:,} were of a known one, "
        f"{entries['rejected']:,} rejected, {entries['mended']:,} since mended"
    )
    put(f"Papers    {data['papers']:,}")
    put(f"Words     {data['words']:,} papers indexed")
    for fingerprint, count in data["vectors"].items() or {"none": 0}.items():
        put(f"Vectors   {count:,} papers ({fingerprint.partition(';')[0]})")
    for fingerprint, count in data["sentences"].items():
        put(f"Sentences {count:,} papers ({fingerprint.partition(';')[0]})")
    for task in ("tldr", "tag"):
        tally = data[task]
        put(
            f"{task.upper():<9} {tally['done']:,} done, {tally['failed']} failed, "
            f"{tally['skipped']} skipped, {tally['waiting']:,} waiting"
        )
    marked = (f"{count:,} {mark}" for mark, count in data["marks"].items() if count)
    put(f"Marks     {', '.join(marked) or 'none'}")
    put(f"Answers   {_answered(data['answers'])}")
    put(f"Digests   {', '.join(data['digests']) or 'none'}")
    for feed in data["feeds"]:
        trouble = f"; failed {feed['failures']}x: {feed['error']}" if feed["error"] else ""
        put(f"Feed      {feed['feed']}, read {feed['last_success'] or 'never'}{trouble}")
    for model, used in data["model_usage"].items():
        tokens = used["prompt_tokens"] + used["completion_tokens"]
        put(f"Model     {model}: {used['calls']} calls, {tokens:,} tokens, {used['seconds']:.0f} s")
    for row in data.get("failures", ()):
        put(f"Failed    {row['task']} {row['paper_id']} {row['title']!r}: {row['reason']}")
    for row in data.get("rejections", ()):
        what = f" {row['title']!r}" if row["title"] else ""
        where = ", ".join(filter(None, (row["source"], row["place"])))
        put(f"Rejected  {where}{what}: {row['reason']}")
    for row in data.get("sources", ()):
        put(f"Source    {row['name']} ({row['kind']}), last read {row['last_read'][:19]}")


def _answered(sums: dict[str, float]) -> str:
    count = {name: f"{number:,.0f}" for name, number in sums.items()}
    if not sums["questions"]:
        return "none"
    checked = sums["passed"] + sums["repaired"] + sums["fallback"]
    line = (
        f"{count['questions']} asked, {count['abstained']} not answered by the library; "
        f"sentences: {count['quoted']} quoted, {checked:,.0f} that a model drafted"
    )
    if sums["repairs"]:
        line += f"; {count['repaired']} by {count['repairs']} repairs"
    if sums["fallbacks"]:
        line += f"; {count['fallback']} by the fallback, asked {count['fallbacks']} times"
    return line


@command
def retry(as_json: AsJson = False) -> None:
    """Do again what failed: sources with rejected entries, feeds, summaries and tags.

    Sources that are still there are read anew (what is in the library already stays as it
    is), feeds go on where they broke off. Exit 1 if a source, a feed, a summary or a tagging
    failed again; an entry that is still rejected is counted, and no failure.
    """
    with open_library() as library:
        done = library.retry()
    if as_json:
        put_json(done)
    else:
        put(
            f"Sources: {done['sources']} read again, {done['added']} papers added, "
            f"{done['rejected']} entries rejected again"
        )
        put(f"Feeds: {done['feeds']} pulled, {done['feeds_failed']} failed again")
        for task in ("tldr", "tag"):
            put(f"{task.upper()}: {done[task]['done']} done, {done[task]['failed']} failed again")
    if done["unusable"] or done["feeds_failed"] or done["tldr"]["failed"] or done["tag"]["failed"]:
        raise typer.Exit(1)


@command
def index(
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Throw both indexes away and make them anew.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Then delete the vectors of other embedding models.")
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(help="Where to embed: cpu, cuda, coreml, ... (default: CURATOR_DEVICE)."),
    ] = None,
    sentences: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=-1,
            help="Then make vectors of the sentences of the N newest papers; 0: none, -1: all.",
        ),
    ] = NEWEST,
    as_json: AsJson = False,
) -> None:
    """Bring the word and vector indexes up to the catalog, the newest papers first.

    Needed after `add --no-embed`, or when an index was lost. Interrupted, it goes on where it
    stopped, and searches go on meanwhile.

    Questions are answered sooner where the sentences of papers have vectors as well. Those of
    papers that a question finds are made then and kept.

    After a change of CURATOR_EMBEDDING it makes new vectors beside the old ones, which answer
    until there are as many new ones; --prune then deletes the old.
    """
    with open_library(device=device) as library:
        library.embedder  # noqa: B018 - this command is about vectors: say if they cannot be made
        done: dict[str, Any] = dict(library.index(rebuild=rebuild, sentences=sentences))
        if prune:
            done["pruned"] = library.prune()
    if as_json:
        put_json(done)
        return
    put(f"{done['words']:,} papers to the words, {done.get('vectors', 0):,} to the vectors")
    if done.get("sentences"):
        put(f"Vectors of the sentences of {done['sentences']:,} papers")
    for fingerprint in done.get("pruned", ()):
        put(f"Deleted the vectors of {fingerprint.partition(';')[0]}")


models = typer.Typer(
    help="List, pull and verify model weights.", no_args_is_help=True, rich_markup_mode=None
)


def _settings() -> Settings:
    from curator.settings import load_settings

    return load_settings(home=flags.home)


@models.command("list")
@command
def list_models(as_json: AsJson = False) -> None:
    """List the known weights: what each is for, its size and licence, and whether it is here."""
    from curator.weights import installed

    rows = installed(_settings().models_dir)
    if as_json:
        put_json(
            [
                {
                    "name": row.entry.name,
                    "purpose": row.entry.purpose,
                    "description": row.entry.description,
                    "bytes": row.entry.size,
                    "licence": row.entry.licence,
                    "aliases": list(row.entry.aliases),
                    "sha256": row.entry.main.sha256,
                    "state": row.state,
                    "default": row.default,
                    "path": str(row.path) if row.path else None,
                }
                for row in rows
            ]
        )
        return
    for row in rows:
        mark = "*" if row.default else " "
        put(
            f"{mark} {row.entry.name:<28} {row.entry.purpose:<9} {row.entry.size / 1e6:>7,.0f} MB  "
            f"{row.state:<8} {row.entry.licence:<12} {row.entry.description}"
            + (f" ({row.note})" if row.note else "")
        )
    put("\n* default. Also: any GGUF file by its path, or hf:REPO/FILE@REVISION.")


@models.command()
@command
def pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Names, aliases or hf:REPO/FILE@REVISION; default: the defaults."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download weights, check their hash, and keep them for all libraries.

    Interrupted, it goes on where it stopped. A file with another hash is refused.
    """
    from curator.weights import DEFAULTS, pull_many

    settings = _settings()
    progress = flags.progress = Progress()

    def megabytes(name: str, done: int, of: int) -> None:
        progress(f"{name} MB", done // 1_000_000, of // 1_000_000)

    try:
        pulled = pull_many(
            names or list(DEFAULTS.values()),
            settings.models_dir,
            sources=[s.strip() for s in settings.weights_sources.split(",") if s.strip()],
            hub_timeout=settings.hub_timeout,
            progress=megabytes,
            notify=note,
        )
    finally:
        progress.clear()
        flags.progress = None
    if as_json:
        put_json([{"name": p.name, "path": str(p.path), "sha256": p.sha256} for p in pulled])
    else:
        for p in pulled:
            put(f"{p.name}  {p.path}")


@models.command()
@command
def path(
    name: Annotated[str, typer.Argument(help="A name, alias, path or hf: address.")],
    as_json: AsJson = False,
) -> None:
    """Print where the file of some weights lies."""
    from curator.weights import resolve

    found = resolve(name, _settings().models_dir)
    if as_json:
        put_json({"name": found.name, "path": str(found.path), "sha256": found.sha256})
    else:
        put(str(found.path))


@models.command()
@command
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Default: all that are here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read weights whole and compare their hash with the pinned one."""
    from curator.errors import MissingError
    from curator.weights import installed, verify

    settings = _settings()
    chosen = names or [
        row.entry.name for row in installed(settings.models_dir) if row.state != "missing"
    ]
    rows: list[dict[str, Any]] = []
    worst: MissingError | None = None
    for name in chosen:
        try:
            found = verify(name, settings.models_dir)
            rows.append({"name": found.name, "ok": True, "sha256": found.sha256})
        except MissingError as error:
            worst = error
            rows.append({"name": name, "ok": False, "error": error.message, "remedy": error.remedy})
    if as_json:
        put_json(rows)
    else:
        for row in rows:
            put(f"{'ok ' if row['ok'] else 'BAD'} {row['name']}")
        if not rows:
            note("No weights are here yet. `curator models pull` gets the default ones.")
    if worst is not None:
        raise worst


@command
def doctor(as_json: AsJson = False) -> None:
    """Check everything a command may need, and say how to mend what is missing."""
    from curator.doctor import examine

    findings = examine(_settings())
    if as_json:
        put_json([finding.as_dict() for finding in findings])
    else:
        for finding in findings:
            mark = {"ok": "ok     ", "warn": "note   ", "bad": "MISSING"}[finding.state]
            put(f"{mark} {finding.name:<12} {finding.detail}")
            if finding.remedy:
                put(f"        {'':<12} → {finding.remedy}")
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(3)
