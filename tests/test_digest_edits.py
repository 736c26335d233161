"""What people do to a digest.md is found, kept, and done again: whatever their editors do to it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from digests import citing, digest_of, empty_digest, example, paper
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from curator.digest.document import DigestDocument, DigestSection, Sentence, every_paper
from curator.digest.edits import (
    NOTABLE,
    Edits,
    apply_edits,
    dropped_ids,
    merge_edits,
    no_edits,
    of_section,
    pinned_ids,
)
from curator.digest.human import GONE, NOTHING, HumanCheck, unchecked
from curator.digest.markdown import to_markdown
from curator.digest.reading import read_edits
from curator.digest.written import blocks_of
from curator.errors import InputError
from curator.grounding import RuleGrounder
from curator.paper import Paper

OWLS, BOATS, MOTHS, LICHEN = (f"p{n:012x}" for n in (1, 2, 3, 4))
Lists = dict[str, list[str]]


def check(text: str, paper_id: str | None) -> Sentence:
    return citing(text, "human", supported="false" not in text, reason=f"of {paper_id}")


def edits(**given: Any) -> Edits:
    made = no_edits()
    made.update(given)  # type: ignore[typeddict-item]
    return made


def read(text: str, document: DigestDocument | None = None) -> Edits:
    """Edits of a file that is in order."""
    found, warnings = read_edits(text, document or example())
    assert warnings == []
    assert json.loads(json.dumps(found)) == found
    return found


def changed(before: str, after: str, count: int = 1) -> str:
    """The example's file with a passage changed."""
    text = to_markdown(example())
    assert text.count(before) >= 1, before
    return text.replace(before, after, count)


def cut(text: str) -> list[str]:
    """A file in pieces, each of which begins with an anchor."""
    return re.split(r"(?m)^(?=<!-- (?:digest|lead|section|paper|notable|rest|end)\b)", text)


def piece(text: str, name: str) -> str:
    return next(p for p in cut(text) if re.match(rf"<!-- (?:paper |section )?{name}", p))


def lists(document: DigestDocument) -> Lists:
    found = {s["tag"]: [p["paper_id"] for p in s["papers"]] for s in document["sections"]}
    return {**found, NOTABLE: [p["paper_id"] for p in document["notable"]]}


def lists_in(text: str) -> Lists:
    """What stands where in a file with all its anchors."""
    found: Lists = {}
    for block in blocks_of(text):
        if block.anchor.kind in ("section", "notable"):
            found[block.anchor.name or NOTABLE] = []
        elif block.anchor.kind == "paper":
            found[list(found)[-1]].append(block.anchor.name)
    return found


# ------------------------------------------------------------------------- what people do


def test_a_deleted_block_is_dropped() -> None:
    text = to_markdown(example())
    assert read(text.replace(piece(text, MOTHS), "")) == edits(dropped={MOTHS: True})


def test_a_block_of_which_only_the_anchor_is_left_is_dropped() -> None:
    text = to_markdown(example())
    anchor = piece(text, MOTHS).splitlines()[0]
    assert read(text.replace(piece(text, MOTHS), f"{anchor}\n\n")) == edits(dropped={MOTHS: True})


def test_blocks_change_places() -> None:
    pieces = cut(to_markdown(example()))
    at = [n for n, p in enumerate(pieces) if p.startswith("<!-- paper")]
    pieces[at[0]], pieces[at[1]] = pieces[at[1]], pieces[at[0]]
    found = read("".join(pieces))
    assert lists(apply_edits(example(), found, check))["retrieval"] == [MOTHS, OWLS]
    assert len(found["moves"]) == 1


def test_a_block_goes_to_another_section_and_to_the_notable_ones() -> None:
    text = to_markdown(example())
    moths, owls = piece(text, MOTHS), piece(text, OWLS)
    moved = text.replace(moths, "").replace(owls, "")
    moved = moved.replace("## Also notable\n\n", f"## Also notable\n\n{owls}")
    moved = moved.replace(piece(text, "notable"), moths + piece(text, "notable"))
    made = apply_edits(example(), read(moved), check)
    assert lists(made) == {"agents": [BOATS, MOTHS], NOTABLE: [OWLS, LICHEN]}, "nothing is left"
    assert (made["chosen"], made["ledger"]["chosen"], made["ledger"]["notable"]) == (2, 2, 2)


def test_a_heading_that_is_gone_leaves_its_papers_to_the_section_above() -> None:
    text = to_markdown(example())
    found = read(text.replace(piece(text, "agents"), ""))
    made = apply_edits(example(), found, check)
    assert lists(made) == {"retrieval": [OWLS, MOTHS, BOATS], NOTABLE: [LICHEN]}
    assert found["notes"] == {of_section("agents"): []}, "its note went with it"


