"""The house's words for events, in both languages; `complaints` speaks codes, people read these."""

SUBJECTS = {"zh-CN": "投诉处理提醒：{count} 项待阅", "en": "Complaint handling: {count} to read"}

EVENTS: dict[str, tuple[str, str]] = {
    "received": ("已登记", "received"),
    "calendar_unknown": ("工作日历未公布，期限为暂定", "working-day calendar not announced, limits provisional"),
    "classified": ("已分类", "classified"),
    "confirmation_wanted": ("分类待人工确认", "classification to be confirmed"),
    "classification_confirmed": ("分类已确认", "classification confirmed"),
    "classification_corrected": ("分类已更正", "classification corrected"),
    "assigned": ("已分派", "assigned"),
    "registered": ("登记分派完成", "registered, classified and assigned"),
    "accepted": ("已接单", "accepted by the handler"),
    "resolved": ("处理意见已提交", "resolution submitted"),
    "approval_asked": ("待审批", "approval wanted"),
    "approved": ("审批通过", "approved"),
    "rejected": ("审批退回", "rejected, back to the handler"),
    "result_ready": ("处理结果待告知", "result to be told"),
    "result_told": ("处理结果已告知", "result told"),
    "feedback_by_person": ("需人工告知处理结果", "result to be told by a person"),
    "callback_due": ("待回访", "to be called back"),
    "called_back": ("已回访", "called back"),
    "not_reached": ("回访未接通", "not reached"),
    "major_declared": ("重大投诉，须两小时内响应", "major complaint, response within two hours"),
    "major_acknowledged": ("重大投诉应急响应已启动", "major-complaint response launched"),
    "major_logged": ("应急处置记录", "response log entry"),
    "major_reported": ("应急处置报告已提交", "response closed with its report"),
    "major_stood_down": ("重大投诉认定已撤销", "no longer major"),
    "letter_sent": ("函件已发送", "letter sent"),
    "letter_failed": ("函件发送失败，需人工处理", "letter failed, a person is needed"),
    "letter_uncertain": ("函件是否送达不明，请核实", "letter may have gone out, please check"),
    "published": ("处理结果已公示", "result published on the notice board"),
    "noted": ("已备注", "note added"),
    "withdrawn": ("投诉人撤诉", "withdrawn by the complainant"),
    "reminded": ("期限将至", "deadline approaches"),
    "breached": ("已超期", "deadline broken"),
    "escalated": ("已升级上报", "escalated to the next level"),
    "closed": ("已结案", "closed"),
}
"""Every kind of event: Chinese, English."""


def wording(kind: str, language: str) -> str:
    """The event in words of that language."""
    zh, en = EVENTS[kind]
    return zh if language == "zh-CN" else en
