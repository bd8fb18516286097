"""What kind of complaint it is, and why: weighted words and facts, added up in the open (R2).

Every rule of classification.yaml that finds its words gives its weight to its label; the sums decide. Nothing is
learned at run time and nothing is random: the same form under the same rules is always classified the same way.
"""

import re
from collections.abc import Iterator
from itertools import islice
from math import exp, log2
from typing import NamedTuple

from complaints.amounts import amounts, numbers_of_people
from complaints.classification_rules import ClassificationRules, Fact, Label, WordRule
from complaints.form import ComplaintForm
from complaints.names import Kind, Nature, Urgency
from complaints.reading import Found, Texts, read
from complaints.records import Classification, Reason, risk

LOOKED_AT = 40
"""How many amounts, and how many numbers of people, over a threshold are looked at in one text."""


class Said(NamedTuple):
    """Reason, matter and demand as one text, and where in each of its shapes the matter and the demand begin."""

    texts: Texts
    zh_parts: tuple[int, int]
    en_parts: tuple[int, int]


class Hit(NamedTuple):
    """A rule that spoke: its label, its say, and why."""

    label: str
    say: float
    reason: Reason


def _amount_facts(form: ComplaintForm, rules: ClassificationRules) -> Iterator[tuple[Fact, str]]:
    """The amount in dispute, and an amount merely mentioned, where they reach the major threshold; in words."""
    limits = rules.amounts.major
    if (stated := form.amount) and stated.value >= limits.get(stated.currency, stated.value + 1):
        yield "amount", f"amount {stated.value:.2f} {stated.currency} >= {limits[stated.currency]}"
    currency = rules.amounts.default_currency[form.language]
    texts = filter(None, (form.reason, form.matter, form.demand))
    named = (a for t in texts for a in amounts(t, currency) if a.value >= limits.get(a.currency, a.value + 1))
    for amount in islice(named, LOOKED_AT):
        short = 14 if re.search("[\u3400-\u9fff]", amount.before + amount.after) else 45
        near = read(f"{amount.before[-short:]} amt0 {amount.after[: short // 2]}")
        if not rules.amounts.background.any_in(near):
            disputed = rules.amounts.dispute.any_in(read(f"{amount.before} amt0 {amount.after}"))
            fact = f"text: {amount.words} = {amount.value:f} {amount.currency} >= {limits[amount.currency]}"
            yield "amount" if disputed else "amount_mentioned", fact


def _customer_facts(form: ComplaintForm, texts: Texts, rules: ClassificationRules) -> Iterator[tuple[int, str]]:
    """The numbers of customers affected that the form and the text name."""
    if form.affected_customers:
        yield form.affected_customers, f"affected_customers {form.affected_customers}"
    named = (n for n in numbers_of_people(texts) if n.value >= rules.customers.major)
    for number in islice(named, LOOKED_AT):
        if rules.customers.people.any_in(read(number.after)) and not rules.customers.background.any_in(
            read(f"{number.before}{number.words}{number.after}")
        ):
            yield number.value, f"text: {number.words}{number.after.rstrip()}"


def _said(form: ComplaintForm, rules: ClassificationRules) -> Said:
    zh, en, ends = "", "", []
    for part in (form.reason, form.matter, form.demand):
        texts = read(part or "")
        zh, en = zh + texts.zh + "。", en + texts.en + "."
        ends.append((len(zh), len(en)))
    (zh_matter, en_matter), (zh_demand, en_demand), _ = ends
    return Said(Texts(zh if len(zh) > 3 else "", en), (zh_matter, zh_demand), (en_matter, en_demand))


def _negated(text: str, place: Found, rules: ClassificationRules) -> bool:
    """Whether a negation stands just before that place, in the same clause."""
    if place.chinese:
        clause = re.split("[,。!?;、]", text[max(0, place.start - rules.negation.within_zh) : place.start])[-1]
        return rules.negation.words.any_in(Texts(clause, ""))
    words = text[max(0, place.start - 60) : place.start].rsplit(" . ", 1)[-1].split()
    return rules.negation.words.any_in(Texts("", f" {' '.join(words[-rules.negation.within_en :])} "))


def _word_hit(
    rule: WordRule, places: list[Found], said: Said, product: str | None, rules: ClassificationRules
) -> Hit | None:
    """What a rule says by the words found for it and the product, or nothing."""
    facts = [f"product {product}"] if product in rule.products else []
    if rule.products and not facts:
        return None
    if rule.words is None:
        return Hit(rule.label, rule.weight, Reason(rule=rule.name, label=rule.label, facts=facts, weight=rule.weight))
    factors = (rules.counting.reason, rules.counting.matter, rules.counting.demand)
    words: dict[str, float] = {}
    count = 0
    for place in places:
        text, (matter, demand) = (said.texts.zh, said.zh_parts) if place.chinese else (said.texts.en, said.en_parts)
        if rule.label in rules.negation.labels and _negated(text, place, rules):
            continue
        count += 1
        words.setdefault(
            text[place.start : place.end].strip(), factors[(place.start >= matter) + (place.start >= demand)]
        )
    words = {w: f for w, f in words.items() if not any(w != other and w in other for other in words)}
    if not words:
        return None
    often = min(log2(1 + count), rules.counting.at_most)
    say = round(rule.weight * max(words.values()) * often, 3)
    return Hit(rule.label, say, Reason(rule=rule.name, label=rule.label, words=list(words), facts=facts, weight=say))


