"""llama.cpp's own HTTP server, from the package xllamacpp, in a process that can be killed.

Needs the extra `dev` on Linux; a test that uses it begins with `pytest.importorskip("xllamacpp")`.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

PATIENCE_S = 180.0
"""A machine that does other work is slow, not broken."""
_SERVE = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port = sys.argv[1], int(sys.argv[2])
params.n_parallel, params.n_ctx = 4, 4 * int(sys.argv[3])
params.kv_unified = False
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.warmup, params.fit_params, params.verbosity = False, False, 0
server = xllamacpp.Server(params)
while True:
    time.sleep(60)
"""


class LlamaServer:
    """Four slots of `context` tokens each, one thread."""

    def __init__(self, model: Path, context: int = 512) -> None:
        self._model = model
        self._context = context
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """At the address it has always had. Returns when it serves."""
        words = [str(self._model), str(self._port), str(self._context)]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _SERVE, *words],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=PATIENCE_S).close()
                return
            except (urllib.error.URLError, ConnectionError):
                assert self._process.poll() is None, f"no server for {self._model}"
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def kill(self) -> None:
        """As a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None
