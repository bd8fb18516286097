"""One letter's worth of everything a letter can say, in both languages."""

from datetime import datetime
from decimal import Decimal
from typing import get_args
from zoneinfo import ZoneInfo

from activities.render import LetterContext
from complaints.form import Language, Money
from complaints.names import Outcome, Stage

SHANGHAI = ZoneInfo("Asia/Shanghai")
LANGUAGES = get_args(Language)

CHINESE = LetterContext(
    reference="CMP-2026-000042",
    language="zh-CN",
    bank="示范银行",
    contact="客户服务热线 95000（演示号码）",
    received_at=datetime(2026, 9, 28, 9, 15, tzinfo=SHANGHAI),
    written_at=datetime(2026, 10, 12, 16, 5, tzinfo=SHANGHAI),
    name="王芳",
    gender="female",
    address="上海市浦东新区世纪大道 100 号\n环球大厦 12 楼 1208 室\n邮编 200120",
    expected_by=datetime(2026, 10, 13, 17, 30, tzinfo=SHANGHAI),
    stage=Stage.in_progress,
    department_zh="信用卡中心",
    department_en="Card Centre",
    handler="李明",
    reply="您反映 9 月账单被误收年费一事属实。我行已于 2026年10月12日将该笔年费全额退还至您尾号 4821 的信用卡账户，"
    "预计 2 个工作日内到账（以“Mobile Banking App”显示的 posting date 为准）。\n由此产生的逾期记录已同步更正。",
    findings="经核查，系统升级时免年费标记未正确迁移，导致部分符合条件的账户被误收年费。",
    measures="已修复系统缺陷，对同批账户逐户核对并全部退费；已对相关岗位开展操作培训。",
    redress_kind="refund",
    redress_amount=Money(value=Decimal("1200"), currency="CNY"),
    further_round=True,
    regulator="金融消费者投诉热线 12378",
    outcome=Outcome.satisfied,
    old_due=datetime(2026, 10, 13, 17, 30, tzinfo=SHANGHAI),
    new_due=datetime(2026, 11, 4, 17, 30, tzinfo=SHANGHAI),
    reason="核查需要向收单机构调取交易凭证，对方尚未回复。\n我行已再次催办。",
    question="1. 显示该笔年费的账单页面截图。\n2. 申请该卡时，工作人员是否向您说明过免年费的条件？如是，请告知大致时间和网点。",
    answer_by=datetime(2026, 10, 19, 17, 30, tzinfo=SHANGHAI),
    from_department_zh="客户服务中心",
    from_department_en="Customer Services",
    merged_into="CMP-2026-000038",
)
ENGLISH = CHINESE.model_copy(
    update={
        "language": "en",
        "bank": "Demonstration Bank",
        "contact": "customer service line 95000 (demo number)",
        "name": "Jane O'Neill",
        "regulator": "the financial consumer hotline 12378",
        "address": "Flat 12, 100 Century Avenue\nPudong, Shanghai 200120",
        "handler": "Li Ming",
        "reply": "You told us that you were wrongly charged the annual fee in September. You were right. On 12 October "
        "2026 we returned the fee in full to your credit card ending in 4821; it should arrive within two working "
        "days.\nThe late-payment entry that followed from it has been removed.",
        "findings": "During a system upgrade the marker for waived fees was not carried over, so that some accounts "
        "with a right to the waiver were charged.",
        "measures": "The fault has been mended, and every account of the same batch has been checked and refunded. "
        "The staff concerned have been trained.",
        "reason": "We need the records of the payment from the merchant's bank, which has not answered yet.\n"
        "We have asked it again.",
        "question": "1. A picture of the statement page that shows the annual fee.\n2. When you applied for the card, "
        "were you told when the fee is waived? If so, roughly when, and at which branch?",
    }
)
SAMPLES = {"zh-CN": CHINESE, "en": ENGLISH}
LINK = "https://example.com/c/7f3kq9?x=1&y=2"


def changed(language="zh-CN", **values):
    return SAMPLES[language].model_copy(update=values)
