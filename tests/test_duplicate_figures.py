"""How well likely duplicates are found among real complaints, none of which names its customer: by their texts alone.

`python tests/test_duplicate_figures.py` prints all the figures and which clusters were taken for each other. The threshold
was read from the tune half of the clusters. Where two clusters are one text with and without a paragraph, a pair across
them counts as false here all the same.
"""

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import pytest

from complaints import cfpb
from complaints.duplicates import Fingerprint, compare, fingerprint, pairs, words
from complaints.form import Complainant
from complaints.policy import DuplicateRule
from policies import imports
from policies.load import load

DATA = Path(__file__).parents[2] / "shared" / "data"
LABELLED = Path(__file__).parent / "data" / "labelled"
CLUSTERS, PLAIN, NO_TEXT = "cfpb_duplicates.csv", "cfpb_complaints.csv", "cfpb_no_narrative.csv"
LABEL = "Duplicate cluster"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
FOUND = load().duplicates
assert FOUND is not None
RULE: DuplicateRule = FOUND
ANY_DAY = RULE.model_copy(update={"window_days": 3650})
"""The rule by the texts alone, years apart or not."""

READ_AND_REAL = 1
"""Pairs found among the complaints that are said to have none: read, and it is one letter sent twice."""


class Row(NamedTuple):
    """A complaint of the file, and the cluster it is labelled with."""

    print: Fingerprint
    cluster: str


class Figures(NamedTuple):
    """How many pairs there are, were found, and were found rightly."""

    real: int
    found: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.real if self.real else 1.0


@cache
def rows(file: str) -> list[Row]:
    """The rows of a file as the import makes forms of them, on the days of the file."""
    with (DATA / file).open(encoding="utf-8-sig", newline="") as lines:
        records = list(cfpb.records(lines))
    forms = [cfpb.form_of(r, imports.cfpb(), file, NOW, UTC, as_is=True) for r in records]
    return [Row(fingerprint(f, RULE), r.row.get(LABEL, "")) for f, r in zip(forms, records, strict=True)]


def half(cluster: str) -> str:
    return "held" if hashlib.sha256(cluster.encode()).digest()[-1] % 2 else "tune"


def found(some: list[Row], rule: DuplicateRule) -> list[tuple[Row, Row]]:
    return [(some[i], some[j]) for i, j, _ in pairs([row.print for row in some], rule)]


def figures(which: str, rule: DuplicateRule) -> Figures:
    """Of the pairs among the rows of that half of the clusters, or of all."""
    some = [row for row in rows(CLUSTERS) if which in ("all", half(row.cluster))]
    said = found(some, rule)
    real = sum(a.cluster == b.cluster for a, b in combinations(some, 2))
    return Figures(real, len(said), sum(a.cluster == b.cluster for a, b in said))


def needs(file: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not (DATA / file).exists(), reason=f"the public CFPB complaints are not at {DATA / file}")


@needs(CLUSTERS)
@pytest.mark.parametrize("rule", [RULE, ANY_DAY], ids=["rule", "text alone"])
def test_pairs_of_the_real_clusters(rule: DuplicateRule) -> None:
    assert (len(rows(CLUSTERS)), len({row.cluster for row in rows(CLUSTERS)})) == (410, 150)
    both = figures("all", rule)
    assert both.precision >= 0.95 and both.recall >= 0.80, both


@needs(CLUSTERS)
@pytest.mark.parametrize("which", ["tune", "held"])
def test_neither_half_is_carried_by_the_other(which: str) -> None:
    one = figures(which, RULE)
    # Precision has a lower floor: two clusters that hold each other's text lie in one half and weigh double there.
    assert one.precision >= 0.92 and one.recall >= 0.80, one


@needs(PLAIN)
def test_hardly_a_pair_among_two_thousand_that_have_no_duplicates() -> None:
    assert len(rows(PLAIN)) == 2000
    assert len(found(rows(PLAIN), RULE)) <= READ_AND_REAL


@needs(NO_TEXT)
def test_complaints_without_text_are_nobodys_duplicates() -> None:
    assert len(rows(NO_TEXT)) == 653
    assert found(rows(NO_TEXT), ANY_DAY) == []


def as_of_one_customer(language: str) -> tuple[int, int]:
    """Pairs of different complaints on one product, as if one customer had made them all: how many, how many found."""
    lines = [line for n in ("", "2") for line in (LABELLED / f"{language}{n}.jsonl").read_text("utf-8").splitlines()]
    made = [json.loads(line) for line in lines]
    me = Complainant(customer_number="1")
    prints = [Fingerprint(NOW, row.get("product"), me, words(row["matter"], RULE)) for row in made]
    both = [(a, b) for a, b in combinations(prints, 2) if a.product and a.product == b.product]
    return len(both), sum(compare(a, b, RULE) is not None for a, b in both)


@pytest.mark.parametrize(("language", "at_least"), [("zh", 14_000), ("en", 1_500)])
def test_one_customer_may_complain_of_many_matters_on_one_product(language: str, at_least: int) -> None:
    pairs_in_all, taken_for_one = as_of_one_customer(language)
    assert pairs_in_all > at_least and taken_for_one <= pairs_in_all / 2000


def report() -> str:
    """All figures as text."""
    lines = []
    for name, rule in (("the rule", RULE), ("text alone, any day", ANY_DAY)):
        for which in ("tune", "held", "all"):
            f = figures(which, rule)
            lines.append(
                f"{name:20} {which:5} precision {f.precision:.3f} recall {f.recall:.3f} "
                f"({f.real} pairs, {f.found} found, {f.right} right)"
            )
    wrong = Counter((a.cluster, b.cluster) for a, b in found(rows(CLUSTERS), RULE) if a.cluster != b.cluster)
    lines += [f"clusters {a} and {b}: {n} pairs taken for one" for (a, b), n in wrong.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    for each in ("zh", "en"):
        print(
            "as if of one customer, {}: {} pairs on one product, {} taken for one".format(
                each, *as_of_one_customer(each)
            )
        )
    print(report() if (DATA / CLUSTERS).exists() else f"{DATA / CLUSTERS} is not there")
    for file in (PLAIN, NO_TEXT):
        if (DATA / file).exists():
            some = rows(file)
            print(f"{file}: {len(found(some, RULE))} pairs of {len(some) * (len(some) - 1) // 2}")
