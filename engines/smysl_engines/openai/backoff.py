"""How long to wait before a request is repeated.

Pure: numbers and header texts in, seconds out.
"""

import email.utils
import random
from collections.abc import Callable

from smysl_engines.openai.settings import Patience


def delay(
    patience: Patience,
    repetition: int,
    retry_after_s: float | None,
    draw: Callable[[], float] = random.random,
) -> float:
    """Seconds before the `repetition`-th repetition, from 0. What the server asks for is kept to, up to the
    limit; else exponential, between half and all of it, so that many clients do not come at once ("equal
    jitter"; Brooker, 2015)."""
    if retry_after_s is not None:
        return min(max(0.0, retry_after_s), patience.backoff_limit_s)
    whole = min(patience.backoff_s * 2.0**repetition, patience.backoff_limit_s)
    return whole * (0.5 + draw() / 2)


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds from a Retry-After header: a number or an HTTP date (RFC 9110, 10.2.3). None for neither.
    `now`: seconds since the epoch."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(header).timestamp() - now
        except ValueError:
            return None
    return seconds if 0 <= seconds < float("inf") else 0.0 if seconds < 0 else None
