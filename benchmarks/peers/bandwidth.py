"""How fast two threads read memory: the limit of decoding, which reads every weight once a token."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

_BYTES = 512 << 20
_TIMES = 4


def read_gb_per_s(threads: int) -> float:
    """Gigabytes (10^9) a second read by `threads` threads, each from memory of its own that no cache
    holds; the best of a few passes, since anything else on the machine only slows it."""
    parts = [np.ones(_BYTES // 8 // threads, np.int64) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        best = min(_pass(pool, parts) for _ in range(_TIMES))
    return sum(part.nbytes for part in parts) / best / 1e9


def _pass(pool: ThreadPoolExecutor, parts: list[npt.NDArray[np.int64]]) -> float:
    started = time.perf_counter()
    # a maximum has no chain of additions to wait for, and numpy releases the interpreter's lock
    list(pool.map(np.max, parts))
    return time.perf_counter() - started