def test_sections_change_places() -> None:
    pieces = cut(to_markdown(example()))
    at = [n for n, p in enumerate(pieces) if p.startswith("<!-- section")]
    end = next(n for n, p in enumerate(pieces) if p.startswith("<!-- notable"))
    text = "".join(pieces[: at[0]] + pieces[at[1] : end] + pieces[at[0] : at[1]] + pieces[end:])
    found = read(text)
    assert found == edits(sections=["agents", "retrieval"])
    assert list(lists(apply_edits(example(), found, check))) == ["agents", "retrieval", NOTABLE]


def test_a_section_of_an_editors_own() -> None:
    text = to_markdown(example())
    moths = piece(text, MOTHS)
    own = text.replace(moths, "").replace(
        piece(text, "agents"),
        f"## Insects & co\n\nSix legs each.\n\n{moths}{piece(text, 'agents')}",
    )
    found = read(own)
    made = apply_edits(example(), found, check)
    assert [s["title"] for s in made["sections"]] == ["Retrieval", "Insects & co", "Agents"]
    assert [p["paper_id"] for p in made["sections"][1]["papers"]] == [MOTHS]
    assert [n["text"] for n in made["sections"][1]["notes"]] == ["Six legs each."]
    assert read(to_markdown(made), made) == no_edits()
    renamed = read(to_markdown(made).replace("Insects \\& co", "Insects"), made)
    again = apply_edits(example(), merge_edits(found, renamed), check)
    assert [s["title"] for s in again["sections"]] == ["Retrieval", "Insects", "Agents"]


def test_a_heading_without_papers_is_a_note() -> None:
    found = read(changed("<!-- section agents", "## My view\n\nSo be it.\n\n<!-- section agents"))
    assert found == edits(notes={of_section("retrieval"): ["My view", "So be it."]})


def test_a_summary_is_rewritten() -> None:
    before = "Moths fly to lamps because they keep them overhead. *(quoted)*"
    for after in (
        "Moths keep lamps above them.",
        "Moths keep lamps above them. *(quoted)*",
        "Moths keep\nlamps above **them**.",
        "> mine\n\nMoths keep lamps above them. *(quoted)*",
    ):
        found = read(changed(before, after))
        assert found["tldrs"] == {MOTHS: "Moths keep lamps above them."}
    made = apply_edits(example(), edits(tldrs={MOTHS: "This is false."}), check)
    moths = made["sections"][0]["papers"][1]
    assert (moths["tldr"], moths["origin"], moths["supported"], moths["reason"]) == (
        "This is false.",
        "human",
        False,
        f"of {MOTHS}",
    )
    assert "This is false. *(editor, not supported: of p000000000003)*" in to_markdown(made)


def test_a_sentence_is_added_to_a_summary() -> None:
    found = read(changed("keep them overhead. *(quoted)*", "keep them overhead. *(quoted)* Odd!"))
    assert found["tldrs"] == {MOTHS: "Moths fly to lamps because they keep them overhead. Odd!"}


def test_notable_papers_are_edited_like_all_others() -> None:
    text = changed("Lichen grows 0.8 mm a year on the north side of walls.", "Lichen is slow.")
    assert read(text)["tldrs"] == {LICHEN: "Lichen is slow."}
    text = changed(
        "on the north side of walls. *(quoted)*",
        "on the north side of walls. *(quoted)*\n\nSee also [x](http://y).",
    )
    assert read(text)["notes"] == {LICHEN: ["See also x (http://y)."]}


def test_a_heading_is_changed() -> None:
    assert read(changed("## Agents", "## Those who act")) == edits(
        titles={"agents": "Those who act"}
    )


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        ("# Paper digest 2026-W47\n", "# Paper digest 2026-W47\n\nMy note.\n", ""),
        ("<!-- lead", "My note.\n\n<!-- lead", ""),
        ("Papers on agents rose", "My note.\n\nPapers on agents rose", ""),
        ("## Retrieval\n", "## Retrieval\n\n*My* note.\n", of_section("retrieval")),
        ("Why: 13", "My\nnote.\n\nWhy: 13", MOTHS),
        ("Why: 13 upvotes\n", "Why: 13 upvotes\n\n- My note.\n", MOTHS),
        ("<!-- section agents", "`My` note.\n\n<!-- section agents", MOTHS),
        ("## Trends\n", "## Trends\n\nMy note.\n", ""),
    ],
)
def test_text_is_added(before: str, after: str, place: str) -> None:
    found, warnings = read_edits(changed(before, after), example())
    assert found == edits(notes={place: ["My note."]})
    assert bool(warnings) == ("Trends" in before)


