"""Amounts of money and numbers of people in a text, written in figures or words, in Chinese and English."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from complaints.reading import Texts, straight

_DIGIT = {c: i % 10 for i, c in enumerate("零一二三四五六七八九〇壹贰叁肆伍陆柒捌玖")}
_DIGIT |= {"两": 2, "几": 3, "数": 3, "上": 1, "近": 1}
_TENS = {"十": 10, "百": 100, "千": 1000, "拾": 10, "佰": 100, "仟": 1000}
_WAN = {"万": 10_000, "亿": 100_000_000}
_ZH_DIGITS = "零〇一二两三四五六七八九十百千壹贰叁肆伍陆柒捌玖拾佰仟"
_ZH_NUMBER = rf"[几数上近]?[{_ZH_DIGITS}](?:[{_ZH_DIGITS}万亿]|[余多来几](?=[十百千万亿])){{0,14}}"
_COUNTED = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_TIES = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS = {w: i for i, w in enumerate(f"{_COUNTED} seventeen eighteen nineteen".split())}
_WORDS |= {w: 10 * i for i, w in enumerate(_TIES, 2)}
_WORDS |= {"a": 1, "dozen": 12}
_MULTIPLIED = {"k": 1000, "thousand": 1000, "grand": 1000, "m": 10**6, "mn": 10**6, "million": 10**6, "billion": 10**9}
_CURRENCIES = {
    "CNY": "¥ 人民币 rmb cny yuan 元 块 圆",
    "USD": "us$ $ usd dollar dollars bucks 美元 美金 刀",
    "HKD": "hk$ hkd 港币 港元",
    "EUR": "€ eur euro euros 欧元",
    "GBP": "£ gbp pounds 英镑",
    "CHF": "chf 瑞郎",
    "JPY": "jpy yen 日元",
    "MOP": "mop 澳门元",
    "TWD": "nt$ twd 新台币 台币",
    "SGD": "s$ sgd 新加坡元 新元",
    "AUD": "a$ aud 澳元",
    "CAD": "c$ cad 加元",
    "KRW": "krw 韩元",
}
_CURRENCY = {sign: code for code, signs in _CURRENCIES.items() for sign in signs.split()}
_SIGNS = [re.escape(s) for s in sorted(_CURRENCY, key=len, reverse=True)]
_LETTERED, _OTHER = (
    "|".join(s for s in _SIGNS if bool(re.match("[a-z]", s)) is lettered) for lettered in (True, False)
)
_BEFORE = rf"(?<![a-z0-9])(?:{_LETTERED})|{_OTHER}"  # the cad of reference 7cad500 is no Canadian dollar
_AFTER = rf"(?:{_LETTERED})(?![a-z0-9])|{_OTHER}"
_EN_NUMBER = "|".join((*_WORDS, "half", "hundred", "thousand", "grand", "million"))
_MONEY = re.compile(
    rf"(?P<before>{_BEFORE})?\s?"
    rf"(?:(?P<number>\d[\d,]{{0,14}}(?:\.\d+)?)\s?[余多几来]?(?P<zh>[十百千]?[万亿]|[百千])?(?P<tail>(?<=[万千百])\d(?!\d))?"
    rf"(?:\s?(?P<en>k|thousand|grand|million|mn|m|billion)\b)?"
    rf"|(?P<chinese>{_ZH_NUMBER})"
    rf"|\b(?P<words>(?:(?:{_EN_NUMBER})(?: and|)[ -]){{0,8}}(?:{_EN_NUMBER}))\b)"
    rf"[余多]?\s?(?P<after>{_AFTER})?"
)
_ZH_PEOPLE = re.compile(rf"(?P<n>\d[\d,]{{0,14}}|{_ZH_NUMBER})[余多几来]?(?=[名位个户家人号])")
_MANY = {"dozens": 24, "scores": 40, "hundreds": 200, "thousands": 2000}
_EN_PEOPLE = re.compile(
    rf" (?P<n>\d[\d,]{{0,14}}(?= )|(?:{'|'.join(_MANY)})(?= of )"
    rf"|(?:(?:{_EN_NUMBER}) (?:and )?){{0,8}}(?:{_EN_NUMBER})(?= ))"
)
_NEXT_WORDS = re.compile(r"(?: [^ .%$]+){0,3}")


class Amount(NamedTuple):
    """An amount of money read from the text, and what stands around it."""

    value: Decimal
    currency: str
    words: str
    before: str
    after: str


def chinese_number(written: str) -> Decimal:
    """`一百二十余万` is 1200000, `三万六` 36000, `几十` 30."""
    total = section = digit = Decimal(0)
    unit = 1
    for character in written:
        if character in _DIGIT:
            digit = Decimal(_DIGIT[character])
        elif character in _TENS:
            unit = _TENS[character]
            section += (digit or 1) * unit
            digit = Decimal(0)
        elif character in _WAN:
            unit = _WAN[character]
            total = (total + (section + digit or 1)) * unit if unit > 10_000 else total + (section + digit or 1) * unit
            section = digit = Decimal(0)
    return total + section + digit * (unit // 10 if unit >= 100 and written[-2:-1] in "百千万亿" else 1)


def english_number(written: str) -> Decimal:
    """`six hundred and twenty thousand` is 620000, `half a million` 500000."""
    total = part = Decimal(0)
    for word in re.findall("[a-z]+", written):
        if word == "hundred":
            part = (part or Decimal(1)) * 100
        elif word in _MULTIPLIED:
            total, part = total + (part or Decimal(1)) * _MULTIPLIED[word], Decimal(0)
        elif word == "half":
            part = Decimal("0.5")
        elif word != "and" and not (word == "a" and part):
            part += _WORDS[word]
    return total + part


def _value(found: re.Match[str]) -> Decimal:
    if written := found["number"]:
        value = Decimal(written.replace(",", "").rstrip(".") or 0)
        factor = 1
        for character in found["zh"] or "":
            factor *= _TENS.get(character) or _WAN[character]
        value = value * factor + Decimal(found["tail"] or 0) * (factor // 10)
        return value * _MULTIPLIED.get(found["en"], 1)
    return chinese_number(found["chinese"]) if found["chinese"] else english_number(found["words"])


def amounts(text: str, default_currency: str) -> Iterator[Amount]:
    """The amounts of money named in a text; a bare number is none."""
    text = straight(text).lower()
    for found in _MONEY.finditer(text):
        sign = found["before"] or found["after"]
        big = re.search("[万亿]|k$|grand|million|thousand", found[0])
        if sign or big:
            start, end = found.span()
            currency = _CURRENCY[sign] if sign else default_currency
            yield Amount(
                _value(found), currency, found[0].strip(), text[max(0, start - 90) : start], text[end : end + 60]
            )


class Number(NamedTuple):
    """A number that may be one of people, and what stands around it."""

    value: int
    words: str
    before: str
    after: str


def numbers_of_people(texts: Texts) -> Iterator[Number]:
    """The numbers followed by a Chinese measure word for people, or by any English word; years are left out."""
    for found in _ZH_PEOPLE.finditer(texts.zh):
        start, end = found.span()
        before, after = texts.zh[max(0, start - 10) : start], texts.zh[end : end + 8]
        yield Number(_number(found["n"]), found[0], before, after)
    for found in _EN_PEOPLE.finditer(texts.en):
        start, end = found.span()
        next_words = _NEXT_WORDS.match(texts.en, end)
        after = f"{next_words[0] if next_words else ''} "
        yield Number(_number(found["n"]), found["n"], texts.en[max(0, start - 40) : start + 1], after)


def _number(written: str) -> int:
    if written in _MANY:
        return _MANY[written]
    digits = written.replace(",", "")
    if digits.isdigit():
        return 0 if re.fullmatch(r"(19|20)\d\d", digits) else int(digits)
    return int(english_number(written) if written[0].isascii() else chinese_number(written))
