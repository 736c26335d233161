"""PubMed's XML and the MEDLINE text format."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from test_source_xml import SAMPLES, needs_samples, survives

from curator.errors import InputError
from curator.paper import Record, Rejected
from curator.sources import medline, pubmed

SET = """<?xml version="1.0" ?>
<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle//EN" "https://dtd.nlm.nih.gov/x.dtd">
<PubmedArticleSet>{}</PubmedArticleSet>"""


def article(
    inside: str = "<ArticleTitle>On paper.</ArticleTitle>",
    *,
    pmid: str = "123",
    date: str = "",
    citation: str = "",
    data: str = "",
) -> str:
    return f"""<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID>
<Article><Journal><JournalIssue><PubDate>{date}</PubDate></JournalIssue><Title>Paper review
</Title></Journal>{inside}</Article>{citation}</MedlineCitation>
<PubmedData>{data}</PubmedData></PubmedArticle>"""


def parsed(*articles: str) -> list[Record | Rejected]:
    return list(pubmed.parse(io.BytesIO(SET.format("\n".join(articles)).encode())))


def one(*articles: str) -> Record:
    (found,) = parsed(*articles)
    assert isinstance(found, Record)
    return found


# --- XML ------------------------------------------------------------------------------------


def test_an_article() -> None:
    found = one(
        article(
            """<ArticleTitle>On <i>paper</i> of 10<sup>-3</sup> m.</ArticleTitle>
<ELocationID EIdType="pii">s1</ELocationID>
<ELocationID EIdType="doi" ValidYN="N">10.1000/wrong</ELocationID>
<ELocationID EIdType="doi" ValidYN="Y">10.1000/Right</ELocationID>
<Abstract><AbstractText Label="BACKGROUND" NlmCategory="BACKGROUND">Paper tears.</AbstractText>
<AbstractText Label="METHODS">Methods: we fold CO<sub>2</sub>.</AbstractText>
<AbstractText Label="UNLABELLED">It holds.</AbstractText><AbstractText Label="RESULTS"/>
<CopyrightInformation>(c) Oslo</CopyrightInformation></Abstract>
<AuthorList><Author ValidYN="Y"><LastName>Strand</LastName><ForeName>Ida M</ForeName>
<Initials>IM</Initials><Suffix>Jr</Suffix></Author><Author ValidYN="N"><LastName>Starnd</LastName>
<ForeName>Ida M</ForeName></Author><Author><LastName>Vik</LastName><Initials>J</Initials></Author>
<Author><CollectiveName>Paper Group</CollectiveName></Author></AuthorList>
<Language>eng</Language><PublicationTypeList><PublicationType>Journal Article</PublicationType>
</PublicationTypeList>""",
            date="<Year>2016</Year><Month>10</Month><Day>21</Day>",
            citation="""<MeshHeadingList><MeshHeading><DescriptorName>Paper</DescriptorName>
<QualifierName>standards</QualifierName></MeshHeading></MeshHeadingList>
<KeywordList><Keyword>folding</Keyword></KeywordList>""",
            data="""<ArticleIdList><ArticleId IdType="pubmed">123</ArticleId>
