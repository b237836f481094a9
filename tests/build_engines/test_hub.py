"""Models of the hub without the hub: a cache folder as huggingface_hub lays it out, or a server of this
test. Real processes, because huggingface_hub reads its settings once.
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from smysl_build_engines.hub import FILES, HubModel, hub_model
from smysl_build_engines.random_model import write_random_model
from smysl_engines.shelf import find_engine

FIELDS = {
    "model_type": "llama",
    "vocab_size": 40,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
}
COMMIT = "0123456789abcdef0123456789abcdef01234567"
CLOSED = "http://127.0.0.1:9"
"""The discard port: nobody listens."""


class Result(NamedTuple):
    code: int
    out: str
    err: str


class Hub:
    """`smysl-build` with a hub cache and a store of its own."""

    def __init__(self, root: Path) -> None:
        self.cache = root / "hub"
        self.store = root / "store"
        self.env = {key: value for key, value in os.environ.items() if key[:3] != "HF_"}
        self.env |= {"HF_HUB_CACHE": str(self.cache), "HF_HUB_DISABLE_TELEMETRY": "1"}
        self.env |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_ENDPOINT": CLOSED, "COLUMNS": "200"}

    def keep(self, repository: str, source: Path, ref: str | None = "main") -> Path:
        """Lay a model out as a finished download does; returns its snapshot."""
        folder = self.cache / f"models--{repository.replace('/', '--')}"
        snapshot = folder / "snapshots" / COMMIT
        for name in ("blobs", "refs"):
            (folder / name).mkdir(parents=True)
        snapshot.mkdir(parents=True)
        if ref is not None:
            (folder / "refs" / ref).write_text(COMMIT)
        for file in source.iterdir():
            content = file.read_bytes()
            blob = folder / "blobs" / hashlib.sha256(content).hexdigest()
            blob.write_bytes(content)
            (snapshot / file.name).symlink_to(Path("..", "..", "blobs", blob.name))
        return snapshot

    def build(self, *words: str, **environment: str) -> Result:
        start = "from smysl_build_engines.app import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", start, *words, "--store", str(self.store)],
            env=self.env | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = write_random_model(tmp_path / "source", FIELDS)
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("org/name", HubModel("org/name")),
        ("Qwen/Qwen2.5-0.5B-Instruct", HubModel("Qwen/Qwen2.5-0.5B-Instruct")),
        ("org/name@v1.0", HubModel("org/name", "v1.0")),
        ("org/name@refs/pr/1", HubModel("org/name", "refs/pr/1")),
        ("name", None),
        ("/org/name", None),
        ("./name", None),
        ("../name", None),
        ("org/name/more", None),
        ("org/", None),
        ("org/name@", None),
        ("-o/name", None),
        ("org/na me", None),
        ("org/name\n", None),
        ("", None),
    ],
)
def test_an_id_is_told_from_a_folder(text: str, model: HubModel | None) -> None:
    assert hub_model(text) == model


def test_only_what_a_build_reads_is_asked_for() -> None:
    from fnmatch import fnmatch

    def wanted(name: str) -> bool:
        return any(fnmatch(name, pattern) for pattern in FILES)

    for name in (
        *("config.json", "model.safetensors", "model-00001-of-00002.safetensors"),
        *("model.safetensors.index.json", "tokenizer.json", "chat_template.jinja"),
        *("tokenizer_config.json", "generation_config.json", "modules.json"),
        *("1_Pooling/config.json", "sentence_bert_config.json"),
    ):
        assert wanted(name), name
    for name in (
        *("pytorch_model.bin", "consolidated.safetensors", "onnx/model.onnx", "README.md"),
        *("original/model-00001-of-00002.safetensors", "model.gguf", "modeling_x.py"),
    ):
        assert not wanted(name), name


@pytest.mark.parametrize("offline", [{"HF_HUB_OFFLINE": "1"}, {}])
def test_a_model_in_the_cache_is_built_without_a_network(
    hub: Hub, source: Path, offline: dict[str, str]
) -> None:
    hub.keep("acme/tiny", source)
    built = hub.build("acme/tiny", **offline)
    assert built.code == 0, built.err
    engine = find_engine(hub.store, "tiny")
    assert (engine.directory / "chat_template.jinja").read_text() == "{{ messages }}"


def test_a_revision_is_asked_for_by_name_or_commit(hub: Hub, source: Path) -> None:
    hub.keep("acme/tiny", source, ref="v1")
    for revision in ("v1", COMMIT):
        planned = hub.build(f"acme/tiny@{revision}", "--dry-run", HF_HUB_OFFLINE="1")
        assert planned.code == 0, planned.err
        assert "engine       tiny" in planned.out
    absent = hub.build("acme/tiny", "--dry-run", HF_HUB_OFFLINE="1")
    assert absent.code == 1 and "acme/tiny is no folder here" in absent.err


@pytest.mark.parametrize("offline", [{"HF_HUB_OFFLINE": "1"}, {}])
def test_without_network_and_cache_the_remedy_is_named(hub: Hub, offline: dict[str, str]) -> None:
    found = hub.build("acme/absent", **offline)
    assert found.code == 1 and found.out == ""
    for said in ("acme/absent", "hf download acme/absent", "HF_HUB_CACHE", "HF_HUB_OFFLINE"):
        assert said in found.err
    assert "Traceback" not in found.err


def test_a_cache_without_the_weights_is_named(hub: Hub, source: Path) -> None:
    (hub.keep("acme/tiny", source) / "model.safetensors").unlink()
    found = hub.build("acme/tiny", HF_HUB_OFFLINE="1")
    assert found.code == 1 and "model.safetensors" in found.err


def test_a_shape_needs_the_config_alone(hub: Hub, source: Path) -> None:
    for name in ("model.safetensors", "tokenizer.json"):
        (source / name).unlink()
    hub.keep("acme/tiny", source)
    words = ("acme/tiny", "--hardware", "--gpu", "rtx-pro-6000", "--json")
    seen = hub.build(*words, HF_HUB_OFFLINE="1")
    assert seen.code == 0, seen.err
    assert json.loads(seen.out)["fit"]["model"] == "tiny"


def test_a_folder_goes_before_an_id(hub: Hub, source: Path, tmp_path: Path) -> None:
    source.rename(tmp_path / "acme")
    script = f"import os; os.chdir({str(tmp_path.parent)!r}); "
    start = script + "from smysl_build_engines.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", start, f"{tmp_path.name}/acme", "--dry-run"],
        env=hub.env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "engine       acme" in done.stdout, done.stderr


def test_the_library_may_be_missing(hub: Hub, tmp_path: Path) -> None:
    broken = tmp_path / "path" / "huggingface_hub.py"
    broken.parent.mkdir()
    broken.write_text("raise ImportError('not installed')")
    found = hub.build("acme/tiny", PYTHONPATH=str(broken.parent))
    assert found.code == 1 and "pip install huggingface_hub" in found.err


class Refusing(BaseHTTPRequestHandler):
    """A hub where `gone` is not, `gated` has terms, and `tiny` has no other revision than main."""

    def do_GET(self) -> None:
        codes = {"gone": (401, "RepoNotFound"), "gated": (403, "GatedRepo")}
        name = self.path.split("/")[4]
        status, code = codes.get(name, (404, "RevisionNotFound"))
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *values: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("acme/gone", "neither a folder here nor a model of the hub"),
        ("acme/gated", "terms"),
        ("acme/tiny@v9", "no revision 'v9'"),
    ],
)
def test_a_hub_that_refuses_is_quoted_with_the_remedy(
    hub: Hub, endpoint: str, source: str, said: str
) -> None:
    found = hub.build(source, HF_ENDPOINT=endpoint)
    assert found.code == 1 and said in found.err
    assert "Traceback" not in found.err
