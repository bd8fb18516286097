"""The same process written in two other ways, measured beside this one: status rows with a sweep, and DBOS."""

from peers.compare import measure, options

__all__ = ["measure", "options"]
