"""A paper as the choice of its summary sees it: vectors, roles, and what stands on its own.

A summary is read alone, so two kinds of sentence are told apart from the rest. *Background* says
what others did or what is hard: the classifier of roles takes it for that, it does not speak of
the paper's own work ("we", "this paper", the name from the title), and no sentence before it
does. What *dangles* points to a sentence that the reader does not see ("POET imitates this by",
"However,", "The method").
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from curator.embedding import embedding_text
from curator.roles import OWN_WORK, ROLES, Embeds, RoleClassifier
from curator.stemming import stems
from curator.text import fold, plain

if TYPE_CHECKING:
    from curator.embedding import Vectors
    from curator.paper import Paper

__all__ = ["Context", "context_of", "dangles", "own_names"]

MIN_BACKGROUND = 0.4
# A longer beginning of a title is a description rather than a name.
MAX_NAME_WORDS = 4
# Initials that many papers' titles have in common name nothing of one paper.
_COMMON = frozenset([
    "ai", "asr", "cnn", "dnn", "gan", "gcn", "gnn", "gpt", "gpu", "irl", "llm", "lstm", "mdp",
    "mlp", "nas", "nlp", "nlu", "nmt", "ocr", "pca", "rnn", "sgd", "svm", "vae", "vqa",
])  # fmt: skip
_INITIALS = re.compile(r"\b[A-Z][A-Za-z]*[A-Z]\b")
_IN_BRACKETS = re.compile(r"\(([^()]{2,20})\)")

_NOUN = (
    r"(?:method|methods|model|models|approach|approaches|algorithm|framework|technique|system|"
    r"results?|experiments?|analys[ie]s|findings|idea|problem|issue|outcome|latter|former|"
    r"resulting|proposed|same|two|price|effect|gap|shortfall|attack|evaluation|code|authors)"
)
_DANGLING = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # A pronoun with nothing before it that it could stand for. "It is shown that" has none.
        r"^(?:it(?! (?:is|was|has been) (?:shown|proved|proven|well))|its|they|their|them|these|"
        r"those|such|he|she|his|her|both|this|that|another|others?)\b"
        r"(?! (?:paper|work|article|study|report|thesis|survey|letter|tutorial|chapter))",
        # What the sentence before named: "The attack", "Of the proposed model".
        rf"^(?:in |on |with |of |for |by )?(?:the|all|most|many) (?:of )?(?:the )?{_NOUN}\b"
        r"(?! of\b)",
        r"^(?:\W*\w+\W+){1,3}(?:it|them|theirs)\b(?! is\b| was\b)|\bthem\.?$",
        r"^(?:in|at|on|with|by|of|for|from|under|during|after) (?:\w+ ){0,2}(?:its|their)\b",
        r"^[^,;:]{1,60}\b(?:this|these|those)\b(?! (?:paper|work|article|study|report|"
        r"thesis|survey|letter|tutorial|chapter|end)\b)",
        r"^(?:\W*\w+\W+){1,7}such (?!as\b|that\b)",
        r"\b(?:both|all|the two) (?:of (?:them|these)|issues|problems|challenges|questions)\b|"
        r"^we \w+ the (?:problem|issue|shortfall|gap|difficulty|limitation|challenge)s?\b"
        r"(?! (?:of|in which|where|that|between|to|with)\b)",
        r"\b(?:aforementioned|above-mentioned|aforesaid|mentioned above)\b|"
        r"^(?:we|the authors) \w+ (?:\w+ing|to \w+) (?:this|these|that|those|it|them)\b|"
        r"^\w+ing (?:it|them|these|those)\b",
        # Where it lies, and not what it is.
        r"\b(?:is|are|will be) (?:(?:now|publicly|freely|also|made|openly) )*available "
        r"(?:here\b|online\b|(?:at|on|from|under) "
        r"(?:\S+\.\w|\S*:/|this |our |the (?:project|link)))",
        # Joined to what went before, or in contrast with it.
        r"^(?:however|but|yet|still|and|or|so|thus|hence|therefore|then|consequently|accordingly|"
        r"furthermore|moreover|additionally|besides|also|likewise|similarly|meanwhile|otherwise|"
        r"instead|rather|nevertheless|nonetheless|indeed|again|next|conversely|"
        r"in (?:addition|contrast|turn|particular|doing so|other words)|"
        r"on the (?:contrary|other hand)|by contrast|as a (?:result|consequence)|"
        r"for (?:example|instance)|to (?:this|that|do so)|scaling further|further|"
        r"on top|together|specifically|concretely|finally|second(?:ly)?|third(?:ly)?|lastly)\b",
        r"\b(?:instead|the other way|otherwise|likewise|as well|too|accordingly|the latter|"
        r"the former|do so|doing so|in turn)(?:[.,;]|$| and\b)",
        r"^(?:we|the authors) (?:also|further|then|additionally|finally)\b",
    )
)
# What its own clause says: "Despite its success, BERT", "which lets the model share its memory".
_FORWARD = re.compile(r"^(?:despite|with|given|because of|due to|owing to|in spite of) ", re.I)


@dataclass(frozen=True)
class Context:
    """``vectors`` has a unit row for the title, for title and abstract together, and for each of
    ``sentences`` (plain), in that order; ``roles`` the chance of each of ``ROLES`` for each
    sentence."""

    title: str
    sentences: Sequence[str]
    vectors: Vectors
    roles: Vectors

    @cached_property
    def spread(self) -> Counter[str]:
        """In how many sentences each stem stands."""
        return Counter(stem for sentence in self.sentences for stem in set(stems(sentence)))

    @cached_property
    def names(self) -> set[str]:
        """What the paper calls its own work, folded."""
        return own_names(self.title, self.sentences)

    @cached_property
    def own(self) -> list[bool]:
        """Whether each sentence speaks of the paper's own work."""
        return [self.is_own(sentence) for sentence in self.sentences]

    def is_own(self, text: str) -> bool:
        """Whether a plain text, one of the sentences or a part of one, speaks of the paper's own
        work."""
        return OWN_WORK.search(text) is not None or any(_has_name(text, n) for n in self.names)

    @cached_property
    def background(self) -> list[bool]:
        """Whether each sentence only leads up to the paper's own work."""
        first = next((i for i, own in enumerate(self.own) if own), len(self.own))
        chance = self.roles[:, ROLES.index("background")]
        return [i < first and float(p) > MIN_BACKGROUND for i, p in enumerate(chance)]