def test_notes_are_changed_and_taken_away() -> None:
    assert read(changed("> Read this one first.", "> Read it last.")) == edits(
        notes={OWLS: ["Read it last."]}
    )
    text = to_markdown(example())
    note = next(line for line in text.splitlines() if line.startswith("> Read this"))
    found = read(text.replace(note, ""))
    assert found == edits(notes={OWLS: []})
    assert apply_edits(example(), found, check)["sections"][0]["papers"][0]["notes"] == []
    assert merge_edits(edits(notes={OWLS: ["Old."]}), found) == no_edits()


def test_the_lead_is_changed() -> None:
    first, second, third = (s["text"] for s in example()["lead"])
    text = changed(f"{first} *(counted)*", "Nine papers came in.")
    assert read(text)["lead"] == [{"was": first, "now": "Nine papers came in.", "at": 0}]
    text = changed(f"{second} *(counted)*\n\n", "")
    assert read(text)["lead"] == [{"was": second, "now": "", "at": 1}]
    whole = to_markdown(example())
    found = read(whole.replace(piece(whole, "lead"), ""))
    assert [e["now"] for e in found["lead"]] == ["", "", ""]
    assert apply_edits(example(), found, check)["lead"] == []
    found = read(changed(f"{third} *(quoted)*\n\n<!-- section", "Owls hear well.\n\n<!-- section"))
    made = apply_edits(example(), found, check)
    assert made["lead"][2] == check("Owls hear well.", OWLS), "checked against the same paper"


@pytest.mark.parametrize("word", ["pin", "drop"])
def test_words_in_comments_and_lines_of_their_own(word: str) -> None:
    wanted = edits(**{"pinned" if word == "pin" else "dropped": {MOTHS: True}})
    text = to_markdown(example())
    anchor = piece(text, MOTHS).splitlines()[0]
    for after in (
        anchor.replace(" -->", f" {word} -->"),
        anchor.replace(f"paper {MOTHS}", f"paper {MOTHS} {word.upper()}"),
    ):
        assert read(text.replace(anchor, after)) == wanted
    title = "### [Moths and Lamps](https://arxiv.org/abs/2611.00003)\n"
    for line in (word, word.capitalize(), f"{word}!"):
        assert read(text.replace(title, f"{title}\n{line}\n")) == wanted
        assert read(text.replace(title, f"{line}\n\n{title}")) == wanted


def test_drop_in_the_comment_of_a_section_takes_all_of_it() -> None:
    text = to_markdown(example())
    anchor = piece(text, "retrieval").splitlines()[0]
    found = read(text.replace(anchor, anchor.replace(" -->", " drop -->")))
    assert found == edits(dropped={OWLS: True, MOTHS: True})


def test_a_pin_is_taken_back() -> None:
    made = apply_edits(example(), edits(pinned={MOTHS: True}), check)
    moths = made["sections"][0]["papers"][1]
    assert moths["pinned"] and moths["why"][-1]["kind"] == "editor"
    text = to_markdown(made)
    assert read(text, made) == no_edits()
    found = read(text.replace(" pin -->", " -->"), made)
    assert found == edits(pinned={MOTHS: False})
    assert merge_edits(edits(pinned={MOTHS: True}), found) == no_edits()


def test_a_block_that_was_dropped_is_put_in_again() -> None:
    moths = piece(to_markdown(example()), MOTHS)
    stored = edits(dropped={MOTHS: True})
    made = apply_edits(example(), stored, check)
    text = to_markdown(made).replace("<!-- section agents", f"{moths}<!-- section agents")
    found, warnings = read_edits(text, made)
    assert found == edits(dropped={MOTHS: False}, moves=found["moves"])
    assert len(warnings) == 1 and MOTHS in warnings[0]
    merged = merge_edits(stored, found)
    assert dropped_ids(merged) == [] and merged["pinned"] == {}
    assert lists(apply_edits(example(), merged, check))["retrieval"] == [OWLS, MOTHS]


def test_a_paper_that_was_never_in_it_is_put_in() -> None:
    other = "p00000000abcd"
    text = changed("<!-- section agents", f"<!-- paper {other} pin -->\n\n<!-- section agents")
    found, _ = read_edits(text, example())
    assert pinned_ids(merge_edits(None, found)) == [other]
    pasted = piece(to_markdown(digest_of([DigestSection(tag="x", title="X", notes=[], papers=[
        paper(0xABCD, "Elsewhere", "It says so.")])])), other)  # fmt: skip
    found, warnings = read_edits(
        changed("<!-- section agents", pasted + "<!-- section agents"), example()
    )
    assert pinned_ids(merge_edits(None, found)) == [other] and len(warnings) == 1
    assert lists(apply_edits(example(), merge_edits(None, found), check)) == lists(example())


# ----------------------------------------------------------- what editors and programs do


