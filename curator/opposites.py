"""Words of research that say the opposite of each other.

Written by hand, from general English and by kinds of meaning, and formed with prefixes
("correct", "incorrect"). A sentence that has one of them where its source has the other says
another thing, if it speaks of the same: so the words beside them count, too.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache

from curator.stemming import STOP, stem, words

__all__ = ["are_opposite", "opposites_in"]

# Each word of the left side is the opposite of each of the right.
_GROUPS = """
more greater | less fewer
most | least fewest
higher high highest | lower low lowest
better best superior | worse worst inferior
larger large largest big bigger | smaller small smallest little tiny
longer long longest | shorter short shortest
faster fast fastest quicker quick rapid | slower slow slowest
stronger strong strongest | weaker weak weakest
easier easy easily simple simpler | harder hard difficult complex complicated
cheaper cheap | expensive costly
deeper deep | shallow shallower
wider wide broad broader | narrow narrower
early earlier earliest | late later latest
new newer novel recent modern | old older outdated obsolete
increase raise grow rise boost enhance enlarge amplify expand elevate | decrease reduce lower
  shrink fall drop diminish lessen weaken suppress cut decline
improve strengthen | worsen degrade degradation deteriorate impair harm hurt hinder
gain | lose lost loss
win | lose lost
help aid assist enable allow permit facilitate support promote encourage | hinder prevent
  impede block inhibit obstruct discourage forbid prohibit undermine hamper
succeed succeeds success successful | fail failure unsuccessful
solve mitigate alleviate ease | aggravate exacerbate worsen cause
outperform surpass exceed exceeds beat | underperform trail
above over exceeding | below under beneath
before prior preceding | after following subsequent
former | latter
maximize maximum maximal max | minimize minimum minimal min
start begin initial | end finish stop final
add addition include insert append keep retain preserve maintain | remove removal delete
  eliminate exclude discard drop omit destroy
with | without lacking
create build construct generate | destroy eliminate dismantle
accept confirm prove support verify | reject refute disprove deny contradict
agree | disagree conflict
attract | repel
open | closed proprietary
online | offline
static stationary fixed constant | dynamic changing varying variable adaptive
global | local
explicit | implicit
direct | indirect
discrete | continuous
linear | nonlinear
positive positively | negative negatively
supervised | unsupervised
same identical similar alike | different distinct dissimilar differing
common frequent often usual always | rare rarely seldom uncommon infrequent never
all every each both | none no neither some
many numerous several | few single one
full complete completely entire fully whole | partial partly incomplete
symmetric | asymmetric
public | private privately
real actual natural | fake artificial synthetic simulated
human manual | automatic automatically machine
upper | lower
top | bottom
inside within internal inner | outside external outer beyond
forward | backward
encode encoder | decode decoder
input | output
source | target
parallel simultaneously | sequential serial
dense densely | sparse sparsely
coarse | fine
labeled labelled annotated | unlabeled unlabelled
known seen familiar | unknown unseen unfamiliar novel
safe safely secure | unsafe dangerous risky harmful vulnerable
robust | brittle fragile vulnerable
stable stably | unstable volatile
useful helpful beneficial | useless harmful
necessary required essential crucial important critical significant | unnecessary optional
  unimportant irrelevant negligible insignificant trivial
sufficient enough adequate | insufficient inadequate lacking
accurate accurately precise correct exact right | inaccurate inaccurately imprecise incorrect
  wrong approximate
true | false
success | failure
benefit advantage strength | harm drawback disadvantage weakness cost
cooperate cooperative collaborative | compete competition competitive adversarial
single | multiple
converge convergence | diverge divergence
exploit exploitation | explore exploration
abstract | concrete specific
theoretical | empirical practical experimental
qualitative qualitatively | quantitative quantitatively
near close | far distant
lossless | lossy
homogeneous | heterogeneous
convex | concave nonconvex
centralized | decentralized distributed
male | female
young | old
hot warm | cold cool
wet | dry
light | heavy dark
present presence | absent absence
active actively | passive passively
visible | hidden invisible
trained | untrained
finite bounded | infinite unbounded
deterministic | stochastic random probabilistic
unlimited | limited restricted
optimistic | pessimistic
overestimate | underestimate
ignore neglect | consider attend
up upward | down downward
left | right
healthy benign | diseased malignant sick
inhibit inhibition repress | activate stimulate induce
"""
# "Un-" and the like make an opposite of what follows them.
_PREFIXES = ("un", "in", "im", "ir", "il", "non", "dis", "mis")
_NEAR = 3  # words on each side that show whether the same is spoken of


def are_opposite(one: str, other: str) -> bool:
    """Whether two stems are opposites."""
    if other in _pairs().get(one, ()):
        return True
    short, long = sorted((one, other), key=len)
    return len(short) > 3 and any(long == prefix + short for prefix in _PREFIXES)


def opposites_in(claim: str, source: str) -> list[tuple[str, str, int]]:
    """Words of the claim whose opposite stands in the source sentence, where neither has the
    word of the other: as (word of the claim, word of the source, content words that both have
    beside them), those with the most such words first."""
    ours, theirs = words(claim), words(source)
    our_stems, their_stems = [stem(word) for word in ours], [stem(word) for word in theirs]
    found = [
        (ours[i], theirs[k], len(_beside(our_stems, i) & _beside(their_stems, k)))
        for i, one in enumerate(our_stems)
        if one not in their_stems
        for k, other in enumerate(their_stems)
        if other not in our_stems and are_opposite(one, other)
    ]
    return sorted(found, key=lambda pair: -pair[2])


def _beside(stems: list[str], place: int) -> set[str]:
    near = stems[max(0, place - _NEAR) : place] + stems[place + 1 : place + 1 + _NEAR]
    return {one for one in near if one not in STOP}


@lru_cache(maxsize=1)
def _pairs() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for line in re.sub(r"\n +", " ", _GROUPS).strip().splitlines():
        left, right = (side.split() for side in line.split("|"))
        for one in map(stem, left):
            for other in map(stem, right):
                if one != other:
                    found[one].add(other)
                    found[other].add(one)
    return found
