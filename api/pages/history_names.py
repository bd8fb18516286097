"""What stands in a process's history, in the office's words: English here, Chinese in templates/words/."""

ACTS = {
    "opened": "The agent who opened it is answered",
    "correct": "The class is corrected or confirmed",
    "assign_to": "The case is given to a department or a handler",
    "accept": "The handler takes the case",
    "submit_resolution": "The handler submits the resolution",
    "decide": "An approver decides",
    "tell_result": "The result was told by a person",
    "record_callback": "A callback is recorded",
    "withdraw": "The complainant withdraws",
    "add_note": "A note is added",
    "extend": "The handler asks for a later deadline",
    "tell_extension": "The complainant was told of the later deadline",
    "ask_opinion": "A colleague is asked for an opinion",
    "give_opinion": "A colleague gives an opinion",
    "delegate": "An approval is asked of somebody by name",
    "begin_pause": "The complainant is waited for",
    "resume": "The clocks run again",
    "ask_transfer": "The handler hands the case on",
    "answer_transfer": "A transfer is answered",
    "file_plan": "The plan of the departments is filed or added to",
    "answer_duty": "A duty of the plan is answered",
    "change_duty": "A duty of the plan is changed",
    "reopen": "The closed case is opened again",
    "join_incident": "The complaint joins a major incident",
    "leave_incident": "The complaint leaves the major incident",
    "acknowledge_major": "The response to the major complaint is launched",
    "log_major": "An entry in the log of the response",
    "give_task": "A task of the response is given",
    "finish_task": "A task of the response is done",
    "hand_over_major": "The leadership of the response is handed over",
    "answer_publicly": "The public answer is proposed",
    "report_major": "The report of the response is filed",
    "stand_down": "The response is stood down",
    "link": "The complaint is linked to another, or merged into it",
    "reproject": "The case is moved to another calendar or other rules",
    "let_go": "Nothing of it is to remain: its process ends",
    "record_again": "The record is written again",
    "hear": "Another complaint's process has news",
    "staff_absent": "Somebody is on leave or gone",
}
"""Updates and signals of a complaint's process, by name."""

SUMMARIES = {
    "rules in force": "find the rules in force",
    "classify by the rules": "classify by the rules",
    "look for a major incident it belongs to": "look for a major incident it belongs to",
    "find a handler": "find a handler",
    "rules to move to": "find the rules to move to",
    "publish on the notice board": "publish on the notice board",
    "the record again": "the record again",
    "what became of the letters": "end letters that were given up",
    "it can be opened again until then": "it can be opened again until then",
}
"""Summaries that are always the same."""

ACTIVITIES = {
    "send_letters": "send letters", "send_digest": "send a staff digest", "erase_due": "erase closed complaints",
    "find_rules": "find the rules in force", "classify": "classify by the rules", "find_handler": "find a handler",
    "find_incident": "look for a major incident it belongs to", "rules_of": "find the rules to move to",
    "end_letters": "end letters that were given up",
    "record": "write the record", "publish": "publish on the notice board",
    "held_by": "find what somebody holds", "reconcile": "compare register and processes",
    "step": "its next step",
}  # fmt: skip
"""What is done outside of the process, by Temporal's name for it; `step` is the process itself."""

EVENTS = {
    "WorkflowExecutionStarted": "The process starts",
    "ContinuedAsNew": "The process goes on here: its history had grown long",
    "WorkflowExecutionContinuedAsNew": "The history is long: it goes on in a new run",
    "WorkflowExecutionCompleted": "The process has ended as it should",
    "WorkflowExecutionFailed": "The process has failed",
    "WorkflowExecutionTimedOut": "The process ran out of time",
    "WorkflowExecutionTerminated": "The process was terminated by %(who)s",
    "WorkflowExecutionCancelRequested": "Somebody asked to cancel the process",
    "WorkflowExecutionCanceled": "The process was cancelled",
    "WorkflowTaskScheduled": "The next step waits for a worker",
    "WorkflowTaskStarted": "Worker %(who)s takes the step",
    "WorkflowTaskCompleted": "The step is done",
    "WorkflowTaskTimedOut": "The worker did not finish the step in time",
    "WorkflowTaskFailed": "The step failed: %(what)s",
    "TimerStarted": "Sleeps until %(at)s: %(what)s",
    "TimerFired": "Wakes: %(what)s",
    "TimerCanceled": "Need not wake any more: %(what)s",
    "ActivityTaskScheduled": "Ordered: %(what)s",
    "ActivityTaskStarted": "Worker %(who)s does it, attempt %(attempt)s: %(what)s",
    "ActivityTaskCompleted": "Done: %(what)s",
    "ActivityTaskFailed": "Given up: %(what)s",
    "ActivityTaskTimedOut": "Not done in time: %(what)s",
    "ActivityTaskCancelRequested": "No longer wanted: %(what)s",
    "ActivityTaskCanceled": "Called off: %(what)s",
    "MarkerRecorded": "Done at once: %(what)s",
    "MarkerFailed": "Tried at once, in vain: %(what)s",
    "MarkerOther": "A mark the process has made for itself",
    "UpsertWorkflowSearchAttributes": "What ops can filter by: %(what)s",
    "WorkflowExecutionUpdateAccepted": "%(who)s: %(what)s",
    "WorkflowExecutionUpdateCompleted": "Done and answered: %(what)s",
    "UpdateOfTheOffice": "Asked by the office's own program: %(what)s",
    "UpdateRefused": "Refused: %(what)s",
    "WorkflowExecutionSignaled": "News: %(what)s",
    "SignalExternalWorkflowExecutionInitiated": "Has news for the process of %(what)s",
    "ExternalWorkflowExecutionSignaled": "The process of %(what)s has heard it",
    "SignalExternalWorkflowExecutionFailed": "The process of %(what)s could not be told",
}
"""Events by Temporal's type; some types mean two things."""

GRAVE = frozenset({
    "WorkflowExecutionFailed", "WorkflowExecutionTimedOut", "WorkflowExecutionTerminated", "UpdateRefused",
    "WorkflowExecutionCancelRequested", "WorkflowExecutionCanceled", "WorkflowTaskTimedOut", "WorkflowTaskFailed",
    "ActivityTaskFailed", "ActivityTaskTimedOut", "MarkerFailed", "SignalExternalWorkflowExecutionFailed",
})  # fmt: skip
"""What went wrong."""

ATTRIBUTES = {
    "AmendsStage": ("Stage", "stage"), "AmendsNature": ("Nature", "nature"), "AmendsKinds": ("Special kinds", "kind"),
    "AmendsUrgency": ("Urgency", "urgency"), "AmendsDepartment": ("Department", None),
    "AmendsBreached": ("Breached", None), "AmendsDueAt": ("Due", None),
}  # fmt: skip
"""Search attributes: what they are called, and what codes they hold."""