REWRITTEN: dict[str, Callable[[str], str]] = {
    "CRLF": lambda t: t.replace("\n", "\r\n"),
    "CR": lambda t: t.replace("\n", "\r"),
    "BOM": lambda t: "\ufeff" + t,
    "no end of line": lambda t: t.rstrip("\n"),
    "blank lines": lambda t: t.replace("\n\n", "\n\n\n\n"),
    "blank lines below comments": lambda t: t.replace("-->\n", "-->\n\n"),
    "trailing spaces": lambda t: t.replace("\n\n", " \n\n"),
    "underscores": lambda t: re.sub(r"(?<!\*)\*(\([^*]*\))\*", r"_\1_", t),
    "no emphasis": lambda t: re.sub(r" \*(\([^*]*\))\*", r" \1", t),
    "straight quotes": lambda t: t.translate(dict(zip(map(ord, "“”’"), "\"\"'", strict=True))),
    "curly quotes": lambda t: t.replace("'", "’"),
    "wrapped": lambda t: "\n".join(wrapped(line) for line in t.split("\n")),
    "other bullets": lambda t: t.replace("\n- ", "\n* "),
    "escapes left out": lambda t: t.replace("\\&", "&").replace("\\<", "&lt;"),
    "dashes": lambda t: t.replace("-0", "–0"),
    "spaces in comments": lambda t: t.replace("<!-- ", "<!--  ").replace(" -->", "  -->"),
    "a comment cut": lambda t: t.replace("<!-- lead", "<!--\nlead"),
}  # fmt: skip


def wrapped(line: str) -> str:
    if line.startswith(("<!--", "#", "- ")):
        return line
    sign = "\n> " if line.startswith(">") else "\n"
    words = line.split(" ")
    for n in range(8, len(words), 8):
        # As prettier does, no line begins with what would be a list or a heading.
        if re.match(r"[\w“(\\]", words[n]) and not re.match(r"\d+[.)]$", words[n]):
            words[n] = sign + words[n]
    return " ".join(words).replace(" \n", "\n")


@pytest.mark.parametrize("how", REWRITTEN)
def test_a_file_that_programs_rewrote_is_not_edited(how: str) -> None:
    text = REWRITTEN[how](to_markdown(example()))
    assert read(text) == no_edits()


@pytest.mark.parametrize("how", REWRITTEN)
def test_edits_are_found_in_what_programs_rewrote(how: str) -> None:
    text = to_markdown(example())
    moths = piece(text, MOTHS)
    new = moths.replace("Moths fly to lamps because they keep them overhead.", "Mine.")
    text = text.replace(moths, "").replace(piece(text, "notable"), new + piece(text, "notable"))
    found = read(REWRITTEN[how](text))
    assert found["tldrs"] == {MOTHS: "Mine."} and not found["dropped"]
    assert [(m["paper"], m["section"]) for m in found["moves"]] == [(MOTHS, "agents")]


def test_all_at_once() -> None:
    text = to_markdown(example())
    for how, rewrite in REWRITTEN.items():
        if how not in ("no emphasis", "CR"):
            text = rewrite(text)
    assert read(text) == no_edits()


def test_anchors_that_are_gone() -> None:
    text = to_markdown(example())
    for name in (
        OWLS,
        MOTHS,
        BOATS,
        LICHEN,
        "retrieval",
        "agents",
        "lead",
        "notable",
        "rest",
        "end",
    ):
        own = piece(text, name)
        found = read(text.replace(own, own.split("\n", 1)[1]))
        assert found == no_edits(), name
    found, warnings = read_edits(re.sub(r"<!-- .*? -->\n", "", text), example())
    assert found == no_edits() and len(warnings) == 1


def test_edits_below_anchors_that_are_gone() -> None:
    text = re.sub(r"<!-- .*? -->\n", "", to_markdown(example()))
    text = text.replace("Moths fly to lamps because they keep them overhead.", "Mine.")
    text = text.replace("## Agents", "New word.\n\n## Agents")
    found, _ = read_edits(text, example())
    assert found == edits(tldrs={MOTHS: "Mine."}, notes={MOTHS: ["New word."]})


def test_an_anchor_left_above_anothers_text() -> None:
    """Deleted from the one title to the other, with the comment in between."""
    text = to_markdown(example())
    start, end = text.index("### [Night"), text.index("### [Moths")
    found = read(text[:start] + text[end:])
    assert found["dropped"] == {OWLS: True} and found["tldrs"] == {} and found["notes"] == {}


def test_a_block_that_stands_there_twice() -> None:
    text = to_markdown(example())
    moths = piece(text, MOTHS)
    copied = moths.replace("overhead.", "overhead!").replace(
        "### [Moths", "Mine too.\n\n### [Moths"
    )
    found, warnings = read_edits(text.replace(moths, moths + moths), example())
    assert found == no_edits() and len(warnings) == 1 and "twice" in warnings[0]
    found, warnings = read_edits(text.replace(moths, moths + copied), example())
    assert set(found["notes"][MOTHS]) == {
        "Mine too.",
        "Moths fly to lamps because they keep them overhead!",
    }
    lead = piece(text, "lead")
    found, _ = read_edits(text.replace(lead, lead + lead), example())
    assert found == no_edits()


