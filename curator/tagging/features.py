"""What is known of a (paper, tag) pair, as numbers.

Raw numbers cannot be compared between tags ("reasoning" is near to everything) nor between papers
(some are near to any tag). So they are standardised twice: per tag, against a background of
other papers, the sample library's; then per paper, over all tags. The background is a part of
the program, so that a paper's tags do not depend on what else is in the library (ADR 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from curator.embedding import Embedder, embedding_text
from curator.evidence import paper_sentences, sentence_texts
from curator.injections import stated
from curator.paper import Paper
from curator.sentence_embedding import SentenceEmbedder, SentenceStore
from curator.tagging.words import PaperWords, TagWords, WordCounts, paper_words
from curator.taxonomy import Taxonomy
from curator.text import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

__all__ = ["NAMES", "Read", "Reader", "TagFeatures"]

# In the order of the last axis of what `TagFeatures` gives.
NAMES = ("sentence", "example", "words", "in_title", "in_abstract")
COUNTED = 2  # the last two are counts: as they are
# So many tags of mean 0 and deviation 1 are thought to be there besides the real ones when a
# paper is standardised: a taxonomy of three tags says little about what is usual.
PSEUDO_TAGS = 10
LISTED = 5  # tags that one sentence names


@dataclass(frozen=True)
class Read:
    """A paper as the tagger reads it: ``vector`` of shape (dimensions,), ``rows`` of shape
    (sentences, dimensions); sentences that give orders to the reader are not among them."""

    paper: Paper
    sentences: tuple[str, ...]
    words: PaperWords
    vector: Floats
    rows: Floats


class Reader:
    """Reads papers. ``stored`` gives vectors of papers that are in the index, by paper id;
    ``sentences`` keeps those of sentences."""

    def __init__(
        self,
        embedder: Embedder,
        stored: Callable[[Sequence[Paper]], Mapping[str, Floats]] | None = None,
        sentences: SentenceStore | None = None,
    ) -> None:
        self._embedder = embedder
        self._stored = stored
        self._sentences = SentenceEmbedder(embedder, sentences)

    def read(self, papers: Sequence[Paper]) -> list[Read]:
        """The papers, in the order given."""
        if not papers:
            return []
        sentences = [tuple(paper_sentences(paper)) for paper in papers]
        vectors = self.paper_vectors(papers)
        texts = [(paper, sentence_texts(paper)) for paper in papers]
        rows = self._sentences.of(texts, len(vectors[0]))
        return [
            Read(
                paper,
                own,
                paper_words(paper.title, own),
                vector,
                mine,
            )
            for paper, own, vector, mine in zip(papers, sentences, vectors, rows, strict=True)
        ]

    def paper_vectors(self, papers: Sequence[Paper]) -> list[Floats]:
        """The vector of each paper, of length 1: the stored one, or one made now. Orders to the
        reader are left out of it."""
        known = dict(self._stored(papers)) if self._stored else {}
        texts: dict[int, str] = {}
        for place, paper in enumerate(papers):
            heard = " ".join(span.text for span in stated(paper.abstract))
            if heard.split() != paper.abstract.split():
                # The index has the vector of all of it, orders to the reader too.
                texts[place] = f"{plain(paper.title)}. {plain(heard)}"
            elif paper.id not in known:
                texts[place] = embedding_text(paper)
        made: Sequence[Floats] = self._embedder.embed(list(texts.values())) if texts else []  # type: ignore[assignment]
        by_place = dict(zip(texts, made, strict=True))
        return [
            by_place[place] if place in by_place else known[paper.id]
            for place, paper in enumerate(papers)
        ]


class TagFeatures:
    """The numbers for all tags of a taxonomy."""

    def __init__(self, taxonomy: Taxonomy, embedder: Embedder, background: Sequence[Read]) -> None:
        import numpy as np

        self.words = TagWords(taxonomy, WordCounts([read.words for read in background]))
        tags = taxonomy.tags
        described = [f"{tag.name.replace('-', ' ')}: {tag.description}" for tag in tags]
        examples = [text for tag in tags for text in tag.examples]
        vectors = embedder.embed([*described, *examples])
        self._descriptions, self._examples = vectors[: len(tags)], vectors[len(tags) :]
        owners = np.array([i for i, tag in enumerate(tags) for _ in tag.examples], dtype=int)
        self._owned = [np.flatnonzero(owners == i) for i in range(len(tags))]
        if background:
            raw = self._raw(background)
            self._mean, self._deviation = raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-3)
        else:
            self._mean, self._deviation = np.float32(0), np.float32(1)

    def heard(self, read: Read) -> Read:
        """The paper without sentences that name so many tags that they are lists: keywords,
        hashtags, or an attempt to get tags. What a paper is about it also says otherwise."""
        kept = [
            at
            for at, words in enumerate(read.words.sentences)
            if self.words.count_named(words) < LISTED
        ]
        if len(kept) == len(read.sentences):
            return read
        sentences = tuple(read.sentences[at] for at in kept)
        words = PaperWords(read.words.title, tuple(read.words.sentences[at] for at in kept))
        return replace(read, sentences=sentences, words=words, rows=read.rows[kept])

    def of(self, papers: Sequence[Read]) -> Floats:
        """Features of shape (papers, tags, len(`NAMES`))."""
        import numpy as np

        raw = self._raw(papers)
        tags = raw.shape[1]
        compared = (raw - self._mean) / self._deviation
        mean = compared.sum(axis=1, keepdims=True) / (tags + PSEUDO_TAGS)
        spread = ((compared - mean) ** 2).sum(axis=1, keepdims=True) + PSEUDO_TAGS
        compared = (compared - mean) / np.sqrt(spread / (tags + PSEUDO_TAGS))
        compared[..., -COUNTED:] = raw[..., -COUNTED:]
        return np.asarray(compared, dtype=np.float32)

    def by_sentence(self, paper: Read) -> Floats:
        """How near each sentence is to each tag's description, of shape (sentences, tags)."""
        import numpy as np

        if not len(paper.rows):
            return np.zeros((0, len(self._descriptions)), dtype=np.float32)
        return np.asarray(paper.rows @ self._descriptions.T, dtype=np.float32)

    def _raw(self, papers: Sequence[Read]) -> Floats:
        import numpy as np

        raw = np.zeros((len(papers), len(self._descriptions), len(NAMES)), dtype=np.float32)
        for place, read in enumerate(papers):
            near = read.vector @ self._descriptions.T  # stands in for what there is not
            by_example = read.vector @ self._examples.T if len(self._examples) else near
            in_title, in_abstract = self.words.named(read.words)
            columns = (
                self.by_sentence(read).max(axis=0) if len(read.rows) else near,
                [
                    by_example[own].max() if len(own) else near[i]
                    for i, own in enumerate(self._owned)
                ],
                self.words.shared(read.words),
                in_title,
                in_abstract,
            )
            raw[place] = np.stack([np.asarray(c, dtype=np.float32) for c in columns], axis=1)
        return raw
