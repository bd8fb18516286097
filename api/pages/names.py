"""What the codes of the house are called on a page, in English; Chinese is in templates/words/."""

NAMES: dict[str, dict[str, str]] = {
    "stage": {
        "received": "Received", "classified": "Classified", "assigned": "Assigned", "in_progress": "In progress",
        "awaiting_approval": "Awaiting approval", "feedback": "Feedback", "callback": "Callback",
        "closed": "Closed",
    },
    "outcome": {
        "satisfied": "Satisfied", "dissatisfied_exhausted": "Dissatisfied, all rounds used",
        "withdrawn": "Withdrawn", "not_reached": "Not reached",
        "anonymous_published": "Published on the notice board", "merged": "Merged",
    },
    "nature": {
        "service": "Service", "product": "Product", "operation": "Operation", "violation": "Violation",
    },
    "urgency": {
        "general": "General", "urgent": "Urgent",
    },
    "kind": {
        "major": "Major", "cross_department": "Cross-department", "anonymous": "Anonymous",
    },
    "channel": {
        "telephone": "Telephone", "email": "E-mail", "letter": "Letter", "sms": "Text message", "online": "Online",
        "counter": "Counter", "box": "Complaint box", "regulator": "Regulator",
    },
    "way": {
        "email": "E-mail", "sms": "Text message", "post": "Post", "spoken": "Told by a person",
        "notice_board": "Notice board",
    },
    "role": {
        "agent": "Agent", "handler": "Handler", "supervisor": "Supervisor", "manager": "Manager",
        "auditor": "Auditor", "ops": "Ops", "admin": "Administrator", "head_office": "Head office",
    },
    "gender": {
        "female": "Female", "male": "Male", "other": "Other", "unknown": "Unknown",
    },
    "redress": {
        "refund": "Refund", "compensation": "Compensation", "fee_waiver": "Fee waiver",
        "goodwill": "Goodwill payment", "correction": "Correction", "apology": "Apology", "none": "No redress",
    },
    "clock": {
        "registration": "Registration", "resolution": "Resolution", "first_response": "First response",
        "acceptance": "Acceptance", "approval": "Approval", "callback": "Callback", "common": "Common question",
        "complex": "First talk on a complex case", "transfer": "Transfer", "duty": "Duty",
        "major_response": "Major-incident response", "cross_department_plan": "Cross-department plan",
        "incident_task": "Task of the response",
    },
    "limit": {
        "working_days": "working days", "hours": "hours", "working_hours": "working hours", "days": "days",
        "at_receipt": "from its start", "next_day": "from the next day", "same_time": "to the minute",
        "close_of_business": "to the close of business",
    },
    "clock_state": {
        "running": "Running", "paused": "Paused", "met": "Met", "breached": "Breached",
    },
    "risk": {
        "low": "Low", "medium": "Medium", "high": "High", "very_high": "Very high",
    },
    "letter": {
        "acknowledgement": "Acknowledgement", "progress": "Progress", "extension_notice": "Extension notice",
        "transfer_notice": "Transfer notice", "result": "Result letter", "closing": "Closing letter",
        "apology": "Apology",
        "satisfaction_request": "Satisfaction request", "second_round": "Second handling round",
        "information_request": "Request for information", "merge_notice": "Notice of the merger",
    },
    "letter_state": {
        "ordered": "Waits", "ready": "Waits", "handing_over": "Being handed over", "sent": "Sent",
        "failed": "Failed", "uncertain": "May have gone out",
    },
    "purpose": {
        "resolution": "Resolution", "extension": "Extension", "public_answer": "Public answer",
    },
    "decision": {
        "approve": "Approved", "reject": "Rejected", "lapsed": "Lapsed",
    },
    "how": {
        "related": "Related", "duplicate": "Duplicate", "merged": "Merged",
    },
    "extension_state": {
        "asked": "Asked for", "rejected": "Rejected", "approved": "Approved, the customer is to be told",
        "in_force": "In force", "undelivered": "Notice not delivered", "lapsed": "Lapsed",
    },
    "purpose_of_query": {
        "call_customer": "To call the customer", "verify_identity": "To verify who it is",
        "handle_case": "To handle the case", "answer_customer": "To answer the customer",
        "supervise": "Supervision", "audit": "Audit", "legal_request": "A request by law",
    },
    "fact": {
        "incident": "incident", "why": "why", "duty": "duty", "due_at": "due", "task": "task", "reason": "reason",
        "owner": "owner", "member": "complaint", "leader": "leader", "late": "late", "into": "into",
        "duties": "duties", "department": "department", "approval": "approval", "way": "way",
        "transfer": "transfer", "to": "to", "round": "round", "reference": "case", "policy": "rules",
        "number": "number", "members": "complaints", "kind": "kind", "how": "how", "hops": "transfers",
        "handler": "handler", "from": "from", "extension": "extension", "entry": "entry", "contact": "contact",
        "complaints": "complaints", "channel": "channel", "clock": "limit", "clocks": "limits", "level": "level",
        "redress": "redress", "amount": "amount", "root_cause": "root cause", "nature": "nature",
        "urgency": "urgency", "kinds": "special kinds", "confidence": "confidence", "letter": "letter",
        "text": "text", "outcome": "outcome", "satisfaction": "satisfaction", "nps": "NPS", "until": "until",
        "at": "at", "needs": "needs", "asked": "asked", "pause": "pause",
        "opinion": "question", "colleague": "colleague", "old_due_at": "was due",
        "new_due_at": "now due", "state": "state", "by": "by", "purpose": "for", "words": "words",
        "late_by_seconds": "seconds late", "attempt": "attempt", "breached": "breached", "hours": "hours",
        "severity": "severity", "difficulty": "difficulty", "likelihood": "likelihood", "risk": "risk",
        "told": "told", "working_days": "working days", "due": "due", "moved": "moved",
    },
    "sign": {
        "question": "Inquiry, no complaint", "difficulty": "Difficulty", "likelihood": "Likelihood",
        "severity": "Severity", "risk": "Risk",
    },
    "unit": {
        "minutes": "minutes", "hours": "hours", "working_hours": "working hours", "days": "days", "weeks": "weeks",
        "working_days": "working days",
    },
    "process_status": {
        "Running": "Running", "Completed": "Ended as it should", "ContinuedAsNew": "Went on in a new run",
        "Failed": "Failed", "TimedOut": "Ran out of time", "Terminated": "Terminated", "Canceled": "Cancelled",
    },
    "alarm": {
        "reminded": "Reminders", "breached": "Limits broken", "escalated": "Escalations",
    },
    "product": {
        "account": "Account", "debit_card": "Debit card", "credit_card": "Credit card", "loan": "Loan",
        "mortgage": "Mortgage", "wealth": "Wealth management", "insurance": "Insurance", "transfer": "Money transfer",
        "mobile_banking": "Mobile banking", "merchant": "Merchant services", "collections": "Collections",
        "other": "Other",
    },
    "root_cause": {
        "disclosure": "Not explained well enough", "duplicate_posting": "Posted twice",
        "equipment": "Fault of a machine",
        "fraud": "Fraud by others", "process_delay": "Delay of the process", "product_design": "Design of the product",
        "staff_conduct": "Conduct of staff", "staff_error": "Mistake of staff", "system_fault": "Fault of a system",
        "system_parameter": "Wrong parameter of a system", "third_party": "Fault of a partner",
    },
    "call": {
        "result": "Tell the result", "callback": "Callback", "extension": "Tell of the extension",
    },
    "entry": {
        "action": "Containment action", "contact": "Contact with customers", "report": "Report",
    },
    "figure": {
        "open": "Open", "due_today": "Due today", "overdue": "Overdue now", "breached_open": "Breached, still open",
        "incidents": "Major incidents under way",
        "registration": "Registered in time", "first_response": "First response within 48 hours",
        "handling": "Handling rate", "escalation": "Escalation rate", "repeat": "Repeat complaints",
        "on_time": "On-time rate", "handling_time": "Average handling time", "first_time": "Solved in the first round",
        "transfer": "Transfer success", "closed_loop": "Closed loop", "callback": "Called back in time",
        "csat": "Satisfaction (CSAT)", "nps": "NPS",
    },
    "against": {
        "registration": "registered late", "first_response": "first response late", "handling": "not closed yet",
        "escalation": "were escalated", "repeat": "are repeats", "on_time": "with a late result",
        "first_time": "second round or more",
        "transfer": "transfer failed", "closed_loop": "not reached", "callback": "called back late",
        "csat": "not satisfied", "nps": "detractors",
    },
    "counted": {
        "received": "by receipt", "closed": "by closing",
    },
    "filter": {
        "received_from": "Received from", "received_to": "Received until", "closed_from": "Closed from",
        "closed_to": "Closed until", "product": "Product", "channel": "Channel", "handler": "Handler",
        "due_before": "Due before",
    },
    "period": {
        "month": "This month", "days30": "Last 30 days", "quarter": "This quarter", "year": "This year",
    },
    "difference": {
        "not_started": "Kept, never started", "set_aside": "Set aside", "start_lost": "Started and lost",
        "no_record": "Process without record", "no_process": "Process lost", "ended_badly": "Process was stopped",
        "no_answer": "Process does not answer", "not_written": "Record cannot be written",
        "closed": "Closed on one side only", "stage": "Stage", "outcome": "Outcome", "holder": "Who holds it",
        "number": "Number of the last event", "clocks": "Ends of time limits", "letters": "Letters",
        "history": "Events missing",
    },
    "staff_state": {
        "working": "At work", "leave": "On leave", "disabled": "Disabled",
    },
}  # fmt: skip

