"""Parsing XML that is broken, hostile, huge, in another encoding, or no XML at all."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.errors import FetchError, InputError
from curator.fetch import Fetched, Fetcher
from curator.paper import Record, Rejected
from curator.sources import xml
from curator.sources.xml import NotXML, elements, root_name
from curator.sources.xml_entry import entry
from curator.sources.xml_mend import BAD_BYTES, utf8
from curator.sources.xml_text import from_html, inner, text, texts

SAMPLES = Path(__file__).parents[2] / "shared" / "data" / "formats"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="../shared is absent")


class Player(Fetcher):
    """Plays answers in place of the network, by address and parameters, and records what was
    asked. An answer is bytes, a `Fetched` or an error; of several the next one each time."""

    def __init__(self, answers: Mapping[str, Any] | Callable[[str, dict[str, Any]], Any]) -> None:
        super().__init__()
        self._answers = answers
        self.asked: list[dict[str, Any]] = []
        self.sent: list[dict[str, str]] = []

    def get(self, url: str, **options: Any) -> Fetched:
        params = {**(options.get("params") or {})}
        self.asked.append({"url": url, **params})
        self.sent.append({**(options.get("validators") or {})})
        found = self._answers(url, params) if callable(self._answers) else self._answers[url]
        if isinstance(found, list):
            found = found.pop(0)
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, Fetched) else Fetched(url, 200, found)


def survives(parse: Callable[[BinaryIO], Iterable[object]], data: bytes) -> None:
    """Whatever is cut or flipped, a parser gives entries or says what is wrong."""
    cuts = [data[: len(data) * part // 7] for part in range(1, 7)]
    flips = [
        data.replace(one, other) for one, other in ((b">", b""), (b"</", b"<"), (b"e", b"\xe9"))
    ]
    garbled = [data[: len(data) // 2] + b"\x00\xff&x;<" + data[len(data) // 2 :], data[::-1]]
    for mangled in (*cuts, *flips, *garbled):
        try:
            for found in parse(io.BytesIO(mangled)):
                assert isinstance(found, Record | Rejected)
        except InputError as error:
            assert error.message.endswith((".", ")")) or ": " in error.message


def chunks(parts: Iterable[bytes]) -> BinaryIO:
    """A stream that gives its parts one by one, whatever is asked for."""
    left = iter(parts)
    stream = io.BytesIO()
    stream.read = lambda size=-1: next(left, b"")  # type: ignore[method-assign]
    return stream


def read(data: bytes, *tags: str) -> list[str]:
    return [inner(one) for one in elements(io.BytesIO(data), set(tags or ("a",)))]


def refusal(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        read(data)
    return caught.value


# --- What is read ---------------------------------------------------------------------------


def test_elements_in_order_in_any_namespace() -> None:
    data = b"""<r xmlns:n="urn:n"><a>1</a><other><n:a>2</n:a></other><!-- <a>no</a> -->
        <a xmlns="urn:m">3<b/></a><b>4<a>in b</a></b></r>"""
    assert read(data) == ["1", "2", "3", "in b"]
    assert read(data, "a", "b") == ["1", "2", "3", "4in b"]  # the outermost only
    assert read(b"<a>all of it<a>and this</a></a>") == ["all of itand this"]


def test_ancestors_are_known_and_what_was_read_is_emptied() -> None:
    kept = []
    for one in elements(io.BytesIO(b"<r><v id='1'><a>x</a><a>y</a></v></r>"), {"a"}):
        assert one.getparent().get("id") == "1"
        kept.append(one)
    assert [inner(one) for one in kept] == ["", ""]


@pytest.mark.parametrize("unit", [b"<a>text</a>tail\n", b"<j><k>text</k></j>tail\n"])
def test_memory_does_not_grow_with_the_document(
    unit: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    prune = xml._prune

    def measured(root: Any, tags: set[str]) -> None:
        prune(root, tags)
        sizes.append(sum(1 for _ in root.iter()))

    monkeypatch.setattr(xml, "_prune", measured)
    parts = [b"<r>", *[unit * 500] * 100, b"</r>"]
    found = len([0 for _ in elements(chunks(parts), {"a"})])
    assert found == (50_000 if b"<a>" in unit else 0)
    assert len(sizes) > 100
    assert max(sizes) <= 4


def test_a_document_read_whole() -> None:
    assert xml.document(b"\n<?xml version='1.0'?><r><a>1</a></r>").findtext("a") == "1"
    with pytest.raises(InputError, match=r"broken XML at line 3 .*mismatch"):
        xml.document(b"\n<r>\n<a></r>")
    with pytest.raises(NotXML, match="empty"):
        xml.document(b"")


# --- What is mended -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "want"),
    [
        (b"caf\xe9 au lait", f"caf{BAD_BYTES} au lait"),
        (b"a\x00b\x0bc\x1f d", "a b c d"),
        (b"&eacute;&nbsp;&mdash;x", "é —x"),
        (b"R&D &amp; AT&T, a &lt; b &LT; c", "R&D & AT&T, a < b < c"),
        (b"&unknown; &#x41;&#66; &#0;&#31;&#x1f;&#xFFFE; &#1114112;", "&unknown; AB"),
        (b"<![CDATA[R&D &eacute; <b>]]> &eacute;", "R&D &eacute; <b> é"),
        (b"<![CDATA[one]]>&<![CDATA[two & ]]]]><![CDATA[>]]>", "one&two & ]]>"),
        ("‘ä’ 統 \U0001d538".encode(), "‘ä’ 統 \U0001d538"),
        ("\ufffe\uffff x".encode("utf-8", "surrogatepass"), "x"),
    ],
)
def test_damage_costs_a_character_not_the_file(content: bytes, want: str) -> None:
    assert read(b"<r><a>" + content + b"</a><a>after</a></r>") == [want, "after"]


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("utf-16", "utf-16"),
        ("utf-16", "utf-16-le"),
        ("UTF-32", "utf-32"),
        ("UTF-8", "utf-8-sig"),
        ("US-ASCII", "utf-8"),  # as programs that know no better declare it
        ("utf-16", "utf-8"),
        ("ISO-8859-1", "windows-1252"),
        ("windows-1252", "windows-1252"),
        ("ISO-8859-15", "iso-8859-15"),
    ],
)
def test_encodings(declared: str, codec: str) -> None:
    page = f"<?xml version='1.0' encoding='{declared}'?><r><a>“é”</a></r>"
    if codec == "iso-8859-15":
        page = page.replace("“", "€").replace("”", "Š")
    assert read(page.encode(codec)) == ["€éŠ" if codec == "iso-8859-15" else "“é”"]


@pytest.mark.parametrize(
    "name", ["rot13", "zip", "unicode_escape", "idna", "nonsense", "iso-8859-99"]
)
def test_strange_encodings_are_refused(name: str) -> None:
    page = f"<?xml version='1.0' encoding='{name}'?><r><a>x</a></r>".encode()
    assert "not known" in refusal(page).message


PIECES = st.sampled_from(
    (
        *("<a>", "</a>", "&", "&amp;", "&eacute;", "&#1;", "&#233;", "<![CDATA[", "]]>", "]"),
        *("é", "x y", "\n", ";", "&no", "\x01", "<b x='&lt;'/>", "統"),
    )
)


@given(pieces=st.lists(PIECES, max_size=30), sizes=st.lists(st.integers(1, 9), min_size=1))
def test_where_a_file_is_cut_into_chunks_makes_no_difference(
    pieces: list[str], sizes: list[int]
) -> None:
    data = "".join(pieces).encode()

    def parts() -> Iterator[bytes]:
        at = turn = 0
        while at < len(data):
            yield data[at : at + sizes[turn % len(sizes)]]
            at += sizes[turn % len(sizes)]
            turn += 1

    whole = b"".join(utf8(io.BytesIO(data)))
    assert b"".join(utf8(chunks(parts()))) == whole
    assert whole.count(b"\n") == data.count(b"\n")  # line numbers stay true


# --- What is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "It is empty"),
        (b" \n\t ", "It is empty"),
        (b'\n {"error": "rate"}', 'It is JSON, not XML: {"error": "rate"}'),
        (b"[1, 2]", "It is JSON"),
        (b"Rate exceeded.", "It is text, not XML: Rate exceeded."),
        (b"%PDF-1.5 \xe2\xe3", "It is text, not XML: %PDF-1.5"),
        (b"<!DOCTYPE html><html><title>Hm</title></html>", r"a web page, not XML \(Hm\)"),
        (b"<html><head><title>503 Service Unavailable</title>", "an error page"),
        (b"<?xml version='1.0'?><html xmlns='x'><title>Not Found</title></html>", "an error page"),
        (b"<!doctype html><form><input type='password'></form>", "a login page"),
        (b"<html><div class='g-recaptcha'></div></html>", "proof of being human"),
    ],
)
def test_what_is_no_xml_is_named(data: bytes, said: str) -> None:
    error = refusal(data)
    assert isinstance(error, NotXML)
    with pytest.raises(InputError, match=said):
        raise error


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<r><a>1</a>\n<a>2</b></r>", "broken XML at line 2 .*mismatch: a and b"),
        (b"<r><a>1</a>\n<a x='1' x='2'/></r>", "broken XML at line 2 .*attribute x redefined"),
        (b"<r><a>1</a>\n\n<a>2", "ends in the middle at line 3"),
        (b"<r><a>1</a>\n<", "ends in the middle|broken XML"),
        (b"<r><a>1</a></r>\n<r/>", "broken XML at line 2"),
        (b"<r><a>1</a>" + b"<x>" * 3_000, "depth"),
        (b"<r><a>1</a><a>" + b"x" * 11_000_000 + b"</a></r>", "limit"),
    ],
)
def test_what_comes_before_a_break_is_delivered(data: bytes, said: str) -> None:
    found: list[str] = []
    with pytest.raises(InputError, match=said) as caught:
        found.extend(inner(one) for one in elements(io.BytesIO(data), {"a"}))
    assert "What comes before was read." in caught.value.message
    assert found == ["1"]


def test_skipped_lines_are_counted() -> None:
    assert "at line 5" in refusal(b"\n\n<?xml version='1.0'?>\n<r>\n<a></b></r>").message
    late = chunks([b" " * 9, b" \n", b"<?xml version='1.0'?><r><a>1</a></r>"])
    assert [inner(one) for one in elements(late, {"a"})] == ["1"]


BOMB = b"""<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><r><a t="&c;">&c;</a></r>"""


@pytest.mark.parametrize(
    "data",
    [
        BOMB,
        BOMB.decode().encode("utf-16"),
        b"<!-- x -->" + b" " * 70_000 + BOMB,
        b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r><a>&x;</a></r>',
        b'<!DOCTYPE r [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]><r><a>1</a></r>',
        b'<!DOCTYPE r [<!ENTITY % x "broken"> %x;]><r><a>1</a></r>',
    ],
)
def test_entities_of_its_own_are_refused(data: bytes) -> None:
    assert "declares entities" in refusal(data).message


def test_a_plain_doctype_is_never_loaded(tmp_path: Path) -> None:
    dtd = tmp_path / "x.dtd"
    dtd.write_text("<!ENTITY x 'from the file'>")
    data = f'<!DOCTYPE r PUBLIC "-//X//" "{dtd.as_uri()}"><r><a>1 &x; 2</a></r>'.encode()
    assert read(data) == ["1 &x; 2"]
    assert read(b'<!DOCTYPE r SYSTEM "http://127.0.0.1:9/r.dtd"><r><a>1</a></r>') == ["1"]
    assert read(b"<!DOCTYPE r [<!ELEMENT r ANY>]><r><a>1</a></r>") == ["1"]


def test_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no element in its first"):
        list(elements(chunks([b"<!-- ", *[b"x" * 60_000] * 40]), {"a"}))
    assert "ends before its first element" in refusal(b"<!-- x").message
    monkeypatch.setattr(xml, "MAX_ELEMENT", 2_000_000)
    huge = chunks([b"<r><a>1</a><a>", *[b"<b>text</b>" * 5_000] * 50])
    with pytest.raises(InputError, match="an entry of more than 2 MB"):
        list(elements(huge, {"a"}))


def test_the_disk_may_fail() -> None:
    def parts() -> Iterator[bytes]:
        yield b"<r><a>1</a>"
        raise OSError("gone")

    found = elements(chunks(parts()), {"a"})
    with pytest.raises(OSError, match="gone"):
        list(found)


def test_a_servers_bad_answer_is_a_fetch_error() -> None:
    good = Fetched("https://example.org/x?y=1", 200, b"<r><a>1</a></r>")
    assert xml.answer(good, lambda stream: len(list(elements(stream, {"a"})))) == 1
    bad = Fetched("https://example.org/x?y=1", 200, b"<html>captcha</html>")
    with pytest.raises(
        FetchError, match=r"^The answer of example\.org cannot be used\. It is a page"
    ):
        xml.answer(bad, lambda stream: list(elements(stream, {"a"})))


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("<a/>", "a"),
        ("\ufeff\n<?xml version='1.0'?><!-- <x> --><!DOCTYPE y><n:root-1 x='<z>'>", "root-1"),
        ("<!DOCTYPE r [<!ENTITY x '<y>'>\n]>\n<r>", "r"),
        ("<!-- open", ""),
        ("<?open", ""),
        ("text", ""),
        ("", ""),
    ],
)
def test_root_name(head: str, name: str) -> None:
    assert root_name(head) == name


# --- Text -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markup", "want"),
    [
        ("<i>A</i><b>B</b> c", "AB c"),
        ("<fixed-case>D</fixed-case>an<fixed-case>PASS</fixed-case>", "DanPASS"),
        ("<p>One.</p><p>Two.</p>Three<br/>four", "One. Two. Three four"),
        ("10<sup>-6</sup> m<sup>2</sup>, CO<sub>2</sub>, H<sub>n+1</sub>", "10⁻⁶ m², CO₂, Hn+1"),
        ("<sup>99m</sup>Tc, x<sup>th</sup>, a<sup><i>2</i></sup>", "99mTc, xth, a²"),
        ("of <tex-math>a_1 &lt; b</tex-math> and <tex-math>$c$</tex-math>", "of $a_1 < b$ and $c$"),
        (
            "at <math>\n <mrow>\n <mi>x</mi>\n <mo>=</mo> <mtext> or </mtext> <mn>2</mn></mrow>"
            "<annotation>x=2</annotation>\n</math>.",
            "at x= or 2.",
        ),
        ("a<!-- no -->b<?no no?>c", "abc"),
        ("<script>no()</script>yes", "yes"),
        ("  \n much   space\t", "much space"),
        ("<p/>", ""),
    ],
)
def test_text_of_mixed_content(markup: str, want: str) -> None:
    assert inner(xml.document(f"<t>{markup}</t>".encode())) == want


def test_text_by_path() -> None:
    root = xml.document(b"<r xmlns='urn:x'><a><b>1</b><b> </b><b>2</b></a><c>3</c></r>")
    assert text(root, "a/b") == "1"
    assert texts(root, "a/b") == ["1", "2"]
    assert text(root, "none/at/all") == text(None) == text(None, "a") == ""
    assert text(root) == "1 23"


@pytest.mark.parametrize(
    ("markup", "want"),
    [
        ("<p>Hi&nbsp;<b>there</b>.</p><P class='x'>Two&#8217;s</P>", "Hi there. Two’s"),
        ("a <b and c> d, p<0.05, x<y>z", "a <b and c> d, p<0.05, x<y>z"),
        ('<a href="http://x/?a>b" title=\'"\'>link</a>', "link"),
        ("10<sup>-3</sup> and CO<SUB>2</SUB>", "10⁻³ and CO₂"),
        ("<jats:title>Abstract</jats:title><jats:p>We.</jats:p>", "Abstract We."),
        ("a<script>var x = '<p>';</script>b<!-- <p>no</p> -->c<style>p{}</style>d", "a b c d"),
        ("&lt;em&gt; and &amp;amp;", "<em> and &amp;"),
        ("<script>never closed", "<script>never closed"),
    ],
)
def test_text_of_html(markup: str, want: str) -> None:
    assert from_html(markup) == want


@pytest.mark.timeout(5)
@pytest.mark.parametrize("unit", ["<", "<a ", "<a x=", "<script>", "<!--", "<sup>", '<a b="', "&#"])
def test_hostile_html_takes_no_time(unit: str) -> None:
    assert isinstance(from_html(unit * 100_000), str)


# --- Entries --------------------------------------------------------------------------------


def test_bad_optional_fields_do_not_cost_the_paper() -> None:
    found = entry(
        "entry 1",
        title="A Title",
        abstract=None,
        arxiv_id="none",
        doi="see 10.1234/AbC; or 10.5678/d",
        published="2024-02-31",
        updated="soon",
        listed="5 Nov 2024",
        url="javascript:x",
        ids=[("pmid", "x"), ("acl", None)],
        authors=["A", "", "x" * 1_000],
        hints={"empty": "", "none": None, "no": False, "kept": "yes\x1b", "list": ["a", ""]},
    )
    assert isinstance(found, Record)
    assert (found.doi, found.arxiv_id, found.url, found.ids) == ("10.1234/abc", None, None, ())
    assert (found.published, found.updated, found.listed) == (None, None, "2024-11-05")
    assert (found.abstract, found.hints) == ("", {"kept": "yes", "list": ["a"]})
    assert [len(name) for name in found.authors] == [1, 300]


@pytest.mark.parametrize(
    ("title", "abstract", "reason"),
    [
        ("", "We lost the title.", "no title: We lost the title."),
        (None, None, "no title: nothing else is said of it"),
        ("…", "", "the title '…' has no letters: …"),
        ("x" * 2_000, "", "title has 2,000 characters"),
        ("A", "x" * 60_000, "abstract has 60,000 characters"),
        (f"A{BAD_BYTES}", "", "the title has bytes that are not UTF-8: A"),
        ("A", f"B{BAD_BYTES}", "the abstract has bytes that are not UTF-8: A"),
    ],
)
def test_what_rejects_an_entry(title: str | None, abstract: str | None, reason: str) -> None:
    found = entry("entry 1", title=title, abstract=abstract)
    assert isinstance(found, Rejected)
    assert found.reason.startswith(reason)
    assert found.reason.isprintable()
    assert len(found.reason) < 200
