"""What people fill in when a case does not go straight."""

from typing import Any

from office import PLAIN
from temporalio.api.enums.v1 import EventType

SKIPPING_EVENTS = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
}
"""Of the test's clock, not of the process."""

LATER = {"amount": 3, "reason": "需向发卡组织调阅单据，预计再用三个工作日。"}
ASK = {"question": "请提供扣款短信截图。", "reason": "核对扣款时间"}
NOTE = {"text": "补充说明"}
HAND_ON = {
    "department": "personal_finance",
    "reason": "属借记卡业务",
    "done": "已核对账单",
    "help_needed": "核查借记卡流水",
}
ANSWER = {
    "findings": "系统升级导致登录失败。",
    "responsibility": "我行系统故障。",
    "measures": "已恢复，并逐户核对。",
    "root_cause": "system_outage",
    "reply": "系统已于当日恢复，给您带来不便深表歉意。",
}

OUTAGE = PLAIN | {
    "matter": "手机银行系统故障，从今天早上起无法登录，转账全部失败，影响几百名客户发工资。",
    "product": "mobile_banking",
    "affected_customers": 300,
    "amount": None,
    "demand": "立即恢复",
}


def duty(department: str, days: int = 2) -> dict[str, Any]:
    return {
        "department": department,
        "owner": f"handler.{department}",
        "task": f"核查{department}",
        "working_days": days,
    }
