"""What a report calls things, Chinese and English; a code without words goes by its name."""

from activities.wording import EVENTS

Both = tuple[str, str]

_WORDS: dict[str, Both] = {
    "registration": ("登记分派", "registration"),
    "acceptance": ("接单", "acceptance"),
    "first_response": ("首次响应", "first response"),
    "resolution": ("处理答复", "resolution"),
    "approval": ("审批", "approval"),
    "major_response": ("重大投诉响应", "major response"),
    "callback": ("回访", "callback"),
    "cross_department_plan": ("跨部门方案", "cross-department plan"),
    "duty": ("分工", "duty"),
    "transfer": ("转接", "transfer"),
    "incident_task": ("应急任务", "task of the response"),
    "common": ("常见问题", "easy question"),
    "complex": ("疑难问题", "complicated question"),
    "met": ("按时", "kept"),
    "breached": ("超期", "broken"),
    "running": ("计时中", "running"),
    "paused": ("中止", "paused"),
    "acknowledgement": ("受理通知", "acknowledgement"),
    "progress": ("进展通知", "progress"),
    "apology": ("逾期致歉", "apology"),
    "extension_notice": ("延期告知", "notice of the extension"),
    "information_request": ("请补充材料", "question to the customer"),
    "transfer_notice": ("转办告知", "notice of the transfer"),
    "second_round": ("再次处理告知", "notice of another round"),
    "merge_notice": ("并案告知", "notice of the merger"),
    "result": ("处理结果", "result"),
    "satisfaction_request": ("满意度回访", "satisfaction request"),
    "closing": ("办结通知", "closing"),
    "received": ("已登记", "received"),
    "classified": ("已分类", "classified"),
    "assigned": ("已分派", "assigned"),
    "in_progress": ("处理中", "in progress"),
    "awaiting_approval": ("待审批", "awaiting approval"),
    "feedback": ("结果反馈", "feedback"),
    "closed": ("已结案", "closed"),
    "satisfied": ("满意", "satisfied"),
    "dissatisfied_exhausted": ("不满意", "dissatisfied"),
    "not_reached": ("未能联系", "not reached"),
    "anonymous_published": ("已公示", "published"),
    "withdrawn": ("撤诉", "withdrawn"),
    "merged": ("已并案", "merged"),
    "clock": ("时限", "limit"),
    "due": ("到期", "due"),
    "letters": ("函件", "letters"),
    "undelivered": ("未送达函件", "undelivered letters"),
    "events": ("事件顺序", "order of events"),
    "told": ("告知", "told of"),
    "never": ("不得发生", "never"),
    "stage": ("阶段", "stage"),
    "outcome": ("结案结果", "outcome"),
    "did_not_happen": ("未发生", "did not happen"),
    "in_that_order": ("如序发生", "in that order"),
    "done": ("已办", "done"),
    "sent": ("已发送", "sent"),
    "failed": ("未送达", "failed"),
    "uncertain": ("送达不明", "uncertain"),
    "email": ("电子邮件", "e-mail"),
    "sms": ("短信", "SMS"),
    "post": ("邮寄", "post"),
    "telephone": ("电话", "telephone"),
    "letter": ("来信", "letter"),
    "online": ("线上", "online"),
    "counter": ("柜面", "counter"),
    "box": ("意见箱", "box"),
    "regulator": ("监管转办", "regulator"),
    "service": ("服务类", "service"),
    "product": ("产品类", "product"),
    "operation": ("操作类", "operation"),
    "violation": ("违规类", "violation"),
    "general": ("一般", "general"),
    "urgent": ("紧急", "urgent"),
    "major": ("重大", "major"),
    "cross_department": ("跨部门", "cross-department"),
    "anonymous": ("匿名", "anonymous"),
    "working": ("在岗", "at work"),
    "leave": ("休假", "on leave"),
    "disabled": ("停用", "disabled"),
}


def both(code: str) -> Both:
    """That code in both languages; `approval_2` is the second approval."""
    name, _, number = code.rpartition("_")
    if number.isdigit() and name:
        zh, en = both(name)
        return f"{zh} {number}", f"{en} {number}"
    return _WORDS.get(code, EVENTS.get(code, (code, code)))


def spelled(codes: str) -> Both:
    """A list of codes, `received, closed`, in both languages; what is no code stays as it is."""
    pairs = [both(code) for code in codes.split(", ")]
    return "、".join(zh for zh, _ in pairs), ", ".join(en for _, en in pairs)


def phrase(codes: str) -> Both:
    """A phrase of codes, `clock resolution`, in both languages."""
    pairs = [both(code) for code in codes.split()]
    return "：".join(zh for zh, _ in pairs), ": ".join(en for _, en in pairs)
