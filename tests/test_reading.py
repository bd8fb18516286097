"""How words, numbers, amounts and people are found in a text."""

from decimal import Decimal

import pytest

from complaints.amounts import amounts, chinese_number, english_number, numbers_of_people
from complaints.reading import Lexicon, Words, read

# -- how words are found ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("被...扣", "昨天被你们扣了50元", True),
        ("被...扣", "昨天被。又扣了50元", False),
        ("(没|未)经(我|)同意", "未经同意", True),
        ("吞卡", "机器吞 卡了", True),
        ("app", "我的ＡＰＰ打不开", True),
        ("foreclos*", "a wrongful Foreclosure sale", True),
        ("close", "the foreclosure", False),
        ("without ... consent", "without my written consent!", True),
        ("without ... consent", "without it. My consent", False),
        ("didn't (authorize|make)", "I did n't authorize it", True),
        ("cross-sell*", "cross selling", True),
        ("forg* signature", "a forged signature", True),
    ],
)
def test_word(word: str, text: str, found: bool) -> None:
    chinese = any("\u3400" <= c <= "\u9fff" for c in text)
    assert Words(**{"zh" if chinese else "en": [word]}).any_in(read(text)) == found


def test_all_places_of_all_lists_are_found_in_one_pass() -> None:
    found = Lexicon([Words(zh=["扣"]), None, Words(zh=["扣了"])]).find(read("扣了又扣"))
    assert {n: [(p.start, p.end) for p in places] for n, places in found.items()} == {0: [(0, 1), (3, 4)], 2: [(0, 2)]}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("一百二十余万", 1_200_000),
        ("三万六", 36_000),
        ("几十", 30),
        ("一亿二千万", 120_000_000),
        ("四十三", 43),
        ("两千", 2000),
    ],
)
def test_chinese_number(written: str, value: int) -> None:
    assert chinese_number(written) == value


@pytest.mark.parametrize(
    ("written", "value"),
    [("six hundred and twenty thousand", 620_000), ("half a million", 500_000), ("forty three", 43)],
)
def test_english_number(written: str, value: int) -> None:
    assert english_number(written) == value


@pytest.mark.parametrize(
    ("text", "value", "currency"),
    [
        ("损失五十万", "500000", "CNY"),
        ("60余万", "600000", "CNY"),
        ("80万元", "800000", "CNY"),
        ("12.5万", "125000", "CNY"),
        ("3万6", "36000", "CNY"),
        ("上百万", "1000000", "CNY"),
        ("二十八万美金", "280000", "USD"),
        ("１２，０００元", "12000", "CNY"),
        ("{$300.00}", "300.00", "USD"),
        ("$250K", "250000", "USD"),
        ("£1.2 million", "1200000", "GBP"),
        ("half a million dollars", "500000", "USD"),
        ("RMB 600,000", "600000", "CNY"),
        ("转了rmb5000。", "5000", "CNY"),
        ("80000USD被扣", "80000", "USD"),
        ("C$900", "900", "CAD"),
        ("a bonus$500", "500", "USD"),
    ],
)
def test_amount(text: str, value: str, currency: str) -> None:
    (found,) = amounts(text, "CNY")
    assert (found.value, found.currency) == (Decimal(value), currency)


@pytest.mark.parametrize(
    "text",
    ["800", "第三", "万一", "room 12", "$ XXXX", "ref 4592dacad171461", "REF893166CAD4E", "893166cad4", "ecad7260758"],
)
def test_a_bare_number_is_no_amount(text: str) -> None:
    assert list(amounts(text, "CNY")) == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("四十三名投资人", [43]),
        ("上百位业主", [100]),
        ("hundreds of customers", [200]),
        ("thirty eight of them", [38]),
        ("in 2019 people", []),
    ],
)
def test_number_of_people(text: str, numbers: list[int]) -> None:
    assert [n.value for n in numbers_of_people(read(text)) if n.value] == numbers
