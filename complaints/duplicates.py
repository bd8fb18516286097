"""Likely duplicates (R1.7): the same customer who complains again of the same matter, and mass filings 集中投诉.

Two measures, because people differ. Strangers who send the same text share whole runs of words: the runs of three in
both texts over those in either (Jaccard). One customer tells the same matter in other words: the words of the one found
in the other, in any order (token set ratio). A Chinese character counts as a word, so that nothing need be segmented.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise

from pydantic import BaseModel
from rapidfuzz import fuzz

from complaints.form import Complainant, ComplaintForm
from complaints.policy import Alike, DuplicateRule
from complaints.reading import simplified

CJK = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
WORD = re.compile(rf"[{CJK}]|[^\W_{CJK}]+")
REDACTED = re.compile(r"\bxx[x/\d]*\b")
"""XXXX and XX/XX/2017, by which the CFPB takes persons and days out: the same in every text, so it says nothing."""
SHORTEST_PHONE = 8
"""Digits. A number with its country code ends in the number without."""


class Likeness(BaseModel):
    """How likely two complaints are one, from 0 to 1, and why, in codes that hold nothing of either."""

    score: float
    why: list[str]


@dataclass(frozen=True)
class Text:
    """The words of a complaint as they are compared."""

    words: tuple[str, ...]

    @cached_property
    def runs(self) -> frozenset[tuple[str, str, str]]:
        """Every three words that follow each other."""
        return frozenset(zip(self.words, self.words[1:], self.words[2:], strict=False))


@dataclass(frozen=True)
class Fingerprint:
    """What of a complaint is compared, made once for many comparisons."""

    at: datetime
    product: str | None
    person: Complainant | None
    text: Text


def words(text: str, rule: DuplicateRule) -> Text:
    """The words that are compared; none of a text that is not the complainant's own."""
    if any(phrase in text for phrase in rule.not_their_words):
        return Text(())
    return Text(tuple(WORD.findall(REDACTED.sub(" ", simplified(text).lower()))[: rule.words_read]))


def fingerprint(form: ComplaintForm, rule: DuplicateRule) -> Fingerprint:
    """The fingerprint of a form."""
    return Fingerprint(form.received_at, form.product, form.complainant, words(form.matter, rule))


def likeness(a: ComplaintForm, b: ComplaintForm, rule: DuplicateRule) -> Likeness | None:
    """How likely these two are one complaint; None when nothing speaks for it."""
    return compare(fingerprint(a, rule), fingerprint(b, rule), rule)


def compare(a: Fingerprint, b: Fingerprint, rule: DuplicateRule) -> Likeness | None:
    """The same, of fingerprints."""
    if abs(a.at - b.at) > timedelta(days=rule.window_days):
        return None
    customer, product = same_customer(a.person, b.person), a.product is not None and a.product == b.product
    share = _shared_runs(a.text, b.text, rule.strangers)
    raised = 0.0
    if customer:
        needed = rule.same_customer_and_product if product else rule.same_customer
        share = max(share, _shared_words(a.text, b.text, needed, rule.longer_at_most))
        raised = rule.raise_same_customer + product * rule.raise_same_product
    if not share:
        return None
    facts = ["same_customer"] * customer + ["same_product"] * product
    return Likeness(score=round(share + (1 - share) * raised, 3), why=[*facts, f"text {share:.2f}"])


def same_customer(a: Complainant | None, b: Complainant | None) -> bool:
    """Customer numbers decide where both are known; else the same telephone or e-mail. A name alone says nothing."""
    if a is None or b is None:
        return False
    if a.customer_number and b.customer_number:
        return a.customer_number.lower() == b.customer_number.lower()
    if a.email and b.email and a.email.lower() == b.email.lower():
        return True
    short, long = sorted((digits(a.phone), digits(b.phone)), key=len)
    return len(short) >= SHORTEST_PHONE and long.endswith(short)


def one_answer(a: Complainant | None, b: Complainant | None) -> bool:
    """Whether one answer reaches both: the same customer, or nobody named in either, as the result is published."""
    return same_customer(a, b) or (a is None and b is None)


def digits(phone: str | None) -> str:
    """A telephone number without what people write between its digits."""
    return re.sub("[^0-9]", "", phone or "")


def whole_number(phone: str | None) -> str:
    """The same without the country code of this country, and the zeros one dials first."""
    return re.sub("^(?:00)?86(?=[0-9]{9})", "", digits(phone)).lstrip("0")


def worth_reading(a: str, b: str, rule: DuplicateRule) -> bool:
    """A look at the letters, many times quicker than reading words; two halves that changed places still pass."""
    a, b = a[: rule.words_read], b[: rule.words_read]
    return fuzz.ratio(a, b, score_cutoff=100 * rule.worth_reading) >= 100 * rule.worth_reading


def alike(text: str, others: Iterable[str], rule: DuplicateRule) -> bool:
    """Is this text one of a mass event, of which these are known?"""
    mine = words(text, rule)
    near = (other for other in others if worth_reading(text, other, rule))
    return any(_shared_runs(mine, words(other, rule), rule.strangers) for other in near)


def same_matter(a: str, b: str) -> float:
    """How much two texts tell of one event: neighbouring words that both have (Dice, 0 to 1)."""
    one, other = (_neighbours(simplified(text).lower()) for text in (a, b))
    return 2 * len(one & other) / max(len(one) + len(other), 1)


def _neighbours(text: str) -> set[tuple[str, str]]:
    return set(pairwise(WORD.findall(text)))


def pairs(prints: Sequence[Fingerprint], rule: DuplicateRule) -> Iterator[tuple[int, int, Likeness]]:
    """Every pair of many that is likely one by its text; none is missed, few are compared.

    Two sets of which a share t is common to both must meet in the rarest 1-t of either (prefix filtering).
    """
    often = Counter(run for p in prints for run in p.text.runs)
    seen: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for j, p in enumerate(prints):
        if len(p.text.words) < rule.strangers.words:
            continue
        rarest = sorted(p.text.runs, key=lambda run: (often[run], run))
        prefix = rarest[: int((1 - rule.strangers.at_least) * len(rarest)) + 2]  # one more, for what is rounded
        for i in sorted({i for run in prefix for i in seen[run]}):
            if (found := compare(prints[i], p, rule)) is not None:
                yield i, j, found
        for run in prefix:
            seen[run].append(j)


def _shared_runs(a: Text, b: Text, needed: Alike) -> float:
    """The runs in both over those in either; 0 below what is needed."""
    few, many = sorted((len(a.runs), len(b.runs)))
    if min(len(a.words), len(b.words)) < needed.words or few < max(needed.at_least * many, 1):
        return 0  # too short, or too different in length to share enough
    both = len(a.runs & b.runs)
    share = both / (len(a.runs) + len(b.runs) - both)
    return share if share >= needed.at_least else 0


def _shared_words(a: Text, b: Text, needed: Alike, longer_at_most: float) -> float:
    """The words of the one found in the other; 0 below what is needed."""
    few, many = sorted((len(a.words), len(b.words)))
    if few < needed.words or many > longer_at_most * few:
        return 0
    share = fuzz.token_set_ratio(" ".join(a.words), " ".join(b.words)) / 100
    return share if share >= needed.at_least else 0