<ArticleId IdType="pmc">PMC77.1</ArticleId></ArticleIdList><ReferenceList><Reference>
<ArticleIdList><ArticleId IdType="doi">10.1000/cited</ArticleId></ArticleIdList></Reference>
</ReferenceList>""",
        )
    )
    assert found.title == "On paper of 10⁻³ m."
    assert found.abstract == "BACKGROUND: Paper tears. Methods: we fold CO₂. It holds."
    assert found.authors == ("Ida M Strand Jr", "J Vik", "Paper Group")
    assert (found.doi, found.ids) == ("10.1000/right", (("pmid", "123"), ("pmcid", "pmc77")))
    assert (found.published, found.venue) == ("2016-10-21", "Paper review")
    assert found.url == "https://pubmed.ncbi.nlm.nih.gov/123/"
    assert (found.source_id, found.where) == ("PMID:123", "PMID 123")
    assert found.hints == {
        "mesh": ["Paper"],
        "keywords": ["folding"],
        "publication_types": ["Journal Article"],
    }


@pytest.mark.parametrize(
    ("date", "published"),
    [
        ("<Year>2012</Year><Month>Oct</Month><Day>3</Day>", "2012-10-03"),
        ("<Year>2012</Year><Month>Oct</Month>", "2012-10"),
        ("<Year>2012</Year><Month>02</Month><Day>31</Day>", "2012-02"),
        ("<Year>2012</Year><Month>Feb</Month><Day>31</Day>", "2012-02"),
        ("<Year>1990</Year><Season>Spring</Season>", "1990"),
        ("<MedlineDate>1998 Dec-1999 Jan</MedlineDate>", "1998-12"),
        ("<MedlineDate>2000 Spring-Summer</MedlineDate>", "2000"),
        ("<MedlineDate>undated</MedlineDate>", None),
        ("<Month>Oct</Month>", None),
        ("<Year>soon</Year>", None),
    ],
)
def test_dates(date: str, published: str | None) -> None:
    assert one(article(date=date)).published == published
    online = f"<ArticleDate>{date}</ArticleDate><ArticleTitle>On paper.</ArticleTitle>"
    late = "<Year>2031</Year>"
    assert one(article(online, date=late)).published == (published or "2031")


@pytest.mark.parametrize(
    ("titles", "title", "original"),
    [
        ("<ArticleTitle>[On paper.]</ArticleTitle>", "On paper.", None),
        ("<ArticleTitle>[On paper].</ArticleTitle>", "On paper.", None),
        ("<ArticleTitle>[Why paper?].</ArticleTitle>", "Why paper?", None),
        (
            "<ArticleTitle>[On paper].</ArticleTitle><VernacularTitle>Om papir.</VernacularTitle>",
            "On paper.",
            "Om papir.",
        ),
        ("<ArticleTitle/><VernacularTitle>Om papir.</VernacularTitle>", "Om papir.", None),
        (
            "<ArticleTitle>[Not Available].</ArticleTitle><VernacularTitle>Om</VernacularTitle>",
            "Om",
            "Om",
        ),
        (
            "<ArticleTitle>[11C]paper and [18F]glue.</ArticleTitle>",
            "[11C]paper and [18F]glue.",
            None,
        ),
    ],
)
def test_translated_titles(titles: str, title: str, original: str | None) -> None:
    found = one(article(titles))
    assert (found.title, found.hints.get("original_title")) == (title, original)


def test_abstracts_in_other_places_and_languages() -> None:
    title = "<ArticleTitle>On paper.</ArticleTitle>"
    other = """<OtherAbstract Type="Publisher" Language="nor"><AbstractText>Papir.</AbstractText>
</OtherAbstract><OtherAbstract Type="plain-language-summary"><AbstractText>Plain.</AbstractText>
</OtherAbstract>"""
    found = one(article(title, citation=other))
    assert (found.abstract, "abstract_language" in found.hints) == ("Plain.", False)
    assert found.hints["other_abstracts"] == ["nor: Papir.", "eng: Plain."]
    found = one(article(title, citation=other.partition('<OtherAbstract Type="plain')[0]))
    assert (found.abstract, found.hints["abstract_language"]) == ("Papir.", "nor")
    main = "<Abstract><AbstractText>Main.</AbstractText></Abstract>"
    assert one(article(title + main, citation=other)).abstract == "Main."
    assert one(article(title)).abstract == ""


@pytest.mark.parametrize(
    ("kinds", "refs", "hints"),
    [
        (["Retracted Publication"], "", {"retracted": True}),
        (["Retraction of Publication"], "", {"notice": ["Retraction of Publication"]}),
        (["Published Erratum"], "", {"notice": ["Published Erratum"]}),
        (
            ["Journal Article"],
            '<CommentsCorrections RefType="RetractionIn"><RefSource>Paper 2020;1:2</RefSource>'
            '</CommentsCorrections><CommentsCorrections RefType="Cites"><PMID>1</PMID>'
            "</CommentsCorrections>",
            {"retracted": ["Paper 2020;1:2"]},
        ),
    ],
)
def test_retractions_are_flagged(kinds: list[str], refs: str, hints: dict[str, object]) -> None:
    listed = "".join(f"<PublicationType>{kind}</PublicationType>" for kind in kinds)
    found = one(
        article(
            "<ArticleTitle>On paper.</ArticleTitle>"
            f"<PublicationTypeList>{listed}</PublicationTypeList>",
            citation=f"<CommentsCorrectionsList>{refs}</CommentsCorrectionsList>",
        )
    )
    assert found.hints == {"publication_types": kinds, **hints}


def test_books() -> None:
    book = """<PubmedBookArticle><BookDocument><PMID>20301295</PMID><ArticleIdList>
