"""Opens an engine directory with the backend its manifest names.

Knows the backends' names; a backend's runtime is loaded only when it is chosen.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from smysl_engines.base import Engine, EngineError
from smysl_engines.manifest import read_manifest

if TYPE_CHECKING:
    from smysl_engines.openai.engine import OpenAIEngine
    from smysl_engines.openai.settings import ServerSettings


def open_server(
    settings: "ServerSettings", tokenizer: Path, *, remember: Path | None = None
) -> "OpenAIEngine":
    """An engine over an OpenAI-compatible server, up or not; the caller closes it.

    `tokenizer`: the tokenizer.json of the model that the server runs. `remember`: a file for what was last seen of
    the server. Raises `EngineError` for a tokenizer that cannot be used.
    """
    # an HTTP client, which no other backend needs
    from smysl_engines.openai.engine import OpenAIEngine

    return OpenAIEngine(settings, tokenizer, remember=remember)


def open_engine(
    directory: str | Path,
    *,
    threads: int | None = None,
    max_batch: int = 16,
    kv_bytes: int | None = None,
    snapshots: Path | None = None,
    snapshot_bytes: int | None = None,
    deterministic: bool = False,
) -> Engine:
    """Load and check an engine, a decoder or an encoder. The caller closes it. What is said here of
    batches, keys and values, and snapshots is for decoders; an encoder has none.

    `threads`: of one forward pass; None chooses by the model's size. `max_batch`: calls that run
    together. `kv_bytes`: most memory for keys and values; None is the backend's default.
    `snapshots`: folder where prefixes are kept over a restart; None keeps none. `snapshot_bytes`:
    most bytes of that folder, whichever engine wrote them; None is the backend's default.
    `deterministic`: a call's output depends to the last bit on nothing but the call; slower.
    Raises `CorruptEngine` for a damaged directory, `EngineError` for one this installation cannot
    run.
    """
    folder = Path(directory)
    manifest = read_manifest(folder)
    backend = manifest.backend
    if backend == "onnx" and manifest.kind == "encoder":
        from smysl_engines.encoder import EncoderEngine

        return EncoderEngine(folder, threads=threads, deterministic=deterministic)
    if backend == "onnx":
        # onnxruntime takes longer to load than everything else together
        from smysl_engines.onnx import OnnxEngine

        return OnnxEngine(
            folder,
            threads=threads,
            max_batch=max_batch,
            kv_bytes=kv_bytes,
            snapshots=snapshots,
            snapshot_bytes=snapshot_bytes,
            deterministic=deterministic,
        )
    if backend == "tensorrt-llm":
        # the library itself is loaded by a process of its own
        from smysl_engines.tensorrt_llm.engine import TensorRTEngine

        if deterministic:
            raise EngineError(
                f"{folder} runs on TensorRT-LLM, where a call's company may decide its last bits: it "
                "cannot be deterministic. Leave that off, or use an ONNX engine."
            )
        return TensorRTEngine(folder, max_batch=max_batch, kv_bytes=kv_bytes)
    raise EngineError(
        f"{folder} needs the backend {backend!r}; this program has: onnx, tensorrt-llm"
    )