WHAT = {
    "clock": "clock", "clocks": "clock", "nature": "nature", "urgency": "urgency", "kinds": "kind", "way": "way",
    "channel": "channel", "redress": "redress", "root_cause": "root_cause",
    "letter": "letter", "outcome": "outcome", "purpose": "purpose",
    "needs": "role", "asked": "role", "how": "how", "level": "role", "told": "role",
    "risk": "risk",
}  # fmt: skip
"""Which codes stand under a key of an event's data."""

FIELDS = {
    "nature": "Nature", "urgency": "Urgency", "kinds": "Special kinds", "reason": "Reason", "findings": "Facts found",
    "responsibility": "Responsibility", "measures": "Measures taken", "redress.kind": "Redress", "value": "Amount",
    "currency": "Currency", "root_cause": "Root cause", "reply": "Reply to the customer", "way": "How",
    "answer": "Answer", "reached": "Reached?", "words": "The customer's words", "text": "Note", "amount": "Amount",
    "question": "What do we need from the customer?", "department": "Department", "help_needed": "Help needed",
    "done": "What was done so far", "task": "Task", "owner": "Owner (user name)", "working_days": "Working days",
    "handler": "Handler (user name)", "reference": "The other case", "how": "How", "matter": "The complaint",
    "demand": "Demand", "product": "Product", "name": "Name", "phone": "Phone", "email": "E-mail",
    "address": "Address", "customer_number": "Customer number", "received_at": "Received at", "language": "Language",
}  # fmt: skip
"""What fields of forms are called, by their name or the last part of it."""