def test_a_whole_file_pasted_twice() -> None:
    text = to_markdown(example())
    found, warnings = read_edits(text + text, example())
    assert found == no_edits() and warnings


def test_a_summary_that_was_deleted_comes_back() -> None:
    found, warnings = read_edits(
        changed("Moths fly to lamps because they keep them overhead. *(quoted)*", ""), example()
    )
    assert found == no_edits() and "no summary" in warnings[0]


def test_what_the_program_writes_cannot_be_changed_but_nothing_is_lost() -> None:
    title = "Moths and Lamps](https://arxiv.org/abs/2611.00003)"
    found, warnings = read_edits(changed(title, "Moths, Lamps and Me](https://x.y)"), example())
    assert found == edits(notes={MOTHS: ["Moths, Lamps and Me"]}) and len(warnings) == 1
    found, warnings = read_edits(changed("Why: 13 upvotes", "Why: I like it"), example())
    assert found == edits(notes={MOTHS: ["Why: I like it"]})
    found, warnings = read_edits(
        changed(
            "Ada Núñez, Bo Li · 2026-11-18 · `agents`, `evaluation`", "Ada Núñez, Bo Li · `agents`"
        ),
        example(),
    )
    assert found == no_edits() and len(warnings) == 1


def test_comments_of_ones_own() -> None:
    found, warnings = read_edits(changed("Why: 13", "<!-- to do -->\n\nWhy: 13"), example())
    assert found == no_edits() and "comment" in warnings[0]


