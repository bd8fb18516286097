"""The jurisdiction a case falls under when nothing else is said."""

DEFAULT_JURISDICTION = "cn"