def own_names(title: str, sentences: Sequence[str]) -> set[str]:
    """The names that a paper gives its own work, folded: a title's beginning before a colon where
    that is short, what it has in brackets, and the initials of its words where the abstract uses
    them."""
    head, colon, _ = title.partition(": ")
    names = {head} if colon and len(head.split()) <= MAX_NAME_WORDS else set()
    names |= {match[1] for match in _IN_BRACKETS.finditer(title)}
    firsts = "".join(word[0] for word in re.findall(r"\w+", fold(title)))
    used = {match[0] for sentence in sentences for match in _INITIALS.finditer(sentence)}
    initials = {
        fold(name) for name in used if len(name) > 2 and name.isupper() and fold(name) in firsts
    }
    return {fold(name) for name in names if len(name) > 2} | (initials - _COMMON)


def dangles(text: str) -> bool:
    """Whether a plain sentence points to one before it."""
    return _FORWARD.match(text) is None and any(p.search(text) for p in _DANGLING)


def context_of(
    paper: Paper, sentences: Sequence[str], embedder: Embeds, classifier: RoleClassifier
) -> Context:
    """What the features need, with one call of the embedder."""
    title = plain(paper.title)
    plainly = [plain(sentence) for sentence in sentences]
    vectors = embedder.embed([title, embedding_text(paper), *plainly])
    known = getattr(embedder, "fingerprint", None) == classifier.embedder
    roles = classifier.from_vectors(plainly, vectors[2:] if known else None)
    return Context(title, plainly, vectors, roles)


def _has_name(sentence: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", fold(sentence)) is not None
