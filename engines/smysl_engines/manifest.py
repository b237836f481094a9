"""What an engine directory says about itself, and whether its files still are what was verified.

Knows manifest.json and file hashes; never a backend, and not where engines are kept.
"""

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from smysl_engines.base import EngineError

FORMAT = 1
MANIFEST_FILE = "manifest.json"
TOKENIZER_FILE = "tokenizer.json"
DIALECT_FILE = "dialect.json"
"""How the model is spoken to and when its answers may be called verified; not every model has it."""
CHAT_FILES = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "generation_config.json",
)
"""What a chat model's conversation looks like and which tokens end a reply; a model has some of them, or none."""
Kind = Literal["decoder", "encoder"]
Attention = Literal["fused", "open"]
"""One operator a layer, or products in the open."""
Pooling = Literal["mean", "cls"]
"""Of a text's last hidden states: their mean, or the first one (the token [CLS])."""
_MAX_MANIFEST_BYTES = 1_000_000


# EngineError
# └── CorruptEngine
class CorruptEngine(EngineError):
    """An engine directory that is incomplete, changed or of another format.
    The remedy is to rebuild it.
    """


class Architecture(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a backend needs before it reads a weight."""

    vocabulary: int
    hidden_size: int
    layers: int
    kv_heads: int
    head_dim: int
    context: int
    """Most tokens of prompt and output together."""
    attention: Attention = "fused"
    """Open: it is computed up to the length of the memory that is bound, so that has to be near what rows hold."""


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared before the engine was published: prefill, then decoding steps,
    on random prompts.

    `max_difference` to `greedy_agreement` are against a float32 reference that holds the engine's
    own
    rounded weights; `drift_*` against the checkpoint's weights.

    An encoder has no logits: there the hidden states after the last layer are compared. Its
    `relative_difference` is over the root mean square of the reference's states; instead of the
    same likeliest token a text has the same nearest other text, by cosine; the divergence is the
    mean cosine distance of the engine's vectors from the checkpoint's.
    """

    positions: int
    """Logit rows compared."""
    max_difference: float
    """Largest absolute logit difference."""
    relative_difference: float
    """Root mean square of the difference over that of the reference's centred logits."""
    greedy_agreement: float
    """Share of positions with the same likeliest token."""
    drift_divergence: float
    """Mean Kullback-Leibler divergence of the engine from the checkpoint, in nats."""
    drift_greedy_agreement: float
    exact_difference: float | None = None
    """`relative_difference` of the same graph without rounded activations, where only the order of
    sums may differ; None for fp32, whose activations are never rounded.
    """
    embedding_difference: float | None = None
    """Of the states that a decoder's embeddings are made of, without rounded activations: root mean
    square over that of the reference's."""


class FileEntry(msgspec.Struct, frozen=True):
    bytes: int
    blake2b: str
    """Hex, 32 bytes."""


class TextReport(msgspec.Struct, frozen=True, kw_only=True):
    """What rounding changed on text of the kind the model is for, beside the checkpoint in float32."""

    tokens: int
    """Predicted."""
    divergence: float
    """Mean Kullback-Leibler divergence of the engine from the checkpoint, in nats."""
    greedy_agreement: float
    """Share of predictions with the same likeliest token."""
    perplexity_before: float
    """Of the checkpoint."""
    perplexity_after: float
    """Of the engine."""


class WideReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the graph for passes of many tokens computes, beside the checkpoint in float32."""

    relative_difference: float
    """As in `Verification`, on random tokens."""
    greedy_agreement: float
    text: TextReport | None = None


class Quantisation(msgspec.Struct, frozen=True, kw_only=True):
    """How the weights of an int8 or int4 engine were rounded."""

    method: str
    block: int | None = None
    """Inputs that share a scale; None is the widest block that divides a tensor's inputs."""
    symmetric: bool = True
    mixed: bool = False
    """Some tensors of an int4 engine keep 8 bits."""
    text: FileEntry | None = None
    """What rounding was fitted to and measured on."""
    head_bits: int = 8
    """Of an int4 engine."""
    wide: bool = False
    """There is a second graph for passes of many tokens."""
    wide_report: WideReport | None = None
    report: TextReport | None = None
    """On lines of the text that nothing was fitted to."""


class Width(msgspec.Struct, frozen=True):
    """Of one product of every layer, as the adapter's arrays have it."""

    inputs: int
    outputs: int


class AdapterEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter of an engine's bank."""

    kind: Literal["lora", "alora"]
    """An activated adapter (aLoRA; Greenewald et al., 2025) leaves the tokens before its invocation
    to the base model."""
    file: str
    """Its arrays; described in docs/engines.md."""
    ranks: dict[str, int]
    """Of each product it changes, by role (`qkv`, `o`, `gate_up`, `down`), in every layer."""
    widths: dict[str, Width]
    """Of the same products."""
    invocation: tuple[int, ...] = ()
    """Token ids that an activated adapter sets in at."""
    source: dict[str, FileEntry] = {}
    """The files it was read from."""
    verification: Verification | None = None
    """Of the engine under this adapter, against the checkpoint with the adapter merged."""


class EncoderEntry(msgspec.Struct, frozen=True, kw_only=True):
    """How an encoder makes one vector of a text's last hidden states."""

    pooling: Pooling
    normalise: bool = False
    """The checkpoint's own vectors have length 1; the engine's always have."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """manifest.json."""

    format: int
    model: str
    backend: str
    precision: str
    architecture: Architecture
    files: dict[str, FileEntry]
    """Every other file of the directory by name."""
    source: dict[str, FileEntry]
    """The checkpoint's files."""
    tools: dict[str, str]
    """Versions that built it."""
    hardware: str
    """Where it was built and verified."""
    verification: Verification
    fingerprint: str
    quantisation: Quantisation | None = None
    """None for fp32, and for engines of versions that could only round to nearest."""
    adapters: dict[str, AdapterEntry] = {}
    """The bank, by name; its files are among `files`."""
    encoder: EncoderEntry | None = None
    """None for a decoder."""
    embedding_layer: int | None = None
    """A decoder's embeddings are made of the states after so many layers; None: of those after the
    last norm."""

    @property
    def kind(self) -> Kind:
        return "decoder" if self.encoder is None else "encoder"


def fingerprint(
    backend: str,
    precision: str,
    architecture: Architecture,
    files: dict[str, FileEntry],
    adapters: dict[str, AdapterEntry] | None = None,
    encoder: EncoderEntry | None = None,
) -> str:
    """16 bytes in hex over all that decides the output: 32 characters.
    The model's name is not part of it.
    """
    deciding: tuple[object, ...] = FORMAT, backend, precision, architecture, sorted(files.items())
    if adapters:
        bank = [(n, a.kind, a.file, a.invocation) for n, a in sorted(adapters.items())]
        deciding = *deciding, bank
    if encoder is not None:
        deciding = *deciding, ("encoder", encoder.pooling)
    return hashlib.blake2b(msgspec.msgpack.encode(deciding), digest_size=16).hexdigest()


def describe_file(path: Path) -> FileEntry:
    digest = hashlib.blake2b(digest_size=32)
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
    return FileEntry(size, digest.hexdigest())


def write_manifest(directory: Path, manifest: Manifest) -> None:
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (directory / MANIFEST_FILE).write_bytes(text + b"\n")


def read_manifest(directory: Path) -> Manifest:
    """Parse manifest.json and check it against itself; the other files are not read.

    Raises `CorruptEngine`.
    """
    path = directory / MANIFEST_FILE
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise _corrupt(directory, f"{MANIFEST_FILE} is over {_MAX_MANIFEST_BYTES} bytes")
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _corrupt(directory, f"{MANIFEST_FILE} cannot be read ({error})") from error
    if manifest.format != FORMAT:
        raise _corrupt(directory, f"its format is {manifest.format}, this program reads {FORMAT}")
    if bad := [name for name in manifest.files if Path(name).name != name]:
        raise _corrupt(directory, f"it names the file {bad[0]!r} outside its directory")
    for name, entry in manifest.adapters.items():
        if entry.file not in manifest.files:
            raise _corrupt(directory, f"it does not list {entry.file!r} of adapter {name!r}")
    expected = fingerprint(
        manifest.backend,
        manifest.precision,
        manifest.architecture,
        manifest.files,
        manifest.adapters,
        manifest.encoder,
    )
    if manifest.fingerprint != expected:
        raise _corrupt(directory, f"its contents have the fingerprint {expected}")
    return manifest


def load_manifest(directory: Path) -> Manifest:
    """`read_manifest`, and hash every file again.
    Raises `CorruptEngine` for the first that differs.
    """
    manifest = read_manifest(directory)
    for name, entry in manifest.files.items():
        try:
            found = describe_file(directory / name)
        except OSError as error:
            raise _corrupt(directory, f"{name} cannot be read ({error.strerror})") from error
        if found != entry:
            raise _corrupt(directory, f"{name} has changed since it was verified")
    return manifest


def _corrupt(directory: Path, what: str) -> CorruptEngine:
    return CorruptEngine(
        f"engine {directory} is damaged: {what}. Rebuild it: smysl build SOURCE --force"
    )
