"""How long, and how long ago, in the words of a language. Pure."""

from __future__ import annotations

from datetime import datetime

from services.gateway.text.catalogue import Say

SHORTEST = 45
"""Seconds that are no time: something is now."""


def duration(seconds: float, say: Say, *, is_measured: bool = False) -> str:
    """`5 min`, `3 h`, `4 days`, as the pages' script says it; what is measured in seconds and halves of hours too."""
    if is_measured and seconds < 59.5:
        return f"{round(seconds)} s"
    if seconds < 3_600:
        return f"{max(1, round(seconds / 60))} min"
    if seconds < 48 * 3_600:
        return f"{round(seconds / 3_600, 1 if is_measured and seconds < 36_000 else None):g} h"
    return f"{round(seconds / 86_400)} {say('days')}"


def ago(at: datetime, now: datetime, say: Say) -> str:
    """`3 h ago`."""
    seconds = (now - at).total_seconds()
    return say("just_now") if seconds < SHORTEST else say("ago", long=duration(seconds, say))


def due(at: datetime, now: datetime, say: Say) -> str:
    """`in 5 min`, or `5 min late`."""
    seconds = (at - now).total_seconds()
    if abs(seconds) < SHORTEST:
        return say("now")
    return say("due_in" if seconds > 0 else "due_late", long=duration(abs(seconds), say))
