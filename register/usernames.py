"""What a user name may be, whoever gives it out."""

import re

from complaints.records import CUSTOMER, PROCESS

USERNAME = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
SEEDED = "seed"
"""In whose name the seeded history was opened: by it lists, figures and `amends seed --remove` know it."""
RESERVED = frozenset({CUSTOMER, PROCESS, SEEDED, "nobody", "command-line"})
"""Names that stand in histories and in the audit log for who is no member of staff."""
