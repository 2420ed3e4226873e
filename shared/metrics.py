"""Every metric Ascua exposes, named once. Base units, no ids as labels.

What a label may be is a closed set: each value more is another series, for ever. Labels: `service` is one of the five;
`consumer` is a consumer group; `topic` is a short topic name; `method` and `topic` are `other` where others name them
as they like; `route` is a route as it is declared, or `unmatched`; `status` is 499 when the client left before the
answer.
"""

from __future__ import annotations

from http import HTTPMethod
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

OTHER: Final = "other"
_METHODS: Final = frozenset(HTTPMethod)


def method(name: str) -> str:
    """The label of an HTTP method: a client may send any word."""
    return name if name in _METHODS else OTHER


_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

# HTTP
REQUESTS = Counter(
    "ascua_http_requests_total", "Requests answered.", ["service", "method", "route", "status"]
)
REQUEST_SECONDS = Histogram(
    "ascua_http_request_seconds",
    "Time to answer; streams, which last, are not counted.",
    ["service", "route"],
    buckets=_LATENCY,
)

# Bus
PUBLISHED = Counter("ascua_bus_published_total", "Records the broker acknowledged.", ["topic"])
PUBLISH_FAILURES = Counter(
    "ascua_bus_publish_failures_total", "Records the broker did not acknowledge.", ["topic"]
)
CONSUMED = Counter(
    "ascua_bus_consumed_total", "Records handled, by what became of them.", ["consumer", "topic", "outcome"]
)
BATCH_SECONDS = Histogram(
    "ascua_bus_batch_seconds", "Time to handle one batch.", ["consumer"], buckets=_LATENCY
)
RETRIES = Counter("ascua_bus_retries_total", "Batches begun again because a server was away.", ["consumer"])
DEAD_LETTERS = Counter("ascua_bus_dead_letters_total", "Records put aside.", ["consumer", "reason"])
DEAD_LETTERS_OPEN = Gauge(
    "ascua_bus_dead_letters_open",
    "Dead letters neither sent back nor discarded, at the last look.",
    ["consumer"],
)
EVENT_AGE_SECONDS = Histogram(
    "ascua_bus_event_age_seconds",
    "From recorded to handled, live facts only.",
    ["consumer"],
    buckets=_LATENCY,
)
CONSUMER_STOPPED = Gauge(
    "ascua_bus_consumer_stopped", "1 when a consumer stopped and waits for a person.", ["consumer"]
)

# Outbox
RELAYED = Counter("ascua_outbox_relayed_total", "Facts taken from documents to the log.", ["service"])
OUTBOX_PENDING = Gauge(
    "ascua_outbox_pending", "Documents whose facts are not in the log yet, at the last look.", ["service"]
)

# Timers
TIMERS_REFUSED = Gauge(
    "ascua_timers_refused", "Leads whose due step could not be told and is tried again later."
)

# Documents
CONFLICTS = Counter(
    "ascua_documents_conflicts_total", "Writes begun again because somebody was faster.", ["collection"]
)

# Event loop
LOOP_LAG_SECONDS = Histogram(
    "ascua_event_loop_lag_seconds",
    "How much later than asked the loop came back to a timer.",
    buckets=_LATENCY,
)
LOOP_HELD_SECONDS = Histogram(
    "ascua_event_loop_held_seconds",
    "Processor time of the loop's thread between two beats, ten milliseconds apart.",
    buckets=_LATENCY,
)