<ArticleId IdType="doi">10.1000/b</ArticleId></ArticleIdList><Book><Publisher><PublisherName>Oslo
Press</PublisherName></Publisher><BookTitle>All of paper</BookTitle><PubDate><Year>1993</Year>
</PubDate><AuthorList Type="editors"><Author><LastName>Ditor</LastName><ForeName>E</ForeName>
</Author></AuthorList></Book>{}<Abstract><AbstractText>We fold.</AbstractText></Abstract>
</BookDocument><PubmedBookData/></PubmedBookArticle>"""
    chapter = """<ArticleTitle>Folds</ArticleTitle><AuthorList Type="authors"><Author>
<LastName>Strand</LastName><ForeName>Ida</ForeName></Author></AuthorList>
<ContributionDate><Year>2001</Year><Month>Feb</Month></ContributionDate>"""
    found = one(book.format(chapter))
    assert (found.title, found.venue) == ("Folds", "All of paper")
    assert (found.authors, found.published, found.doi) == (("Ida Strand",), "2001-02", "10.1000/b")
    assert (found.abstract, found.ids) == ("We fold.", (("pmid", "20301295"),))
    whole = one(book.format(""))
    assert (whole.title, whole.venue, whole.published) == ("All of paper", "Oslo Press", "1993")
    assert whole.authors == ("E Ditor",)


def test_what_is_no_article() -> None:
    found = parsed(
        "<DeleteCitation><PMID>7</PMID><PMID>8</PMID></DeleteCitation>",
        "<PubmedArticle/>",
        "<PubmedArticle><MedlineCitation><PMID>9</PMID></MedlineCitation></PubmedArticle>",
        "<PubmedBookArticle/>",
        article("<Abstract><AbstractText>Lost.</AbstractText></Abstract>", pmid="x"),
        article(pmid=""),
    )
    assert [(entry.where, getattr(entry, "reason", "")) for entry in found] == [
        ("PMID 7", "deleted from PubMed"),
        ("PMID 8", "deleted from PubMed"),
        ("article 1", "it has no article, only a frame for one"),
        ("PMID 9", "it has no article, only a frame for one"),
        ("article 3", "it has no book, only a frame for one"),
        ("PMID x", "no title: Lost."),
        ("article 5", ""),
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            b"<eFetchResult><ERROR>ID list is empty!</ERROR></eFetchResult>",
            "error: ID list is empty",
        ),
        (b"<eSearchResult><IdList><Id>1</Id></IdList></eSearchResult>", "only the identifiers"),
        (b"<eSummaryResult><DocSum><Id>1</Id></DocSum></eSummaryResult>", "only the identifiers"),
    ],
)
def test_other_documents_of_pubmed(data: bytes, said: str) -> None:
    assert pubmed.looks_like(data.decode())
    with pytest.raises(InputError, match=said):
        list(pubmed.parse(io.BytesIO(data)))


def test_an_old_set_of_citations() -> None:
    inside = article().partition("<PubmedArticle>")[2].partition("<PubmedData>")[0]
    found = list(
        pubmed.parse(io.BytesIO(f"<MedlineCitationSet>{inside}</MedlineCitationSet>".encode()))
    )
    assert [entry.where for entry in found] == ["PMID 123"]


@pytest.mark.seeds
@needs_samples
@pytest.mark.parametrize("path", sorted((SAMPLES / "pubmed").glob("*")), ids=lambda p: p.name)
def test_real_files(path: Path) -> None:
    data = path.read_bytes()
    head = data.decode()[:65_536]
    source = medline if path.suffix == ".txt" else pubmed
    assert (pubmed.looks_like(head), medline.looks_like(head)) == (
        path.suffix == ".xml",
        path.suffix == ".txt",
    )
    if path.suffix == ".json":
        with pytest.raises(InputError, match="It is JSON, not XML"):
            list(pubmed.parse(io.BytesIO(data)))
        return
    found = list(source.parse(io.BytesIO(data)))
    starts = data.count(b"<PubmedArticle>") + data.count(b"\nPMID- ")
    assert len(found) == starts
    for record in found:
        assert isinstance(record, Record)
        assert ("pmid", record.where.split()[1].rstrip(",")) in record.ids
        assert record.authors
        assert not any("," in name for name in record.authors)
        assert record.published
        assert record.venue
        assert record.abstract or record.published == "1990"
        assert not record.abstract.startswith(("UNLABELLED", ":"))
    if len(data) < 50_000:
        survives(source.parse, data)


# --- MEDLINE text ---------------------------------------------------------------------------

NBIB = """
PMID- 12230038
OWN - NLM
VI  - 3
DP  - 2002 Sep
TI  - On paper and
      its folds.
