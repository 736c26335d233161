"""The word index. The only file that imports tantivy.

Text is folded first (``curator.text.fold``), so that TeX accents and Unicode find each other;
words of titles and abstracts are stemmed and ranked as one text in which the title stands three
times; names of authors stay as they are. The index says in ``state.json`` what built it and up
to which change of the catalog it goes; whatever is newer is added before the next search.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.catalog import Papers
from curator.index.best import FEW, Hits, best, seqs_of
from curator.index.spans import words_of
from curator.index.wordfeed import WordFeed
from curator.index.wordquery import MIDDLE_NAMES, Asked, Phrase, asked, own_stems, phrases_of
from curator.index.wordstate import WordState, writing
from curator.query import Constraint, ParsedQuery
from curator.text import fold

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FINGERPRINT", "LexicalIndex"]

FINGERPRINT = "words 3: seq; folded title x3 and abstract in english stems; authors as written"
TITLE_TIMES = 3  # that a title's words count, found as the weights of `curator.fusion` were
WORDS_KEPT = 20_000  # some 4 MB
# A letter that is in no name. It is not indexed but takes up a place, so that the last word of
# an author and the first of the next are too far apart for one name.
_APART = "ꙮ"
_BETWEEN_AUTHORS = f" {' '.join(_APART * (MIDDLE_NAMES + 1))} "


class LexicalIndex:
    """Words of all papers of one library.

    A search sees what any process has committed. An index that is gone, damaged or of a former
    recipe counts as empty, and as behind; whoever next holds the writer's lock makes it anew,
    and ``notify`` is told why. ``seq`` is the number of each paper's present text
    (``papers.seq``).

    Raises:
        StorageError: its folder cannot be written.
    """

    def __init__(
        self, path: Path, papers: Papers, notify: Callable[[str], None] | None = None
    ) -> None:
        self.path = path
        self._papers = papers
        self._notify = notify
        self._index: Any = None
        self._current: tuple[tuple[int, ...], Any] | None = None  # a stamp and its searcher
        self._counted: tuple[Any, dict[str, int]] = None, {}  # a searcher and its frequencies
        self._analyzer, self._names = _analyzers()
        # Twenty abstracts are looked through for each search; most of their words are the same.
        analyzer = self._analyzer
        self._of_word = lru_cache(maxsize=WORDS_KEPT)(
            lambda word: tuple(analyzer.analyze(_folded(word)))
        )
        self._schema = _schema()

    # ----------------------------------------------------------------- syncing

    def behind(self) -> bool:
        """Whether the catalog has changes that the index lacks (or the index is gone)."""
        seq = self._state()
        return seq is None or seq != self._papers.last_seq()

    def sync(self, *, rebuild: bool = False, notify: Callable[[int], None] | None = None) -> int:
        """Brings the index up to the catalog; the number of papers written.

        One process at a time may call this (the caller holds the writer's lock). Killed in
        the middle, it does the same papers again: each is deleted by id before it is added.
        ``notify`` is told every 1,000 papers how many are written.
        """
        seq = None if rebuild else self._state()
        if seq is None or seq > self._papers.last_seq():
            former = WordState.read(self.path)
            if former and former.fingerprint != FINGERPRINT and self._notify and not rebuild:
                self._notify("The word index is of a former release and is made anew ...")
            return self._write(0, fresh=True, notify=notify)
        written = self._write(seq, fresh=False, notify=notify)
        if self.count() != self._papers.count():
            return self._write(0, fresh=True, notify=notify)  # somebody touched the files
        return written

    def _write(self, seq: int, *, fresh: bool, notify: Callable[[int], None] | None) -> int:
        with self.feeding(seq, fresh=fresh) as feed:
            feed.catch_up(notify)
        return feed.written

    @contextmanager
    def feeding(self, seq: int | None = None, *, fresh: bool = False) -> Iterator[WordFeed]:
        """Takes changes as the catalog makes them, from ``seq`` on (default: where the index
        is); they are found once the context ends. The caller holds the writer's lock.

        Whatever ends it, what was taken is kept; what a killed process had not committed is
        taken again by the next `sync`.
        """
        with writing(self.path):
            if fresh:
                self._index = None
                WordState.forget(self.path)  # first: half an index has none
                shutil.rmtree(self.path, ignore_errors=True)
                self.path.mkdir(parents=True, exist_ok=True)
                self._open(create=True)
        if seq is None:
            self.sync()
            seq = self._state() or 0
        feed = WordFeed(self, self._papers, seq)
        try:
            if fresh:
                feed.commit()  # an empty index, too, says what built it
            yield feed
        finally:
            feed.close()

    # --------------------------------------------------------------- searching

    def search(
        self,
        query: str | ParsedQuery,
        limit: int,
        allowed: NDArray[np.bool_] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> list[tuple[str, float]]:
        """``(paper id, score)``, best first, equal scores in id order.

        Scores are BM25. A text is words and nothing else: its papers have any of them. A parsed
        query's papers satisfy its constraints, the positive of which also rank; without any word
        that ranks, the newest come first (their score is ``seq``).

        ``allowed`` says for each seq whether that paper may be returned (those beyond its end
        may not); the result is what filtering the full ranking would give. ``weights`` maps
        stems (`words`) to weights: those of the query have 1.0 if it does not say otherwise,
        other ones are added to it. A weight of 0 takes a stem out.
        """
        query = ParsedQuery(query) if isinstance(query, str) else query
        searcher = self._searcher()
        hits = self._best(searcher, query, limit, allowed, weights)
        found = [(searcher.doc(address).get_first("id"), float(score)) for score, address in hits]
        # Equal scores in id order, so that the same question has the same answer anywhere.
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))[:limit]

    def ranked(
        self,
        query: ParsedQuery,
        limit: int,
        allowed: NDArray[np.bool_] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """As `search`, for who goes on reckoning: seqs and scores, equal scores in the order of
        seqs, and also all that are as good as the last of ``limit``."""
        import numpy as np

        searcher = self._searcher()
        hits = self._best(searcher, query, limit, allowed, weights)
        seqs = seqs_of(searcher, hits)
        scores = np.array([score for score, _ in hits], dtype=np.float64)
        order = np.lexsort((seqs, -scores))
        return seqs[order], scores[order]

    def _best(
        self,
        searcher: Any,
        query: ParsedQuery,
        limit: int,
        allowed: NDArray[np.bool_] | None,
        weights: Mapping[str, float] | None,
    ) -> Hits:
        if searcher is None or not searcher.num_docs or limit <= 0:
            return []
        parts = asked(query, weights or {}, self._stemmed, self._named)
        if not parts:
            return []
        wanted = self._compiled(parts)
        newest = not parts.ranking
        return best(searcher, wanted, limit, allowed, among=self._among, newest=newest)

    def matching(self, constraint: Constraint) -> NDArray[np.int64]:
        """The seqs of all papers that have what a constraint names, in no order.

        Of a negative one too: those that are not wanted. Where it names nothing that is indexed
        (only words such as "the"), all papers.
        """
        from tantivy import Query

        phrases = phrases_of(constraint, self._stemmed, self._named)
        return self._seqs(self._any(phrases) if phrases else Query.all_query())

    def constrained(self, query: ParsedQuery, size: int) -> NDArray[np.bool_] | None:
        """For each seq below ``size`` whether its paper satisfies a query's constraints; None
        if there is nothing to satisfy. Where no paper has a seq, it means nothing."""
        import numpy as np
        from tantivy import Occur, Query

        parts = asked(query, {}, self._stemmed, self._named)
        if not parts.required and not parts.unwanted:
            return None
        mask = np.full(size, not parts.required, dtype=np.bool_)
        for wanted, occur, value in (
            (parts.required, Occur.Must, True),
            (parts.unwanted, Occur.Should, False),
        ):
            if wanted:
                clauses = [(occur, self._any(phrases)) for phrases in wanted]
                seqs = self._seqs(Query.boolean_query(clauses))
                mask[seqs[seqs < size]] = value
        return mask

    def words(self, text: str) -> list[str]:
        """The stems that a text is searched by."""
        return list(self._analyzer.analyze(_folded(text)))

    def weights(self, query: ParsedQuery) -> dict[str, float]:
        """The stems that a query ranks by, each with the weight it has if none is given."""
        return own_stems(query, self._stemmed)

    def frequencies(self, stems: Sequence[str]) -> list[int]:
        """In how many papers each stem is."""
        searcher = self._searcher()
        if searcher is None:
            return [0] * len(stems)
        whose, known = self._counted
        if whose is not searcher:
            whose, known = self._counted = searcher, {}
        for stem in stems:
            if stem not in known:
                known[stem] = int(searcher.doc_freq("text", stem))
        return [known[stem] for stem in stems]

    def highlights(self, text: str, query: str | ParsedQuery) -> list[tuple[int, int]]:
        """Spans of a stored text's words (start, end) that a query is about, in order."""
        wanted = set(self.words(query if isinstance(query, str) else query.text))
        if not wanted:
            return []
        spans = ((start, end, self._of_word(text[start:end])) for start, end in words_of(text))
        return [(start, end) for start, end, stems in spans if not wanted.isdisjoint(stems)]

    def count(self) -> int:
        """How many papers it has; 0 when it is gone or unreadable."""
        searcher = self._searcher()
        return 0 if searcher is None else int(searcher.num_docs)

    # ----------------------------------------------------------------- queries

    def _stemmed(self, text: str) -> list[tuple[str, int]]:
        return _tokens(self._analyzer, text)

    def _named(self, text: str) -> list[tuple[str, int]]:
        return _tokens(self._names, text)

    def _compiled(self, parts: Asked) -> Any:
        from tantivy import Occur, Query

        clauses = [
            (Occur.Should, Query.boost_query(Query.term_query(self._schema, field, term), weight))
            for field, term, weight in parts.ranking
        ]
        clauses += [
            (Occur.Must, Query.const_score_query(self._any(phrases), 0.0))
            for phrases in parts.required
        ]
        clauses += [(Occur.MustNot, self._any(phrases)) for phrases in parts.unwanted]
        if not parts.ranking and not parts.required:
            clauses.append((Occur.Must, Query.all_query()))
        return Query.boolean_query(clauses)

    def _any(self, phrases: Sequence[Phrase]) -> Any:
        from tantivy import Occur, Query

        return Query.boolean_query([(Occur.Should, self._phrase(part)) for part in phrases])

    def _phrase(self, phrase: Phrase) -> Any:
        from tantivy import Query

        if len(phrase.tokens) == 1:
            return Query.term_query(self._schema, phrase.field, phrase.tokens[0][0])
        words: list[str | tuple[int, str]] = [(place, term) for term, place in phrase.tokens]
        return Query.phrase_query(self._schema, phrase.field, words)

    def _among(self, query: Any, seqs: list[int]) -> Any:
        from tantivy import Occur, Query

        if len(seqs) > FEW:
            inside = Query.term_set_query(self._schema, "seq", seqs)
        else:
            one = (Query.term_query(self._schema, "seq", seq, index_option="basic") for seq in seqs)
            inside = Query.boolean_query([(Occur.Should, query_) for query_ in one])
        alike = Query.const_score_query(inside, 0.0)
        return Query.boolean_query([(Occur.Must, query), (Occur.Must, alike)])

    def _seqs(self, query: Any) -> NDArray[np.int64]:
        from tantivy import Query

        searcher = self._searcher()
        if searcher is None or not searcher.num_docs:
            return seqs_of(None, [])
        alike = Query.const_score_query(query, 0.0)
        return seqs_of(searcher, searcher.search(alike, searcher.num_docs, count=False).hits)

    # ------------------------------------------------------------------- files

    def _searcher(self) -> Any:
        """What is committed now; None when the index is gone, unreadable or of another recipe."""
        try:
            stamp = WordState.stamp(self.path)
            current = self._current
            if current is None or current[0] != stamp:
                if self._state() is None:
                    return None
                current = self._current = stamp, self._open().searcher()
            return current[1]
        except (OSError, ValueError):  # gone this moment, perhaps being made anew
            self._index = None
            return None

    def _open(self, *, create: bool = False, anew: bool = False) -> Any:
        import tantivy

        index = None if anew else self._index
        if index is None:
            if create and not tantivy.Index.exists(str(self.path)):
                index = tantivy.Index(self._schema, path=str(self.path))
            else:
                index = tantivy.Index.open(str(self.path))
            index.register_tokenizer("folded", self._analyzer)
            index.register_tokenizer("names", self._names)
            self._index = index
        index.reload()
        return index

    def _state(self) -> int | None:
        """Up to which change of the catalog the index goes; None when it is gone, unreadable or
        of another recipe."""
        import tantivy

        state = WordState.read(self.path)
        try:
            if state and state.fingerprint == FINGERPRINT and tantivy.Index.exists(str(self.path)):
                self._open()
                return state.seq
        except (OSError, ValueError):
            pass
        self._index = None
        return None

    def writer(self) -> Any:
        """Tantivy's writer, of which there is one at a time."""
        # Another process may have made the folder anew since it was opened.
        return self._open(create=True, anew=True).writer(heap_size=64_000_000, num_threads=1)

    def document(
        self, paper_id: str, seq: int, title: str, abstract: str, authors: Sequence[str]
    ) -> Any:
        """Tantivy's form of a paper."""
        import tantivy

        head, body = fold(title), fold(abstract)
        return tantivy.Document(
            id=[paper_id],
            seq=seq,
            text=[*[head] * TITLE_TIMES, body],
            title=[head],
            abstract=[body],
            authors=[_BETWEEN_AUTHORS.join(map(fold, authors))],
        )

    def save_state(self, seq: int) -> None:
        """Says up to which change of the catalog the index goes."""
        WordState(FINGERPRINT, seq).write(self.path)


def _tokens(analyzer: Any, text: str) -> list[tuple[str, int]]:
    tokens = analyzer.pre_tokenize(_folded(text)).tokens
    return [(token.text, token.position) for token in tokens]


def _folded(text: str) -> str:
    return fold(text.encode("utf-8", "replace").decode("utf-8"))


def _analyzers() -> tuple[Any, Any]:
    """One for titles and abstracts, one for names, of which nothing is left out: there is An
    Wang, and there is Will."""
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    def words() -> TextAnalyzerBuilder:
        builder = TextAnalyzerBuilder(Tokenizer.simple())
        return builder.filter(Filter.remove_long(60)).filter(Filter.lowercase())

    text = words().filter(Filter.stopword("english")).filter(Filter.stemmer("english"))
    return text.build(), words().filter(Filter.custom_stopword([_APART])).build()


def _schema() -> Any:
    from tantivy import SchemaBuilder

    builder = SchemaBuilder()
    builder.add_text_field("id", stored=True, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("seq", stored=False, indexed=True, fast=True)
    # What ranks is one field, so that a word of the title that the abstract repeats is not counted
    # as if it were two words; the others are for phrases and for what is asked of one field.
    builder.add_text_field("text", tokenizer_name="folded", index_option="freq")
    for name, analyzer in (("title", "folded"), ("abstract", "folded"), ("authors", "names")):
        builder.add_text_field(name, tokenizer_name=analyzer, index_option="position")
    return builder.build()
