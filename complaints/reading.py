"""How a text is read: words in Chinese and English, amounts of money, numbers of people.

A word is looked for in a normalised text (small letters, simplified characters, straight punctuation):

- Chinese `zh`: anywhere in the text; `被...扣` leaves a gap of up to 12 characters inside one sentence.
- English `en`: whole words; `foreclos*` takes any ending; `without ... consent` leaves a gap of up to 4 words.
- both: `(a|b)` stands for either, `(a|)` for a piece that may be left out.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import product
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

Word = Annotated[str, Field(min_length=1)]

CHARACTERS, WORDS = 12, 4
"""How wide a gap `...` is: Chinese characters, English words."""

_CJK = re.compile(r"[\u3400-\u9fff]")
_BREAK = re.compile(r"[.!?;:。!?;:…]+(?=\s|$|[\u3400-\u9fff\"”’」])|\n\s*\n")
_NOT_ENGLISH = re.compile(r"[^a-z0-9$%.]+|\.(?=\S)")
_TOKEN = re.compile(r"\.\.\.|[()|]|[^()|.]+|\.")


_TRADITIONAL = (
    "戶處訴銀貸帳賬號錢轉匯凍結盜騙風險財債還費業務員經櫃檯臺機網電話態惡諾強賣買證資訊洩隱瞞誤導銷擔擾嚇脅罵紙簽偽違"
    "規權視殘優積點額調開關閉鎖檢測驗碼載遲復覆聯絡繫係繼續斷緊醫藥術產養價購賠償損虧萬億兩餘個幾數們這時間來對說請問"
    "謝為沒無與於後當單發現實際錄記據報體眾連壓樓飛張貼傳該應讓給從動過進運達遠邊顯頁項須預領頭題願類館馬驚亂寫屬層歲"
    "師幫幣嚴喪圍園場壞聲執夠奪學寧審專將屆廣廠廳徹憑戲拋捲掛採揚換擇擋擠攔敗敵斃曉東條極構樣標樁橫欄歡殺氣決況準溝減"
    "滯滿漲潛濟煩熱爭狀獨獲環療異疊盤監眞瞭礙禮種稱穩競筆節簡約級納紅細終統絕維總績織繳罰羅義習職聽脫腦臉舉舊艱蓋虛衆"
    "補裝裡裏見觀計討訂託設許評詐詢試詳誠誰課談論護讀變豐負貨責貴賓質賴車軟較輕輪辦農適遞選遺郵釋鈔錯鍵鐘長門閃陸陽隊"
    "階隨難離雙雜麼麽嗎妳佔併並衹祇隻製週沖啟佈範獎勵儲摺撥滙鑰鈕螢圖檔夾閱歷曆廢棄僅儘盡諉搶蝕孫媽爺親鄰兇瘋癱彈頻訟"
    "贖覈濫籤贈勞線繞鬧輿壇僞內兌別刪則剛劃參嘗噹圓塊墊夥寢寶屜崗帶幹廂彙徵憂懇懸戰捨掃摟擺攜斬書歸殼滾濕瀏災牆猶獄畫"
    "癒皺矇祕稅穎窩粵緩編縮繪罷聞艙蘋衛複覺觸註認誘諮謊識譽貪販貫貶賄賤贓趕躍輔輸轄轟辭遷邏醜釣鋪錶鏡閒閘隸靈頒順顆顧"
    "飾餓駁驅驟鬆鹽齡龍"
)
_SIMPLIFIED = (
    "户处诉银贷账账号钱转汇冻结盗骗风险财债还费业务员经柜台台机网电话态恶诺强卖买证资讯泄隐瞒误导销担扰吓胁骂纸签伪违"
    "规权视残优积点额调开关闭锁检测验码载迟复复联络系系继续断紧医药术产养价购赔偿损亏万亿两余个几数们这时间来对说请问"
    "谢为没无与于后当单发现实际录记据报体众连压楼飞张贴传该应让给从动过进运达远边显页项须预领头题愿类馆马惊乱写属层岁"
    "师帮币严丧围园场坏声执够夺学宁审专将届广厂厅彻凭戏抛卷挂采扬换择挡挤拦败敌毙晓东条极构样标桩横栏欢杀气决况准沟减"
    "滞满涨潜济烦热争状独获环疗异叠盘监真了碍礼种称稳竞笔节简约级纳红细终统绝维总绩织缴罚罗义习职听脱脑脸举旧艰盖虚众"
    "补装里里见观计讨订托设许评诈询试详诚谁课谈论护读变丰负货责贵宾质赖车软较轻轮办农适递选遗邮释钞错键钟长门闪陆阳队"
    "阶随难离双杂么么吗你占并并只只只制周冲启布范奖励储折拨汇钥钮荧图档夹阅历历废弃仅尽尽诿抢蚀孙妈爷亲邻凶疯瘫弹频讼"
    "赎核滥签赠劳线绕闹舆坛伪内兑别删则刚划参尝当圆块垫伙寝宝屉岗带干厢汇征忧恳悬战舍扫搂摆携斩书归壳滚湿浏灾墙犹狱画"
    "愈皱蒙秘税颖窝粤缓编缩绘罢闻舱苹卫复觉触注认诱咨谎识誉贪贩贯贬贿贱赃赶跃辅输辖轰辞迁逻丑钓铺表镜闲闸隶灵颁顺颗顾"
    "饰饿驳驱骤松盐龄龙"
)
_SIMPLER = str.maketrans(_TRADITIONAL, _SIMPLIFIED)


class Texts(NamedTuple):
    """One text in the two shapes in which words are looked for; `zh` is empty when it holds no Chinese."""

    zh: str
    en: str


class Step(NamedTuple):
    """A piece of a word after a gap, or right after the last one: its alternatives, and whether any ending will do."""

    choices: tuple[tuple[str, bool], ...]
    gap: bool


class Phrase(NamedTuple):
    """A word of the list of that number: how it begins (`open`: any ending), and the steps that follow."""

    number: int
    first: str
    open: bool
    further: tuple[Step, ...]


class Found(NamedTuple):
    """Where a word of a rule stands."""

    chinese: bool
    start: int
    end: int


def straight(text: str) -> str:
    """Full-width letters and digits made ordinary, curly apostrophes made straight."""
    return unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'").replace("`", "'")


def simplified(text: str) -> str:
    """The same text however it was typed: half-width letters, straight apostrophes, simplified characters."""
    return straight(text).translate(_SIMPLER)


def english(text: str) -> str:
    """Words between single spaces, apostrophes dropped, ` . ` between sentences."""
    text = re.sub(r"\s+n't\b|n\s+'t\b", "n't", text.lower())
    text = _BREAK.sub(" . ", text).replace("'", "").replace("can not", "cannot")
    return f" {_NOT_ENGLISH.sub(' ', text).strip()} ".replace(" .  ", " . ")


def chinese(text: str) -> str:
    """Without any space; empty when there is no Chinese character."""
    return re.sub(r"\s+", "", text.lower()) if _CJK.search(text) else ""


def read(text: str) -> Texts:
    """The text in the shapes in which words are looked for."""
    text = simplified(text)
    return Texts(chinese(text), english(text))


def _parsed(tokens: list[str]) -> list[list[str] | None]:
    """The pieces of a written word, each as its alternatives; None is a gap. Groups may be nested."""
    pieces: list[list[str] | None] = []
    while tokens and tokens[-1] not in "|)":
        token = tokens.pop()
        if token == "...":  # nosec B105: a piece of a pattern, no password
            pieces.append(None)
        elif token == "(":  # nosec B105: the same
            choices: list[str] = []
            while True:
                inner = [p for p in _parsed(tokens) if p is not None]
                choices += ("".join(c) for c in product(*inner))
                if tokens.pop() == ")":
                    break
            pieces.append(list(dict.fromkeys(choices)))
        else:
            pieces.append([token])
    return pieces


def _steps(written: str, in_chinese: bool) -> Iterator[Step]:
    gap = False
    for piece in _parsed(_TOKEN.findall(straight(written))[::-1]):
        if piece is None:
            gap = True
            continue
        if in_chinese:
            parts = [[(p.lower(), False) for p in piece]]
        elif len(piece) == 1:
            parts = [[_english_stem(p)] for p in re.findall(r"[^*]+\*?", piece[0])]
        else:
            parts = [[_english_stem(p) for p in piece]]
        for part in parts:
            if part != [("", False)]:
                yield Step(tuple(part), gap)
                gap = False


def _english_stem(written: str) -> tuple[str, bool]:
    return english(written.rstrip("*")).rstrip(), written[-1:] == "*"


def _phrases(number: int, steps: list[Step]) -> Iterator[Phrase]:
    for stem, any_ending in steps[0].choices:
        if stem:
            yield Phrase(number, stem, any_ending, tuple(steps[1:]))
        elif len(steps) > 1:
            yield from _phrases(number, steps[1:])


def _word_end(text: str, end: int, any_ending: bool) -> int | None:
    """Where the English word ends that goes on at that place; None if it should have ended there."""
    if any_ending:
        return found if (found := text.find(" ", end)) >= 0 else len(text)
    return end if text[end : end + 1] in (" ", "") else None


def _after(text: str, at: int, step: Step, in_chinese: bool) -> int | None:
    """Where a step ends that begins at that place, or after it where a gap is allowed."""
    for stem, any_ending in step.choices:
        start = at
        if step.gap:
            start = text.find(stem, at, at + len(stem) + (CHARACTERS if in_chinese else 15 * WORDS))
            if start < 0 or _too_far(text[at:start]):
                continue
        elif not text.startswith(stem, at):
            continue
        end = start + len(stem)
        word_end = end if in_chinese else _word_end(text, end, any_ending)
        if word_end is not None:
            return word_end
    return None


def _too_far(between: str) -> bool:
    return between.count(" ") > WORDS or any(c in between for c in "。!?;.")


class Lexicon:
    """Many lists of words looked for in one pass over a text, however many they are: an index by how words begin."""

    def __init__(self, lists: "Iterable[Words | None]") -> None:
        self._zh: defaultdict[str, list[Phrase]] = defaultdict(list)
        self._en: defaultdict[str, list[Phrase]] = defaultdict(list)
        for number, words in enumerate(lists):
            for word in words.zh if words else ():
                for phrase in _phrases(number, list(_steps(word, True))):
                    self._zh[phrase.first[:2]].append(phrase)
            for word in words.en if words else ():
                for phrase in _phrases(number, list(_steps(word, False))):
                    self._en[phrase.first[:4]].append(phrase)

    def find(self, texts: Texts) -> dict[int, list[Found]]:
        """For each list that has a word in the text, by its number: all the places, in the order of the text."""
        found: dict[int, list[Found]] = {}
        for number, place in self.places(texts):
            found.setdefault(number, []).append(place)
        return found

    def places(self, texts: Texts) -> Iterator[tuple[int, Found]]:
        """Every place where a word stands, with the number of its list."""
        text, index = texts.zh, self._zh
        for at in range(len(text)):
            # The first piece of a word may be a single character.
            for key in (text[at : at + 2], text[at]) if at + 1 < len(text) else (text[at],):
                for number, first, _, further in index.get(key, ()):
                    if text.startswith(first, at):
                        end = _rest(text, at + len(first), further, True)
                        if end is not None:
                            yield number, Found(True, at, end)
        text, index = texts.en, self._en
        at = text.find(" ")
        while at >= 0:
            for length in (4, 3, 2):
                for number, first, any_ending, further in index.get(text[at : at + length], ()):
                    if text.startswith(first, at):
                        begun = _word_end(text, at + len(first), any_ending)
                        end = None if begun is None else _rest(text, begun, further, False)
                        if end is not None:
                            yield number, Found(False, at, end)
            at = text.find(" ", at + 1)


def _rest(text: str, end: int, further: tuple[Step, ...], in_chinese: bool) -> int | None:
    """Where the word ends whose first piece ends at that place."""
    for step in further:
        reached = _after(text, end, step, in_chinese)
        if reached is None:
            return None
        end = reached
    return end


class Words(BaseModel):
    """Words in Chinese and in English, written as said at the top of this file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    zh: list[Word] = []
    en: list[Word] = []

    @cached_property
    def _lexicon(self) -> Lexicon:
        return Lexicon([self])

    def any_in(self, texts: Texts) -> bool:
        """Whether one of them occurs."""
        return next(self._lexicon.places(texts), None) is not None
