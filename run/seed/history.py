"""The seeded history: which complaints came when, the lives they are told after, and what differs between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

from complaints.classify import classify
from complaints.form import Complainant, ComplaintForm, Money
from complaints.names import Channel
from complaints.policy import Policy
from complaints.records import Letter as Ordered
from complaints.routing import route
from policies.load import in_force
from policies.names import DEFAULT_JURISDICTION
from register import seeding
from register.seeding import Copy, Lived, Shape
from run.seed import story, words
from run.seed.crew import Crew
from run.seed.life import MARK, REFERENCE, Judged, Life, marked

RECENT, SHARE_OF_RECENT = timedelta(days=30), 0.06
"""A busy month before the present: most cases that are open now came in it."""
PAYING, FREE = ("refund", "refund", "compensation", "fee_waiver", "goodwill"), ("apology", "none", "correction")
PEOPLE = 0.7
"""Customers for each complaint: some complain more than once."""
LIVES_WANTED, COPIES_AT_MOST = 5_000, 25
HOURS = (9, 9, 10, 10, 10, 11, 11, 12, 13, 14, 14, 15, 15, 16, 16, 17, 18, 19, 20, 21, 22, 7, 8, 23)
CHANNELS = {"telephone": 40, "online": 18, "email": 14, "counter": 10, "sms": 6, "letter": 5, "regulator": 4, "box": 3}
NAME, PHONE, EMAIL, CUSTOMER, PLACE = "〔姓名〕", "10099999999", "gap@customer.example", "C99999999", "〔网点〕"
SECOND = f":{MARK.seconds:02d}.{MARK.microseconds:06d}"


class Band(NamedTuple):
    """How much money is at stake: what stands for the disputed amount and the redress, and between what they lie."""

    disputed: str
    paid: str
    low: int
    high: int
    share: int


BANDS = (
    Band("121.08", "131.09", 10, 480, 74),
    Band("1212.08", "1313.09", 510, 9_500, 21),
    Band("121212.08", "131313.09", 10_500, 180_000, 4),
    Band("312121.08", "313131.09", 201_000, 900_000, 1),
)
"""One for each level of approval (R4.6)."""


@dataclass(frozen=True)
class Plan:
    """What is to be made: so many complaints over so many days up to the present, drawn from a seed."""

    count: int
    days: int
    seed: int
    until: datetime

    @property
    def copies(self) -> int:
        """How many cases are told after one life: one, while there are few."""
        return max(1, min(self.count // LIVES_WANTED, COPIES_AT_MOST))

    def moment(self, index: int) -> datetime:
        """When the complaint of that place in the history came, to the day."""
        whole, recent = timedelta(days=self.days), min(RECENT, timedelta(days=self.days) / 2)
        share = index / self.count
        if share < 1 - SHARE_OF_RECENT:
            return self.until - whole + (whole - recent) * (share / (1 - SHARE_OF_RECENT))
        return self.until - recent * ((1 - share) / SHARE_OF_RECENT)


def batch(plan: Plan, crew: Crew, secret: bytes, first: int, numbers: list[int]) -> Iterator[Copy]:
    """The cases from that place in the history on, one for each number."""
    dice = Random(f"{plan.seed} {first}")  # nosec B311: nothing of it is secret
    for start in range(0, len(numbers), plan.copies):
        told, band, life = _life(plan, crew, first + start, dice)
        shape, year = _shape(life, told, secret), life.case.opened_at.year
        for number in numbers[start : start + plan.copies]:
            reference = f"CMP-{year}-{number:06d}"
            yield _copy(shape, life, told, band, number, reference, plan, dice)


def _life(plan: Plan, crew: Crew, index: int, dice: Random) -> tuple[words.Told, Band, Life]:
    kind = "major" if dice.random() < 0.005 else "cross_department" if dice.random() < 0.03 else None
    told, band = words.choose(dice, kind), dice.choices(BANDS, [b.share for b in BANDS])[0]
    channel = Channel(dice.choices(list(CHANNELS), list(CHANNELS.values()))[0])
    policy = in_force(DEFAULT_JURISDICTION, plan.until)
    received = _received(plan, index, channel, policy, dice)
    form = _form(told, band, channel, received, dice)
    hours = dice.uniform(1, 8) if channel is Channel.letter else dice.uniform(0.02, 0.3)
    keyed = timedelta(hours=hours if dice.random() < 0.96 else dice.uniform(20, 90))
    life = Life(form, _judged(told, form, policy), policy.for_case(received.date()), crew, dice, plan.until, keyed)
    life.stuck = plan.until - received < RECENT and dice.random() < 0.25
    redress = dice.choice(PAYING if dice.random() < 0.65 else FREE)
    story.live(life, told, redress, band.paid if redress in PAYING else None)
    return told, band, life


def _received(plan: Plan, index: int, channel: Channel, policy: Policy, dice: Random) -> datetime:
    here = policy.calendar.local(plan.moment(index))
    day = here.date()
    if channel is Channel.counter and not policy.calendar.is_working_day(day):
        day = policy.calendar.next_working_day(day - timedelta(days=3))
    hour = dice.choice(HOURS[:16] if channel is Channel.counter else HOURS)
    moment = marked(here.replace(year=day.year, month=day.month, day=day.day, hour=hour, minute=dice.randrange(60)))
    return min(moment, marked(plan.until - timedelta(minutes=dice.randint(3, 600))))


def _form(told: words.Told, band: Band, channel: Channel, received: datetime, dice: Random) -> ComplaintForm:
    day = words.day(received - timedelta(days=dice.randint(1, 9)), told.language)
    matter = told.matter.format(day=day, amount=words.money(band.disputed, told.language), place=PLACE)
    known = channel not in (Channel.box, Channel.letter, Channel.online) or dice.random() < 0.7
    person = Complainant(
        name=NAME,
        gender=dice.choice(["female", "male", None]),
        phone=PHONE if channel in (Channel.telephone, Channel.sms) or dice.random() < 0.7 else None,
        email=EMAIL if channel in (Channel.email, Channel.online, Channel.regulator) or dice.random() < 0.3 else None,
        address="演示路1号" if channel is Channel.letter else None,
        customer_number=CUSTOMER if dice.random() < 0.8 else None,
    )
    return ComplaintForm(
        channel=channel,
        received_at=received,
        language=told.language,
        complainant=person if known else None,
        matter=matter,
        demand=told.demand,
        product=told.product,
        amount=Money(value=Decimal(band.disputed), currency="CNY") if "{amount}" in told.matter else None,
        imported_from="amends seed",
    )


_known: dict[tuple[str, str | None, bool], Judged] = {}


def _judged(told: words.Told, form: ComplaintForm, policy: Policy) -> Judged:
    """What the rules make of such a form; each text is looked at once for each amount of money."""
    key = (told.matter, str(form.amount.value) if form.amount else None, form.complainant is None)
    if key not in _known:
        found = classify(form, policy.classification, policy.version)
        _known[key] = Judged(found=found, department=route(form, policy.routing).department)
    return _known[key].model_copy(deep=True)


def _shape(life: Life, told: words.Told, secret: bytes) -> Shape:
    case = life.case
    letters = [_letter(case.form, ordered) for ordered in case.letters]
    findings = words.answers(told)[0]
    notice = (words.texts()["letters"][told.language]["result"][0], findings) if case.published_at else None
    return seeding.shape(Lived(case, life.events, letters, notice), secret)


def _letter(form: ComplaintForm, ordered: Ordered) -> seeding.Letter:
    subject, body = words.texts()["letters"][form.language][ordered.kind]
    person = form.complainant
    known = {"email": person.email, "sms": person.phone, "post": person.address} if person else {}
    recipient = known.get(ordered.way)
    return seeding.Letter(
        ordered.number, ordered.kind, ordered.way, form.language, recipient or "", subject, body, ordered.ordered_at
    )


def _copy(
    shape: Shape, life: Life, told: words.Told, band: Band, number: int, reference: str, plan: Plan, dice: Random
) -> Copy:
    customer = dice.randrange(max(1, int(plan.count * PEOPLE)))
    drawn, known = words.person(customer, told.language), life.case.form.complainant
    paid = dice.randint(band.low, band.high)
    gaps = {
        REFERENCE: reference,
        SECOND: f":{dice.randint(1, 58):02d}.{dice.randint(1, 999_999):06d}",
        NAME: drawn.name or "",
        PHONE: drawn.phone or "",
        EMAIL: drawn.email or "",
        CUSTOMER: drawn.customer_number or "",
        PLACE: words.place(dice, told.language),
        band.paid: f"{paid}.{dice.randrange(100):02d}",
        band.disputed: f"{dice.randint(paid, band.high)}.{dice.randrange(100):02d}",
    }
    person = known and Complainant.model_construct(
        **{f: getattr(drawn, f) if getattr(known, f) else None for f in ("phone", "email", "customer_number")}
    )
    return Copy(shape, number, reference, gaps, person)
