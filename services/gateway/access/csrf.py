"""Whether another site makes a browser ask: cross-site request forgery.

As Go's net/http.CrossOriginProtection does it: what a browser says in Sec-Fetch-Site counts, or else whether Origin
is the host that was asked. Who says neither is no browser of today, and has no cookie that another site could use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from shared.errors import Forbidden

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def refuse_others(method: str, headers: Mapping[str, str], public_url: str) -> None:
    """Raises `Forbidden("cross-site")` for a request that another site caused and that may change something."""
    if method in SAFE:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        is_own = site in ("same-origin", "none")
    else:
        is_own = origin is None or urlsplit(origin).netloc in (
            headers.get("host"),
            urlsplit(public_url).netloc,
        )
    if not is_own:
        raise Forbidden(
            "cross-site", "another site asks for this with your session; do it on Ascua's own pages"
        )