def _near(one: Found, other: Found, rules: ClassificationRules) -> bool:
    within = rules.counting.also_within_zh if one.chinese else rules.counting.also_within_en
    return one.chinese == other.chinese and -within <= other.start - one.start <= within


def _word_hits(
    found: dict[int, list[Found]], said: Said, product: str | None, rules: ClassificationRules
) -> Iterator[Hit]:
    length = max(3 * len(said.texts.zh), len(said.texts.en))
    for number, rule in enumerate(rules.rules):
        if rule.up_to and length > rule.up_to:
            continue
        words, also, unless = (3 * number + i for i in range(3))
        places = found.get(words, [])
        if rule.also:
            places = [p for p in places if any(_near(p, other, rules) for other in found.get(also, []))]
        if (places or rule.products) and unless not in found:
            hit = _word_hit(rule, places, said, product, rules)
            if hit:
                yield hit


def _fact_hits(known: dict[Fact, tuple[float, str]], product: str | None, rules: ClassificationRules) -> list[Hit]:
    return [
        Hit(r.label, r.weight, Reason(rule=r.name, label=r.label, facts=[known[r.fact][1]], weight=r.weight))
        for r in rules.facts
        if r.fact in known and known[r.fact][0] >= r.at_least and (not r.products or product in r.products)
    ]


def _confidence(scores: list[float], sharpness: float) -> float:
    """From 0.5 for a tie towards 1, by how far the best score is ahead of the next one, as a share of it."""
    best, second = sorted(scores, reverse=True)[:2]
    return 1 / (1 + exp(-sharpness * (best - second) / (max(best, 0) + 1)))


def _facts(
    form: ComplaintForm, texts: Texts, found: dict[int, list[Found]], rules: ClassificationRules
) -> dict[Fact, tuple[float, str]]:
    """What the form and its text say that is not a matter of words: value and explanation of each fact."""
    known: dict[Fact, tuple[float, str]] = {}
    for fact, why in _amount_facts(form, rules):
        known.setdefault(fact, (1, why))
    if customers := max(_customer_facts(form, texts, rules), default=None):
        known["customers"] = customers
    if concerned := [d for n, d in enumerate(rules.departments, 3 * len(rules.rules)) if n in found]:
        known["departments"] = len(concerned), f"speaks of {', '.join(concerned)}"
    if form.complainant is None:
        known["anonymous"] = 1, "no complainant was named"
    return known


def classify(form: ComplaintForm, rules: ClassificationRules, version: str) -> Classification:
    """The kind of complaint by these rules, with every reason; `version` names the policy they are from."""
    said = _said(form, rules)
    found = rules.lexicon.find(said.texts)
    word_hits = list(_word_hits(found, said, form.product, rules))
    known = _facts(form, said.texts, found, rules)
    hits = word_hits + _fact_hits(known, form.product, rules)

    def score(label: Label) -> float:
        return sum(h.say for h in hits if h.label == label)

    natures = {n: rules.start[n] + score(n.value) for n in Nature}
    nature = max(natures, key=lambda n: natures[n])
    given = {label for label, limit in rules.thresholds.flags.items() if score(label) >= limit}
    if score("question") < rules.thresholds.question_share * natures[nature]:
        given.discard("question")
    known[nature.value] = 1, f"nature {nature}"
    known.update((label, (1, f"it is {label}")) for label in given)
    hits = word_hits + _fact_hits(known, form.product, rules)
    scales = {label: 1 + sum(score(label) >= s for s in steps) for label, steps in rules.thresholds.scales.items()}
    likelihood, impact = scales["likelihood"], scales["severity"]
    found_risk = risk(likelihood, impact, rules.matrix)

    confidence = _confidence(list(natures.values()), rules.confidence.sharpness)
    if not any(h.label == nature for h in hits):
        confidence *= rules.confidence.without_words
        hits.append(_standing(nature, "no word of any rule for it was found", rules.start[nature]))
    if "question" in given:
        confidence *= rules.confidence.doubtful_complaint
    if "urgent" not in given:
        hits.append(_standing("general", f"signs of urgency below {rules.thresholds.flags['urgent']}", score("urgent")))
    if form.complainant is None:
        hits.append(_standing("anonymous", "no complainant was named", 1))
    hits.append(_standing("risk", f"likelihood {likelihood} x impact {impact} is {found_risk.level}", found_risk.value))
    return Classification(
        nature=nature,
        urgency=Urgency.urgent if "urgent" in given else Urgency.general,
        kinds=[k for k in Kind if k.value in given or (k is Kind.anonymous and form.complainant is None)],
        severity=impact,
        difficulty=scales["difficulty"],
        risk=found_risk,
        confidence=round(confidence, 3),
        is_complaint="question" not in given,
        reasons=[h.reason for h in sorted(hits, key=lambda h: (h.label, -abs(h.say)))],
        policy=version,
    )


def _standing(label: str, why: str, weight: float) -> Hit:
    """A label that is given for want of anything else, or follows from other ones."""
    return Hit(label, weight, Reason(rule="as it stands", label=label, facts=[why], weight=round(weight, 3)))
