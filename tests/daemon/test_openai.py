"""A daemon whose model runs on a server: settings, a server that is down at the start, one that dies in the middle of
a session, and the session that goes on when it is back."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from byte_tokenizer import byte_tokenizer
from daemon_process import serving
from llama_server import LlamaServer
from openai_server import TEMPLATE, FakeServer

from smysl_build_engines.build import ensure
from smysl_build_engines.bundled import bundled_model
from smysl_build_engines.gguf_export import export_gguf
from smysl_build_engines.store import EngineStore
from smysl_daemon.client import Client
from smysl_daemon.config import (
    Config,
    Dirs,
    OpenAIConfig,
    find_dirs,
    is_server,
    load_config,
    server_key,
    tokenizer_folder,
)
from smysl_daemon.errors import BadConfig, Code, RequestRefused
from smysl_daemon.protocol import DaemonStatus, Derive, GetStatus, NodeFinished, Run, RunEnded
from smysl_daemon.shapes import NodeView
from smysl_engines.manifest import read_manifest

PATIENCE_S = 180.0
"""A machine that does other work is slow, not broken."""
QUESTION = "Sam has 24 marbles. He loses {} and then shares the rest equally among 3 friends. How many does each get?"


class Daemon:
    """A process that serves folders of its own."""

    def __init__(self, root: Path, settings: str) -> None:
        names = ("CONFIG", "DATA", "CACHE", "RUNTIME")
        self.env = dict(os.environ) | {f"SMYSL_{n}_DIR": str(root / n.lower()) for n in names}
        self.dirs: Dirs = find_dirs(self.env)
        self.dirs.config.mkdir(parents=True)
        self.dirs.config_file.write_text(settings)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-P", "-m", "smysl_daemon.app"]
        self._process = serving(command, self.env, self.dirs, PATIENCE_S)

    def status(self) -> DaemonStatus:
        with Client(self.dirs.socket, timeout_s=PATIENCE_S) as client:
            found = client.ask(GetStatus())
        assert isinstance(found, DaemonStatus)
        return found

    def stream(
        self, request: Run | Derive, on_node: Callable[[NodeView], None] = lambda node: None
    ) -> tuple[list[NodeView], RunEnded | str]:
        """The finished nodes, and the end or what failed."""
        nodes: list[NodeView] = []
        with Client(self.dirs.socket, timeout_s=PATIENCE_S) as client:
            try:
                for event in client.stream(request):
                    if isinstance(event, NodeFinished):
                        nodes.append(event.node)
                        on_node(event.node)
                    if isinstance(event, RunEnded):
                        return nodes, event if event.outcome == "done" else event.message
            except RequestRefused as error:
                assert error.code == Code.ENGINE
                return nodes, str(error)
        raise AssertionError("the run has no end")

    def smysl(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-P", "-m", "smysl_cli.app", *words],
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture(scope="module")
def zerno(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model as GGUF."""
    pytest.importorskip("xllamacpp", reason="needs the extra dev: xllamacpp")
    folder = tmp_path_factory.mktemp("zerno")
    engine = ensure(bundled_model(), EngineStore(folder / "store")).directory
    export_gguf(read_manifest(engine), None, folder / "zerno.gguf", "f16")
    return folder / "zerno.gguf"


@pytest.fixture
def llama(zerno: Path) -> Iterator[LlamaServer]:
    server = LlamaServer(zerno)
    yield server
    server.kill()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[str], Daemon]]:
    daemons: list[Daemon] = []

    def start(settings: str) -> Daemon:
        daemon = Daemon(tmp_path / f"home{len(daemons)}", settings)
        daemons.append(daemon)
        daemon.start()
        return daemon

    yield start
    for daemon in daemons:
        daemon.close()


Start = Callable[[str], Daemon]


