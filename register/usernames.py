"""What a user name may be, whoever gives it out."""

import re

from complaints.records import CUSTOMER, PROCESS

USERNAME = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
RESERVED = frozenset({CUSTOMER, PROCESS, "nobody", "command-line"})
"""Names that stand in histories and in the audit log for who is no member of staff."""