LID - S0167-8140(12)00123-4 [pii]
LID - 10.1000/Fold [doi]
AB  - BACKGROUND: Paper tears.

      METHODS: We fold -
      and glue.
AD  - Oslo
FAU - Strand, Ida M
AU  - Strand IM
FAU - Vik, Jo, Jr
AU  - Vik J Jr
CN  - Paper Group
LA  - nor
PT  - Retracted Publication
RIN - Paper. 2020;1:2
MH  - *Paper/standards
OT  - folding
TT  - Om papir.
JT  - Paper review
PMC - PMC77
"""


def lines(data: str | bytes) -> list[Record | Rejected]:
    content = data.encode() if isinstance(data, str) else data
    return list(medline.parse(io.BytesIO(content)))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_record(end: str, mark: str) -> None:
    text = mark + NBIB.replace("\n", end)
    assert medline.looks_like(text)
    (found,) = lines(text)
    assert isinstance(found, Record)
    assert found.where == "PMID 12230038, line 2"
    assert found.title == "On paper and its folds."
    assert found.abstract == "BACKGROUND: Paper tears. METHODS: We fold - and glue."
    assert found.authors == ("Ida M Strand", "Jo Vik Jr", "Paper Group")
    assert (found.doi, found.published, found.venue) == ("10.1000/fold", "2002-09", "Paper review")
    assert found.ids == (("pmid", "12230038"), ("pmcid", "pmc77"))
    assert found.hints == {
        "mesh": ["Paper/standards"],
        "keywords": ["folding"],
        "publication_types": ["Retracted Publication"],
        "language": "nor",
        "retracted": ["Paper. 2020;1:2"],
    }


def test_a_mark_before_the_first_tag() -> None:
    (found,) = lines("\ufeffPMID- 1\nTI  - One\n")
    assert isinstance(found, Record)
    assert (found.where, found.title) == ("PMID 1, line 1", "One")


def test_records_one_after_another() -> None:
    text = (
        "PMID- 1\nTI  - One.\nAU  - Strand IM\nAU  - Paper Group\nDEP - 20060110\nDP  - 2006\n"
        "PMID- 2\nTI  - [Two].\nTT  - To.\nDP  - 1998 Dec-1999 Jan\n"
        "\nSTAT- Publisher\nPMID- 3\nBTI - All of paper\n"
        "\n\nTI  - Four, which has lost its number\n"
        "\nPMID- 5\nAB  - Five has lost its title.\n"
        "\nPMID- 6\nTI  - Six \xe9.\n\n"
    )
    found = lines(text.encode("latin-1"))
    assert [entry.where for entry in found] == [
        *("PMID 1, line 1", "PMID 2, line 7", "PMID 3, line 12"),
        *("the record at line 17", "PMID 5, line 19", "PMID 6, line 22"),
    ]
    one_, two, three, four, five, six = found
    assert isinstance(one_, Record)
    assert (one_.authors, one_.published) == (("IM Strand", "Paper Group"), "2006-01-10")
    assert isinstance(two, Record)
    assert (two.title, two.hints) == ("Two.", {"original_title": "To."})
    assert (two.authors, two.published) == ((), "1998-12")
    assert isinstance(three, Record)
    assert (three.title, three.venue) == ("All of paper", None)
    assert isinstance(four, Record)
    assert five == Rejected("PMID 5, line 19", "no title: Five has lost its title.")
    assert isinstance(six, Rejected)
    assert six.reason.startswith("the title has bytes that are not UTF-8: Six")


def test_what_is_not_medline() -> None:
    with pytest.raises(InputError, match="no line with a tag"):
        lines("Some text\nwithout - any tags\n")
    with pytest.raises(InputError, match="no line with a tag"):
        lines(b"")
    for other in ("TY  - JOUR\nTI  - x\n", "On PMID- 1\n", "<PubmedArticleSet>", ""):
        assert not medline.looks_like(other)


@pytest.mark.slow
@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "data",
    [
        b"PMID- 1\nAB  - " + b"x" * 8_000_000,
        b"PMID- 1\nTI  - x y\nAB  - " + b"      some words\n" * 200_000,
        b"PMID- 1\n" + b"AU  - Strand IM\n" * 350_000,
    ],
)
def test_records_without_end(data: bytes) -> None:
    (found,) = lines(data)
    assert isinstance(found, Rejected)
    assert "characters" in found.reason or found.reason == "no title: PMID:1"
