"""The shape of classification.yaml: weighted words and facts, each rule with a name that a person understands."""

from decimal import Decimal
from functools import cached_property
from itertools import chain
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from complaints.names import Nature
from complaints.reading import Lexicon, Words

NatureLabel = Literal["service", "product", "operation", "violation"]
Flag = Literal["urgent", "major", "cross_department", "question"]
Scale = Literal["severity", "difficulty", "likelihood"]
Label = NatureLabel | Flag | Scale
"""What a rule speaks for; `question` means that the message may be no complaint at all."""

Fact = Literal["amount", "amount_mentioned", "customers", "departments", "anonymous"] | NatureLabel | Flag
"""A fact of the form, or a result of an earlier step, that a rule can rest on."""

RiskLevel = Literal["low", "medium", "high", "very_high"]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]


class Rules(BaseModel):
    """Base of what classification.yaml holds: an unknown key is an error; nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WordRule(Rules):
    """Words (or a product alone) that speak for a label.

    With `also`, only words count that have one of those near; with `unless`, none of them may. `products` without words
    counts for the product of the form; with words, the rule is only for these products. A negative weight speaks
    against the label.
    """

    name: Annotated[str, Field(min_length=3)]
    label: Label
    weight: float
    products: list[str] = []
    up_to: int | None = Field(
        default=None, description="only for texts of so many letters; a Chinese character is three"
    )
    words: Words | None = None
    also: Words | None = None
    unless: Words | None = None

    @model_validator(mode="after")
    def _something_to_find(self) -> Self:
        if self.words is None and not self.products:
            raise ValueError(f"rule {self.name!r} has neither words nor products")
        return self


class FactRule(Rules):
    """A fact that speaks for a label; `at_least` for facts that are numbers, `products` if only with these."""

    name: Annotated[str, Field(min_length=3)]
    label: Label
    weight: float
    fact: Fact
    at_least: float = 1
    products: list[str] = []


class Amounts(Rules):
    """Which amounts of money count as being in dispute: words around them that say so, and words that say not."""

    major: dict[Currency, Decimal]
    default_currency: dict[Literal["zh-CN", "en"], Currency]
    dispute: Words
    background: Words


class Customers(Rules):
    """From how many customers on a complaint is major; what a number must stand beside to be one of customers."""

    major: int = Field(ge=2)
    people: Words
    background: Words


class Counting(Rules):
    """How much a word counts by the field it stands in; a rule met at n places says log2(1 + n) times its weight."""

    reason: float = Field(gt=0)
    matter: float = Field(gt=0)
    demand: float = Field(gt=0)
    at_most: float = Field(ge=1)
    also_within_zh: int = Field(ge=1, description="characters between a word and one of `also`")
    also_within_en: int = Field(ge=1)


class Negation(Rules):
    """Words that, so few characters or words before a word of a rule for one of these labels, undo it."""

    labels: list[Label]
    words: Words
    within_zh: int = Field(ge=1, le=20)
    within_en: int = Field(ge=1, le=10)


class Thresholds(Rules):
    """From which score on a label is given; for the scales, where 2 and where 3 begins."""

    flags: dict[Flag, float] = Field(min_length=4)
    question_share: float = Field(ge=0, description="of the nature's score, below which it is a complaint after all")
    scales: dict[Scale, tuple[float, float]] = Field(min_length=3)


class Confidence(Rules):
    """From scores to a confidence: the sharper, the surer; doubtful messages are brought down."""

    sharpness: float = Field(gt=0)
    without_words: float = Field(ge=0, le=1)
    doubtful_complaint: float = Field(ge=0, le=1)


class ClassificationRules(Rules):
    """The file classification.yaml."""

    source: str = Field(min_length=3)
    confirm_below: float = Field(ge=0, le=1)
    start: dict[Nature, float] = Field(min_length=4)
    counting: Counting
    negation: Negation
    thresholds: Thresholds
    confidence: Confidence
    matrix: list[Annotated[list[RiskLevel], Field(min_length=3, max_length=3)]] = Field(min_length=3, max_length=3)
    amounts: Amounts
    customers: Customers
    departments: dict[str, Words]
    rules: list[WordRule] = Field(min_length=1)
    facts: list[FactRule]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [r.name for r in self.rules] + [r.name for r in self.facts]
        if twice := {n for n in names if names.count(n) > 1}:
            raise ValueError(f"two rules have the same name: {', '.join(sorted(twice))}")
        if missing := [n.value for n in Nature if all(r.label != n.value for r in self.rules)]:
            raise ValueError(f"no rule speaks for {', '.join(missing)}")
        return self

    @cached_property
    def lexicon(self) -> Lexicon:
        """The words of all rules (numbers 3n to 3n+2: `words`, `also`, `unless`), then those of the departments."""
        of_rules = chain.from_iterable((r.words, r.also, r.unless) for r in self.rules)
        return Lexicon(chain(of_rules, self.departments.values()))