def test_a_file_that_was_cut_off() -> None:
    text = to_markdown(example())
    found, warnings = read_edits(text[: text.index("<!-- section agents")], example())
    assert found == no_edits() and "end of the file" in warnings[0]
    found, _ = read_edits(text[: text.index("<!-- end")], example())
    assert found == no_edits()
    without = text.replace(piece(text, OWLS), "")
    found, _ = read_edits(without[: without.index("<!-- section agents")], example())
    assert found == edits(dropped={OWLS: True})


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "empty"),
        (" \n\ufeff\n", 1, "empty"),
        ("a\nb\0c", 2, "not text"),
        ("Some other text.\n", 1, "nothing of"),
        ("# Shopping\n\n- milk\n", 1, "nothing of"),
        (to_markdown(example()).replace("\n## Agents", "\n<<<<<<< HEAD\n## Agents"), 37, "merge"),
        (to_markdown(example()) + ">>>>>>> branch\n", None, "merge"),
        (to_markdown(empty_digest(name="2026-W46")), 1, "2026-W46"),
        (to_markdown(empty_digest(reader="jane")), 1, "jane"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_this_digest(text: str, line: int | None, said: str) -> None:
    with pytest.raises(InputError) as raised:
        read_edits(text, example())
    assert said in raised.value.message and raised.value.remedy
    assert line is None or raised.value.message.startswith(f"Line {line}:")


@given(st.data())
def test_no_text_is_too_odd(data: Any) -> None:
    """Pieces of the file and of hostile text in any order: edits, or a clear error."""
    lines = to_markdown(example()).splitlines(keepends=True)
    odd = ["\\", "<!-- paper", "-->", "> > >", "```\n", "### \n", "## Agents\n", "<!-- paper -->\n",
           "<!-- paper x pin drop -->\n", "<!-- section -->\n", "<!-- digest -->\n", "\x1b[2J",
           "<!-- lead zz/ -->", "\u2028", "*(editor", "pin\n", "\t\tx\n", "&#0;", "["]  # fmt: skip
    chosen = data.draw(st.lists(st.sampled_from(lines + odd), max_size=30))
    try:
        found, _ = read_edits("".join(chosen), example())
    except InputError as error:
        assert error.remedy
        return
    merged = merge_edits(None, json.loads(json.dumps(found)))
    made = apply_edits(example(), merged, check)
    assert read_edits(to_markdown(made), made)[0] == no_edits()


# -------------------------------------------------------------------- merging and applying


def test_merging_takes_the_later_and_takes_back() -> None:
    stored = edits(tldrs={OWLS: "A.", MOTHS: "B."}, dropped={BOATS: True}, titles={"agents": "X"})
    later = edits(tldrs={MOTHS: "C.", OWLS: ""}, pinned={BOATS: True}, titles={"agents": ""})
    assert merge_edits(stored, later) == edits(tldrs={MOTHS: "C."}, pinned={BOATS: True})
    assert merge_edits(None, no_edits()) == merge_edits(no_edits(), no_edits()) == no_edits()
    assert stored["tldrs"] == {OWLS: "A.", MOTHS: "B."}, "and changes nothing it was given"


def test_the_lead_is_edited_twice() -> None:
    first = [{"was": "A.", "now": "B.", "at": 0}]
    again = [{"was": "B.", "now": "C.", "at": 0}]
    back = [{"was": "C.", "now": "A.", "at": 0}]
    gone = [{"was": "C.", "now": "", "at": 0}]
    once = merge_edits(edits(lead=first), edits(lead=again))
    assert once["lead"] == [{"was": "A.", "now": "C.", "at": 0}]
    assert merge_edits(once, edits(lead=back)) == no_edits()
    assert merge_edits(once, edits(lead=gone))["lead"] == [{"was": "A.", "now": "", "at": 0}]


def test_an_edit_of_the_lead_holds_when_its_figures_change() -> None:
    made = example()
    made["lead"][0]["text"] = "10 papers came in, most of them on retrieval (6)."
    was = example()["lead"][0]["text"]
    lead = apply_edits(made, edits(lead=[{"was": was, "now": "", "at": 0}]), check)["lead"]
    assert [s["text"] for s in lead] == [s["text"] for s in made["lead"][1:]]
    made["lead"] = []
    said = edits(lead=[{"was": was, "now": "Mine.", "at": 0}, {"was": "Y.", "now": "", "at": 1}])
    assert [s["text"] for s in apply_edits(made, said, check)["lead"]] == ["Mine."]


def test_which_papers_stay() -> None:
    move = {"paper": "p1", "section": NOTABLE, "after": "", "before": ""}
    given = edits(
        moves=[move], tldrs={"p2": "T."}, notes={"p3": ["N."], "": ["M."], of_section("x"): ["S."]},
        pinned={"p4": True, "p5": True}, dropped={"p5": True},
    )  # fmt: skip
    assert (pinned_ids(given), dropped_ids(given)) == (["p1", "p2", "p3", "p4"], ["p5"])
    assert pinned_ids(None) == dropped_ids(None) == []


def test_new_papers_come_to_their_places() -> None:
    """Made anew with more papers, it has the edits and the new ones."""
    pieces = cut(to_markdown(example()))
    at = [n for n, p in enumerate(pieces) if p.startswith("<!-- paper")]
    pieces[at[0]], pieces[at[1]] = pieces[at[1]], pieces[at[0]]
    found = read("".join(pieces))
    later = example()
    new = [paper(n, f"New {n}", f"It is new {n}.") for n in (10, 11, 12)]
    own = later["sections"][0]["papers"]
    later["sections"][0]["papers"] = [new[0], own[0], new[1], own[1], new[2]]
    later["sections"].append(DigestSection(tag="late", title="Late", notes=[], papers=[
        paper(13, "Later", "It is later.")]))  # fmt: skip
    made = apply_edits(later, found, check)
    ids = [p["paper_id"] for p in made["sections"][0]["papers"]]
    assert ids == [
        MOTHS,
        *(p["paper_id"] for p in (new[0],)),
        OWLS,
        new[1]["paper_id"],
        new[2]["paper_id"],
    ]
    assert [s["tag"] for s in made["sections"]] == ["retrieval", "agents", "late"]


def test_nothing_is_changed_in_what_is_given() -> None:
    given, before = example(), example()
    apply_edits(given, edits(tldrs={OWLS: "X."}, dropped={MOTHS: True}, pinned={BOATS: True},
                             notes={"": ["N."]}, titles={"agents": "Y"}), check)  # fmt: skip
    assert given == before
    assert apply_edits(given, None, check) == apply_edits(given, no_edits(), check) == before


def test_the_ledger_still_adds_up() -> None:
    made = apply_edits(example(), edits(dropped={OWLS: True, LICHEN: True, "p9": True}), check)
    counts = [n for name, n in made["ledger"].items() if name != "seen" and isinstance(n, int)]
    assert sum(counts) == made["ledger"]["seen"] == 9
    assert (made["ledger"]["dropped"], made["chosen"]) == (2, 2)


def test_notes_of_a_section_that_is_gone_stand_below_the_title() -> None:
    made = apply_edits(example(), edits(notes={of_section("gone"): ["Still here."]}), check)
    assert [note["text"] for note in made["notes"]] == ["Still here."]


def test_a_file_that_is_older_than_the_digest_takes_nothing_back() -> None:
    """The digest was made anew, and reviewed, since the file was written."""
    text = to_markdown(example())
    now = apply_edits(
        example(),
        edits(
            tldrs={MOTHS: "Mine."}, notes={MOTHS: ["A note."], OWLS: ["Another."]},
            pinned={BOATS: True},
            lead=[{"was": example()["lead"][0]["text"], "now": "Nine.", "at": 0}],
            titles={"agents": "Acting"}, sections=["agents", "retrieval"],
            moves=[{"paper": OWLS, "section": "agents", "after": "", "before": ""}],
        ), check,
    )  # fmt: skip
    now["sections"][0]["papers"].append(paper(77, "Newest", "It came last."))
    now["lead"].append(citing("A new sentence.", "catalog"))
    assert read(text, now) == no_edits()
    found = read(changed("keep them overhead.", "hold them overhead."), now)
    assert found == edits(tldrs={MOTHS: "Moths fly to lamps because they hold them overhead."})


def test_a_file_with_edits_brings_them_to_a_digest_that_has_none() -> None:
    """The library was lost; the file was not."""
    said = edits(tldrs={MOTHS: "Mine."}, notes={MOTHS: ["A note."]}, pinned={BOATS: True})
    text = to_markdown(apply_edits(example(), said, check))
    assert read(text) == said


# ------------------------------------------------------------------- what was done, comes out

WORDS = st.sampled_from(
    ["Owls are fine.", "See [x](http://y) & *z*.", "1. First", "# no heading", "It is “so” – yes…",
     "TeX: $a_b$ \\alpha", "<b>bold</b>", "-", "a  b", "pin it", "(quoted) it", "Ünï 漢字", "> q"]
)  # fmt: skip


def base(sections: int = 3, size: int = 4) -> DigestDocument:
    made = []
    for s in range(sections):
        papers = [
            paper(10 * s + n + 1, f"Title {s} {n}", f"Summary {s} {n} says this.")
            for n in range(size)
        ]
        made.append(DigestSection(tag=f"tag-{s}", title=f"Section {s}", papers=papers, notes=[]))
    also = [paper(90 + n, f"Also {n}", f"Also {n} says that.") for n in range(3)]
    lead = [citing(f"Lead {n} is here.", "catalog") for n in range(3)]
    return digest_of(made, also, seen=40, lead=lead)


def by_hand(text: str, data: Any) -> str:
    """A person at work: blocks are moved and deleted, summaries rewritten, notes written."""
    pieces = cut(text)
    head = [p for p in pieces if not p.startswith(("<!-- paper", "<!-- section", "<!-- notable"))]
    end = [p for p in head if p.startswith(("<!-- rest", "<!-- end"))]
    head = [p for p in head if p not in end]
    groups: list[tuple[str, list[str]]] = []
    for one in pieces:
        if one.startswith(("<!-- section", "<!-- notable")):
            groups.append((one, []))
        elif one.startswith("<!-- paper"):
            groups[-1][1].append(one)
    for _ in range(data.draw(st.integers(0, 4))):
        full = [own for _, own in groups if own]
        own = full[data.draw(st.integers(0, len(full) - 1))] if full else []
        to = groups[data.draw(st.integers(0, len(groups) - 1))][1]
        if own:
            block = own.pop(data.draw(st.integers(0, len(own) - 1)))
            to.insert(data.draw(st.integers(0, len(to))), block)
    papers = [(own, n) for _, own in groups for n in range(len(own))]
    for own, n in data.draw(st.lists(st.sampled_from(papers), max_size=3)) if papers else []:
        title, rest = re.split(r"\n\n|(?<=\*\*: )", own[n], maxsplit=1)
        lines = rest.split("\n\n")
        words = data.draw(WORDS)
        if data.draw(st.booleans()):
            lines[0] = f"Now {words}"
        else:
            lines.insert(1, f"Note {words}")
        joint = " " if title.endswith(":") else ("" if title.endswith(": ") else "\n\n")
        own[n] = f"{title}{joint}" + "\n\n".join(lines)
        own[n] = own[n].rstrip("\n") + "\n\n"
    if data.draw(st.booleans()) and papers:
        own, n = data.draw(st.sampled_from(papers))
        own[n] = ""
    last = groups.pop() if groups and groups[-1][0].startswith("<!-- notable") else None
    groups = list(data.draw(st.permutations(groups))) + ([last] if last else [])
    return "".join(head + [one for h, own in groups for one in [h, *own]] + end)


def shape(text: str) -> list[tuple[str, str, Sequence[str]]]:
    """What a reader sees of a file, in order, but for the lines that the program writes."""
    return [
        (b.anchor.kind, b.anchor.name, [p.key for p in b.paras if not re.match("Why: |Ada", p.key)])
        for b in blocks_of(text)
        if b.anchor.kind in ("lead", "paper")
    ]


@settings(phases=(Phase.generate,))
@given(st.data())
def test_what_a_person_did_is_what_comes_out_and_stays(data: Any) -> None:
    document, stored = base(), no_edits()
    shown = apply_edits(document, stored, check)
    for _ in range(3):
        text = by_hand(to_markdown(shown), data)
        found, _ = read_edits(text, shown)
        stored = merge_edits(stored, json.loads(json.dumps(found)))
        shown = apply_edits(document, stored, check)
        again = to_markdown(shown)
        wanted = {tag: own for tag, own in lists_in(text).items() if own}
        assert {tag: own for tag, own in lists_in(again).items() if own} == wanted
        assert list(wanted) == [tag for tag, own in lists_in(again).items() if own]
        assert [(k, n, sorted(p)) for k, n, p in shape(again)] == [
            (k, n, sorted(p)) for k, n, p in shape(text)
        ]
        assert read_edits(again, shown) == (no_edits(), [])
        assert to_markdown(apply_edits(document, stored, check)) == again


# ------------------------------------------------------------------------- the check

NIGHT = Paper(
    id="p1",
    title="Owls: Search at Night",
    abstract="Owls find a mouse in 12 seconds by ear alone. We test 40 owls.",
)


@pytest.mark.parametrize(
    ("text", "supported", "reason"),
    [
        ("Owls find a mouse in 12 seconds by ear alone.", True, ""),
        ("Owls find a mouse by ear alone. A must-read!", True, ""),
        ("Read this one first.", True, NOTHING),
        ("", True, NOTHING),
        ("Owls find a mouse in 13 seconds by ear alone.", False, "contradicted"),
        ("Owls find a mouse by ear alone. They use radar.", False, "“They use radar.”: not in"),
        ("It is fast.", False, "not in the source: fast"),
        ("It is first.", False, "not in the source: first"),
        ("# Radar\n\n```\nx\n```", False, "not in the source"),
        ("x" * 10_000, False, "not in the source"),
    ],
)
def test_an_editors_sentences_are_marked(text: str, supported: bool, reason: str) -> None:
    said = HumanCheck({"p1": NIGHT}.get, RuleGrounder()).check(text, "p1")
    assert (said["text"], said["origin"], said["supported"]) == (text, "human", supported)
    assert said["reason"].startswith(reason) and bool(said["reason"]) == bool(reason)
    assert all(citation["quote"] in NIGHT.text for citation in said["citations"])
    assert 0 <= said["score"] <= 1


def test_what_is_of_no_paper_in_particular() -> None:
    checked = HumanCheck({"p1": NIGHT}.get, RuleGrounder()).check
    assert checked("A quiet week.", None)["supported"]
    assert not checked("FlashOwl outperforms all of them by 40%.", None)["supported"]
    assert checked("Owls find a mouse.", "p2")["reason"] == GONE
    assert unchecked("X.", "p1")["supported"] is False


def test_a_check_can_be_changed_without_changing_the_next() -> None:
    checked = HumanCheck({"p1": NIGHT}.get, RuleGrounder()).check
    first = checked("Owls find a mouse by ear alone.", "p1")
    before = copy.deepcopy(first)
    first["citations"].clear()
    assert checked("Owls find a mouse by ear alone.", "p1") == before


def test_notes_of_every_paper_are_checked_against_that_paper() -> None:
    asked: list[tuple[str, str | None]] = []

    def noting(text: str, paper_id: str | None) -> Sentence:
        asked.append((text, paper_id))
        return check(text, paper_id)

    apply_edits(
        example(),
        edits(tldrs={OWLS: "T."}, notes={MOTHS: ["N."], "": ["D."], of_section("agents"): ["S."]}),
        noting,
    )
    assert sorted(asked, key=str) == sorted(
        [("T.", OWLS), ("N.", MOTHS), ("D.", None), ("S.", None)], key=str
    )
    assert len(every_paper(example())) == 4


def test_words_on_a_paper_that_the_library_does_not_have_are_shown() -> None:
    document = example()
    pasted = "<!-- paper p0000000000ff 111111 -->\n### A paper I pasted\n\nMy own words on it.\n\n"
    text = to_markdown(document).replace("<!-- section agents", pasted + "<!-- section agents")
    edits, warnings = read_edits(text, document)
    assert any("p0000000000ff" in warning for warning in warnings)
    made = apply_edits(document, merge_edits(None, edits), unchecked)
    shown = to_markdown(made)
    assert "My own words on it." in shown and "A paper I pasted" in shown
    again, _ = read_edits(shown, made)
    assert to_markdown(apply_edits(document, merge_edits(edits, again), unchecked)) == shown


def test_a_slip_in_an_anchor_loses_no_paper() -> None:
    document = example()
    first = document["sections"][0]["papers"][0]
    name, summary = first["paper_id"], first["tldr"]
    text = to_markdown(document).replace(f"<!-- paper {name}", f"<!-- paper {name[:-1]}z")
    edits, _ = read_edits(text.replace(summary, "Owls hear mice."), document)
    assert edits["tldrs"] == {name: "Owls hear mice."}
    assert not edits["dropped"]