@pytest.mark.slow
def test_a_session_goes_on_where_it_was_when_its_server_is_back(
    llama: LlamaServer, started: Start
) -> None:
    daemon = started(f'model = "{llama.url}/v1"\n[openai]\nretries = 1\n')
    status = daemon.status()
    assert (status.backend, status.device, status.model) == ("openai", llama.url, "zerno.gguf")
    _, whole = daemon.stream(Run(question=QUESTION.format(6), program="solve"))
    assert isinstance(whole, RunEnded) and whole.answer == "6"
    for lost in (3, 9, 12, 15, 18):
        # once there is a plan, candidates are on their way
        made, end = daemon.stream(
            Run(question=QUESTION.format(lost), program="solve"),
            lambda node: llama.kill() if node.kind == "plan" else None,
        )
        if isinstance(end, str):
            break
        llama.start()  # all had been said before the server died
    assert isinstance(end, str)
    assert llama.url in end and "smysl needs no restart" in end
    plan = next(node for node in made if node.kind == "plan" and node.status == "done")
    # still down: said again, and the daemon stays up
    _, end = daemon.stream(Derive())
    assert isinstance(end, str) and f"{llama.url} does not answer" in end
    llama.start()
    again, end = daemon.stream(Derive())
    assert isinstance(end, RunEnded) and end.answer == str((24 - lost) // 3)
    assert [node.id for node in again if node.kind == "plan"] in ([plan.id], [])
    assert daemon.status().fingerprint == status.fingerprint


@pytest.mark.slow
def test_a_daemon_starts_without_its_server_and_answers_once_that_is_there(
    llama: LlamaServer, started: Start
) -> None:
    llama.kill()
    daemon = started(f'model = "{llama.url}"\n[openai]\nretries = 0\n')
    asked = daemon.smysl("ask", QUESTION.format(6))
    assert asked.returncode == 1
    assert f"{llama.url} does not answer: Connection refused" in asked.stderr
    assert "Traceback" not in asked.stderr
    down = daemon.smysl("doctor")
    assert down.returncode == 1 and f"{llama.url} (OpenAI-compatible server)" in down.stdout
    llama.start()
    assert "6" in daemon.smysl("ask", QUESTION.format(6)).stdout.split()
    up = daemon.smysl("doctor")
    assert "zerno.gguf" in up.stdout
    shown = daemon.smysl("daemon", "status").stdout
    assert f"zerno.gguf (openai, F16, {llama.url})" in shown
    # a server that is chosen while the daemon serves must be there
    other = daemon.smysl("models", "use", "http://127.0.0.1:9", "--no-save")
    assert other.returncode == 1 and "http://127.0.0.1:9 does not answer" in other.stderr
    assert daemon.status().device == llama.url
    # what is named on the command line is what the server calls it
    assert daemon.smysl("ask", "-m", "zerno.gguf", QUESTION.format(3)).returncode in (0, 3)


@pytest.mark.parametrize("flavour", ["text", "ollama"])
def test_a_chat_model_behind_a_server_of_text_answers_in_words(
    tmp_path: Path, started: Start, flavour: str
) -> None:
    """LM Studio takes texts and tells no tokens, Ollama chats."""
    byte_tokenizer().save(str(tmp_path / "tokenizer.json"))
    config = {"eos_token": "<end>", "chat_template": TEMPLATE}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    server = FakeServer(flavour)
    try:
        daemon = started(
            f'model = "{server.url}"\n[openai]\ntokenizer = "{tmp_path}"\nname = "tiny"\n'
            "context = 2048\n"
        )
        assert daemon.status().model == "tiny"
        _, end = daemon.stream(Run(question="the name of Anna?", program="direct"))
        assert isinstance(end, RunEnded), end
        body = server.requests[-1][1]
        asked = body["prompt"] if flavour == "text" else body["messages"][-1]["content"]
        assert isinstance(asked, str) and "the name of Anna?" in asked
    finally:
        server.close()


@pytest.mark.slow
def test_a_daemon_can_reason_over_the_model_of_another(started: Start) -> None:
    """smysl's own HTTP is such a server too."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    lender = started(f'[http]\ntcp = "{address}"\ntoken = false\n')
    borrower = started(f'model = "http://{address}"\n[openai]\nname = "zerno"\n')
    asked = Run(question=QUESTION.format(6), program="solve")
    ends = [daemon.stream(asked)[1] for daemon in (lender, borrower)]
    told = [(end.answer, end.verdict) for end in ends if isinstance(end, RunEnded)]
    assert len(told) == 2 and told[0] == told[1] and told[0][0] == "6"


@pytest.mark.slow
def test_the_command_line_writes_a_model_for_llama_cpp(tmp_path: Path) -> None:
    home = Daemon(tmp_path / "home", "")
    ensure(bundled_model(), EngineStore(home.dirs.engines))
    written = home.smysl(
        *("engines", "export", "zerno", "--format", "gguf", "-o", str(tmp_path / "z.gguf"))
    )
    assert written.returncode == 0 and written.stdout.strip() == str(tmp_path / "z.gguf")
    assert "normaliser" in written.stderr
    assert (tmp_path / "z.gguf").read_bytes()[:4] == b"GGUF"
    mixed = home.smysl("engines", "export", "zerno", "--source", str(tmp_path))
    assert mixed.returncode == 2 and "--format gguf" in mixed.stderr


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[openai]\nurl = 'x'", "unknown field `url`"),
        ("[openai]\nretries = -1", "retries"),
        ("[openai]\nconnect_seconds = 0", "connect_seconds"),
        ("[openai]\nconcurrency = 'many'", "concurrency"),
        ("openai = 3", "openai"),
    ],
)
def test_a_wrong_setting_of_a_server_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(BadConfig, match="config.toml") as caught:
        load_config(tmp_path / "config.toml")
    assert complaint in str(caught.value)


def test_settings_of_a_server_are_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        'model = "https://host/v1"\n[openai]\nname = "m"\nkey_env = "KEY"\n'
    )
    found = load_config(tmp_path / "config.toml")
    assert found == Config(model="https://host/v1", openai=OpenAIConfig(name="m", key_env="KEY"))
    assert is_server(found.model) and not is_server("zerno") and not is_server("./http")


def test_a_key_comes_from_a_file_or_the_environment_and_is_never_shown(tmp_path: Path) -> None:
    assert server_key(OpenAIConfig(), {}) is None
    assert server_key(OpenAIConfig(key_env="KEY"), {"KEY": " sk-1\n"}) == "sk-1"
    (tmp_path / "key").write_text("sk-2\n")
    assert server_key(OpenAIConfig(key_file=str(tmp_path / "key"))) == "sk-2"
    (tmp_path / "two").write_text("sk-3\nsk-4\n")
    for config, words in (
        (OpenAIConfig(key_env="KEY"), "key_env is 'KEY'"),
        (OpenAIConfig(key_file=str(tmp_path / "missing")), "cannot be read"),
        (OpenAIConfig(key_file=str(tmp_path / "two")), "holds no key"),
        (OpenAIConfig(key_file="a", key_env="b"), "both set"),
    ):
        with pytest.raises(BadConfig, match=words) as caught:
            server_key(config, {})
        assert "sk-" not in str(caught.value)


def test_a_tokenizer_is_a_models_or_a_folders(tmp_path: Path) -> None:
    models = bundled_model().parent
    assert tokenizer_folder(OpenAIConfig(), models) == bundled_model().resolve()
    byte_tokenizer().save(str(tmp_path / "tokenizer.json"))
    for named in (tmp_path, tmp_path / "tokenizer.json"):
        found = tokenizer_folder(OpenAIConfig(tokenizer=str(named)), models)
        assert found == tmp_path.resolve()
    with pytest.raises(BadConfig, match="no-model"):
        tokenizer_folder(OpenAIConfig(tokenizer="no-model"), models)
