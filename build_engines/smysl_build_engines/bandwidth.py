"""How fast the processor's cores read memory together, measured in about a second.

Decoding reads every weight once a token, so this bounds tokens per second. Knows arrays, threads and
a clock; never a model.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

DEFAULT_BYTES = 128 << 20
SECONDS = 0.6
"""Of reading; the memory has to be filled first."""
_MIN_PASSES = 3

Words = npt.NDArray[np.uint64]
# numpy lets other threads run during both; which is faster depends on the processor
_READERS: tuple[Callable[[Words], Any], ...] = (np.max, np.bitwise_xor.reduce)


def read_bandwidth(
    threads: int, size: int = DEFAULT_BYTES, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Bytes per second of the fastest of several passes, in which every thread reads its part of
    `size` bytes: what else the machine does can only make a pass slower. `size` should be several
    times the last cache.
    """
    words = max(1, size // (8 * threads))
    with ThreadPoolExecutor(threads) as pool:
        # each thread touches its part first, which places it near that thread's core
        parts = list(pool.map(lambda _: np.ones(words, np.uint64), range(threads)))
        best = 0.0
        started = clock()
        passes = 0
        while passes < _MIN_PASSES or clock() - started < SECONDS:
            read = _READERS[passes % len(_READERS)]
            before = clock()
            list(pool.map(read, parts))
            best = max(best, 8 * words * threads / max(clock() - before, 1e-9))
            passes += 1
    return best
