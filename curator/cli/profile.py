"""Commands about what readers want in their digests: ``curator profile``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curator.cli.following import Reader, follow, import_, rate, unfollow
from curator.cli.options import AsJson
from curator.cli.shown import counted, shown_text
from curator.cli.terminal import command, note, open_library, put, put_json
from curator.digest.document import ME

if TYPE_CHECKING:
    from curator.catalog.readers import Readers
    from curator.cli.rating import Rating
    from curator.library import Library
    from curator.readers import Profile

__all__ = ["profile"]

profile = typer.Typer(
    help="Say what your digest should favour: rate papers, follow tags, authors and searches, "
    "tell what you work on, bring a bibliography. Each reader (--reader NAME) has their own. "
    "Start with: curator profile init.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_TITLES = 5  # of rated papers that `show` lists
_TEXT_FILE = 100_000  # bytes; far more than a profile may have


@profile.command()
@command
def init(
    more: Annotated[
        int | None,
        typer.Option(
            min=1, help="Ask for so many ratings more (default: until there are ten in all)."
        ),
    ] = None,
    reader: Reader = ME,
    as_json: AsJson = False,
) -> None:
    """Rate ten papers of the library, each chosen as the one that teaches most.

    y: this is for me, n: it is not, s: I cannot say, u undoes, q leaves; ? lists all keys.
    Each answer is kept at once; called again, it goes on where it was. Makes the reader if there
    is none of that name. From a pipe, each line is an answer. --json prints what was said, and
    which papers come next.
    """
    from curator.cli.rating import ENOUGH, Rating
    from curator.errors import UsageError

    with open_library() as library:
        readers = library.catalog.readers
        if not library.catalog.papers.count():
            raise UsageError(
                "The library has no papers to rate yet.", remedy="Add some: curator add FILE"
            )
        _made(readers, reader)
        rated = sum(map(len, readers.ratings(reader)))
        goal = more if more is not None else ENOUGH - rated
        asks = sys.stdin.isatty() and not as_json
        say = note if as_json else put
        rating = Rating(library, reader, goal=goal, asks=asks, say=say)
        if goal <= 0:
            note(f"{counted(rated, 'paper')} are rated already; --more 10 asks about ten others.")
        elif rating.next() is None:
            note("Every paper of the library is rated.")
        else:
            _ask(rating, asks=asks)
        if as_json:
            liked, disliked = readers.ratings(reader)
            put_json(
                {
                    "reader": reader,
                    "rated": [
                        {"paper_id": step.paper_id, "liked": step.liked} for step in rating.steps
                    ],
                    "liked": len(liked),
                    "disliked": len(disliked),
                    "next": [
                        {"paper_id": paper.id, "title": paper.title}
                        for paper in rating.upcoming(ENOUGH)
                    ],
                }
            )


def _ask(rating: Rating, *, asks: bool) -> None:
    from curator.cli.reviewing import keys, script

    if not asks:
        rating.run(script())
        return
    put("y for me, n not for me, s skip, u undo, q quit; ? lists all keys.")
    with keys([]) as typed:
        rating.run(typed)


@profile.command()
@command
def show(reader: Reader = ME, as_json: AsJson = False) -> None:
    """Say all that is known of a reader: address, text, what they follow and rated, and the
    words that were learned from it."""
    from curator.cli.rating import learned_words

    with open_library() as library:
        readers = library.catalog.readers
        known = readers.require(reader)
        liked, disliked = readers.ratings(reader)
        words = learned_words(library, known)
        gone = _gone_tags(library, known.tags)
        titles = {
            paper_id: paper.title
            for paper_id, paper in library.catalog.papers.get(
                [*liked[:_TITLES], *disliked[:_TITLES]]
            ).items()
        }
    if as_json:
        put_json(
            {
                **_described(known),
                "text": known.text,
                "tags": list(known.tags),
                "authors": list(known.authors),
                "searches": list(known.searches),
                "bibliography": [
                    {"title": entry.title, "paper_id": entry.paper_id or None}
                    for entry in known.bibliography
                ],
                "liked": liked,
                "disliked": disliked,
                "words": [{"word": word, "weight": round(weight, 4)} for word, weight in words],
            }
        )
        return
    put(f"Reader    {known.name}")
    put(f"Address   {known.address or '(none: `curator profile set --address`)'}")
    put(f"Zone      {known.zone or '(of this machine)'}")
    _put_text(known.text)
    for tag in known.tags:
        put(f"Follows   tag:{shown_text(tag)}{' (there is no such tag now)' * (tag in gone)}")
    for name in known.authors:
        put(f"Follows   author:{shown_text(name)}")
    for search in known.searches:
        put(f"Follows   search:{shown_text(search)}")
    if known.bibliography:
        stored = sum(bool(entry.paper_id) for entry in known.bibliography)
        put(f"Papers    {len(known.bibliography):,} of a bibliography, {stored:,} in the library")
    for ids, word in ((liked, "Likes"), (disliked, "Dislikes")):
        put(f"{word:<9} {counted(len(ids), 'paper')}")
        for paper_id in ids[:_TITLES]:
            put(f"            {paper_id}  {shown_text(titles[paper_id])}")
        if len(ids) > _TITLES:
            put(f"            … and {len(ids) - _TITLES:,} more")
    if words:
        put(f"Learned   {', '.join(shown_text(word) for word, _ in words)}")
    elif not (liked or disliked):
        put("Learned   nothing yet: `curator profile init` asks about ten papers")


def _put_text(text: str) -> None:
    lines = [shown_text(line) for line in text.splitlines()] or ["(none)"]
    for number, line in enumerate(lines):
        put(f"{'' if number else 'Text':<9} {line}".rstrip())


def _gone_tags(library: Library, tags: Iterable[str]) -> set[str]:
    from curator.errors import NotFoundError
    from curator.profiles import tag_names

    gone = set()
    for tag in tags:
        try:
            tag_names(library).meant(tag)
        except NotFoundError:
            gone.add(tag)
    return gone


@profile.command("set")
@command
def set_(
    address: Annotated[
        str | None, typer.Option(help='Where digests are sent; "" forgets it.')
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(help='Whose days and weeks count: Europe/Berlin; "": this machine\'s.'),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help='What you work on, in your own words; "" forgets it.')
    ] = None,
    text_file: Annotated[
        Path | None, typer.Option(help="The same from a file, or - for standard input.")
    ] = None,
    no_bibliography: Annotated[
        bool, typer.Option("--no-bibliography", help="Forget what was imported.")
    ] = False,
    reader: Reader = ME,
    as_json: AsJson = False,
) -> None:
    """Say where a reader's digests go, in which time zone they live, and what they work on.

    Makes the reader if there is none of that name.

    Example: curator profile set --reader jane --address jane@example.org --zone Europe/Berlin
    """
    from dataclasses import replace

    from curator.errors import UsageError

    if text is not None and text_file is not None:
        raise UsageError("--text and --text-file do not go together.")
    words = _text_of(text_file) if text_file is not None else text
    changes: dict[str, Any] = {"address": address, "zone": zone, "text": words}
    changes = {key: value for key, value in changes.items() if value is not None}
    if no_bibliography:
        changes["bibliography"] = ()
    if not changes and reader == ME:
        raise UsageError(
            "Nothing is to be set.", remedy="Give --address, --zone, --text or --text-file."
        )
    with open_library() as library:
        readers = library.catalog.readers
        _checked_first(reader, changes)
        _made(readers, reader)
        known = readers.update(reader, lambda stored: replace(stored, **changes))
    if as_json:
        put_json({**_described(known), "text": known.text})
        return
    for key in changes:
        value = getattr(known, key)
        shown = shown_text(value)[:80] if isinstance(value, str) else ""
        put(f"{key}: {shown or '(none)'}")


def _checked_first(reader: str, changes: dict[str, Any]) -> None:
    """No reader is made by a command that then fails."""
    from curator.readers import Profile, checked

    checked(Profile(name=reader, **changes))


def _text_of(file: Path) -> str:
    from curator.errors import InputError

    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(_TEXT_FILE + 1)
        else:
            with file.open("rb") as stream:
                data = stream.read(_TEXT_FILE + 1)
        if len(data) > _TEXT_FILE:
            raise InputError(
                f"{str(file)!r} is too long for what a reader works on.",
                remedy="A few paragraphs do; bring papers by `curator profile import`.",
            )
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(
            f"{str(file)!r} is not text in UTF-8.", remedy="Save it as plain text."
        ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(
            f"The file {str(file)!r} cannot be read: {why}.", remedy="Check the name."
        ) from None


for _name, _function in (
    ("follow", follow),
    ("unfollow", unfollow),
    ("import", import_),
    ("rate", rate),
):
    profile.command(_name)(_function)


@profile.command("list")
@command
def list_(as_json: AsJson = False) -> None:
    """List the readers: where their digests go, what they follow, and how much they rated."""
    with open_library() as library:
        readers = library.catalog.readers
        rows = []
        for known in readers.all():
            liked, disliked = readers.ratings(known.name)
            rows.append({**_described(known), "liked": len(liked), "disliked": len(disliked)})
    if as_json:
        put_json(rows)
        return
    width = max(len(row["reader"]) for row in rows)
    for row in rows:
        put(
            f"{row['reader']:<{width}}  {row['address'] or '(no address)':<28}  "
            f"{row['zone'] or '-':<18}  follows {row['follows']}, "
            f"likes {row['liked']}, dislikes {row['disliked']}"
        )


@profile.command()
@command
def remove(
    name: Annotated[str, typer.Argument(help="The reader to forget.")], as_json: AsJson = False
) -> None:
    """Forget a reader: profile and ratings. Their digests stay, and what was sent to them is
    remembered. The marks of `curator like` and `dislike` stay when me is forgotten."""
    with open_library() as library:
        readers = library.catalog.readers
        readers.require(name)
        gone = readers.remove(name)
    if as_json:
        put_json({"reader": name, "removed": gone})
    elif name == ME:
        put("me: the profile is empty now; what was liked and disliked stays.")
    else:
        put(f"removed  {name}")


def _made(readers: Readers, name: str) -> None:
    """Makes a reader that is not there yet."""
    from curator.readers import Profile

    if readers.get(name) is None:
        readers.save(Profile(name=name))
        note(f"There is a new reader now: {name}.")


def _described(known: Profile) -> dict[str, Any]:
    return {
        "reader": known.name,
        "address": known.address,
        "zone": known.zone,
        "follows": len(known.tags) + len(known.authors) + len(known.searches),
    }
