"""What a web server counts of itself. No label is anything a caller can choose, nor names a person or a case."""

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second line for every series, which nobody reads
OURS = CollectorRegistry()
ProcessCollector(registry=OURS)  # memory, processor time, open files

REQUESTS = Histogram(
    "amends_http_request_seconds",
    "until the answer begins",
    ["method", "route", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=OURS,
)
UPDATES = Histogram(
    "amends_update_seconds",
    "from the API to the answer of the case's process",
    ["act", "outcome"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=OURS,
)
INTAKE_LAG = Histogram(
    "amends_intake_lag_seconds",
    "from when a complaint was kept until its process had started",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400),
    registry=OURS,
)
UNWRITTEN = Counter("amends_audit_not_written", "requests refused for the audit log took no line", registry=OURS)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
