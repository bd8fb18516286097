"""What kind of complaint it is, and why: weighted words and facts, added up in the open (R2).

Every rule of classification.yaml that finds its words gives its weight to its label; the sums decide. Nothing is
learned at run time and nothing is random: the same form under the same rules is always classified the same way.
"""

import re
from collections.abc import Iterator
from math import exp, log2
from typing import NamedTuple

from complaints.amounts import EN_PEOPLE, NEXT_WORDS, ZH_PEOPLE, amounts, people
from complaints.case import Classification, Reason, Risk
from complaints.classification_rules import ClassificationRules, Fact, Label, WordRule
from complaints.form import ComplaintForm
from complaints.names import Kind, Nature, Urgency
from complaints.reading import Found, Texts, read


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
        yield "amount", f"amount {stated.value} {stated.currency} >= {limits[stated.currency]}"
    for text in filter(None, (form.reason, form.matter, form.demand)):
        for amount in amounts(text, rules.amounts.default_currency[form.language]):
            if amount.value < (limit := limits.get(amount.currency, amount.value + 1)):
                continue
            short = 14 if re.search("[\u3400-\u9fff]", amount.before + amount.after) else 45
            near = read(f"{amount.before[-short:]} amt0 {amount.after[: short // 2]}")
            if rules.amounts.background.any_in(near):
                continue
            disputed = rules.amounts.dispute.any_in(read(f"{amount.before} amt0 {amount.after}"))
            fact = f"text: {amount.words} = {amount.value:f} {amount.currency} >= {limit}"
            yield "amount" if disputed else "amount_mentioned", fact


def _customer_facts(form: ComplaintForm, texts: Texts, rules: ClassificationRules) -> Iterator[tuple[int, str]]:
    """The numbers of customers affected that the form and the text name."""
    if form.affected_customers:
        yield form.affected_customers, f"affected_customers {form.affected_customers}"
    for text, pattern in ((texts.zh, ZH_PEOPLE), (texts.en, EN_PEOPLE)):
        for place in pattern.finditer(text):
            start, end = place.span()
            number = people(place["n"])
            if number >= rules.customers.major:
                after = text[end : end + 8] if text is texts.zh else f"{NEXT_WORDS.match(text, end)[0]} "  # type: ignore[index]
                around = read(text[max(0, start - (10 if text is texts.zh else 40)) : end] + after)
                if rules.customers.people.any_in(read(after)) and not rules.customers.background.any_in(around):
                    yield number, f"text: {text[start:end].strip()}{after.rstrip()}"


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
    for number, rule in enumerate(rules.rules):
        words, also, unless = (3 * number + i for i in range(3))
        places = found.get(words, [])
        if rule.also:
            places = [p for p in places if any(_near(p, other, rules) for other in found.get(also, []))]
        if (places or rule.products) and unless not in found:
            hit = _word_hit(rule, places, said, product, rules)
            if hit:
                yield hit


def _fact_hits(known: dict[Fact, tuple[float, str]], rules: ClassificationRules) -> list[Hit]:
    return [
        Hit(r.label, r.weight, Reason(rule=r.name, label=r.label, facts=[known[r.fact][1]], weight=r.weight))
        for r in rules.facts
        if r.fact in known and known[r.fact][0] >= r.at_least
    ]


def _shares(scores: dict[Nature, float], sharpness: float) -> dict[Nature, float]:
    top = max(scores.values())
    powers = {n: exp(sharpness * (s - top)) for n, s in scores.items()}
    return {n: p / sum(powers.values()) for n, p in powers.items()}


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
    hits = word_hits + _fact_hits(known, rules)

    def score(label: Label) -> float:
        return sum(h.say for h in hits if h.label == label)

    natures = {n: rules.start[n] + score(n.value) for n in Nature}
    nature = max(natures, key=lambda n: natures[n])
    flags = {label: score(label) >= limit for label, limit in rules.thresholds.flags.items()}
    flags["question"] &= score("question") >= rules.thresholds.question_share * natures[nature]
    known[nature.value] = 1, f"nature {nature}"
    for flag in (Urgency.urgent, Kind.major, Kind.cross_department):
        if flags[flag.value]:
            known[flag.value] = 1, f"{flag}"
    hits = word_hits + _fact_hits(known, rules)
    scales = {label: 1 + sum(score(label) >= s for s in steps) for label, steps in rules.thresholds.scales.items()}
    likelihood, impact = scales["likelihood"], scales["severity"]
    level = rules.matrix[likelihood - 1][impact - 1]

    confidence = _shares(natures, rules.confidence.sharpness)[nature]
    if not any(h.label == nature for h in hits):
        confidence *= rules.confidence.without_words
        hits.append(_standing(nature, "no word of any rule for it was found", rules.start[nature]))
    if flags["question"]:
        confidence *= rules.confidence.doubtful_complaint
    if not flags["urgent"]:
        hits.append(_standing("general", f"signs of urgency below {rules.thresholds.flags['urgent']}", score("urgent")))
    if form.complainant is None:
        hits.append(_standing("anonymous", "no complainant was named", 1))
    hits.append(_standing("risk", f"likelihood {likelihood} x impact {impact} is {level}", likelihood * impact))
    return Classification(
        nature=nature,
        urgency=Urgency.urgent if flags["urgent"] else Urgency.general,
        kinds=[k for k in Kind if flags.get(k.value, False) or (k is Kind.anonymous and form.complainant is None)],
        severity=impact,
        difficulty=scales["difficulty"],
        risk=Risk(likelihood=likelihood, impact=impact, value=likelihood * impact, level=level),
        confidence=round(confidence, 3),
        is_complaint=not flags["question"],
        reasons=[h.reason for h in sorted(hits, key=lambda h: (h.label, -abs(h.say)))],
        policy=version,
    )


def _standing(label: str, why: str, weight: float) -> Hit:
    """A label that is given for want of anything else, or follows from other ones."""
    return Hit(label, weight, Reason(rule="as it stands", label=label, facts=[why], weight=round(weight, 3)))
