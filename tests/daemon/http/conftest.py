"""The façade in the test's own event loop over a scripted service, and a real daemon with the bundled
model that the whole session shares."""

import asyncio
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2 as httpx
import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from smysl_daemon.client import Client
from smysl_daemon.config import Dirs, HttpConfig, find_dirs
from smysl_daemon.connection import House
from smysl_daemon.errors import Unreachable
from smysl_daemon.http.front import Front
from smysl_daemon.http.generating import Generator
from smysl_daemon.lifecycle import InstanceLock, bind_socket
from smysl_daemon.peers import Admission
from smysl_daemon.server import Server
from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.dialects.chat import ChatDialect

PATIENCE_S = 240.0
"""A machine that does other work is slow, not broken."""
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTROLS = ("<|im_start|>", "<|im_end|>", "<think>", "</think>")


@pytest.fixture(scope="session")
def chat_dialect() -> ChatDialect:
    """Of the smallest chat model: one token a byte, then control tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(token, normalized=False, special=True) for token in CONTROLS]
    )
    return ChatDialect(tokenizer, TEMPLATE)


def load_fake() -> ModuleType:
    """tests are no package (import-mode=importlib), so the fake is loaded by its path."""
    name = "smysl_test_fake_daemon"
    if name not in sys.modules:
        path = Path(__file__).parents[1] / "fake_daemon.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


class Facade:
    """A façade that serves in a task."""

    def __init__(self, front: Front, server: Server, service: Any, path: Path, token: Path) -> None:
        self.front = front
        self.server = server
        self.service = service
        self.path = path
        self.token_file = token

    @property
    def house(self) -> House:
        return self.server.house

    @property
    def serving(self) -> Any:
        """There from the first client on."""
        return self.front._serving

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(self.path)),
            base_url="http://localhost",
            timeout=PATIENCE_S,
        )

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                await asyncio.sleep(0.01)


MakeFacade = Callable[..., Any]


@pytest.fixture
async def facade(tmp_path: Path) -> AsyncIterator[MakeFacade]:
    """`async with facade(service=..., http=..., **options) as running`."""
    FakeService = load_fake().FakeService

    @asynccontextmanager
    async def make(
        service: Any = None,
        http: HttpConfig | None = None,
        max_clients: int = 64,
        admission: Admission | None = None,
        **options: Any,
    ) -> AsyncIterator[Facade]:
        service = service or FakeService()
        path, own, token = tmp_path / "http.sock", tmp_path / "s.sock", tmp_path / "http-token"
        with InstanceLock(tmp_path / "data" / "lock") as lock:
            server = Server(service, data=tmp_path / "data", path=own, **options)
            front = Front(
                server.house,
                http or HttpConfig(),
                path=path,
                token_file=token,
                lock=lock,
                max_clients=max_clients,
                admission=admission or Admission(),
            )
            front.open()
            ready = asyncio.Event()
            listener = bind_socket(own, lock)
            task = asyncio.create_task(
                server.serve(listener, ready.set, front.stop_listening), name="server"
            )
            await ready.wait()
            try:
                yield Facade(front, server, service, path, token)
            finally:
                server.stop()
                server.stop()  # tests that are over have nothing to drain
                async with asyncio.timeout(PATIENCE_S):
                    await task
                    await front.close()
                front._house.check()

    yield make


@pytest.fixture
def chatting(chat_dialect: ChatDialect) -> Callable[..., Any]:
    """Makes a service whose model says what a function says: tokens for a call."""

    def make(answer: Any, **options: Any) -> Any:
        engine = ScriptedEngine(answer, vocabulary=260, context=4096, model="chatty", **options)

        service = load_fake().FakeService()
        service.engine = engine
        service.spoken = Generator(engine, chat_dialect)
        service.generator = lambda: service.spoken
        return service

    return make


class RealDaemon:
    """A `smysld` process over folders of its own, with the bundled model."""

    def __init__(self, root: Path) -> None:
        names = ("CONFIG", "DATA", "CACHE", "RUNTIME")
        self.env = {key: value for key, value in os.environ.items() if key != "SMYSL_MODELS_DIR"}
        self.env |= {f"SMYSL_{name}_DIR": str(root / name.lower()) for name in names}
        self.env["OMP_NUM_THREADS"] = "1"
        self.dirs: Dirs = find_dirs(self.env)
        self.log = root / "stderr"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> str:
        return str(self.dirs.http_socket)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, settings: str = "", **popen: Any) -> None:
        """Returns when it serves."""
        self.dirs.config.mkdir(parents=True, exist_ok=True)
        self.dirs.config_file.write_text(settings)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "smysl_daemon.app"],
                env=self.env,
                stdout=subprocess.DEVNULL,
                stderr=log,
                **popen,
            )
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                Client(self.dirs.socket, timeout_s=PATIENCE_S).close()
                return
            except Unreachable:
                assert self._process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(
            transport=httpx.HTTPTransport(uds=self.socket),
            base_url="http://localhost",
            timeout=PATIENCE_S,
            **options,
        )

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def end(self) -> int:
        """Its exit status."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(PATIENCE_S)
        self._process = None
        return code

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture(scope="session")
def engine_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the bundled model's engine."""
    root = tmp_path_factory.mktemp("bundled")
    env = dict(os.environ) | {"SMYSL_DATA_DIR": str(root)}
    env.pop("SMYSL_MODELS_DIR", None)
    code = (
        "import sys; sys.argv[1:] = ['--bundled']; from smysl_build_engines.app import main; main()"
    )
    subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=env,
        check=True,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    return root / "engines"


@pytest.fixture(scope="session")
def make_daemon(
    tmp_path_factory: pytest.TempPathFactory, engine_store: Path
) -> Iterator[Callable[[], RealDaemon]]:
    """Makes daemons that are not started and need no build."""
    made: list[RealDaemon] = []

    def make() -> RealDaemon:
        daemon = RealDaemon(tmp_path_factory.mktemp("d"))
        daemon.dirs.data.mkdir(mode=0o700, parents=True)
        daemon.dirs.engines.symlink_to(engine_store)
        made.append(daemon)
        return daemon

    yield make
    for daemon in made:
        daemon.close()


@pytest.fixture(scope="session")
def daemon(make_daemon: Callable[[], RealDaemon]) -> Iterator[RealDaemon]:
    """Shared: it must survive every test."""
    made = make_daemon()
    made.start()
    yield made
    with made.client() as client:
        assert client.get("/health").json() == {"status": "ok"}
    assert made.end() == 0
