"""What an artefact for TensorRT-LLM says about itself, and whether this machine may load it.

Knows `tensorrt_llm.json`, which lies beside manifest.json and is among the files that it hashes, and
versions as text; never the library.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from smysl_engines.base import EngineError
from smysl_engines.manifest import CorruptEngine, FileEntry

BACKEND = "tensorrt-llm"
"""As a manifest's `backend` and the option --backend say it."""
ARTEFACT_FILE = "tensorrt_llm.json"
FORMAT = 1
ENGINE_CONFIG_FILE = "config.json"
ADAPTER_CONFIG_FILE = "adapter_config.json"
ADAPTER_WEIGHTS_FILE = "adapter_model.safetensors"
_MAX_BYTES = 1_000_000

BUILD_ONLY = frozenset({"dtype", "build_config", "quant_config", "calib_config"})
"""Keywords that decide what an engine is."""

Kind = Literal["engine", "checkpoint"]
"""Compiled when it was built (TensorRT-LLM 1.2), or at every start (later versions)."""
Precision = Literal["bf16", "fp8", "nvfp4"]
KvPrecision = Literal["bf16", "fp8"]


class BoundAdapter(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter that the artefact has."""

    name: str
    int_id: int
    """From 1 on. TensorRT-LLM keeps weights and keys and values under it, so it never means another
    adapter while the artefact is loaded."""
    rank: int
    """The largest of its layers."""
    how: Literal["merged", "runtime"]
    """In the weights, or chosen call by call."""
    modules: tuple[str, ...]
    """What it changes, by TensorRT-LLM's names (`attn_q`), in order."""
    source: dict[str, FileEntry]
    """The files it was read from."""
    files: dict[str, str] = {}
    """PEFT's name of each file -> its name in the artefact's directory; nothing of a merged one."""

    @property
    def hash(self) -> str:
        return digest(self.source)


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """Greedy continuations of fixed prompts, beside the float32 reference that reads the same tokens."""

    prompts: int
    tokens: int
    """Generated in all."""
    greedy_agreement: float
    """Share of the generated tokens that are the reference's likeliest after the same text."""
    first_difference: int | None
    """Least number of tokens before the first that is not; None where all are."""
    perplexity_reference: float
    """Of the generated tokens."""
    perplexity_artefact: float
    """Of the same ones, by the artefact's own log-probabilities."""

    @property
    def drift(self) -> float:
        """Relative change of the perplexity."""
        return self.perplexity_artefact / self.perplexity_reference - 1


class SelfCheck(msgspec.Struct, frozen=True, kw_only=True):
    base: Parity
    """Of a merged artefact: with the adapter in its weights."""
    adapters: dict[str, Parity] = {}
    """Of those chosen call by call, by name."""
    seconds: float


class TensorRTArtefact(msgspec.Struct, frozen=True, kw_only=True):
    """tensorrt_llm.json."""

    format: int = FORMAT
    kind: Kind
    model: str
    base: dict[str, FileEntry]
    """The checkpoint's files; of a merged adapter those before it was merged."""
    adapters: tuple[BoundAdapter, ...] = ()
    precision: Precision
    kv_precision: KvPrecision
    options: dict[str, Any]
    """The keywords that `LLM` took beside `model`, as plain data: at the build of an engine, at every
    start of a checkpoint. A configuration is an object under the keyword it belongs to."""
    tensorrt_llm: str
    tensorrt: str | None
    """None where the installation has none."""
    gpu: str
    compute_capability: str
    """`12.0`"""
    context: int
    """Most tokens of prompt and output together."""
    max_batch: int
    max_rank: int | None = None
    """Of adapters chosen call by call; None takes none."""
    self_check: SelfCheck | None
    """None where it was switched off."""

    @property
    def base_hash(self) -> str:
        return digest(self.base)

    @property
    def load_options(self) -> dict[str, Any]:
        """The keywords for loading it: an engine knows already what it was built with."""
        if self.kind == "checkpoint":
            return dict(self.options)
        return {name: value for name, value in self.options.items() if name not in BUILD_ONLY}

    def adapter(self, name: str) -> BoundAdapter | None:
        """One that calls may choose."""
        return next((a for a in self.adapters if a.name == name and a.how == "runtime"), None)


class MachineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine that is to load it has."""

    tensorrt_llm: str | None
    """Version; None is not installed."""
    tensorrt: str | None
    has_engine_backend: bool
    """`tensorrt_llm._tensorrt_engine` can be imported and `tensorrt` is installed."""
    gpu: str | None
    """None is no GPU."""
    compute_capability: str | None


def digest(files: Mapping[str, FileEntry]) -> str:
    """16 bytes in hex over names and hashes."""
    return hashlib.blake2b(
        msgspec.msgpack.encode(sorted(files.items())), digest_size=16
    ).hexdigest()


def write(directory: Path, artefact: TensorRTArtefact) -> None:
    text = msgspec.json.format(msgspec.json.encode(artefact), indent=2)
    (directory / ARTEFACT_FILE).write_bytes(text + b"\n")


def read(directory: Path) -> TensorRTArtefact:
    """Parse tensorrt_llm.json; that nobody changed it since is for `manifest.load_manifest` to say.

    Raises `CorruptEngine`.
    """
    path = directory / ARTEFACT_FILE
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _corrupt(directory, f"{ARTEFACT_FILE} is over {_MAX_BYTES} bytes")
        artefact = msgspec.json.decode(path.read_bytes(), type=TensorRTArtefact)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _corrupt(directory, f"{ARTEFACT_FILE} cannot be read ({error})") from error
    if artefact.format != FORMAT:
        raise _corrupt(directory, f"its format is {artefact.format}, this program reads {FORMAT}")
    for adapter in artefact.adapters:
        for name, file in adapter.files.items():
            if Path(file).name != file or Path(name).name != name:
                raise _corrupt(directory, f"it names the file {file!r} outside its directory")
    return artefact


def mismatch(artefact: TensorRTArtefact, machine: MachineFacts) -> str | None:
    """Why this machine must not load it, with the remedy; None where it may.

    An engine holds code for one card and one version. A checkpoint is compiled here, but its options
    and its self-check are those of one version and of one kind of card.
    """
    if machine.tensorrt_llm is None:
        return (
            f"{artefact.model} needs TensorRT-LLM {artefact.tensorrt_llm}, which is not installed "
            f"here. Install that version, or start smysl in its container."
        )
    if machine.gpu is None:
        return (
            f"{artefact.model} needs an NVIDIA GPU, and there is none here (by NVML). Check the driver "
            "with `nvidia-smi`; in a container, pass the GPU on (--gpus all)."
        )
    for what, wanted, found in _bound(artefact, machine):
        if wanted != found:
            return (
                f"{artefact.model} was built for {what} {wanted or 'unknown'}; here is "
                f"{found or 'none'}. {rebuild(artefact)}"
            )
    if artefact.kind == "engine" and not machine.has_engine_backend:
        return (
            f"{artefact.model} is a compiled engine, and TensorRT-LLM {machine.tensorrt_llm} as "
            f"installed here cannot load any. {rebuild(artefact)}"
        )
    return None


def rebuild(artefact: TensorRTArtefact) -> str:
    """The remedy, as a sentence with a command."""
    words = ["smysl build SOURCE", f"--backend {BACKEND}", f"--precision {artefact.precision}"]
    for adapter in artefact.adapters:
        words.append(f"--adapter {adapter.name}=DIR")
    if artefact.adapters:
        words.append(f"--adapters {artefact.adapters[0].how}")
    name = artefact.model
    for adapter in artefact.adapters:
        if adapter.how == "merged":
            name = name.removesuffix(f"+{adapter.name}")
    words += [f"--name {name}", f"--context {artefact.context}", f"--batch {artefact.max_batch}"]
    return f"Rebuild it here: {' '.join(words)} --force"


def lay_out_adapters(directory: Path, artefact: TensorRTArtefact, folder: Path) -> dict[str, Path]:
    """Folders as PEFT saves them, by name, made in `folder` of links to the artefact's files: an
    engine directory is flat, and TensorRT-LLM wants a folder for each adapter.
    """
    made: dict[str, Path] = {}
    for adapter in artefact.adapters:
        if adapter.how != "runtime":
            continue
        made[adapter.name] = folder / adapter.name
        made[adapter.name].mkdir(parents=True)
        for name, file in adapter.files.items():
            (made[adapter.name] / name).symlink_to((directory / file).resolve())
    return made


def _bound(
    artefact: TensorRTArtefact, machine: MachineFacts
) -> list[tuple[str, str | None, str | None]]:
    """What must be as it was: its name, then, now."""
    bound: list[tuple[str, str | None, str | None]] = [
        ("TensorRT-LLM", artefact.tensorrt_llm, machine.tensorrt_llm),
        ("compute capability", artefact.compute_capability, machine.compute_capability),
    ]
    if artefact.kind == "engine":
        bound += [
            ("TensorRT", artefact.tensorrt, machine.tensorrt),
            ("the GPU", artefact.gpu, machine.gpu),
        ]
    return bound


def _corrupt(directory: Path, what: str) -> EngineError:
    return CorruptEngine(
        f"engine {directory} is damaged: {what}. Rebuild it: smysl build SOURCE --backend {BACKEND} "
        "--force"
    )
